"""A drill from its beginning to its end: make, cross, connect, baseline, fault, move, stay, way back, remove.

Its devices, its name and its control item are its own, so the fleet is never touched. Whatever ends it, what it made
is removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from iot_dr.errors import NotReadyYet, RetryableError
from iot_dr.model.drill.canaries import Canaries
from iot_dr.model.drill.deliveries import ClientDelivery, delivery, shadow_found
from iot_dr.model.drill.orders import CanaryRecords, DrillOrder
from iot_dr.model.drill.results import DrillResult, Leg
from iot_dr.model.drill.traces import DrillRecords, connects, line_of
from iot_dr.model.registry.changes import Create
from iot_dr.model.registry.keys import thing_key
from iot_dr.ports.drill.canary import CanaryName
from iot_dr.ports.drill.devices import DrillDevices
from iot_dr.ports.failover import NameServers
from iot_dr.ports.progress import DrillObserver
from iot_dr.ports.registry import RegistryReader, RegistryWriter
from iot_dr.services.drill.orders import CanaryOrders
from iot_dr.services.drill.removal import Removal
from iot_dr.services.drill.watching import NameWatch
from iot_dr.services.rounds import Rounds
from iot_dr.services.single_resource import read_one
from iot_dr.services.trial.crossing import Crossing
from iot_dr.services.trial.fleet import TrialFleet, reasons_text

WITHDRAWN = "What it had made is removed in both Regions"
"""What is told last of a drill that did not come to its end."""

LOOK_SECONDS = 0.5
"""Between two looks at name servers and devices."""

SETTLE_SECONDS = 10.0
"""How long the last messages may be on their way to those who observe them."""

LATE_SECONDS = 1.0
"""How long before the fault the last thing is made."""

UNTESTED = (
    "The fleet's own name, its domain configurations and their certificates: a drill has a name of its own, which "
    "leads to the Regions' own endpoints.",
    "A Region that is really lost: the primary served its devices until they left it. So a device's RTO counts from "
    "its last acknowledgement before the fault, as if nothing had been acknowledged since.",
    "The fence of the secondary: it follows the orders of the fleet, not of a drill.",
    "Shadows on the way back: what devices wrote in the secondary is brought back by a failback.",
)
"""What no drill of this scope says anything about."""


@dataclass(frozen=True)
class DrillFacts:
    """What the result tells beside what was measured."""

    began: str = ""
    quota: Callable[[], float] = lambda: 0.0
    lag: Callable[[], Sequence[str]] = tuple
    settings: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DrillParts:
    """What a drill is made of.

    Attributes:
        order: what is asked for.
        canaries: the devices.
        records: the name, and where it leads.
        zone: the domain name whose servers are asked.
        fleet: makes the devices in the primary.
        crossing: waits until they are in the secondary.
        things_here: makes things in the primary.
        things_there: reads the secondary.
        orders: the control item.
        name: makes the name.
        names: asks its servers.
        devices: makes the MQTT clients, given the name's servers.
        removal: removes all of it.
        shadows: whether the launch replicates what they keep.
    """

    order: DrillOrder
    canaries: Canaries
    records: CanaryRecords
    zone: str
    fleet: TrialFleet
    crossing: Crossing
    things_here: RegistryWriter
    things_there: RegistryReader
    orders: CanaryOrders
    name: CanaryName
    names: NameServers
    devices: Callable[[Sequence[str]], DrillDevices]
    removal: Removal
    shadows: bool
    facts: DrillFacts


class Drill:
    """One drill; the clock of `rounds` tells seconds since it began."""

    def __init__(self, parts: DrillParts, *, rounds: Rounds, progress: DrillObserver) -> None:
        self._parts, self._rounds, self._progress = parts, rounds, progress
        self._clock, self._pause = rounds.clock, rounds.pause
        self._phases: list[tuple[str, float]] = []
        self._late_made: float | None = None
        self._late: float | None = None

    def run(self) -> DrillResult:
        """Rehearse, remove everything, and return what was found.

        Raises:
            ConfigurationError: another drill is under way; nothing was made.
            IotDrError: it cannot be run; what it had made is removed.
        """
        parts = self._parts
        with ExitStack() as undo:
            parts.orders.begin()
            undo.callback(self._withdraw)
            legs, records = self._rehearsed()
            quota, lag = parts.facts.quota(), tuple(parts.facts.lag())
            self._phase("remove")
            left = parts.removal.remove()
            undo.pop_all()
        return self._result(legs, records, quota, lag, left)

    def _withdraw(self) -> None:
        self._phase("remove")
        self._parts.removal.withdraw()
        self._progress.step(WITHDRAWN)

    def _result(
        self, legs: Sequence[Leg], records: DrillRecords, quota: float, lag: tuple[str, ...], left: tuple[str, ...]
    ) -> DrillResult:
        parts, clients, facts = self._parts, records.clients, self._parts.facts
        return DrillResult(
            parts.canaries.drill,
            parts.records.primary,
            parts.records.secondary,
            facts.began,
            self._clock(),
            parts.order.objectives,
            tuple(legs),
            _deliveries(records),
            tuple(shadow_found(one.client, one.counts, one.found) for one in clients if one.found is not None)
            if parts.shadows
            else None,
            self._late,
            sum(one.overwritten for one in clients),
            connects({one.client: one.trace for one in clients}),
            quota,
            tuple(self._phases),
            facts.settings,
            facts.versions,
            lag,
            (*UNTESTED, *_also_untested(records, shadows=parts.shadows)),
            left,
        )

    def _rehearsed(self) -> tuple[list[Leg], DrillRecords]:
        parts = self._parts
        primary, secondary = parts.records.primary, parts.records.secondary
        self._make()
        watch = self._named()
        devices = parts.devices(watch.servers)
        with ExitStack() as running:
            running.callback(devices.stop)
            devices.start()
            self._connect(watch, devices)
            self._phase("baseline")
            self._wait(watch, parts.order.baseline)
            self._phase("fault")
            self._make_late()
            faults = [self._moved(watch, devices, secondary, lambda: parts.orders.fail(parts.order.fault))]
            self._phase("way back")
            faults.append(self._moved(watch, devices, primary, parts.orders.bring_back))
            self._settle(watch, devices)
        ends = (faults[1][1], self._clock())
        records = devices.records()
        legs = [
            _leg(records, watch, source, target, fault, end)
            for (source, target), fault, end in zip(
                ((primary, secondary), (secondary, primary)), faults, ends, strict=True
            )
        ]
        return legs, records

    # Make, cross

    def _make(self) -> None:
        parts = self._parts
        self._phase("make")
        if left := parts.fleet.make():
            raise NotReadyYet(f"not made in {parts.fleet.region}: {reasons_text(left)}")
        self._phase("cross")
        if left := parts.crossing.crossed().left:
            raise NotReadyYet(f"not in {parts.records.secondary}: {reasons_text(left)}; run `iot-dr doctor`")

    # Connect

    def _named(self) -> NameWatch:
        parts = self._parts
        self._phase("connect")
        parts.name.make(parts.records)
        # The servers of the zone: asked for a name that is not known yet, a resolver keeps that there is none.
        servers = parts.names.servers(parts.zone)
        watch = NameWatch(
            parts.records.name, servers, parts.names, parts.records.endpoints, self._clock, self._rounds.together
        )
        primary = parts.records.primary
        if not self._until(watch, lambda: watch.all_say(primary)):
            raise NotReadyYet(f"the name servers of {parts.records.name} do not lead to {primary}: {_said(watch)}")
        return watch

    def _connect(self, watch: NameWatch, devices: DrillDevices) -> None:
        primary, number = self._parts.records.primary, len(self._parts.canaries.clients)
        if not self._until(watch, lambda: devices.observed() and devices.served(primary, 0.0) == number):
            found = devices.served(primary, 0.0)
            raise NotReadyYet(f"{found} of {number} devices are served in {primary}; run `iot-dr prove -n 1`")

    # Fault, move, stay

    def _make_late(self) -> None:
        self._parts.things_here.write(Create(self._parts.canaries.late, self._parts.canaries.drill))
        self._late_made = self._clock()
        self._pause(LATE_SECONDS)

    def _moved(
        self, watch: NameWatch, devices: DrillDevices, target: str, order: Callable[[], str]
    ) -> tuple[str, float]:
        """Order, wait until all have moved or the time is over, stay; return what was ordered, and when."""
        at, number, moved = self._clock(), len(self._parts.canaries.clients), 0
        cause = order()
        self._progress.step(f"{cause[0].upper()}{cause[1:]}")
        self._phase(f"move to {target}")
        self._rounds.begin(f"Moving to {target}", number)

        def all_moved() -> bool:
            nonlocal moved
            found = devices.served(target, at)
            self._rounds.progress.advance(max(0, found - moved))
            moved = max(moved, found)
            return found == number

        self._until(watch, all_moved)
        self._phase(f"stay in {target}")
        self._wait(watch, self._parts.order.stay)
        return cause, at

    # Waiting

    def _settle(self, watch: NameWatch, devices: DrillDevices) -> None:
        """Have nothing new published, and wait until what is under way is acknowledged and seen."""
        devices.fall_silent()
        # What is published at this moment is not to be overlooked.
        self._pause(LOOK_SECONDS)

        def settled() -> bool:
            return not devices.unacknowledged() and not any(one.lost for one in _deliveries(devices.records()))

        self._until(watch, settled, SETTLE_SECONDS)

    def _until(self, watch: NameWatch, reached: Callable[[], bool], seconds: float | None = None) -> bool:
        ends = self._clock() + (self._parts.order.patience if seconds is None else seconds)
        while True:
            self._look(watch)
            if reached():
                return True
            if self._clock() >= ends:
                return False
            self._pause(LOOK_SECONDS)

    def _wait(self, watch: NameWatch, seconds: float) -> None:
        ends = self._clock() + seconds
        while (left := ends - self._clock()) > 0:
            self._look(watch)
            self._pause(min(LOOK_SECONDS, left))

    def _look(self, watch: NameWatch) -> None:
        watch.look()
        if self._late_made is None or self._late is not None:
            return
        try:
            found = read_one(self._parts.things_there, thing_key(self._parts.canaries.late.name))
        except RetryableError:
            return
        if found is not None:
            self._late = self._clock() - self._late_made

    def _phase(self, name: str) -> None:
        self._phases.append((name, self._clock()))
        self._progress.step(f"Phase: {name}")


def _also_untested(records: DrillRecords, *, shadows: bool) -> Iterator[str]:
    if not shadows:
        yield "Shadows: the launch does not replicate classic ones."
    if records.blind:
        yield (
            f"Messages while an observer was cut off, which happened {records.blind:,} times: what it did not see "
            "counts as lost."
        )


def _deliveries(records: DrillRecords) -> tuple[ClientDelivery, ...]:
    return tuple(delivery(one.client, one.acknowledged, records.arrived.get(one.client, ())) for one in records.clients)


def _leg(  # noqa: PLR0913, PLR0917  # the facts of one way
    records: DrillRecords, watch: NameWatch, source: str, target: str, fault: tuple[str, float], end: float
) -> Leg:
    cause, at = fault
    lines = (
        line_of(one.client, [met for met in one.trace if met.at < end], fault=at, source=source, target=target)
        for one in records.clients
    )
    return Leg(source, target, cause, at, watch.between(at, end), tuple(lines))


def _said(watch: NameWatch) -> str:
    last = {one.server: one.says for one in watch.changes}
    return ", ".join(f"{server} says {says}" for server, says in last.items()) or "nobody says anything"
