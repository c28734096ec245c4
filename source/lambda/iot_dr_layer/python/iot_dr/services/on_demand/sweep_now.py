"""Has the sweep run now and tells its counts; or tells what it would have checked, and starts nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from iot_dr.errors import ConfigurationError
from iot_dr.ports.replication import SweepFunction
from iot_dr.reconcile.safety import Limits
from iot_dr.services.sweep import Swept


@dataclass(frozen=True)
class SweepNow:
    """The use case. `counted` is a sweep that applies nothing."""

    counted: Callable[[Limits], Swept]
    function: SweepFunction

    def plan(self, delete_share: float) -> Swept:
        """Return what a sweep would have checked; raises what `Sweep.sweep` does."""
        return self.counted(Limits(delete_share))

    def apply(self, delete_share: float) -> Swept:
        """Have the function sweep, and return what it did; raises what `SweepFunction.run` does."""
        return swept_of(self.function.run(delete_share))


def swept_of(answer: Mapping[str, Any]) -> Swept:
    """Return what the function has answered; of another release it may tell more.

    Raises:
        ConfigurationError: it tells less.
    """
    try:
        return Swept(**{one.name: answer[one.name] for one in dataclasses.fields(Swept) if one.name in answer})
    except TypeError as error:
        raise ConfigurationError(f"the sweep's function is of another release, which tells {dict(answer)}") from error
