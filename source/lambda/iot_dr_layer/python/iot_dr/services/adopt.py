"""Has replication own what the secondary had before it: devices that came there by scripts, by hand, or otherwise.

What replication does not own is made equal to the primary's, but never deleted. An adoption writes the ledger alone, so
that deletions cross from then on; it changes no registry. What only the secondary has is never adopted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from itertools import islice

from iot_dr.errors import ConfigurationError, InvalidResource, RetryableError
from iot_dr.model.registry.differences import Difference, Pair, Sigil
from iot_dr.model.registry.digests import digest_of
from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.registry.kinds import root_of
from iot_dr.model.replication.outcomes import Outcome, State
from iot_dr.model.sites import Direction, Side
from iot_dr.model.sync.adoption import (
    DIFFERING,
    AdoptionChoice,
    AdoptionPlan,
    AdoptionResult,
    AdoptionRow,
    AdoptionStanding,
    Owner,
)
from iot_dr.model.sync.progress import ChangeResult, Ending
from iot_dr.model.sync.records import AppliedChange, ChangeKind, RunEnd, WriteResult
from iot_dr.ports.clock import Clock
from iot_dr.ports.failover import WriteGate
from iot_dr.ports.ledger import AdoptionStore, Ledger
from iot_dr.ports.registry import RegistryReader
from iot_dr.ports.shadows import ShadowNotes, ShadowReader
from iot_dr.ports.sync import ChangeRecord
from iot_dr.reconcile.plan import fixed_fields
from iot_dr.services.comparison import compare
from iot_dr.services.gate import ensure_follows
from iot_dr.services.reading.comparison_reading import ComparisonReading
from iot_dr.services.single_resource import read_one

BATCH = 100
"""Resources whose owner is asked for, or noted, at once."""

SHOWN = 1000
"""Problems that are kept to be shown; all are counted."""

DIGITS = 16
"""Hexadecimal digits of a plan's digest."""

WILL_DIFFER = "adopted while it differs from the primary"
STILL_BUSY = "replication was checking it at this moment; run it again"


class Adoption:
    """The use case, over ports; `apply` notes what `plan` counted, of what has been read."""

    def __init__(  # noqa: PLR0913  # the composition root is the only caller, by keyword
        self,
        *,
        reading: ComparisonReading,
        direction: Direction,
        readers: Mapping[Side, RegistryReader],
        shadows: Mapping[Side, ShadowReader],
        store: AdoptionStore,
        ledger: Ledger,
        notes: ShadowNotes,
        gate: WriteGate,
        record: ChangeRecord,
        clock: Clock,
        choice: AdoptionChoice,
    ) -> None:
        self.choice = choice
        self._reading, self._direction = reading, direction
        self._readers, self._shadows = readers, shadows
        self._store, self._ledger, self._notes = store, ledger, notes
        self._gate, self._record, self._clock = gate, record, clock
        self.result = AdoptionResult()

    @property
    def resumed(self) -> bool:
        """Tell whether it goes on with what an earlier run has read."""
        return self._reading.resumed

    def read(self) -> None:
        """Read what has not been read of both Regions; raises what `Reading.read` does."""
        self._reading.read()

    def plan(self) -> AdoptionPlan:
        """Count how all resources stand; nothing is changed."""
        plan, digest = AdoptionPlan(), hashlib.sha256(str(self.choice.release).encode())
        chosen = 0
        for row in self._rows():
            plan.numbers[row.key.kind, row.standing] += 1
            if row.standing in self.choice.accepted:
                chosen += 1
                told = f"{row.key} {row.standing} {_text(row.desired)} {_text(row.actual)}\n"
                digest.update(told.encode("utf-8", "backslashreplace"))
        return AdoptionPlan(plan.numbers, chosen, digest.hexdigest()[:DIGITS])

    def rows(self) -> Iterator[AdoptionRow]:
        """Yield what an operator has to see, kinds in their order, then in the order of names."""
        return (row for row in self._rows() if row.standing in self.choice.shown)

    def apply(self, accept: str = "") -> AdoptionResult:
        """Note in the ledger what the choice takes; no registry is written.

        Raises:
            ConfigurationError: the plan has another digest than the one that was accepted; nothing was noted.
            TargetLeads: the secondary leads; nothing was noted.
            RetryableError: DynamoDB or AWS IoT does not answer; what was noted stays, and a further run goes on.
        """
        ensure_follows(self._gate)
        if accept and (found := self.plan().digest) != accept:
            raise ConfigurationError(
                f"the plan has the digest {found} by now, not {accept}: something has changed since it was shown; "
                "nothing was noted. Look at it again"
            )
        chosen = (row for row in self._rows() if row.standing in self.choice.accepted)
        while batch := list(islice(chosen, BATCH)):
            if self.choice.release:
                self._release(batch)
            else:
                self._adopt(batch)
        self._record.end(RunEnd(self._clock(), self.result.done, 0, self.result.left))
        return self.result

    def _rows(self) -> Iterator[AdoptionRow]:
        for kind in self.choice.kinds:
            pairs = self._reading.store.pairs(kind)
            while batch := list(islice(pairs, BATCH)):
                owners = self._store.owners([pair.key for pair in batch if pair.target is not None])
                for pair in batch:
                    yield self._row(pair, owners.get(pair.key, Owner.NOBODY))

    def _row(self, pair: Pair, owner: Owner) -> AdoptionRow:
        found = compare(pair, self._direction)
        standing = _standing(found, owner)
        if standing is AdoptionStanding.EQUAL:
            return AdoptionRow(pair.key, standing, desired=pair.target, actual=pair.target)
        reason = found.reason if standing is AdoptionStanding.UNREADABLE else ""
        return AdoptionRow(pair.key, standing, reason, found.desired, found.actual)

    def _adopt(self, batch: Collection[AdoptionRow]) -> None:
        noted = self._note(batch, self._reading.began)
        for row in batch:
            if row.key not in noted:
                self._adopt_again(row.key)

    def _adopt_again(self, key: Key) -> None:
        """Read once more what somebody has checked since it was read, and adopt it if the choice still takes it."""
        began = self._clock()
        try:
            pair = Pair(key, self._now(Side.SOURCE, key), self._now(Side.TARGET, key))
        except (RetryableError, InvalidResource) as error:
            self._leave(key, str(error))
            return
        row = self._row(pair, self._store.owners([key])[key])
        if row.standing is AdoptionStanding.OWNED:
            # Replication has made it meanwhile.
            return
        if row.standing not in self.choice.accepted:
            self._leave(key, f"it has changed: {row.standing}")
        elif not self._note([row], began):
            self._leave(key, STILL_BUSY)

    def _note(self, rows: Collection[AdoptionRow], began: int) -> frozenset[Key]:
        at = self._clock()
        digests = {row.key: "" if row.standing in DIFFERING else _text(row.actual) for row in rows}
        noted = self._store.adopt(digests, at, began)
        for row in rows:
            if row.key in noted:
                if row.standing in DIFFERING:
                    self._have_checked(row.key, at)
                self._done(row.key, ChangeKind.ADOPT, at)
        return noted

    def _have_checked(self, key: Key, at: int) -> None:
        """Have the schedule make it equal soon, and show until then that it waits."""
        root = root_of(key)
        waiting = Outcome(root, State.PENDING, WILL_DIFFER, at=at, again=True)
        if key.kind is Kind.SHADOW:
            self._notes.hold(waiting, at)
            return
        self._ledger.record(waiting)
        if key != root:
            self._ledger.revisit({key}, at)

    def _release(self, batch: Collection[AdoptionRow]) -> None:
        at = self._clock()
        released = self._store.disown_adopted([row.key for row in batch], at)
        for row in batch:
            if row.key in released:
                self._done(row.key, ChangeKind.RELEASE, at)
            else:
                self._leave(row.key, STILL_BUSY)

    def _now(self, side: Side, key: Key) -> Entity | None:
        return self._shadows[side].shadow(key) if key.kind is Kind.SHADOW else read_one(self._readers[side], key)

    def _done(self, key: Key, change: ChangeKind, at: int) -> None:
        self._record.note(AppliedChange(at, key, change, WriteResult.DONE))
        self.result.done += 1

    def _leave(self, key: Key, reason: str) -> None:
        self.result.left += 1
        if len(self.result.problems) < SHOWN:
            self.result.problems.append(ChangeResult(key, Ending.LEFT, reason))


def _standing(found: Difference, owner: Owner) -> AdoptionStanding:  # noqa: PLR0911  # a line a row of the table
    match found.sigil:
        case Sigil.MISSING:
            return AdoptionStanding.ONLY_PRIMARY
        case Sigil.UNREADABLE:
            return AdoptionStanding.UNREADABLE
        case _ if owner is Owner.REPLICATION:
            return AdoptionStanding.OWNED
        case _ if owner is Owner.ADOPTED:
            return AdoptionStanding.ADOPTED
        case Sigil.SURPLUS:
            return AdoptionStanding.ONLY_SECONDARY
        case Sigil.SAME:
            return AdoptionStanding.EQUAL
        case _:
            return AdoptionStanding.REMADE if _is_made_again(found) else AdoptionStanding.DIFFERS


def _is_made_again(found: Difference) -> bool:
    return (
        found.desired is not None
        and found.actual is not None
        and fixed_fields(found.desired) != fixed_fields(found.actual)
    )


def _text(entity: Entity | None) -> str:
    return digest_of(entity) if entity is not None else ""
