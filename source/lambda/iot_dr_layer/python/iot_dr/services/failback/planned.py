"""A plan as the engine of a sync sees it: the comparison that it works off, the source that it rereads, and the writer.

Nothing is applied that was not in the plan. A plan may be hours old, so each side is looked at again right before a
write: what has changed since, and not to what the plan wants anyway, is left and told.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from iot_dr.errors import TerminalError
from iot_dr.model.failback.plan import FailbackChoices, Party, PlannedRow, Resolution
from iot_dr.model.registry.changes import Action, Create, Update
from iot_dr.model.registry.differences import Pair
from iot_dr.model.registry.entities import Certificate, Entity, Thing, ThingType
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.registry.tagging import alike
from iot_dr.model.sites import Direction, Side
from iot_dr.ports.failback import FailbackPlan
from iot_dr.ports.failover import WriteGate
from iot_dr.ports.fleet import Comparison
from iot_dr.ports.registry import RegistryWriter, SourceReader
from iot_dr.reconcile.failback import resolve
from iot_dr.reconcile.failover import is_stricter
from iot_dr.reconcile.plan import fixed_fields
from iot_dr.reconcile.translate import translate
from iot_dr.services.failback.planning import existing, in_leader_form
from iot_dr.services.gate import ensure_open

AGAIN = "it was changed since the plan was made; make a new plan"


class PlanOutdated(TerminalError):
    """What a Region has is not what the accepted plan rests on, so nothing is written over it."""


def every(_row: PlannedRow) -> bool:
    """Leave no row out."""
    return True


@dataclass(frozen=True)
class PlannedWrites:
    """What a plan writes into one Region.

    Attributes:
        plan: the accepted plan.
        choices: what the operator has said.
        party: the Region that is written.
        replication: from the old primary to the leader; a copy of the leader's goes the other way.
        only: tells of which rows anything is written.
    """

    plan: FailbackPlan
    choices: FailbackChoices
    party: Party
    replication: Direction
    only: Callable[[PlannedRow], bool] = every

    @property
    def direction(self) -> Direction:
        """Return in which direction the wanted states, which stand as in the leader, are moved."""
        leader, old = self.replication.target, self.replication.source
        return Direction(leader, old if self.party is Party.OLD else leader)

    def resolution(self, row: PlannedRow) -> Resolution | None:
        """Return what becomes of a row in this Region; None if nothing does."""
        found = resolve(row, self.choices)
        return found if self.party in found.into and self.only(row) else None

    def held(self, row: PlannedRow) -> Entity | None:
        """Return what the plan knows of this Region."""
        return row.old if self.party is Party.OLD else row.leader

    def read_from(self, row: PlannedRow) -> Entity | None:
        """Return what the plan knows of the other Region."""
        return row.leader if self.party is Party.OLD else row.old


class PlannedComparison:
    """`ports.Comparison` that shows of a plan what is to be written into one Region: what it wants, and what is there.

    Of everything else it shows what is there, which nobody is to change.
    """

    def __init__(self, writes: PlannedWrites, read: Comparison) -> None:
        self._writes, self._read = writes, read

    def pairs(self, kind: Kind, after: Key | None = None, *, differing: bool = False) -> Iterator[Pair]:
        """Yield what is to be written; of thing types all, for one that is deprecated may have to take things."""
        if kind is Kind.THING_TYPE and not differing:
            yield from (self.pair(found.key) for found in self._read.pairs(kind, after))
            return
        for row in self._writes.plan.rows(kind, after):
            resolution = self._writes.resolution(row)
            if resolution is not None:
                yield Pair(row.key, resolution.final, self._writes.held(row))

    def pair(self, key: Key) -> Pair:
        """Return what is wanted and what is there."""
        row = self._writes.plan.row(key)
        if row is not None:
            resolution, there = self._writes.resolution(row), self._writes.held(row)
            # What is not written is wanted by nobody, so nothing is made of it for the sake of something else.
            return Pair(key, resolution.final if resolution else None, there)
        found = self._read.pair(key)
        return Pair(key, found.target, found.source if self._writes.party is Party.OLD else found.target)

    def number(self, side: Side, kind: Kind) -> int:
        """Return how many resources of a kind a Region had when the plan was made."""
        other = {Party.OLD: Party.LEADER, Party.LEADER: Party.OLD}[self._writes.party]
        found = self._writes.plan.fact(existing(self._writes.party if side is Side.TARGET else other, kind))
        return int(found or 0)


class PlannedSource:
    """`ports.SourceReader` that gives what the plan wants, if the Region that it comes from is as the plan knows it."""

    def __init__(self, writes: PlannedWrites, reader: SourceReader) -> None:
        self._writes, self._reader = writes, reader

    def now(self, key: Key, since: int) -> Entity | None:
        """Return what is wanted, having asked after `since`.

        Raises:
            PlanOutdated: the Region has something else by now.
        """
        found, row = self._reader.now(key, since), self._writes.plan.row(key)
        known = None if found is None else self._as_in_leader(found)
        resolution = None if row is None else self._writes.resolution(row)
        if row is None or resolution is None:
            return known
        planned = self._writes.read_from(row)
        wanted = None if planned is None else self._as_in_leader(planned)
        if not any(_same(known, one) for one in (wanted, resolution.final)):
            raise PlanOutdated(f"{key}: {AGAIN}")
        if isinstance(resolution.final, Certificate) and isinstance(found, Certificate):
            return replace(resolution.final, pem=found.pem)
        return resolution.final

    def _as_in_leader(self, found: Entity) -> Entity:
        replication = self._writes.replication
        if self._writes.party is Party.LEADER:
            return translate(found, replication)
        return in_leader_form(found, replication.target.region)


class PlannedWriter:
    """`ports.RegistryWriter` that writes what the plan says over what the plan knows, and nothing else."""

    def __init__(self, writes: PlannedWrites, writer: RegistryWriter, gate: WriteGate) -> None:
        self._writes, self._writer, self._gate = writes, writer, gate

    def write(self, change: Action) -> None:
        """Make a change.

        Raises:
            PlanOutdated: it is not in the plan, or what is there has been changed since.
        """
        ensure_open(self._gate)
        if not self._is_planned(change):
            raise PlanOutdated(f"{change.key}: {AGAIN}")
        self._writer.write(change)

    def _is_planned(self, change: Action) -> bool:
        if isinstance(change, Update) and _only_deprecates(change):
            # A deprecated type is taken back for a moment, so that things can be made in it.
            return True
        row = self._writes.plan.row(change.key)
        if row is None or self._writes.resolution(row) is None:
            return False
        there = self._writes.held(row)
        if isinstance(change, Create):
            return there is None
        if isinstance(change, Update) and _loosens(change):
            return False
        if there is None:
            return isinstance(change, Update) and _completes(change)
        return _is_as_planned(change.actual, there)


def _only_deprecates(change: Update) -> bool:
    wanted, found = change.desired, change.actual
    return isinstance(wanted, ThingType) and isinstance(found, ThingType) and _is_as_planned(wanted, found)


def _completes(change: Update) -> bool:
    """Tell whether it completes what the plan had made: a thing gets its billing group by a call of its own."""
    wanted, found = change.desired, change.actual
    return isinstance(wanted, Thing) and isinstance(found, Thing) and found == replace(wanted, billing_group="")


def _loosens(change: Update) -> bool:
    """Tell whether a certificate would let in more than it does by now."""
    wanted, found = change.desired, change.actual
    return (
        isinstance(wanted, Certificate) and isinstance(found, Certificate) and is_stricter(found.status, wanted.status)
    )


def _same(one: Entity | None, other: Entity | None) -> bool:
    return one is other if one is None or other is None else alike(one, other)


def _is_as_planned(one: Entity, other: Entity) -> bool:
    """Tell whether what is there is what the plan knows; a certificate that lets in less by now is no other one."""
    if isinstance(one, Certificate) and isinstance(other, Certificate):
        return one.status is other.status or is_stricter(one.status, other.status)
    if isinstance(one, ThingType) and isinstance(other, ThingType):
        return alike(replace(one, deprecated=other.deprecated), other)
    return alike(one, other)


def owned_by_plan(writes: PlannedWrites, keys: Collection[Key]) -> frozenset[Key]:
    """Return those that the plan deletes, or changes in no more than AWS lets be changed: a plan owns nothing else."""
    return frozenset(key for key in keys if _is_owned(writes, key))


def _is_owned(writes: PlannedWrites, key: Key) -> bool:
    row = writes.plan.row(key)
    resolution = None if row is None else writes.resolution(row)
    if row is None or resolution is None:
        return False
    final, there = resolution.final, writes.held(row)
    return final is None or (there is not None and fixed_fields(final) == fixed_fields(there))
