"""Who leads, step by step, while a failback is on: the old primary follows, leads again, and then the leader follows.

    T4  the old primary leads -> follows   the leader leads, and both control items agree on it
    T5  the old primary follows -> leads   as any Region takes the lead; then the leader leads -> follows

A crash in between never leaves both following: one of them leads at each moment, or both do, and nothing that devices
write is overwritten.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from iot_dr.errors import NotReadyYet, TerminalError
from iot_dr.model.failover.control import Control, Mode
from iot_dr.model.failover.fence import Fence, FenceRole, Leadership, Standing
from iot_dr.model.regions import RegionPair
from iot_dr.ports.clock import Clock
from iot_dr.ports.failover import ControlStore, FenceStore, LeadershipReader
from iot_dr.reconcile.failover import next_epoch
from iot_dr.services.failover.take_lead import LeadOrder, TakeLead, tell_other

WHY = "iot-dr failback"


class NotAgreed(TerminalError):
    """The Regions do not agree who leads, so no step of a failback may be made."""


@dataclass(frozen=True)
class RegionItems:
    """Both items of one Region, to be read and written there."""

    reader: LeadershipReader
    fence: FenceStore
    control: ControlStore


@dataclass(frozen=True)
class LeadBack:
    """The transitions, by the stores of both Regions; `by` is who orders. `clock` in epoch milliseconds."""

    regions: RegionPair
    leader: RegionItems
    old: RegionItems
    clock: Clock
    by: str
    why: str = WHY

    def ensure_agreed(self) -> int:
        """Return the number of the order by which the secondary leads.

        Raises:
            NotAgreed: it does not lead, or the Regions do not agree on it.
            IotDrError: the items of a Region cannot be read.
        """
        here, there = self.leader.reader.leadership(), self.old.reader.leadership()
        region = self.regions.secondary
        if not here.fence.leads:
            raise NotAgreed(f"{region} does not lead, so there is nothing to fail back from. Nothing was changed")
        wrong = [
            f"in {where} the control item says {control.leader}, epoch {control.epoch}"
            for where, control in ((region, here.control), (self.regions.primary, there.control))
            if control.leader != region or control.epoch < here.fence.epoch
        ]
        if wrong or here.control.epoch != there.control.epoch:
            told = "; ".join(wrong) or f"epochs {here.control.epoch} and {there.control.epoch} stand in the two Regions"
            raise NotAgreed(
                f"{region} leads by epoch {here.fence.epoch}, but {told}. Wait until both Regions say the same (see "
                f"`iot-dr status`), or order it again: iot-dr failover --to {region}. Nothing was changed"
            )
        return here.control.epoch

    def leads_by(self) -> int | None:
        """Return the number of the order by which the secondary leads; None if its fence does not lead."""
        known = self.leader.reader.leadership()
        return known.control.epoch if known.fence.leads else None

    def follow(self) -> None:
        """Have the old primary follow, so that it may be written; what follows already is left as it is.

        Raises:
            NotAgreed: as `ensure_agreed`.
            Conflict: somebody orders at the same time.
        """
        epoch = self.ensure_agreed()
        known = self.old.reader.leadership()
        if not known.fence.leads:
            return
        self.old.fence.change(self._follows(next_epoch(max(epoch, known.fence.epoch), in_primary=True)))

    def has_begun(self) -> bool:
        """Tell whether the old primary leads again, or has been ordered to."""
        known = self.old.reader.leadership()
        return known.fence.leads or known.control.leader == self.regions.primary

    def lead(self) -> Control:
        """Have the old primary lead and devices be sent there; return the order.

        Raises:
            NotAgreed: the leader's Region has another order by now.
            UnfinishedOrder: run it again, it goes on.
        """
        taking = self._taking()
        known = taking.read()
        if known.control.leader != self.regions.primary:
            self.ensure_agreed()
            epoch = max(known.control.epoch, self.leader.reader.leadership().control.epoch)
            known = replace(known, control=replace(known.control, epoch=epoch))
        taken = taking.take(known, LeadOrder(Mode.MOVING, self.by, self.why))
        self._tell(taken.leadership.control)
        return taken.leadership.control

    def leave(self) -> None:
        """Have the Region that has led follow; what follows already is left as it is.

        Raises:
            NotAgreed: its control item does not say that the old primary leads.
            Conflict: somebody orders at the same time.
        """
        known = self.leader.reader.leadership()
        if not known.fence.leads:
            return
        self._ensure_left(known)
        self.leader.fence.change(self._follows(known.control.epoch))

    def release(self) -> Control:
        """Let the Regions' health decide where devices go, with the old primary preferred; return the order.

        Raises:
            NotAgreed: another Region leads by now.
            Conflict: somebody orders at the same time.
        """
        known = self.old.reader.leadership()
        control = known.control
        if control.leader != self.regions.primary:
            raise NotAgreed(f"{control.leader} leads by epoch {control.epoch}; nothing was changed")
        if control.mode is not Mode.AUTOMATIC:
            epoch = next_epoch(max(control.epoch, known.fence.epoch), in_primary=True)
            control = replace(control, mode=Mode.AUTOMATIC, epoch=epoch, at=self.clock(), by=self.by, why=self.why)
            self.old.control.order(control)
        self._tell(control)
        return control

    def _ensure_left(self, known: Leadership) -> None:
        control, region = known.control, self.regions.primary
        if control.leader != region or control.epoch <= known.fence.epoch:
            raise NotAgreed(
                f"in {self.regions.secondary} the control item says {control.leader}, epoch {control.epoch}, and not "
                f"that {region} leads; run it again when it does"
            )

    def _taking(self) -> TakeLead:
        old = self.old
        return TakeLead(self.regions.primary, self.regions, old.reader, old.fence, old.control, self.clock)

    def _tell(self, control: Control) -> None:
        """Write an order into the other Region's replica too.

        Raises:
            NotAgreed: a later one for another Region stands there.
            NotReadyYet: the replica cannot be written.
        """
        told = tell_other(self.leader.control, control)
        if told.later is not None:
            raise NotAgreed(f"in {self.regions.secondary}, {told.why}; nothing more was changed")
        if told.why:
            raise NotReadyYet(
                f"{self.regions.secondary} could not be told that {control.leader} leads: {told.why}; run it again, it "
                "goes on from there"
            )

    def _follows(self, epoch: int) -> Fence:
        return Fence(FenceRole.FOLLOWS, epoch, Mode.PINNED, self.clock(), self.by, self.why)


class LeaderWriteGate:
    """`ports.WriteGate` for what an accepted plan writes into the Region that leads: it must lead still."""

    def __init__(self, reader: LeadershipReader, region: str) -> None:
        self._reader, self._region = reader, region

    def standing(self) -> Standing:
        """Return that all may be written as long as the Region leads.

        Raises:
            RetryableError: the items cannot be read now.
        """
        return leading(self._region, self._reader.leadership())


def leading(region: str, known: Leadership) -> Standing:
    """Return what a failback may write into a Region: all, as long as it leads by the newest order."""
    if known.fence.leads and known.control.leader == region:
        return Standing()
    return Standing(closed=f"{region} leads no more: {known.control.leader} does, by epoch {known.control.epoch}")
