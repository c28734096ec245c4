"""A drill with the fleet itself: a planned failover and the failback, there and back, by the product's own services.

    preflight, consent - make, cross, connect, baseline - fault: the failover, followed and with evictions - stay
    way back: the failback's plan, its applying, its switch - stay - remove

Devices of the drill's own go along under the fleet's name, and measure. From the failover on nothing is undone by
itself: whatever stops it leaves the fleet where one Region leads, and the product's own commands go on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, replace

from iot_dr.errors import IotDrError
from iot_dr.model.drill.fleet import FleetFindings, FleetStand
from iot_dr.model.drill.results import DrillResult
from iot_dr.model.failback.plan import FailbackVerdict, PlanNumbers
from iot_dr.model.failback.steps import FailbackResult
from iot_dr.model.failover.names import FleetDomain
from iot_dr.model.regions import RegionPair
from iot_dr.model.status.checks import error_line
from iot_dr.model.words import counted
from iot_dr.ports.clock import Clock
from iot_dr.ports.progress import FleetDrillObserver
from iot_dr.services.doctor.failover_checks import domain
from iot_dr.services.drill.drill import WITHDRAWN
from iot_dr.services.drill.orders import CanaryOrders
from iot_dr.services.drill.preflight import FleetKnown, require_clean_start
from iot_dr.services.drill.rehearsal import Rehearsal, RehearsalParts
from iot_dr.services.drill.removal import Removal
from iot_dr.services.failback.failback import Failback
from iot_dr.services.failover.failover import Failover
from iot_dr.services.failover.losses import Losses
from iot_dr.services.failover.result import FailoverResult
from iot_dr.services.pacing import Wait
from iot_dr.services.rounds import Rounds

WHY = "iot-dr drill --scope fleet"
"""The reason that both items and `status` tell meanwhile."""

FLEET_UNTESTED = (
    "A Region that is really lost: the primary served its devices until they left it, and the failover was planned. So "
    "a device's RTO counts from its last acknowledgement before the order, as if nothing had been acknowledged since.",
    "Devices that do not look at their name while they are connected: their connections were ended.",
)
"""What no drill of this scope says anything about."""


class DrillStopped(Exception):  # it is no error: the fleet stands where one Region leads
    """The way there or back cannot go on, and why."""


@dataclass(frozen=True)
class FleetDrillParts:
    """What a drill with the fleet is made of.

    Attributes:
        rehearsal: its devices, under the fleet's name.
        orders: the control item of drills, of which there is one at a time.
        removal: removes the devices.
        failover: opens a failover whose pauses are the given one.
        failback: opens a failback likewise.
        domains: what each Region has for the fleet's name; empty if it is served by the Regions' own names.
        consent: is told what may be lost, and raises ConfigurationError if it is not to be done.
        by: who orders.
    """

    rehearsal: RehearsalParts
    orders: CanaryOrders
    removal: Removal
    failover: Callable[[Wait], AbstractContextManager[Failover]]
    failback: Callable[[Wait], AbstractContextManager[Failback]]
    domains: Mapping[str, FleetDomain | None]
    consent: Callable[[Losses], object]
    clock: Clock
    by: str


class FleetDrill:
    """One drill; the clock of `rounds` tells seconds since it began."""

    def __init__(self, parts: FleetDrillParts, *, rounds: Rounds, progress: FleetDrillObserver) -> None:
        self._parts, self._progress = parts, progress
        self._rehearsal = Rehearsal(parts.rehearsal, rounds=rounds, progress=progress)
        self._regions = RegionPair(parts.rehearsal.records.primary, parts.rehearsal.records.secondary)
        self._stand = FleetStand.HOME
        self._found = FleetFindings(parts.rehearsal.records.name)

    def run(self) -> DrillResult:
        """Take the fleet there and back, and return what was found.

        A result whose fleet `stopped` came to its end with the secondary leading, or with a failback that is open.

        Raises:
            ConfigurationError: something stands in the way, or it is not to be done; nothing was changed.
            IotDrError: it cannot be run; the fleet did not move, and what was made is removed.
        """
        with ExitStack() as opened:
            failover = opened.enter_context(self._parts.failover(self._rehearsal.pause))
            failback = opened.enter_context(self._parts.failback(self._rehearsal.pause))
            self._clear(failover, failback)
            with ExitStack() as undo:
                self._parts.orders.begin()
                undo.callback(self._withdraw)
                self._rehearse(failover, failback)
                result = self._result()
                undo.pop_all()
        return result

    # Before

    def _clear(self, failover: Failover, failback: Failback) -> None:
        here, there = failover.read(), failback.lead.old.reader.leadership()
        losses, now = failover.losses(), self._parts.clock()
        checks = [
            check
            for region, found in self._parts.domains.items()
            for check in domain(region, self._found.name, found, now)
        ]
        require_clean_start(FleetKnown(here, there, losses, checks, now), self._regions)
        self._parts.consent(losses)
        self._found = replace(self._found, before=str(losses.connected.get(self._regions.primary, "")))

    def _withdraw(self) -> None:
        """Remove what was made, unless the fleet is away: then it would not cross, and it is told what goes on."""
        if self._stand is FleetStand.HOME:
            self._rehearsal.phase("remove")
            self._parts.removal.withdraw()
            self._progress.step(WITHDRAWN)

    # There and back

    def _rehearse(self, failover: Failover, failback: Failback) -> None:
        rehearsal = self._rehearsal
        rehearsal.make()
        rehearsal.phase("connect")
        with rehearsal.connected(rehearsal.watch_name()):
            rehearsal.phase("baseline")
            rehearsal.pause(self._parts.rehearsal.order.baseline)
            rehearsal.phase("fault")
            rehearsal.make_late()
            self._stands(FleetStand.AWAY)
            try:
                self._go(failover)
                self._come_back(failback)
            except (DrillStopped, IotDrError) as error:
                why = str(error) if isinstance(error, DrillStopped) else error_line(error)
                self._found = replace(self._found, stopped=why)
                self._progress.step(f"The drill cannot go on: {why}")
                self._look_whether_it_moved(failover)
            rehearsal.settle()

    def _look_whether_it_moved(self, failover: Failover) -> None:
        """Say that the fleet is home where the order was not given: its fence is the first that is written."""
        if self._stand is not FleetStand.AWAY:
            return
        with suppress(IotDrError):
            if not failover.read().fence.leads:
                self._stands(FleetStand.HOME)

    def _go(self, failover: Failover) -> None:
        primary, secondary = self._regions.primary, self._regions.secondary
        ordered: list[FailoverResult] = []

        def order() -> str:
            known = failover.read()
            if known.fence.leads:
                raise DrillStopped(f"{secondary} has taken the lead meanwhile: {known.fence.by}, {known.fence.why}")
            ordered.append(failover.order(known, self._parts.by, WHY, self._progress))
            return f"an order for {secondary}, as `iot-dr failover` gives it"

        def follow() -> None:
            patience = self._parts.rehearsal.order.patience
            result = failover.follow(ordered[-1], patience, self._progress, evict=True)
            self._found = replace(self._found, moved=_moved(result), as_asked=result.as_asked)

        self._rehearsal.move(primary, secondary, order, follow)

    def _come_back(self, failback: Failback) -> None:
        primary, secondary = self._regions.primary, self._regions.secondary
        self._rehearsal.phase("way back")
        numbers = failback.make_plan()
        self._found = replace(self._found, plan=_planned(numbers, failback.shown))
        self._progress.step(f"The failback's plan: {self._found.plan}")
        if undecided := numbers.of(FailbackVerdict.CONFLICT) + numbers.of(FailbackVerdict.UNDECIDED):
            raise DrillStopped(
                f"{counted(undecided, 'resource is', 'resources are')} undecided in the failback's plan, which is not "
                "applied: look at them with `iot-dr failback`, and say which side wins"
            )
        self._stands(FleetStand.RETURNING)
        _require_complete(failback.apply(failback.shown))

        def switch() -> str:
            _require_complete(failback.apply(failback.shown, switch=True))
            self._stands(FleetStand.HOME)
            return f"an order for {primary}, as `iot-dr failback --apply --switch` gives it"

        self._rehearsal.move(secondary, primary, switch)

    def _stands(self, where: FleetStand) -> None:
        self._stand = where
        self._progress.stands(where)

    # After

    def _result(self) -> DrillResult:
        facts = self._parts.rehearsal.facts
        quota, lag = facts.quota(), tuple(facts.lag())
        if self._stand is FleetStand.HOME:
            self._rehearsal.phase("remove")
            left = self._parts.removal.remove()
        else:
            left = ("the drill's devices, until the fleet is back",)
        return replace(self._rehearsal.result(quota=quota, lag=lag, left=left), fleet=self._found)


def _require_complete(result: FailbackResult) -> None:
    if not result.complete:
        raise DrillStopped(f"the failback stopped at {result.stopped}: {result.why}")


def _moved(result: FailoverResult) -> str:
    counts = result.devices
    told: list[str] = []
    if not result.name.seen:
        told.append(f"DNS was not seen to move{f', {result.name.unread}' if result.name.unread else ''}")
    if result.not_evicted:
        told.append(f"no connection was ended: {result.not_evicted}")
    elif result.evicted is not None:
        told.append(f"{counted(result.evicted.ended, 'connection was', 'connections were')} ended")
    if counts is not None:
        told.append(f"{counts.arrived:,} connected to {result.region}, {counts.left_behind:,} left in {result.other}")
    return "; ".join(told)


def _planned(numbers: PlanNumbers, digest: str) -> str:
    rows = ", ".join(
        f"{number:,} {kind.replace('_', ' ')} {verdict.replace('_', ' ')}"
        for (kind, verdict), number in sorted(numbers.verdicts.items())
    )
    return f"{digest}: {rows or 'nothing differs'}"
