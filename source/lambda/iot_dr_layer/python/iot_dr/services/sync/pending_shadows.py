"""The shadows that a sync brings to the source's state, as its lane draws them.

If they have been compared, those that differ. If not, which is faster where all is to be done anyhow, all shadows of
one thing after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from iot_dr.errors import RetryableError
from iot_dr.model.registry.changes import Skip
from iot_dr.model.registry.keys import Key, Kind, thing_shadows_key
from iot_dr.model.replication.outcomes import State
from iot_dr.model.sites import Side
from iot_dr.model.sync.progress import ChangeResult, Ending
from iot_dr.ports.fleet import Comparison
from iot_dr.ports.sync import Journal
from iot_dr.services.shadows.replicate import Applied
from iot_dr.services.sync.pending_changes import BATCH, PendingChanges

_PROBLEMS = {State.FAILED: Ending.FAILED, State.PENDING: Ending.LEFT}


Replicate = Callable[[Iterable[Key]], Applied]
"""Compares shadows, or all shadows of things, in both Regions and makes the target's equal."""


class PendingShadows:
    """What the journal does not know yet of shadows; nothing if they are not replicated.

    `compared` yields the differences of shadows, if they have been compared.
    """

    def __init__(
        self,
        comparison: Comparison,
        journal: Journal,
        replicate: Replicate | None,
        compared: PendingChanges | None = None,
    ) -> None:
        self._comparison, self._journal = comparison, journal
        self._replicate, self._compared = replicate, compared

    @property
    def things(self) -> int:
        """Return of how many things all shadows are checked, settled or not."""
        return self._comparison.number(Side.SOURCE, Kind.THING) if self._replicate and not self._compared else 0

    def unsettled(self) -> Iterator[Key]:
        """Yield keys of shadows, or of all shadows of a thing."""
        keys = self._keys() if self._replicate else iter(())
        while batch := list(islice(keys, BATCH)):
            settled = self._journal.endings(batch)
            yield from (key for key in batch if key not in settled)

    def _keys(self) -> Iterator[Key]:
        if self._compared is None:
            pairs = self._comparison.pairs(Kind.THING)
            yield from (thing_shadows_key(pair.key.name) for pair in pairs if pair.source is not None)
        else:
            found = self._compared.differences(Kind.SHADOW)
            yield from (one.key for one in found if not isinstance(one.change, Skip | None))

    def settle(self, key: Key) -> ChangeResult:
        """Bring a shadow, or all shadows of a thing, to the source's state; the ledger is told of each."""
        try:
            checked = self._replicate((key,)) if self._replicate else Applied()
        except RetryableError as error:
            return ChangeResult(key, Ending.LEFT, str(error))
        for outcome in checked.outcomes:
            if outcome.state in _PROBLEMS:
                return ChangeResult(key, _PROBLEMS[outcome.state], f"{outcome.key}: {outcome.reason}")
        for unrecorded in checked.unrecorded:
            return ChangeResult(key, Ending.LEFT, f"{unrecorded}: neither it nor the ledger could be written")
        return ChangeResult(key, Ending.DONE)
