"""What every drill does with devices of its own: make them, connect them, see them move, and tell what they met."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from iot_dr.errors import NotReadyYet, RetryableError
from iot_dr.model.drill.canaries import Canaries
from iot_dr.model.drill.deliveries import ClientDelivery, delivery, shadow_found
from iot_dr.model.drill.orders import CanaryRecords, DrillOrder
from iot_dr.model.drill.results import DrillResult, Leg
from iot_dr.model.drill.traces import DrillRecords, connects, line_of
from iot_dr.model.registry.changes import Create
from iot_dr.model.registry.keys import thing_key
from iot_dr.ports.drill.devices import DrillDevices
from iot_dr.ports.failover import NameServers
from iot_dr.ports.progress import DrillObserver
from iot_dr.ports.registry import RegistryReader, RegistryWriter
from iot_dr.services.drill.watching import NameWatch
from iot_dr.services.rounds import Rounds
from iot_dr.services.single_resource import read_one
from iot_dr.services.trial.crossing import Crossing
from iot_dr.services.trial.fleet import TrialFleet, reasons_text

LOOK_SECONDS = 0.5
"""Between two looks at name servers and devices."""

SETTLE_SECONDS = 10.0
"""How long the last messages may be on their way to those who observe them."""

LATE_SECONDS = 1.0
"""How long before the fault the last thing is made."""


@dataclass(frozen=True)
class DrillFacts:
    """What the result tells beside what was measured."""

    began: str = ""
    quota: Callable[[], float] = lambda: 0.0
    lag: Callable[[], Sequence[str]] = tuple
    settings: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    untested: tuple[str, ...] = ()


@dataclass(frozen=True)
class RehearsalParts:
    """What the devices of a drill are made and watched with.

    Attributes:
        order: what is asked for.
        canaries: the devices.
        records: the name that they go by, and where it leads.
        zone: the domain name whose servers are asked.
        fleet: makes the devices in the primary.
        crossing: waits until they are in the secondary.
        things_here: makes things in the primary.
        things_there: reads the secondary.
        names: asks the name's servers.
        devices: makes the MQTT clients, given the name's servers.
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
    names: NameServers
    devices: Callable[[Sequence[str]], DrillDevices]
    shadows: bool
    facts: DrillFacts


@dataclass(frozen=True)
class _Way:
    """What sent devices from one Region to another, and when."""

    source: str
    target: str
    cause: str
    at: float


class Rehearsal:
    """The devices of one drill; the clock of `rounds` tells seconds since it began."""

    def __init__(self, parts: RehearsalParts, *, rounds: Rounds, progress: DrillObserver) -> None:
        self._parts, self._rounds, self._progress = parts, rounds, progress
        self._clock = rounds.clock
        self._phases: list[tuple[str, float]] = []
        self._ways: list[_Way] = []
        self._watch: NameWatch | None = None
        self._devices: DrillDevices | None = None
        self._ended = 0.0
        self._late_made: float | None = None
        self._late: float | None = None

    def phase(self, name: str) -> None:
        """Begin with a phase."""
        self._phases.append((name, self._clock()))
        self._progress.step(f"Phase: {name}")

    # Make, cross

    def make(self) -> None:
        """Make the devices, and wait until they are in the secondary.

        Raises:
            NotReadyYet: not all of them are; the message names some.
        """
        parts = self._parts
        self.phase("make")
        if left := parts.fleet.make():
            raise NotReadyYet(f"not made in {parts.fleet.region}: {reasons_text(left)}")
        self.phase("cross")
        if left := parts.crossing.crossed().left:
            raise NotReadyYet(f"not in {parts.records.secondary}: {reasons_text(left)}; run `iot-dr doctor`")

    # Connect

    def watch_name(self) -> NameWatch:
        """Watch the name from now on, and wait until all of its servers lead to the primary.

        Raises:
            NotReadyYet: they do not.
        """
        parts = self._parts
        # The servers of the zone: asked for a name that is not known yet, a resolver keeps that there is none.
        servers = parts.names.servers(parts.zone)
        watch = self._watch = NameWatch(
            parts.records.name, servers, parts.names, parts.records.endpoints, self._clock, self._rounds.together
        )
        primary = parts.records.primary
        if not self._until(lambda: watch.all_say(primary)):
            raise NotReadyYet(f"the name servers of {parts.records.name} do not lead to {primary}: {_said(watch)}")
        return watch

    @contextmanager
    def connected(self, watch: NameWatch) -> Iterator[None]:
        """Have all devices connected to the primary, until the block ends.

        Raises:
            NotReadyYet: not all of them are served there.
        """
        devices = self._devices = self._parts.devices(watch.servers)
        primary, number = self._parts.records.primary, len(self._parts.canaries.clients)
        try:
            devices.start()
            if not self._until(lambda: devices.observed() and devices.served(primary, 0.0) == number):
                found = devices.served(primary, 0.0)
                raise NotReadyYet(f"{found} of {number} devices are served in {primary}; run `iot-dr prove -n 1`")
            yield
        finally:
            devices.stop()
        self._ended = self._clock()

    # Fault, move, stay

    def make_late(self) -> None:
        """Make one more thing, a second before the fault."""
        self._parts.things_here.write(Create(self._parts.canaries.late, self._parts.canaries.drill))
        self._late_made = self._clock()
        self.pause(LATE_SECONDS)

    def move(self, source: str, target: str, order: Callable[[], str], follow: Callable[[], object] = bool) -> None:
        """Order, wait until all devices have moved or the time is over, and stay there.

        `order` returns the cause in words; `follow` is done as soon as it is ordered, and looks on.
        """
        number, moved = len(self._parts.canaries.clients), 0
        at = self._clock()
        cause = order()
        self._ways.append(_Way(source, target, cause, at))
        self._progress.step(f"{cause[0].upper()}{cause[1:]}")
        self.phase(f"move to {target}")
        follow()
        self._rounds.begin(f"Moving to {target}", number)

        def all_moved() -> bool:
            nonlocal moved
            found = self._moved_ones(target, at)
            self._rounds.progress.advance(max(0, found - moved))
            moved = max(moved, found)
            return found == number

        self._until(all_moved)
        self.phase(f"stay in {target}")
        self.pause(self._parts.order.stay)

    def _moved_ones(self, target: str, at: float) -> int:
        return self._devices.served(target, at) if self._devices else 0

    def settle(self) -> None:
        """Have nothing new published, and wait until what is under way is acknowledged and seen."""
        devices = self._devices
        if devices is None:
            return
        devices.fall_silent()
        # What is published at this moment is not to be overlooked.
        self._rounds.pause(LOOK_SECONDS)

        def settled() -> bool:
            return not devices.unacknowledged() and not any(one.lost for one in _deliveries(devices.records()))

        self._until(settled, SETTLE_SECONDS)

    # Waiting

    def pause(self, seconds: float) -> None:
        """Let so many seconds pass, and look meanwhile at what the name servers answer."""
        ends = self._clock() + seconds
        while (left := ends - self._clock()) > 0:
            self._look()
            self._rounds.pause(min(LOOK_SECONDS, left))

    def _until(self, reached: Callable[[], bool], seconds: float | None = None) -> bool:
        ends = self._clock() + (self._parts.order.patience if seconds is None else seconds)
        while True:
            self._look()
            if reached():
                return True
            if self._clock() >= ends:
                return False
            self._rounds.pause(LOOK_SECONDS)

    def _look(self) -> None:
        if self._watch is not None:
            self._watch.look()
        if self._late_made is None or self._late is not None:
            return
        try:
            found = read_one(self._parts.things_there, thing_key(self._parts.canaries.late.name))
        except RetryableError:
            return
        if found is not None:
            self._late = self._clock() - self._late_made

    # What was found

    def result(self, *, quota: float, lag: tuple[str, ...], left: tuple[str, ...]) -> DrillResult:
        """Return what was found; `left` could not be removed."""
        parts, facts = self._parts, self._parts.facts
        records = self._devices.records() if self._devices else DrillRecords()
        clients = records.clients
        return DrillResult(
            parts.canaries.drill,
            parts.records.primary,
            parts.records.secondary,
            facts.began,
            self._clock(),
            parts.order.objectives,
            self._legs(records),
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
            (*facts.untested, *_also_untested(records, shadows=parts.shadows)),
            left,
        )

    def _legs(self, records: DrillRecords) -> tuple[Leg, ...]:
        ends = [*(one.at for one in self._ways), self._ended][1:]
        return tuple(self._leg(records, way, end) for way, end in zip(self._ways, ends, strict=True))

    def _leg(self, records: DrillRecords, way: _Way, end: float) -> Leg:
        lines = (
            line_of(
                one.client,
                [met for met in one.trace if met.at < end],
                fault=way.at,
                source=way.source,
                target=way.target,
            )
            for one in records.clients
        )
        answers = self._watch.between(way.at, end) if self._watch else ()
        return Leg(way.source, way.target, way.cause, way.at, answers, tuple(lines))


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


def _said(watch: NameWatch) -> str:
    last = {one.server: one.says for one in watch.changes}
    return ", ".join(f"{server} says {says}" for server, says in last.items()) or "nobody says anything"
