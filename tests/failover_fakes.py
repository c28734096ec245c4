"""Two Regions' control items and a fence in memory, name servers and connections that a test steers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from iot_dr.errors import Conflict, IotDrError, RegionUnavailable
from iot_dr.model.failover.control import Control, Mode
from iot_dr.model.failover.devices import DeviceCounts
from iot_dr.model.failover.fence import Fence, FenceRole, Leadership
from iot_dr.model.failover.names import NameAnswer
from iot_dr.model.status.fleets import FleetSize
from iot_dr.services.failover.take_lead import TakeLead
from tests.builders import PAIR, PRIMARY, SECONDARY
from tests.fakes import FakeClock

ENDPOINTS = {
    PRIMARY: f"a1b2-ats.iot.{PRIMARY}.amazonaws.com",
    SECONDARY: f"a1b2-ats.iot.{SECONDARY}.amazonaws.com",
}
FLEET = "devices.example.com"
SERVERS = ("ns-1", "ns-2", "ns-3", "ns-4")


@dataclass
class UnreadControl:
    """A control item that cannot be read."""

    error: IotDrError

    def control(self) -> Control:
        """Fail."""
        raise self.error


@dataclass
class InMemoryControlStore:
    """One Region's replica of the control item."""

    item: Control = field(default_factory=lambda: Control(PRIMARY))

    def control(self) -> Control:
        return self.item

    def order(self, control: Control) -> None:
        if control.epoch <= self.item.epoch:
            message = "The conditional request failed"
            raise Conflict(message)
        self.item = control


@dataclass
class InMemoryFenceStore:
    """One Region's fence; `changes` has each that was written."""

    item: Fence = field(default_factory=Fence)
    changes: list[Fence] = field(default_factory=list)

    def fence(self) -> Fence:
        return self.item

    def change(self, fence: Fence) -> None:
        if fence.epoch <= self.item.epoch:
            message = "The conditional request failed"
            raise Conflict(message)
        # A change leaves what was seen of the name as it is, as the table does.
        self.item = replace(fence, elsewhere_at=fence.elsewhere_at or self.item.elsewhere_at)
        self.changes.append(fence)

    def note_elsewhere(self, at: int) -> None:
        self.item = replace(self.item, elsewhere_at=self.item.elsewhere_at or at)


@dataclass
class InMemoryLeadershipReader:
    """Both items of a Region."""

    controls: InMemoryControlStore
    fences: InMemoryFenceStore

    def leadership(self) -> Leadership:
        return Leadership(self.controls.item, self.fences.item)


class Secondary:
    """The stores of the Region that may take over, and what has it take the lead."""

    def __init__(self, control: Control | None = None, fence: Fence | None = None) -> None:
        self.controls = InMemoryControlStore(control or Control(PRIMARY))
        self.fences = InMemoryFenceStore(fence or Fence())
        self.reader = InMemoryLeadershipReader(self.controls, self.fences)
        self.clock = FakeClock()

    @property
    def lead(self) -> TakeLead:
        """By the stores themselves."""
        return TakeLead(SECONDARY, PAIR, self.reader, self.fences, self.controls, self.clock)


LEADING = Fence(FenceRole.LEADS, 2, Mode.PINNED, 1000, "an operator", "an outage")


@dataclass
class ScriptedNameServers:
    """Name servers of which each answers with an endpoint, or does not; `asked` counts the rounds."""

    by_server: dict[str, str | IotDrError] = field(default_factory=lambda: dict.fromkeys(SERVERS, ENDPOINTS[PRIMARY]))
    ttl: int = 30
    asked: int = 0
    unknown: IotDrError | None = None
    before: Callable[[int], None] = lambda _round: None

    def servers(self, name: str) -> tuple[str, ...]:
        assert name == FLEET
        if self.unknown:
            raise self.unknown
        self.asked += 1
        self.before(self.asked)
        return tuple(self.by_server)

    def answer(self, server: str, name: str) -> NameAnswer:
        assert name == FLEET
        found = self.by_server[server]
        if isinstance(found, IotDrError):
            raise found
        return NameAnswer(found, self.ttl)

    def lead_to(self, region: str, number: int = len(SERVERS)) -> None:
        """Have so many of them answer with a Region's endpoint."""
        for server in list(self.by_server)[:number]:
            self.by_server[server] = ENDPOINTS[region]


SILENT = RegionUnavailable("the name server does not answer")


@dataclass
class InMemoryConnections:
    """Who is connected to a Region; `ended` has each request to end one."""

    connected: list[str] = field(default_factory=list)
    error: IotDrError | None = None
    stays: frozenset[str] = frozenset()
    faults: dict[str, IotDrError] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)

    def number(self) -> FleetSize:
        if self.error:
            raise self.error
        return FleetSize(len(self.connected))

    def clients(self) -> Iterator[str]:
        return iter(list(self.connected))

    def end(self, client: str) -> bool:
        self.ended.append(client)
        if fault := self.faults.get(client):
            raise fault
        if client not in self.stays:
            self.connected.remove(client)
        return True


@dataclass
class RecordedFailover:
    """Remembers what an observer is told."""

    steps: list[str] = field(default_factory=list)
    stages: list[tuple[str, int]] = field(default_factory=list)
    advanced: int = 0
    counts: list[tuple[DeviceCounts, float | None]] = field(default_factory=list)

    def step(self, text: str) -> None:
        self.steps.append(text)

    def begin(self, stage: str, total: int) -> None:
        self.stages.append((stage, total))

    def advance(self, number: int) -> None:
        self.advanced += number

    def moved(self, counts: DeviceCounts, per_second: float | None) -> None:
        self.counts.append((counts, per_second))


@dataclass
class Time:
    """Seconds that pass only while somebody pauses; `then` is called after each pause."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)
    then: Callable[[], None] = lambda: None

    def stopwatch(self) -> float:
        return self.now

    def clock(self) -> int:
        return int(self.now * 1000)

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)
        self.then()
