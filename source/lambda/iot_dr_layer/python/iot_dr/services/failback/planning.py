"""Makes a failback's plan of what was read of both Regions and of what the leader's ledger knows; nothing is changed.

Only what differs is asked for in the ledger, a hundred at a time, so that neither memory nor calls grow with the fleet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from iot_dr.errors import InvalidResource
from iot_dr.model.failback.plan import FailbackVerdict, LastEqual, Party, PlannedRow, PlanNumbers
from iot_dr.model.registry.differences import Difference, Sigil
from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.registry.kinds import certificate_of, ends_of
from iot_dr.model.sites import Direction, Side, Site
from iot_dr.ports.failback import BaseStore, FailbackPlan
from iot_dr.ports.fleet import Comparison
from iot_dr.reconcile.failback import decide
from iot_dr.reconcile.translate import translate
from iot_dr.services.comparison import differences
from iot_dr.services.reading.comparison_reading import ComparisonReading, ComparisonScope, resume_or_begin
from iot_dr.services.reading.reading import Documents

SIDES = {Party.OLD: Side.SOURCE, Party.LEADER: Side.TARGET}
"""Under which side of a comparison each Region is kept: the old primary is what replication read."""

BATCH = 100
"""Differences whose base is asked for at once."""


@dataclass(frozen=True)
class Planning:
    """Makes plans of one comparison.

    `comparison` has the old primary as its source, since it is what replication read; `direction` is that of
    replication. `just_in_time`: certificates that the leader lacks are left to their devices.
    """

    comparison: Comparison
    direction: Direction
    bases: BaseStore
    just_in_time: bool = False

    def make(self, plan: FailbackPlan) -> PlanNumbers:
        """Put a row into the plan for each resource that differs; return how many there are.

        Raises:
            RetryableError: the ledger cannot be read now.
        """
        for party, side in SIDES.items():
            for kind in Kind:
                plan.set_fact(existing(party, kind), str(self.comparison.number(side, kind)))
        plan.put(self._rows())
        return plan.numbers()

    def _rows(self) -> Iterator[PlannedRow]:
        found = differences(self.comparison, self.direction)
        while batch := list(islice(found, BATCH)):
            bases = self._bases([one.key for one in batch])
            rows = (self._row(one, bases[one.key]) for one in batch)
            yield from (row for row in rows if row.verdict is not FailbackVerdict.NOTHING and not self._left(row))

    def _bases(self, keys: Sequence[Key]) -> Mapping[Key, LastEqual]:
        ends = {end for key in keys for end in ends_of(key)}
        known = self.bases.bases(frozenset({*keys, *ends}))
        return {key: replace(known[key], ends_known=_all_known(ends_of(key), known)) for key in keys}

    def _row(self, difference: Difference, base: LastEqual) -> PlannedRow:
        key, pair = difference.key, self.comparison.pair(difference.key)
        unreadable = "; ".join(f"{side}: {why}" for side, why in sorted(pair.unreadable.items()))
        leader, old, wanted = pair.target, pair.source, None
        try:
            leader = None if leader is None else in_leader_form(leader, self.direction.target.region)
            wanted = None if old is None else translate(old, self.direction)
        except InvalidResource as error:
            unreadable = unreadable or str(error)
        if difference.sigil is Sigil.UNREADABLE and not unreadable:
            unreadable = difference.reason
        return PlannedRow(key, decide(key, base, leader, wanted, unreadable=unreadable), leader, old, wanted)

    def _left(self, row: PlannedRow) -> bool:
        """Tell whether it is, or hangs on, a certificate that is left to its device's first connection."""
        if not self.just_in_time or row.verdict is not FailbackVerdict.CREATE_LEADER:
            return False
        certificate = certificate_of(row.key)
        return certificate is not None and self.comparison.pair(certificate).target is None


def read_since(comparison: ComparisonReading, scope: ComparisonScope, since: int) -> None:
    """Read both Regions; go on with a reading that was cut off if it began at `since`, epoch milliseconds, or later.

    Raises:
        RetryableError, AccessDenied: as `ComparisonReading.read`.
    """
    store = comparison.store
    anew = bool(store.fact("ended")) or int(store.fact("began") or 0) < since
    resume_or_begin(store, replace(scope, anew=anew), comparison.clock())
    comparison.read(Documents.ALL)


def existing(party: Party, kind: Kind) -> str:
    """Name the fact of a plan that has how many resources of a kind a Region had."""
    return f"existing {party} {kind}"


def in_leader_form(found: Entity, region: str) -> Entity:
    """Return what the leader has as it is compared: of a certificate, a status that AWS alone sets is INACTIVE."""
    return translate(found, Direction(Site(region), Site(region)))


def _all_known(ends: Collection[Key], known: Mapping[Key, LastEqual]) -> bool:
    return bool(ends) and all(known[end].known for end in ends)
