"""What of a comparison is still to be done, as lanes draw it; memory does not grow with the fleet."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Protocol

from iot_dr.errors import Conflict
from iot_dr.model.changes import Action, Create, Delete, Skip, Update
from iot_dr.model.differences import Difference, Pair
from iot_dr.model.entities import ThingType
from iot_dr.model.keys import Key, Kind, certificate_key, key_of_target
from iot_dr.model.regions import RegionPair, Side
from iot_dr.model.standing import Ending, Settled
from iot_dr.ports import Clock, Ledger
from iot_dr.reconcile.order import place
from iot_dr.services.comparison import differences

BATCH = 100
"""Creations that are noted in the ledger at once; the most that one of its transactions takes."""

ROUNDS = 5
"""Times that a batch is noted again while another worker is noting one of it."""

Wanted = Callable[[Action], bool]
"""Tells whether a change belongs to a phase."""


class Comparison(Protocol):
    """What was read of both Regions."""

    def pairs(self, kind: Kind, after: Key | None = None, *, differing: bool = False) -> Iterator[Pair]:
        """Yield in a lasting order what either Region has of a kind, behind a key."""
        ...

    def pair(self, key: Key) -> Pair:
        """Return what both have under one key."""
        ...

    def number(self, side: Side, kind: Kind) -> int:
        """Return how many resources of a kind a Region has."""
        ...


class Journal(Protocol):
    """What has been settled of this comparison."""

    def settle(self, settled: Settled) -> None:
        """Write how a change ended."""
        ...

    def ending(self, key: Key) -> Ending | None:
        """Return how a change ended; None if it has not."""
        ...

    def endings(self, keys: Collection[Key]) -> dict[Key, Ending]:
        """Return how those of these changes ended that have."""
        ...

    def with_ending(self, ending: Ending) -> Iterator[Settled]:
        """Yield what ended so."""
        ...

    def forget(self, ending: Ending) -> None:
        """Take what ended so as not yet begun."""
        ...

    def numbers(self, ending: Ending) -> Counter[Kind]:
        """Return how many ended so, by kind."""
        ...


class Following(Protocol):
    """A reading of principals that is under way."""

    def ready_before(self) -> str | None:
        """Return the certificate before which all has been read; None once everything has.

        Waits a moment if that has not changed since it was asked last.
        """
        ...


class PendingChanges:
    """The differences of a comparison that the journal does not know yet.

    With `just_in_time`, certificates that the secondary lacks, and what hangs on them, are left to their devices.
    """

    def __init__(  # noqa: PLR0913  # the composition root is the only caller, by keyword
        self,
        *,
        comparison: Comparison,
        journal: Journal,
        regions: RegionPair,
        ledger: Ledger,
        clock: Clock,
        just_in_time: bool = False,
    ) -> None:
        self._comparison, self._journal, self._regions = comparison, journal, regions
        self._ledger, self._clock = ledger, clock
        self._just_in_time = just_in_time

    def differences(self, kind: Kind, after: Key | None = None) -> Iterator[Difference]:
        """Yield all differences of a kind, settled or not, behind a key."""
        found = differences(self._comparison, self._regions, kinds=(kind,), after=after, owned=self._ledger.owned)
        return (one for one in found if not (self._just_in_time and self._comes_with_device(one.key)))

    def unsettled(self, kind: Kind, wanted: Wanted) -> Iterator[Action]:
        """Yield the changes of a kind that belong to a phase and have not ended."""
        changes = (one.change for one in self.differences(kind))
        chosen = (change for change in changes if not isinstance(change, Skip | None) and wanted(change))
        while batch := list(islice(chosen, BATCH)):
            yield from self._noted(batch)

    def followed(self, kind: Kind, following: Following, stop: threading.Event) -> Iterator[Action]:
        """Yield what is created or updated of a kind while it is read, until it has been read or `stop` is set."""
        after: Key | None = None
        end: str | None = ""
        while end is not None and not stop.is_set():
            end = following.ready_before()
            # A batch at most, lest others wait; what has been read beyond it is drawn right after.
            while batch := list(islice(self._before(end, kind, after), BATCH)):
                after = batch[-1].key
                yield from self._noted([one for one in batch if is_made(one)])

    def intend(self, creations: Iterable[Create]) -> None:
        """Note ownership before anything is made: who is ended in between leaves a note too many, no copy unowned.

        Raises:
            Conflict: the replication keeps noting the same; that takes it a moment at most.
        """
        if keys := [change.key for change in creations]:
            for _ in range(ROUNDS - 1):
                with suppress(Conflict):
                    self._ledger.intend(keys, self._clock())
                    return
            self._ledger.intend(keys, self._clock())

    def _before(self, end: str | None, kind: Kind, after: Key | None) -> Iterator[Action]:
        for difference in self.differences(kind, after):
            if end is not None and difference.key.other >= end:
                return
            if not isinstance(difference.change, Skip | None):
                yield difference.change

    def _noted(self, batch: Sequence[Action]) -> list[Action]:
        """Leave out what has ended, and note the ownership of what is created."""
        endings = self._journal.endings([change.key for change in batch])
        unsettled = [one for one in batch if endings.get(one.key, Ending.TAKEN_BACK) is Ending.TAKEN_BACK]
        self.intend(change for change in unsettled if isinstance(change, Create))
        return unsettled

    def _comes_with_device(self, key: Key) -> bool:
        """Tell whether it is, or hangs on, a certificate that is left to its device's first connection."""
        match key.kind:
            case Kind.CERTIFICATE:
                certificate = key
            case Kind.POLICY_ATTACHMENT:
                certificate = key_of_target(key.other)
            case Kind.THING_PRINCIPAL:
                certificate = certificate_key(key.other)
            case _:
                return False
        return certificate.kind is Kind.CERTIFICATE and self._comparison.pair(certificate).secondary is None


def makes_room(change: Action) -> bool:
    """Tell whether it is a relation that goes, or is exclusive no more."""
    return place(change) == (0, 0)


def is_made(change: Action) -> bool:
    """Tell whether it is created or updated along with everything else; types are deprecated later."""
    deprecates = isinstance(change, Update) and isinstance(change.desired, ThingType) and change.desired.deprecated
    return not isinstance(change, Delete) and not makes_room(change) and not deprecates


def is_deleted(change: Action) -> bool:
    """Tell whether it is a resource that goes."""
    return isinstance(change, Delete) and not makes_room(change)
