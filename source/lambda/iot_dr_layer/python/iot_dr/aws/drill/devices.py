"""A drill's devices and observers: many MQTT clients of one process, on one thread beside those that connect.

A device follows docs/devices.md: it looks where its name leads, moves within a time that it draws, subscribes before it
publishes, and sends again what was not acknowledged.
"""

from __future__ import annotations

import json
import random
import resource
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from iot_dr.aws.drill.connections import Callbacks, DeviceTls, DrillConnection, Identity
from iot_dr.aws.drill.loop import EventLoop
from iot_dr.aws.shadows.shadow_store import REPLICATED
from iot_dr.model.drill.canaries import Canaries, CanaryClient, CanaryObserver
from iot_dr.model.drill.orders import DevicePace, region_of
from iot_dr.model.drill.traces import ClientEvent, ClientRecord, DrillRecords, Moment
from iot_dr.model.exact_json import loads
from iot_dr.ports.drill.devices import NameLookup

CONNECTORS = 16
"""Threads that resolve and connect."""

SHADOWS = 25
"""Devices that keep a shadow, at most: each write of one is replicated, and takes its share of the product."""

COUNT_SECONDS = 1.0
"""Between two counts of a shadow; AWS IoT takes 20 updates a second of one."""

FILES_BESIDE = 200
"""Files that the process has open beside its connections."""

Draw = Callable[[float, float], float]


@dataclass
class _Surroundings:
    """What all devices of a drill have in common."""

    loop: EventLoop
    executor: Executor
    clock: Callable[[], float]
    endpoints: Mapping[str, str]
    home: str
    pace: DevicePace
    draw: Draw
    server_name: str = ""
    ended: bool = False
    silent: bool = False


class PahoDrillDevices:
    """`ports.DrillDevices` over paho. `home` is the primary Region; `lookups` makes the resolver of one device.

    `server_name` is what devices ask the Regions for by TLS, a name of a domain configuration; the endpoint's own if
    it is empty. Observers ask for the endpoint's own.
    """

    def __init__(  # noqa: PLR0913  # the composition root is the only caller, by keyword
        self,
        canaries: Canaries,
        *,
        endpoints: Mapping[str, str],
        home: str,
        pace: DevicePace,
        shadows: bool,
        lookups: Callable[[], NameLookup],
        clock: Callable[[], float],
        draw: Draw = random.uniform,
        server_name: str = "",
    ) -> None:
        # One of them is the loop's.
        self._executor = ThreadPoolExecutor(CONNECTORS + 1, thread_name_prefix="drill")
        self._shared = _Surroundings(EventLoop(clock), self._executor, clock, endpoints, home, pace, draw, server_name)
        self._devices = [
            _DrillDevice(client, lookups(), self._shared, keeps_shadow=shadows and count < SHADOWS)
            for count, client in enumerate(canaries.clients)
        ]
        self._arrived: dict[str, list[int]] = defaultdict(list)
        self._observers = [_Witness(one, self._arrived, self._observing, self._shared) for one in canaries.observers]
        self._started = False
        self._running: Future[None] | None = None

    def start(self) -> None:
        """Have observers connect, then devices: what is published before nobody would see."""
        _allow_files(len(self._devices) + len(self._observers) + FILES_BESIDE)
        self._running = self._executor.submit(self._shared.loop.run)
        for start in (one.start for one in self._observers):
            self._shared.loop.hand_over(start)

    def _observing(self) -> None:
        """Start the devices once all observers are subscribed."""
        if not self._started and self.observed():
            self._started = True
            for one in self._devices:
                one.start()

    def stop(self) -> None:
        """Disconnect all; what went wrong in the loop is raised here."""
        running, self._running = self._running, None
        self._shared.ended = self._shared.silent = True
        for stop in (*(one.stop for one in self._devices), *(one.stop for one in self._observers)):
            self._shared.loop.hand_over(stop)
        self._shared.loop.stop()
        try:
            if running is not None:
                running.result()
        finally:
            self._executor.shutdown(cancel_futures=True)

    def fall_silent(self) -> None:
        """Have devices publish nothing new."""
        self._shared.silent = True

    def unacknowledged(self) -> int:
        """Count what is not acknowledged yet."""
        return sum(one.unacknowledged for one in self._devices)

    def served(self, region: str, since: float) -> int:
        """Count those whose last acknowledgement came from a Region, at this second or later."""
        return sum(1 for one in self._devices if one.served[0] == region and one.served[1] >= since)

    def observed(self) -> bool:
        """Tell whether all observers are subscribed."""
        return all(one.subscribed for one in self._observers)

    def records(self) -> DrillRecords:
        """Return what they met until now."""
        return DrillRecords(
            tuple(one.record() for one in self._devices),
            {client: tuple(numbers) for client, numbers in list(self._arrived.items())},
            sum(one.cut for one in self._observers),
        )


class _DrillDevice:
    """One device; all but its reading is done in the loop's thread."""

    def __init__(self, client: CanaryClient, lookup: NameLookup, shared: _Surroundings, *, keeps_shadow: bool) -> None:
        self._client, self._lookup, self._shared = client, lookup, shared
        self._tls = DeviceTls(client.credentials, shared.server_name)
        self._shadow = _DeviceShadow(client.name, shared) if keeps_shadow else None
        self._trace: list[Moment] = []
        self._acknowledged: dict[int, str] = {}
        self._waiting: dict[int, int] = {}
        """Messages that are not acknowledged, by number, each with the ID under which it was sent last; 0 if it was
        not."""
        self._sent: dict[int, int] = {}
        """Their numbers, by that ID."""
        self._number = self._failures = 0
        self._points_to = self._region = ""
        self._moving = self._subscribed = False
        self._connection: DrillConnection | None = None
        self.served: tuple[str, float] = ("", 0.0)
        """Where its last acknowledgement came from, and when."""

    def start(self) -> None:
        """Look where the name leads, and go there; publish from then on."""
        self._look()
        self._shared.loop.after(self._shared.draw(0, 1 / self._shared.pace.rate), self._publish)

    def stop(self) -> None:
        """Disconnect."""
        if self._connection is not None:
            self._connection.close()

    @property
    def unacknowledged(self) -> int:
        """Return how many of its messages wait for their acknowledgement."""
        return len(self._waiting)

    def record(self) -> ClientRecord:
        """Return what it knows."""
        shadow = self._shadow
        return ClientRecord(
            self._client.name,
            tuple(self._trace),
            dict(self._acknowledged),
            dict(shadow.counts) if shadow else {},
            shadow.found if shadow else None,
            shadow.overwritten if shadow else 0,
        )

    # Where the name leads

    def _look(self) -> None:
        self._shared.executor.submit(self._ask)
        pace = self._shared.pace
        self._later(self._shared.draw(0.8, 1.2) * pace.look, self._look)

    def _ask(self) -> None:
        target = self._lookup.target()
        if target is not None:
            region = region_of(target, self._shared.endpoints)
            self._shared.loop.hand_over(lambda: self._told(region))

    def _told(self, region: str) -> None:
        if region not in self._shared.endpoints:
            return
        if region != self._points_to:
            self._points_to = region
            self._met(ClientEvent.ANSWER, region)
        if self._connection is None and not self._failures:
            self._connect()
        elif region != self._region and not self._moving and self._connection is not None:
            self._moving = True
            self._later(self._shared.draw(0, self._shared.pace.within), self._move)

    def _move(self) -> None:
        self._moving = False
        if self._connection is None or self._points_to == self._region:
            return
        self._connection.close()
        self._met(ClientEvent.LEFT, self._region)
        self._connection = None
        self._connect()

    # Its connection

    def _connect(self) -> None:
        if self._connection is not None or self._shared.ended:
            return
        region = self._region = self._points_to
        self._subscribed = False
        self._sent.clear()
        topics = [self._client.topic, *(self._shadow.topics if self._shadow else ())]
        self._connection = DrillConnection(
            Identity(self._tls, self._client.client_id, topics, self._shared.pace.keep_alive),
            self._shared.endpoints[region],
            Callbacks(
                met=lambda met: self._met(met, region),
                subscribed=self._ready,
                acknowledged=self._on_acknowledged,
                message=self._on_message,
                ended=self._ended,
            ),
            self._shared.loop,
        )
        self._connection.open(self._shared.executor)

    def _ready(self) -> None:
        self._failures, self._subscribed = 0, True
        if self._shadow and self._connection:
            self._shadow.begin(self._connection, self._region)
        for number in list(self._waiting):
            self._send(number)

    def _ended(self) -> None:
        self._met(ClientEvent.CUT if self._subscribed else ClientEvent.REFUSED, self._region)
        self._connection, self._subscribed = None, False
        if self._shadow:
            self._shadow.end()
        first, most = self._shared.pace.again
        pause = self._shared.draw(0, min(most, first * 2**self._failures))
        self._failures += 1
        # Whoever has lost its Region looks where the name leads before it tries again.
        self._shared.executor.submit(self._ask)
        self._later(pause, self._connect)

    # Its messages

    def _publish(self) -> None:
        if self._shared.silent:
            return
        self._number += 1
        self._waiting[self._number] = 0
        if self._subscribed:
            self._send(self._number)
        self._later(1 / self._shared.pace.rate, self._publish)

    def _send(self, number: int) -> None:
        if self._connection is not None:
            self._sent[self._connection.publish(self._client.topic, str(number))] = number

    def _on_acknowledged(self, sent: int) -> None:
        number = self._sent.pop(sent, 0)
        if number:
            self._waiting.pop(number, None)
            self._acknowledged[number] = self._region
            self._met(ClientEvent.PUBACK, self._region, number)
            self.served = (self._region, self._shared.clock())

    def _on_message(self, topic: str, payload: bytes) -> None:
        if topic == self._client.topic:
            self._met(ClientEvent.OWN, self._region, _number(payload))
        elif self._shadow:
            self._shadow.on_message(topic, payload)

    def _met(self, met: ClientEvent, region: str, number: int = 0) -> None:
        self._trace.append(Moment(self._shared.clock(), met, region, number))

    def _later(self, seconds: float, work: Callable[[], None]) -> None:
        if not self._shared.ended:
            self._shared.loop.after(seconds, work)


@dataclass
class _DeviceShadow:
    """A device's classic shadow: a count that goes up, read before it is written in a Region."""

    thing: str
    shared: _Surroundings
    counts: dict[int, float] = field(default_factory=dict)
    """When the primary accepted each count, until the device first left it."""
    found: int | None = None
    overwritten: int = 0
    _count: int = 0
    _accepted: int = 0
    """The highest count that this Region accepted since the device came."""
    _version: int = 0
    """Of the shadow, with that count: messages of two writes may come in another order than the writes."""
    _region: str = ""
    _writes: bool = False
    _connection: DrillConnection | None = None

    @property
    def topics(self) -> Sequence[str]:
        """What the device subscribes to."""
        return [self._topic("get/accepted"), self._topic("get/rejected"), self._topic("update/accepted")]

    def begin(self, connection: DrillConnection, region: str) -> None:
        """Ask for what the Region has."""
        self._connection, self._region = connection, region
        self._writes, self._accepted, self._version = False, 0, 0
        connection.publish(self._topic("get"), "")

    def end(self) -> None:
        """Write no more."""
        self._connection, self._writes = None, False

    def on_message(self, topic: str, payload: bytes) -> None:
        """Take an answer of the Region's."""
        body = loads(payload)
        if topic == self._topic("update/accepted"):
            self._on_update(body)
        elif not self._writes:
            self._on_found(_counted(body) if topic == self._topic("get/accepted") else 0)

    def _on_found(self, count: int) -> None:
        if self._region != self.shared.home and self.found is None:
            self.found = count
        self._writes = True
        self._write(self._connection)

    def _on_update(self, body: Any) -> None:
        count, version, token = _counted(body), _member(body, "version"), _member(body, "clientToken")
        if token == REPLICATED:
            self.overwritten += count < self._accepted and version > self._version
        elif count >= self._accepted:
            self._accepted, self._version = count, version
            if self._region == self.shared.home and self.found is None:
                self.counts[count] = self.shared.clock()

    def _write(self, connection: DrillConnection | None) -> None:
        if not self._writes or connection is None or connection is not self._connection or self.shared.silent:
            return
        self._count += 1
        body = {"state": {"reported": {"count": self._count}}, "clientToken": f"{self.thing}-{self._count}"}
        connection.publish(self._topic("update"), json.dumps(body))
        self.shared.loop.after(COUNT_SECONDS, lambda: self._write(connection))

    def _topic(self, last: str) -> str:
        return f"$aws/things/{self.thing}/shadow/{last}"


def _counted(body: Any) -> int:
    """Return the count of a shadow's document, or of an update of it; 0 if it has none."""
    count = _member(_member(_member(body, "state"), "reported"), "count")
    return count if isinstance(count, int) else 0


def _member(body: Any, name: str) -> Any:
    return body.get(name, 0) if isinstance(body, dict) else 0


class _Witness:
    """Sees all messages of one group in one Region, and connects there again if it is cut off."""

    def __init__(
        self,
        observer: CanaryObserver,
        arrived: dict[str, list[int]],
        observing: Callable[[], None],
        shared: _Surroundings,
    ) -> None:
        self._observer, self._arrived, self._shared = observer, arrived, shared
        self._observing = observing
        self._tls = DeviceTls(observer.credentials)
        self._connection: DrillConnection | None = None
        self.subscribed = False
        self.cut = 0
        """How often its connection ended."""

    def start(self) -> None:
        """Connect."""
        if self._shared.ended:
            return
        one = self._observer
        self._connection = DrillConnection(
            Identity(self._tls, one.client_id, [one.topic], self._shared.pace.keep_alive),
            self._shared.endpoints[one.region],
            Callbacks(
                met=lambda _: None,
                subscribed=self._ready,
                acknowledged=lambda _: None,
                message=self._on_message,
                ended=self._ended,
            ),
            self._shared.loop,
        )
        self._connection.open(self._shared.executor)

    def stop(self) -> None:
        """Disconnect."""
        if self._connection is not None:
            self._connection.close()

    def _ready(self) -> None:
        self.subscribed = True
        self._observing()

    def _ended(self) -> None:
        self.cut += self.subscribed
        self.subscribed = False
        if not self._shared.ended:
            self._shared.loop.after(self._shared.pace.again[0], self.start)

    def _on_message(self, topic: str, payload: bytes) -> None:
        self._arrived[topic.rpartition("/")[2]].append(_number(payload))


def _number(payload: bytes) -> int:
    """Return the number that a message carries; 0 if somebody else sent it."""
    return int(payload) if payload.isdigit() else 0


def _allow_files(number: int) -> None:
    """Let this process have so many files open, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < number:
        wanted = number if hard == resource.RLIM_INFINITY else min(number, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
