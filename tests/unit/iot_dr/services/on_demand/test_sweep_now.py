"""A sweep that is ordered is the function's own; one that is only counted starts nothing and notes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.reconcile.safety import Limits
from iot_dr.services.on_demand.sweep_now import SweepNow, swept_of
from iot_dr.services.sweep import Sweep, Swept
from tests.builders import REGIONS, a_device
from tests.world import World


class Function:
    """Answers as the function does."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        self.answer, self.asked = answer, list[float]()

    def run(self, delete_share: float) -> Mapping[str, Any]:
        self.asked.append(delete_share)
        return self.answer


def counting(world: World) -> Sweep:
    return Sweep(
        source=world.primary,
        target=world.secondary,
        direction=REGIONS,
        ledger=world.ledger,
        workflow=world.workflow,
        gate=world.gate,
        clock=world.clock,
        apply=False,
    )


def test_what_is_only_counted_is_what_a_sweep_then_checks_and_starts_nothing(world: World) -> None:
    world.primary.put(*a_device("pump-1"), *a_device("pump-2"))
    function = Function({})

    told = SweepNow(counting(world).sweep, function).plan(0.3)

    assert (world.workflow.take(), world.ledger.cursors, function.asked) == ([], {}, [])
    assert told.drift > 0
    assert world.sweep.sweep() == told
    assert len(world.workflow.take()) == told.drift - told.left


def test_a_share_that_is_only_counted_is_told_as_refused(world: World) -> None:
    for number in range(12):
        world.primary.put(*a_device(f"pump-{number}"))
    world.run_schedule()
    world.primary.remove(*world.primary.entities)

    assert "over the limit of 30%" in counting(world).sweep(Limits(0.3)).refused
    assert counting(world).sweep(Limits(1.0)).refused == ""


def test_what_is_ordered_is_what_the_function_answers() -> None:
    swept, function = Swept(3, 1, 200), Function(asdict(Swept(3, 1, 200)))

    assert SweepNow(lambda _: pytest.fail("swept here"), function).apply(0.5) == swept
    assert function.asked == [0.5]


def test_a_function_of_a_newer_release_may_tell_more_and_of_an_older_one_less_is_refused() -> None:
    assert swept_of({"drift": 1, "left": 0, "round": 2, "news": 3}) == Swept(1, 0, 2)

    with pytest.raises(ConfigurationError, match="another release"):
        swept_of({"retried": 1})
