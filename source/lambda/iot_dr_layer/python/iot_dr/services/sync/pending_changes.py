"""What of a comparison is still to be done, as lanes draw it; memory does not grow with the fleet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, takewhile
from typing import TypeVar

from iot_dr.model.registry.changes import Action, Create, Delete, Skip, Update
from iot_dr.model.registry.differences import Difference, Pair
from iot_dr.model.registry.entities import ThingType
from iot_dr.model.registry.keys import Key, Kind, policy_key
from iot_dr.model.registry.kinds import certificate_of
from iot_dr.model.sites import Direction
from iot_dr.model.sync.progress import Ending
from iot_dr.ports.fleet import Comparison
from iot_dr.ports.sync import Journal
from iot_dr.reconcile.order import place
from iot_dr.services.comparison import Owned, compare, differences
from iot_dr.services.sync.marking import Marking

BATCH = 33
"""Changes that are marked in the ledger at once: each may take three of the hundred items of one transaction."""

SEEN = 10_000
"""Names of policies that are remembered, so that one that many share is looked up hardly more than once."""

Found = TypeVar("Found", Action, Pair)
Keyed = TypeVar("Keyed", Difference, Pair)

Wanted = Callable[[Action], bool]
"""Tells whether a change belongs to a phase."""


ReadyBefore = Callable[[Kind, str], str | None]
"""Tells before which certificate, or target of policies, all relations of a kind have been read; None once all have.

It is given the place that was seen last, and waits a moment if it is still that.
"""


def all_read(_kind: Kind, _seen: str) -> str | None:
    """Tell, as `ReadyBefore`, that nothing is left to be read."""
    return None


class PendingChanges:
    """The differences of a comparison that the journal does not know yet.

    With `just_in_time`, certificates that the target lacks, and what hangs on them, are left to their devices.
    """

    def __init__(  # noqa: PLR0913  # the composition root is the only caller, by keyword
        self,
        *,
        comparison: Comparison,
        journal: Journal,
        direction: Direction,
        marks: Marking,
        owned: Owned | None = None,
        just_in_time: bool = False,
    ) -> None:
        self.comparison, self.journal, self.direction = comparison, journal, direction
        self._marks, self._owned = marks, owned or marks.ledger.owned
        self._just_in_time = just_in_time

    def differences(self, kind: Kind, after: Key | None = None) -> Iterator[Difference]:
        """Yield all differences of a kind, settled or not, behind a key."""
        found = differences(self.comparison, self.direction, kinds=(kind,), after=after, owned=self._owned)
        return (one for one in found if not (self._just_in_time and self._comes_with_device(one.key)))

    def unsettled(self, kind: Kind, wanted: Wanted) -> Iterator[Action]:
        """Yield the changes of a kind that belong to a phase and have not ended."""
        changes = (one.change for one in self.differences(kind))
        chosen = (change for change in changes if not isinstance(change, Skip | None) and wanted(change))
        while batch := list(islice(chosen, BATCH)):
            yield from self._noted(batch)

    def followed(self, kind: Kind, ready_before: ReadyBefore, stop: threading.Event) -> Iterator[Action]:
        """Yield what is created or updated of a kind while it is read, until it has been read or `stop` is set."""

        def ready(after: Key | None, end: str | None) -> Iterator[Action]:
            found = _before(end, self.differences(kind, after))
            return (one.change for one in found if not isinstance(one.change, Skip | None))

        for batch in _followed(kind, ready_before, stop, ready):
            yield from self._noted([one for one in batch if is_made(one)])

    def policies_in_turn(self, ready_before: ReadyBefore, stop: threading.Event) -> Iterator[Action]:
        """Yield the policies that the target lacks in the order in which certificates, and then groups, need them.

        In the order of their names, every other call would be spent on a policy that is needed much later. What is
        attached to nothing is not among them.
        """
        kind = Kind.POLICY_ATTACHMENT
        seen: set[str] = set()

        def ready(after: Key | None, end: str | None) -> Iterator[Pair]:
            return _before(end, self.comparison.pairs(kind, after, differing=True))

        for batch in _followed(kind, ready_before, stop, ready):
            names = dict.fromkeys(pair.key.name for pair in batch if pair.source is not None)
            unseen = [name for name in names if name not in seen]
            if len(seen) > SEEN:
                seen.clear()
            seen.update(unseen)
            found = (compare(self.comparison.pair(policy_key(name)), self.direction).change for name in unseen)
            yield from self._noted([change for change in found if isinstance(change, Create)])

    def _noted(self, batch: Sequence[Action]) -> list[Action]:
        """Leave out what has ended, and mark the rest; a run that dies leaves a note too many, never a copy unowned."""
        endings = self.journal.endings([change.key for change in batch])
        unsettled = [one for one in batch if endings.get(one.key, Ending.TAKEN_BACK) is Ending.TAKEN_BACK]
        self._marks.begin(unsettled)
        return unsettled

    def _comes_with_device(self, key: Key) -> bool:
        """Tell whether it is, or hangs on, a certificate that is left to its device's first connection."""
        certificate = certificate_of(key)
        return certificate is not None and self.comparison.pair(certificate).target is None


def _before(end: str | None, found: Iterable[Keyed]) -> Iterator[Keyed]:
    return takewhile(lambda one: end is None or one.key.other < end, found)


def _followed(
    kind: Kind,
    ready_before: ReadyBefore,
    stop: threading.Event,
    ready: Callable[[Key | None, str | None], Iterator[Found]],
) -> Iterator[list[Found]]:
    """Yield in batches what is `ready` behind a key and before an end, until all has been read or `stop` is set."""
    after: Key | None = None
    end: str | None = ""
    while end is not None and not stop.is_set():
        end = ready_before(kind, end)
        # A batch at most, lest others wait; what has been read beyond it is drawn right after.
        while batch := list(islice(ready(after, end), BATCH)):
            after = batch[-1].key
            yield batch


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
