"""A drill's surroundings in memory: a name that follows the control item, devices that follow the name, two Regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from iot_dr.errors import IotDrError, NotReadyYet
from iot_dr.model.drill.canaries import Canaries, make_canaries
from iot_dr.model.drill.orders import CanaryRecords, DrillOrder
from iot_dr.model.drill.traces import ClientEvent, ClientRecord, DrillRecords, Moment
from iot_dr.model.failover.control import Control
from iot_dr.model.failover.names import NameAnswer
from iot_dr.model.trials import Trial, device_names
from iot_dr.reconcile.failover import Endpoint, answered
from iot_dr.services.drill.drill import UNTESTED, Drill, DrillParts
from iot_dr.services.drill.orders import CanaryOrders
from iot_dr.services.drill.rehearsal import DrillFacts, RehearsalParts
from iot_dr.services.drill.removal import Removal
from iot_dr.services.rounds import Rounds
from iot_dr.services.trial.crossing import Crossing, CrossingPlace
from iot_dr.services.trial.fleet import TrialFleet
from tests.builders import ACCOUNT, PAIR, PRIMARY, REGIONS, SECONDARY
from tests.failover_fakes import ENDPOINTS, SERVERS, InMemoryControlStore
from tests.fakes import Calls, Killed
from tests.trial_fakes import Seen, World, credentials

DRILL = "iot-dr-canary-20261127-163000-0af3"
ZONE = "example.com"
BOTH = (PRIMARY, SECONDARY)


class InMemoryCanaryControl(InMemoryControlStore):
    """One Region's replica of a drill's item; None takes it away."""

    forgotten = 0

    def forget(self) -> None:
        self.item = Control(PRIMARY)
        self.forgotten += 1


@dataclass
class InMemoryCanaryName:
    """A zone with the drill's records, or a reason why they cannot be made or removed."""

    made: list[CanaryRecords] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    error: IotDrError | None = None

    def zone(self) -> str:
        return ZONE

    def make(self, records: CanaryRecords) -> None:
        self.made.append(records)

    def remove(self, drill: str) -> int:
        if self.error:
            raise self.error
        self.removed.append(drill)
        return 6


class Stage:
    """All of it; time passes only while somebody pauses. `stuck` names devices that stay where they are."""

    def __init__(self, number: int = 3) -> None:
        held = [credentials(name) for name in device_names(DRILL, number)]
        self.canaries: Canaries = make_canaries(DRILL, held, credentials(f"{DRILL}-observer"), BOTH, ACCOUNT)
        self.world = World(self.canaries.trial)
        self.control = InMemoryCanaryControl()
        self.name = InMemoryCanaryName()
        self.devices = FakeDrillDevices(self)
        self.progress: Told = Told()
        self.calls = Calls()
        """Sees what is asked of the primary, of the secondary's shadows, of the name and of the item."""
        self.stuck: frozenset[str] = frozenset()
        self.delay = 4.0
        """Seconds until a name server knows."""
        self.turns: list[tuple[float, str]] = [(0.0, PRIMARY)]
        self.world.on_pause = self._pass

    @property
    def now(self) -> float:
        return self.world.clock() / 1000

    @property
    def leads_to(self) -> str:
        return [region for at, region in self.turns if at <= self.now][-1]

    @property
    def rounds(self) -> Rounds:
        return self.world.rounds

    def servers(self, name: str) -> tuple[str, ...]:
        assert name == ZONE
        return SERVERS

    def answer(self, server: str, name: str) -> NameAnswer:
        assert name == f"{DRILL}.{ZONE}"
        if not self.name.made:
            raise NotReadyYet(f"{server} does not know {name}")
        return NameAnswer(ENDPOINTS[self.leads_to], 30)

    def drill(self, order: DrillOrder | None = None, *, shadows: bool = True) -> Drill:
        """The drill."""
        removal = self.removal(self.canaries.everything)
        name, checks = f"{DRILL}.{ZONE}", dict.fromkeys(BOTH, "check")
        rehearsal = self.rehearsal(order, name, ZONE, UNTESTED, checks, shadows=shadows)
        parts = DrillParts(rehearsal, removal.orders, removal.name, removal)
        return Drill(parts, rounds=self.rounds, progress=self.progress)

    def rehearsal(  # what drills differ in
        self,
        order: DrillOrder | None,
        name: str,
        zone: str,
        untested: Sequence[str],
        checks: Mapping[str, str],
        *,
        shadows: bool = True,
    ) -> RehearsalParts:
        """The devices of a drill under a name, which a zone's servers answer for."""
        fleet = self._fleet(self.canaries.trial)
        return RehearsalParts(
            order=order or DrillOrder(clients=len(self.canaries.clients), patience=60),
            canaries=self.canaries,
            records=CanaryRecords(DRILL, name, 30, PRIMARY, SECONDARY, ENDPOINTS, checks),
            zone=zone,
            fleet=fleet,
            crossing=self._crossing(self.canaries.trial),
            things_here=fleet.writer,
            things_there=self.world.secondary,
            names=self,
            devices=self._connected,
            shadows=shadows,
            facts=DrillFacts(began="today", quota=lambda: 500.0, untested=tuple(untested)),
        )

    def removal(self, trial: Trial) -> Removal:
        """What removes a trial, and all else that the drill has."""
        control = self.calls.through("item", self.control)
        return Removal(
            DRILL,
            self.calls.through("name", self.name),
            self._fleet(trial),
            self.calls.through("secondary shadows", self.world.secondary_shadows),
            self._crossing(trial),
            CanaryOrders(DRILL, PAIR, dict.fromkeys(BOTH, control), self.world.clock),
        )

    def _connected(self, servers: Sequence[str]) -> FakeDrillDevices:
        assert tuple(servers) == SERVERS
        return self.devices

    def _crossing(self, trial: Trial) -> Crossing:
        world = self.world
        return Crossing(
            trial,
            direction=REGIONS,
            primary=CrossingPlace(PRIMARY, world.primary, world.primary_shadows),
            secondary=CrossingPlace(SECONDARY, world.secondary, world.secondary_shadows),
            workflow=world,
            rounds=self.rounds,
            seconds=60,
        )

    def _fleet(self, trial: Trial) -> TrialFleet:
        primary = self.calls.through("primary", self.world.primary)
        shadows = self.calls.through("primary shadows", self.world.primary_shadows)
        return TrialFleet(trial, PRIMARY, primary, primary, shadows, self.rounds)

    def _pass(self) -> None:
        here = answered(
            Endpoint(PRIMARY, self.control.item, answers=True, probe=True),
            Endpoint(SECONDARY, self.control.item, answers=True, probe=True),
        )
        if here != self.turns[-1][1]:
            self.turns.append((self.now + self.delay, here))
        self.devices.move()


WRITES = frozenset({"create", "update", "delete", "make", "remove", "order", "change", "forget"})
"""Calls that change something."""


class Death:
    """Ends a drill's process at a write or a step, by its number from 1 or its text: nothing is done after that."""

    def __init__(self, stage: Stage, *, write: int = 0, step: int | str = 0) -> None:
        self._stage, self._write, self._step = stage, write, step
        self._writes = self._steps = 0
        self.dead = False
        stage.calls.before = self._before
        self._tell = stage.progress.step
        stage.progress.step = self._told  # type: ignore[method-assign]  # told as before, until it dies

    def revive(self) -> None:
        """Let another process do what it likes."""
        self._stage.calls.before = lambda _name, _number: None
        self._stage.progress.step = self._tell  # type: ignore[method-assign]  # as it was
        self._stage.devices.running = False

    def _before(self, name: str, _number: int) -> None:
        self._writes += name.rpartition(".")[2] in WRITES
        self._die(self._writes == self._write)

    def _told(self, text: str) -> None:
        self._tell(text)
        self._steps += 1
        self._die(self._step in (self._steps, text))

    def _die(self, now: bool) -> None:
        self.dead = self.dead or now
        if self.dead:
            raise Killed


class FakeDrillDevices:
    """Devices that are served where the name leads, one message at each move of time."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.running = False
        self.silent = False
        self.blind = 0
        self.under_way: list[str] = []
        """Messages that are acknowledged and seen one by one, each at a move of time, once all are silent."""
        self.lost: frozenset[int] = frozenset()
        self._records: dict[str, ClientRecord] = {}
        self._served: dict[str, tuple[str, float]] = {}
        self._arrived: dict[str, tuple[int, ...]] = {}
        self.stopped = 0

    def start(self) -> None:
        self.running = True
        for one in self._stage.canaries.clients:
            self._records[one.name] = ClientRecord(one.name, found=0)
        self.move()

    def stop(self) -> None:
        self.running = False
        self.stopped += 1

    def fall_silent(self) -> None:
        self.silent = True

    def unacknowledged(self) -> int:
        return len(self.under_way)

    def observed(self) -> bool:
        return self.running

    def served(self, region: str, since: float) -> int:
        return sum(1 for where, at in self._served.values() if where == region and at >= since)

    def records(self) -> DrillRecords:
        return DrillRecords(tuple(self._records.values()), dict(self._arrived), self.blind)

    def move(self) -> None:
        """Have each publish once."""
        if self.silent and self.under_way:
            self.settle(self.under_way.pop())
        if not self.running or self.silent:
            return
        now = self._stage.now
        for name, record in self._records.items():
            region = PRIMARY if name in self._stage.stuck else self._stage.leads_to
            number = len(record.acknowledged) + 1
            before = self._served.get(name, ("", 0.0))[0]
            moved = [Moment(now, event, region) for event in _ARRIVAL] if before != region else []
            left = [Moment(now, ClientEvent.LEFT, before)] if before and moved else []
            self._records[name] = ClientRecord(
                name,
                (*record.trace, *left, *moved, Moment(now, ClientEvent.PUBACK, region, number)),
                {**record.acknowledged, number: region},
                {},
                0,
            )
            self._served[name] = (region, now)
            if number not in self.lost:
                self._arrived[name] = (*self._arrived.get(name, ()), number)

    def settle(self, name: str) -> None:
        """Have a last message acknowledged and seen."""
        record = self._records[name]
        number = len(record.acknowledged) + 1
        acknowledged = {**record.acknowledged, number: PRIMARY}
        self._records[name] = ClientRecord(name, record.trace, acknowledged, {}, 0)
        self._arrived[name] = (*self._arrived[name], number)


_ARRIVAL = (ClientEvent.ANSWER, ClientEvent.TCP, ClientEvent.TLS, ClientEvent.CONNACK, ClientEvent.SUBACK)


@dataclass
class Told(Seen):
    """What was shown to whoever watches, steps too."""

    steps: list[str] = field(default_factory=list)

    def step(self, text: str) -> None:
        """Say it."""
        self.steps.append(text)
