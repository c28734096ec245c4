"""Marks in the ledger for what a sync is about to write, a batch at once.

What no version guards may land after somebody else checked and found all equal. So nothing of that sort is written, nor
read to be written, before a mark stands at the resource that it hangs on: whoever checks that meanwhile finds the
mark, and has it checked once more. A run that dies leaves marks that run out by themselves.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from iot_dr.errors import Conflict, RetryableError, WriteRefused
from iot_dr.model.registry.changes import Action, Create, Delete, Update
from iot_dr.model.registry.digests import digest_of
from iot_dr.model.registry.entities import BillingGroup, Thing, ThingGroup
from iot_dr.model.registry.keys import Key
from iot_dr.model.registry.kinds import HOLDING_KINDS, marked
from iot_dr.model.registry.tagging import tags_differ
from iot_dr.model.replication.marks import MARK_LIFETIME, Mark
from iot_dr.ports.clock import Clock
from iot_dr.ports.failover import WriteGate
from iot_dr.ports.ledger import SyncLedger
from iot_dr.services.gate import ensure_open

ROUNDS = 5
"""Times that a mark is made again while another worker notes something of the same resource."""

FRESH = 45_000
"""Milliseconds for which a mark serves whoever begins to read under it."""

USABLE = 90_000
"""Milliseconds for which a mark serves whoever begins to write under it: a third and more of `MARK_LIFETIME` is left
for what the write waits for."""

EVER = 1
"""A time before all that anybody has noted."""


@dataclass
class Held:
    """A mark that stands, what of it will be made, and how many writes below each resource have not ended.

    `equal`: digests of what was written under it, noted as the mark is taken off.
    """

    mark: Mark
    made: frozenset[Key]
    stands_since: int
    left: Counter[Key]
    cut_off: set[Key] = field(default_factory=set)
    equal: dict[Key, str] = field(default_factory=dict)

    def usable(self, now: int) -> bool:
        """Tell whether a write may begin under it."""
        return now - self.mark.at <= USABLE

    def run_out(self, now: int) -> bool:
        """Tell whether others may take its writer for dead."""
        return now - self.mark.at >= MARK_LIFETIME


class Marking:
    """The marks of one run, which its threads share."""

    def __init__(self, ledger: SyncLedger, gate: WriteGate, clock: Clock) -> None:
        self.ledger, self.gate, self.clock = ledger, gate, clock
        self._held: dict[Key, Held] = {}
        self._lock = threading.Lock()

    def begin(self, changes: Collection[Action]) -> None:
        """Mark a batch ahead.

        Where another worker notes one of it at this moment, or the gate refuses it, each is marked later by itself.
        """
        with suppress(Conflict, WriteRefused):
            self._begin(changes)

    def of(self, change: Action) -> Held | None:
        """Return the mark under which a change may be read and written; None if a version guards it.

        Raises:
            Conflict: the replication keeps noting the same; nothing may be written.
            WriteRefused: the target may not be written now.
        """
        if not unguarded(change):
            return None
        with self._lock:
            held = self._held.get(change.key)
        if held is not None and suffices(held, change) and self.clock() - held.mark.at <= FRESH:
            return held
        for _ in range(ROUNDS - 1):
            with suppress(Conflict):
                return self._begin((change,))
        return self._begin((change,))

    def written(self, change: Create | Update) -> None:
        """Have it noted, as its mark is taken off, in which state both Regions hold a resource now."""
        with self._lock:
            if held := self._held.get(change.key):
                held.equal[change.key] = digest_of(change.desired)

    @contextmanager
    def writing(self, key: Key) -> Iterator[None]:
        """Take the mark off in the end, unless an error leaves it open whether something was written."""
        whole = False
        try:
            yield
            whole = True
        finally:
            self._leave(key, whole=whole)

    def drop(self, key: Key, *, unmade: bool = False) -> None:
        """Take the mark off what is not written after all; if nobody has made it, take back that it will be owned."""
        with self._lock:
            held = self._held.get(key)
        noted = True
        if unmade and held is not None and key in held.made:
            try:
                # What the run has read of it may be hours old: whoever was ever about it may have made it since.
                self.ledger.disown({key}, held.mark.at, held.mark, EVER)
            except RetryableError:
                # The mark goes on to say that nobody knows whether it was made.
                noted = False
        self._leave(key, whole=noted)

    def _begin(self, changes: Collection[Action]) -> Held | None:
        writes = [change for change in changes if unguarded(change)]
        if not writes:
            return None
        ensure_open(self.gate)
        made = frozenset(change.key for change in writes if isinstance(change, Create))
        below = Counter(key for change in writes for key in marked(change.key))
        taken = [one.key for one in writes if isinstance(one, Delete) and one.key.kind in HOLDING_KINDS]
        mark = self.ledger.begin(sorted(made), self.clock(), below=sorted(below), taken=taken, due=False)
        held = Held(mark, made, self.clock(), below)
        for change in writes:
            self._leave(change.key, whole=True)
        with self._lock:
            self._held.update((change.key, held) for change in writes)
        return held

    def _leave(self, key: Key, *, whole: bool) -> None:
        with self._lock:
            held = self._held.pop(key, None)
            if held is None:
                return
            held.left.subtract(marked(key))
            if not whole:
                held.cut_off |= marked(key)
            ended = self._ended(held)
        self._end(held, ended)

    def _ended(self, held: Held) -> frozenset[Key]:
        """Return what the mark is taken off now: of all at once, when the last write of a batch has ended."""
        return frozenset() if any(held.left.values()) else held.mark.keys - held.cut_off

    def _end(self, held: Held, keys: Collection[Key]) -> None:
        if keys:
            # If that cannot be noted the mark runs out by itself.
            with suppress(RetryableError):
                self.ledger.end(held.mark, sorted(keys), self.clock(), due=False, equal=held.equal)


def suffices(held: Held | None, change: Action) -> bool:
    """Tell whether a change may be written under this mark: ownership of what is made is noted too."""
    if not unguarded(change):
        return True
    return held is not None and (not isinstance(change, Create) or change.key in held.made)


def unguarded(change: Action) -> bool:
    """Tell whether no version guards a write, so that it may land over what is newer, or after it."""
    match change:
        case Update(desired=Thing(billing_group=wanted), actual=Thing(billing_group=found)):
            return wanted != found
        case Update(desired=ThingGroup() | BillingGroup()):
            return tags_differ(change.desired, change.actual)
        case _:
            return True
