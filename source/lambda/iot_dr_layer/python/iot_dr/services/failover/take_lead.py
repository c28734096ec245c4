"""Have a Region take the lead: its fence first, then the order that health checks answer by.

Three calls of DynamoDB in that Region do it: both items are read at once, the fence is changed, the control item is
written. Whoever is stopped in between leaves an order that the next one goes on with.
"""

from __future__ import annotations

from dataclasses import dataclass

from iot_dr.errors import Conflict, IotDrError, TerminalError
from iot_dr.model.failover.control import Control, Mode
from iot_dr.model.failover.fence import Fence, FenceRole, Leadership
from iot_dr.model.regions import RegionPair
from iot_dr.model.status.checks import error_line
from iot_dr.ports.clock import Clock
from iot_dr.ports.failover import ControlStore, FenceStore, LeadershipReader
from iot_dr.reconcile.failover import next_epoch

TRIES = 3
"""How often it is begun anew because somebody else ordered something at the same time."""


class UnfinishedOrder(TerminalError):
    """The fence leads, but the control item does not say so yet: devices are not sent here. To do it again goes on."""


@dataclass(frozen=True)
class LeadOrder:
    """What is ordered: pinned by an operator or automatic by a watch, by whom, and why."""

    mode: Mode
    by: str
    why: str


@dataclass(frozen=True)
class Taken:
    """What is in force after it, and whether anything was changed for that."""

    leadership: Leadership
    changed: bool

    @property
    def epoch(self) -> int:
        """Return the number of the order that stands."""
        return self.leadership.control.epoch


@dataclass(frozen=True)
class Told:
    """Why an order does not stand in the other Region too, empty if it does; and the later one that stands there."""

    why: str = ""
    later: Control | None = None


@dataclass(frozen=True)
class TakeLead:
    """Orders in one Region, by the stores of that Region alone; `clock` in epoch milliseconds."""

    region: str
    regions: RegionPair
    reader: LeadershipReader
    fence: FenceStore
    control: ControlStore
    clock: Clock

    def read(self) -> Leadership:
        """Return what is in force in the Region now.

        Raises:
            InvalidResource: an item is garbled, so nothing may be ordered.
            IotDrError: it cannot be read.
        """
        return self.reader.leadership()

    def take(self, known: Leadership, order: LeadOrder) -> Taken:
        """Have the Region lead as ordered; what leads so already is left as it is.

        Raises:
            Conflict: somebody else has the Region follow at the same time.
            UnfinishedOrder: the fence leads, the control item could not be written.
            IotDrError: the fence cannot be changed; nothing is.
        """
        changed = False
        for _ in range(TRIES):
            if self.stands(known, order.mode):
                return Taken(known, changed)
            fence = known.fence
            try:
                if not self.unfinished(known):
                    fence = self._next(known, order)
                    self.fence.change(fence)
                    changed = True
                return Taken(Leadership(self._ordered(known, fence, order), fence), changed=True)
            except Conflict:
                known = self.reader.leadership()
                if not known.fence.leads:
                    raise
                # Another one took the lead too, or an order for the other Region arrived meanwhile.
        raise UnfinishedOrder(f"{self.region} leads, but others order at the same time; do it again")

    def stands(self, known: Leadership, mode: Mode) -> bool:
        """Tell whether the Region leads as that mode says, by its fence and by the control item."""
        control, fence = known.control, known.fence
        agreed = control.leader == self.region and control.epoch >= fence.epoch
        return fence.leads and agreed and control.mode is mode

    def unfinished(self, known: Leadership) -> bool:
        """Tell whether the fence leads by an order that the control item does not have yet."""
        return known.fence.leads and known.fence.epoch > known.control.epoch

    def _ordered(self, known: Leadership, fence: Fence, order: LeadOrder) -> Control:
        control = Control(
            leader=self.region,
            mode=order.mode,
            epoch=fence.epoch,
            replication=known.control.replication,
            at=self.clock(),
            by=order.by,
            why=order.why,
        )
        try:
            self.control.order(control)
        except Conflict:
            raise
        except IotDrError as error:
            raise UnfinishedOrder(
                f"{self.region} leads, but the control item could not be written: {error_line(error)}; do it again, "
                "it goes on from there"
            ) from error
        return control

    def _next(self, known: Leadership, order: LeadOrder) -> Fence:
        at = self.clock()
        return Fence(
            role=FenceRole.LEADS,
            epoch=next_epoch(
                max(known.control.epoch, known.fence.epoch), in_primary=self.region == self.regions.primary
            ),
            mode=order.mode,
            # A Region that leads already does so since it began to.
            since=known.fence.since if known.fence.leads else at,
            by=order.by,
            why=order.why,
        )


def tell_other(other: ControlStore, control: Control) -> Told:
    """Write an order into the other Region's replica too, if no later one stands there.

    Nothing rests on it: the table's own replication brings it, and where the Region is away it cannot be told.
    """
    try:
        try:
            other.order(control)
        except Conflict:
            standing = other.control()
            if standing.leader != control.leader:
                why = f"a later order stands there: {standing.leader} {standing.mode}, epoch {standing.epoch}"
                return Told(why, standing)
    except IotDrError as error:
        return Told(error_line(error))
    return Told()
