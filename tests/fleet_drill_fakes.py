"""A fleet in memory that a drill takes there and back: both Regions after a launch, the fleet's name, its devices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from iot_dr.errors import ConfigurationError
from iot_dr.model.drill.fleet import FleetStand
from iot_dr.model.drill.orders import DrillOrder
from iot_dr.model.failover.devices import DeviceCounts
from iot_dr.model.failover.names import FleetDomain, NameAnswer
from iot_dr.model.status.status_parts import Drift, Lag
from iot_dr.ports.progress import FailoverObserver
from iot_dr.reconcile.failover import Endpoint, answered
from iot_dr.services.drill.fleet_drill import FLEET_UNTESTED, FleetDrill, FleetDrillParts
from iot_dr.services.drill.preflight import require_home
from iot_dr.services.drill.removal import NoCanaryName, Removal
from iot_dr.services.failback.failback import Failback
from iot_dr.services.failback.lead_back import NotAgreed
from iot_dr.services.failback.moving import Moving
from iot_dr.services.failover.failover import Failover
from iot_dr.services.failover.follow import Follow
from iot_dr.services.failover.losses import Losses, LossSources, Waiting
from iot_dr.services.failover.take_lead import TakeLead
from iot_dr.services.pacing import Wait
from tests.builders import PAIR, PRIMARY, SECONDARY
from tests.drill_fakes import FakeDrillDevices, Stage, Told
from tests.failback_world import FailbackWorld
from tests.failover_fakes import ENDPOINTS, FLEET, SERVERS, InMemoryConnections

DAY = 24 * 3_600_000


class RoamingConnections(InMemoryConnections):
    """The connections of one Region; who is cut off connects to where the name leads."""

    def __init__(self, stage: FleetStage, connected: Sequence[str] = ()) -> None:
        super().__init__(list(connected))
        self._stage = stage

    def end(self, client: str) -> bool:
        ended = super().end(client)
        if client not in self.connected:
            self._stage.connections[self._stage.leads_to].connected.append(client)
        return ended


@dataclass
class FleetTold(Told):
    """What was shown, and where the fleet stood."""

    stood: list[FleetStand] = field(default_factory=list)
    counts: list[DeviceCounts] = field(default_factory=list)

    def stands(self, where: FleetStand) -> None:
        """Know where the fleet may be."""
        self.stood.append(where)

    def moved(self, counts: DeviceCounts, _per_second: float | None) -> None:
        """Show who is connected where."""
        self.counts.append(counts)


class FleetStage(Stage):
    """All of it; the fleet's own things are in both Regions, and its devices are connected to the primary."""

    def __init__(self, folder: Path, executor: ThreadPoolExecutor, number: int = 2) -> None:
        super().__init__(number)
        self.executor = executor
        self.both = FailbackWorld(folder)
        self.calls = self.both.calls
        world, both = self.world, self.both
        world.clock = both.clock
        world.primary, world.secondary = both.base.primary, both.base.secondary
        world.primary_shadows, world.secondary_shadows = both.primary, both.secondary
        self._equal = world.replicate
        world.replicate = self._replicate  # type: ignore[method-assign]  # as far as the fence lets it
        self.turns = [(0.0, PRIMARY)]
        self.progress: FleetTold = FleetTold()
        self.connections = {
            PRIMARY: RoamingConnections(self, ("pump-1", "pump-2")),
            SECONDARY: RoamingConnections(self),
        }
        self.waiting = Waiting({}, None)
        self.lags: list[Lag] = []
        self.drift: Drift | None = Drift(self.world.clock() - DAY // 2, 0)
        self.domains: dict[str, FleetDomain | None] = {}
        self.consented: list[Losses] = []
        self.refuses: str = ""
        self.devices = FakeDrillDevices(self)

    # What a test asks

    @property
    def at_home(self) -> bool:
        """Tell whether the primary leads alone, and health decides."""
        fences, controls = self.both.fences, self.both.controls
        leads = fences[PRIMARY].item.leads and not fences[SECONDARY].item.leads
        return leads and all(one.item.leader == PRIMARY for one in controls.values())

    def bring_back(self) -> None:
        """Do what a drill that was stopped has said: the failback to its end, anew or gone on with, then `--clean`."""
        where = self.progress.stood[-1] if self.progress.stood else FleetStand.HOME
        if where is FleetStand.RETURNING or self.both.fences[SECONDARY].item.leads:
            with self._failback(self.rounds.pause) as failback:
                if where is FleetStand.AWAY:
                    self._plan(failback)
                result = failback.apply(switch=True)
                assert result.complete, result
        require_home(self.both.reader(SECONDARY), self.both.reader(PRIMARY), PAIR, "the ledger")
        self.cleaning().withdraw()

    def _plan(self, failback: Failback) -> None:
        """Make a plan; where the Regions do not agree, after the order that the refusal names."""
        try:
            failback.make_plan()
        except NotAgreed:
            with self._failover(self.rounds.pause) as failover:
                failover.order(failover.read(), "a test", "an order that was cut off", self.progress)
            failback.make_plan()

    # The drill

    def fleet_drill(self, order: DrillOrder | None = None) -> FleetDrill:
        """The drill."""
        removal = self.cleaning()
        parts = FleetDrillParts(
            rehearsal=self.rehearsal(order, FLEET, FLEET, FLEET_UNTESTED, {}),
            orders=removal.orders,
            removal=removal,
            failover=self._failover,
            failback=self._failback,
            domains=self.domains,
            consent=self._consent,
            clock=self.world.clock,
            by="a test",
        )
        return FleetDrill(parts, rounds=self.rounds, progress=self.progress)

    def cleaning(self) -> Removal:
        """What removes the drill by its name."""
        return replace(self.removal(self.canaries.everything), name=NoCanaryName())

    def servers(self, name: str) -> tuple[str, ...]:
        assert name == FLEET
        return SERVERS

    def answer(self, server: str, name: str) -> NameAnswer:
        assert name == FLEET
        return NameAnswer(ENDPOINTS[self.leads_to], 3)

    def _consent(self, losses: Losses) -> None:
        self.consented.append(losses)
        if self.refuses:
            raise ConfigurationError(self.refuses)

    def _replicate(self) -> None:
        """Replicate, as far as the secondary's fence lets it: where it leads, what is unknown there is filled in."""
        if not self.both.fences[SECONDARY].item.leads:
            self._equal()
            return
        late = self.canaries.late
        if late.key in self.world.primary.entities and late.key not in self.world.secondary.entities:
            self.world.secondary.put(late)

    def _pass(self) -> None:
        controls = self.both.controls
        here = answered(
            Endpoint(PRIMARY, controls[PRIMARY].item, answers=True, probe=True),
            Endpoint(SECONDARY, controls[SECONDARY].item, answers=True, probe=True),
        )
        if here != self.turns[-1][1]:
            self.turns.append((self.now + self.delay, here))
        self.devices.move()

    @contextmanager
    def _failover(self, pause: Wait) -> Iterator[Failover]:
        both, calls = self.both, self.calls
        fence = calls.through("leader fence", both.fences[SECONDARY])
        control = calls.through("leader control", both.controls[SECONDARY])
        yield Failover(
            lead=TakeLead(SECONDARY, PAIR, both.reader(SECONDARY), fence, control, self.world.clock),
            other=PRIMARY,
            controls_there=calls.through("old control", both.controls[PRIMARY]),
            sources=LossSources(
                lambda: self.waiting,
                lambda: self.lags,
                list,
                lambda: self.drift,
                {region: self.connections[region].number for region in (PRIMARY, SECONDARY)},
            ),
            following=lambda since, seconds, progress: self._follow(SECONDARY, since, seconds, progress, pause),
            connects=lambda: (500.0, ""),
            connections_there=lambda _rate: self.connections[PRIMARY],
            executor=self.executor,
            pause=pause,
        )

    @contextmanager
    def _failback(self, pause: Wait) -> Iterator[Failback]:
        moving = Moving(
            following=lambda since: self._follow(PRIMARY, since, 60.0, self.progress, pause),
            connects=lambda: (500.0, ""),
            connections=lambda _rate: self.connections[SECONDARY],
            progress=self.progress,
            pause=pause,
        )
        with self.both.opened() as failback:
            yield replace(failback, pause=pause, moving=moving.move, step=self.progress.step)

    def _follow(self, region: str, since: int, seconds: float, progress: FailoverObserver, pause: Wait) -> Follow:
        other = PRIMARY if region == SECONDARY else SECONDARY
        return Follow(
            region=region,
            endpoint=ENDPOINTS[region],
            name=FLEET,
            servers=self,
            since=since,
            here=self.connections[region],
            there=self.connections[other],
            seconds=seconds,
            clock=self.world.clock,
            stopwatch=lambda: self.now,
            pause=pause,
            progress=progress,
        )
