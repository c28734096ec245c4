"""How long devices are without service in a failover, and how evenly devices come that stay connected and are evicted.

The local pair is launched with a fleet's name. Route 53 runs ten times as fast: a check of 10 s is made every second,
the record's TTL of 30 s is over after 3. Devices connect by the name, each by a resolver of its own, publish twice a
second with QoS 1, and try again after 0.2 to 1 s when they are cut off. At the fault, the ages of the answers that the
resolvers keep are spread over the TTL.

By command: the primary's broker is closed and its APIs are gone, and the operator's command is started at once. Without
an operator: the primary's broker is closed, and nothing else is done. Health checks see both faults, so the first shows
that an order does not need the primary, not that it is faster; what an order does alone, the sticky devices tell.

A device is without service from the last message that was acknowledged before to the first after. The parts of that:

- detect: from the fault until the first name server answers with the new Region
- notice: from the fault until the device sees the end of its connection
- DNS: from the end of detect until the device's own resolver gives the new Region's address
- connect: from that address until the broker has accepted the device
- reconnect: from there until the first message is acknowledged

Detect, DNS, connect and reconnect follow each other; before them lies what was left of the pause between messages.
Notice overlaps them: it begins with detect.

Sticky: devices are connected when the name moves by command while the primary is well, and they stay. Then they are
evicted at a set rate, and come to the new Region. Their connections are counted in every second that begins with one.

Schedules are off: the watch and the sweep are not measured. The exit status is 0 if the targets are met, 1 if not, 2 if
nothing was measured.

    .venv/bin/python -m benchmarks.failover [--only command] [--only unattended] [--only sticky] [--format json]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError
from dnslib import DNSError
from rich.console import Console
from rich.table import Table

from benchmarks.sticky_clients import WILL, Place, connected
from iot_dr.aws.failover import control, fence
from iot_dr.errors import IotDrError
from iot_dr.runtime.commands.failover import THREADS, paced_connections
from iot_dr.services.concurrency import on_threads
from iot_dr.services.failover.evict import Evicted, Eviction
from lab.devices import MqttDevice
from lab.emulator import LabError
from lab.fleet import Device, Fleet
from lab.lag import is_complete
from lab.operators import operator_environ
from lab.pair import FLEET, Pair, launched
from lab.progress import ConsoleProgress
from lab.quiet import unscheduled
from lab.roaming import RoamingDevice, RoamingFleet, Trace, percentile
from lab.route53.name_servers import ask
from lab.route53.resolver import CachingResolver
from lab.waiting import until

SCALE = 0.1
"""Of Route 53's seconds."""

TARGETS = {"command": 10.0, "unattended": 20.0}
"""Seconds without service that 95 % of the devices may have."""

ABOVE_RATE = 1.1
"""Of the set rate, that evicted devices may come with."""

PARTS = ("command", "unattended", "sticky")
PHASES = ("detect", "notice", "dns", "connect", "reconnect")
SERVICES = ("IOT", "IOT_DATA_PLANE", "DYNAMODB", "ROUTE_53", "CLOUDFORMATION", "CLOUDWATCH", "SERVICE_QUOTAS", "ACM")
"""What the operator's command calls, which goes through the proxy, so that the primary can be taken away."""

TTL_SECONDS = 30
"""Of the record, in Route 53's seconds."""

EVERY_SECONDS = 0.5
SETTLE_SECONDS = 30
LIMIT_SECONDS = 60
CROSSING_SECONDS = 300
LOOK_SECONDS = 0.05
WATCHER = "watcher"


class NotMeasured(click.ClickException):
    """The run has no result."""

    exit_code = 2


@dataclass(frozen=True)
class Outage:
    """How long one device was without service, in seconds, and the parts of it."""

    whole: float
    detect: float
    notice: float
    dns: float
    connect: float
    reconnect: float


@dataclass(frozen=True)
class Moved:
    """Failovers of one kind: the outage of each device in each round, and how many devices stayed without service."""

    outages: Sequence[Outage]
    unserved: int
    target: float

    @property
    def is_met(self) -> bool:
        """Whether every device was served, and 95 % of them in time."""
        return not self.unserved and percentile([one.whole for one in self.outages], 0.95) <= self.target


@dataclass(frozen=True)
class Arrivals:
    """Evicted devices: their number, the set rate, when they were cut off, when they came, and what went wrong.

    `answered` is how many seconds after the order, with the primary well, a name server gave the new Region.
    """

    devices: int
    rate: float
    answered: float
    ended: Sequence[float]
    came: Sequence[float]
    wills: int
    left: int
    rounds: int

    @property
    def most(self) -> int:
        """The most that came in any second."""
        return busiest(self.came)

    @property
    def is_met(self) -> bool:
        """Whether all came, none too fast, and no will was published."""
        all_came = len(self.came) == self.devices and not self.left
        return all_came and not self.wills and self.most <= ABOVE_RATE * self.rate


def busiest(moments: Sequence[float], seconds: float = 1.0) -> int:
    """Return how many moments lie in the fullest span of so many seconds, its end left out."""
    ordered = sorted(moments)
    return max((bisect_left(ordered, at + seconds) - place for place, at in enumerate(ordered)), default=0)


def by_second(moments: Sequence[float]) -> list[int]:
    """Return how many moments lie in each second, from the first on."""
    numbers = Counter(int(at - min(moments)) for at in moments)
    return [numbers[second] for second in range(max(numbers, default=-1) + 1)]


def outage(trace: Trace, address: str, *, fault: float, answered: float, resolved: float) -> Outage | None:
    """Return a device's outage by its trace; None if it is not served at the new address.

    `answered` is when a name server first gave that address, `resolved` when the device's resolver did. Between two
    looks at the name servers a resolver may have been first: that counts as no time.
    """
    whole = trace.without_service(address)
    if whole is None:
        return None
    accepted = next(at for at, where in trace.connected if where == address)
    served = next(one.at for one in trace.acknowledged if one.address == address)
    noticed = next((at for at in trace.cut if at >= fault), served)
    return Outage(
        whole,
        detect=answered - fault,
        notice=noticed - fault,
        dns=max(0.0, resolved - answered),
        connect=accepted - resolved,
        reconnect=served - accepted,
    )


class Noted:
    """A device's own resolver, which notes when it first gave each address."""

    def __init__(self, resolver: CachingResolver, clock: Callable[[], float] = time.monotonic) -> None:
        self.first: dict[str, float] = {}
        self._resolver, self._clock = resolver, clock

    def address(self, name: str) -> str:
        """Resolve."""
        found = self._resolver.address(name)
        self.first.setdefault(found, self._clock())
        return found


def spread(resolvers: Sequence[Noted], ttl: float, pause: Callable[[float], None]) -> None:
    """Have resolvers ask one after the other, so that what they keep is between nothing and a TTL old afterwards."""
    pause(ttl)  # nothing of before is kept any more
    for resolver in resolvers:
        resolver.address(FLEET)
        pause(ttl / len(resolvers))


class Silent:
    """Nobody watches the eviction."""

    def begin(self, stage: str, total: int) -> None:
        """Begin with a stage."""

    def advance(self, number: int) -> None:
        """Go on."""


class Scene:
    """The pair, its fleet's name, and devices that both Regions know."""

    def __init__(self, pair: Pair, console: Console) -> None:
        self.pair, self.console = pair, console
        self.old, self.new = pair.fleet_address(pair.primary), pair.fleet_address(pair.secondary)
        self._tables = operator_environ(pair)

    def provision(self, number: int) -> list[Device]:
        """Make devices, and wait until all have crossed."""
        fleet = Fleet(self.pair.client("iot"), region=self.pair.primary, account=self.pair.account)
        fleet.prepare()
        devices = [fleet.provision(f"bench-{index}") for index in range(number)]
        there = self.pair.client("iot", self.pair.secondary)
        if not until(lambda: all(is_complete(there, one) for one in reversed(devices)), CROSSING_SECONDS):
            raise NotMeasured(f"not all of {number} devices crossed within {CROSSING_SECONDS} s")
        return devices

    def rounds(self, kind: str, devices: Sequence[Device], number: int) -> Moved:
        """Fail over so many times."""
        outages, unserved = list[Outage](), 0
        for turn in range(1, number + 1):
            found = self._round(kind, devices)
            outages += found
            unserved += len(devices) - len(found)
            worst = max((one.whole for one in found), default=0.0)
            self.console.print(f"{kind}, round {turn}: {len(found)} of {len(devices)} served, the last {worst:.1f} s")
            self.restore()
        if not outages:
            raise NotMeasured(f"{kind}: no device was ever served by the secondary")
        return Moved(outages, unserved, TARGETS[kind])

    def _round(self, kind: str, devices: Sequence[Device]) -> list[Outage]:
        resolvers = [Noted(self._place.resolver()) for _ in devices]
        with self._roaming(devices, resolvers) as fleet, ThreadPoolExecutor(1) as executor:
            fault = time.monotonic()
            with self._fault(kind):
                answered = executor.submit(self._first_answer)
                if kind == "command":
                    self.command()
                fleet.all_at(self.new, LIMIT_SECONDS)
                at = answered.result()
        pairs = zip(fleet.devices, resolvers, strict=True)
        found = (
            outage(one.trace, self.new, fault=fault, answered=at, resolved=resolver.first.get(self.new, at))
            for one, resolver in pairs
        )
        return [one for one in found if one]

    def _fault(self, kind: str) -> AbstractContextManager[None]:
        primary = self.pair.primary
        return self.pair.away(primary) if kind == "command" else self.pair.broker(primary).closed()

    @contextmanager
    def _roaming(self, devices: Sequence[Device], resolvers: Sequence[Noted]) -> Iterator[RoamingFleet]:
        ca_file, port = self.pair.emulator.ca_file, self.pair.fleet_port
        fleet = RoamingFleet((), name=FLEET, port=port, resolve=self._place.resolver().address, ca_file=ca_file)
        fleet.devices += [
            RoamingDevice(device, FLEET, port, resolver.address, ca_file, every=EVERY_SECONDS)
            for device, resolver in zip(devices, resolvers, strict=True)
        ]
        with fleet:
            if not fleet.all_at(self.old, SETTLE_SECONDS):
                raise NotMeasured(f"{fleet.at(self.old)} of {len(devices)} devices reached the primary")
            spread(resolvers, TTL_SECONDS * SCALE, _pause)
            yield fleet

    @property
    def _place(self) -> Place:
        route53, emulator = self.pair.route53, self.pair.emulator
        return Place(FLEET, self.pair.fleet_port, emulator.ca_file, route53.addresses, SCALE)

    def command(self) -> None:
        """Fail over as an operator does; the primary's APIs may be gone."""
        told = subprocess.run(
            [
                *(sys.executable, "-m", "iot_dr.cli", "failover", "--to", self.pair.secondary, "--yes"),
                *("--why", "a measurement", "--format", "json"),
            ],
            env={**self._tables, **self.pair.proxy.environ(SERVICES)},
            capture_output=True,
            text=True,
            check=False,
        )
        if told.returncode:
            raise NotMeasured(f"iot-dr failover ended with {told.returncode}: {told.stderr or told.stdout}")

    def _first_answer(self) -> float:
        """Return when a name server first answers with the new Region."""
        ends = time.monotonic() + LIMIT_SECONDS
        while self.new not in self._answers():
            if time.monotonic() > ends:
                raise NotMeasured(f"no name server answered with the secondary within {LIMIT_SECONDS} s")
            _pause(LOOK_SECONDS)
        return time.monotonic()

    def _answers(self) -> set[str]:
        return {address for server in self.pair.route53.addresses for address in _addresses(server)}

    def restore(self) -> None:
        """Let the primary lead again: there is no failback yet, so both items are taken away."""
        for region in (self.pair.primary, self.pair.secondary):
            table = self._tables["DYNAMODB_GLOBAL_TABLE"]
            self.pair.client("dynamodb", region).delete_item(TableName=table, Key=control.KEY)
        ledger = self._tables["LEDGER_TABLE"]
        self.pair.client("dynamodb", self.pair.secondary).delete_item(TableName=ledger, Key=fence.KEY)
        if not until(lambda: self._answers() == {self.old}, LIMIT_SECONDS):
            raise NotMeasured("the name servers did not go back to the primary")

    def evict(self, devices: Sequence[Device], rate: float) -> Arrivals:
        """Move the name while devices stay connected, end their connections at a rate, and see them come."""
        with self._watcher() as watcher, connected(devices, self._place) as clients:
            watcher.subscribe(f"devices/+/{WILL}")
            if not clients.all_at(self.old, len(devices), LIMIT_SECONDS):
                raise NotMeasured("not all sticky clients reached the primary")
            ordered = time.monotonic()
            self.command()
            answered = self._first_answer() - ordered
            _pause(2 * TTL_SECONDS * SCALE)
            evicted = self._evicted(rate)
            clients.all_at(self.new, len(devices), LIMIT_SECONDS)
            met, wills = clients.met(), _number_of(watcher)
            self._show_a_will(watcher)
        came, ended = ([at for at, address in met if address == one] for one in (self.new, ""))
        return Arrivals(len(devices), rate, answered, ended, came, wills, len(evicted.left), evicted.rounds)

    def _evicted(self, rate: float) -> Evicted:
        with ThreadPoolExecutor(THREADS) as executor:
            there = paced_connections(lambda service, one, **_: self.pair.client(service, one), self.pair.primary, rate)
            eviction = Eviction(there, Silent(), lambda seconds: _pause(seconds * SCALE), on_threads(executor))
            return eviction.run()

    def _watcher(self) -> MqttDevice:
        """Return a client of the primary that receives every will.

        It has another client ID than its thing: so the index does not know it, and it is not evicted.
        """
        iot = self.pair.client("iot")
        everything = {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
        iot.create_policy(policyName=WATCHER, policyDocument=document)
        return self._client(self._fleet(WATCHER).provision(WATCHER), f"{WATCHER}-of-wills")

    def _show_a_will(self, watcher: MqttDevice) -> None:
        """See to it that wills were noticed: one client more is ended so that its will is sent."""
        name = "with-a-will"
        one = self._fleet(WATCHER).provision(name)
        with self._client(one, name, (f"devices/{name}/{WILL}", b"seen")):
            self.pair.client("iot-data").delete_connection(clientId=name, preventWillMessage=False)
            if not _number_of(watcher):
                raise NotMeasured("a will that was sent was not seen")

    def _fleet(self, policy: str) -> Fleet:
        iot = self.pair.client("iot")
        return Fleet(iot, region=self.pair.primary, account=self.pair.account, policy_name=policy)

    def _client(self, device: Device, client_id: str, will: tuple[str, bytes] | None = None) -> MqttDevice:
        return MqttDevice(
            self.pair.device_endpoint(self.pair.primary),
            client_id=client_id,
            identity=device.identity,
            ca_file=self.pair.emulator.ca_file,
            will=will,
        )


def _pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def _addresses(server: tuple[str, int]) -> list[str]:
    try:
        return [one.value for one in ask(FLEET, "A", server).answers if one.type == "A"]
    except (OSError, DNSError):
        return []  # this one is silent; the others are asked too


def _number_of(watcher: MqttDevice) -> int:
    """Return how many messages a client has received that nobody has counted yet."""
    number = 0
    while True:
        try:
            watcher.receive()
        except TimeoutError:
            return number
        number += 1


@contextmanager
def open_scene(console: Console) -> Iterator[Scene]:
    """Launch the pair with a fleet's name, whose health is checked."""
    with (
        tempfile.TemporaryDirectory() as folder,
        launched(Path(folder), ConsoleProgress(console), fleet_name=True) as pair,
        pair.route53.evaluating(SCALE),
        unscheduled(pair),
    ):
        indexed = {"thingIndexingMode": "REGISTRY", "thingConnectivityIndexingMode": "STATUS"}
        for region in (pair.primary, pair.secondary):
            pair.client("iot", region).update_indexing_configuration(thingIndexingConfiguration=indexed)
        scene = Scene(pair, console)
        scene.restore()
        yield scene


@click.command(help=__doc__)
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="Only this part; can be repeated.")
@click.option("--rounds", default=4, show_default=True, help="Failovers of each kind.")
@click.option("--clients", default=25, show_default=True, help="Devices that fail over.")
@click.option("--sticky", default=500, show_default=True, help="Devices that are evicted.")
@click.option("--rate", default=50.0, show_default=True, help="Evictions a second.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def main(**options: Any) -> None:
    """Launch the product on the local Region pair, fail over, and print."""
    asked = Asked(**options)
    console = Console(stderr=asked.form == "json")
    try:
        with open_scene(console) as scene:
            moved, arrivals = measure(scene, asked)
    except (LabError, IotDrError, BotoCoreError, ClientError, OSError) as error:
        raise NotMeasured(str(error)) from error
    if asked.form == "json":
        click.echo(json.dumps(as_json(moved, arrivals), indent=2))
    else:
        show(console, moved, arrivals)
    raise SystemExit(0 if is_met(moved, arrivals) else 1)


@dataclass(frozen=True)
class Asked:
    """The options."""

    only: tuple[str, ...]
    rounds: int
    clients: int
    sticky: int
    rate: float
    form: str

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that are measured."""
        return self.only or PARTS

    @property
    def devices(self) -> int:
        """As many as the largest of these parts needs."""
        sizes = {"command": self.clients, "unattended": self.clients, "sticky": self.sticky}
        return max(sizes[one] for one in self.parts)


def measure(scene: Scene, asked: Asked) -> tuple[dict[str, Moved], Arrivals | None]:
    """Run the parts that were asked for."""
    devices = scene.provision(asked.devices)
    moved = {
        kind: scene.rounds(kind, devices[: asked.clients], asked.rounds) for kind in TARGETS if kind in asked.parts
    }
    # Last: it slows the calls of clients that all parts share.
    return moved, scene.evict(devices[: asked.sticky], asked.rate) if "sticky" in asked.parts else None


def is_met(moved: dict[str, Moved], arrivals: Arrivals | None) -> bool:
    """Whether every part that was measured has met its target."""
    return all(one.is_met for one in moved.values()) and (arrivals is None or arrivals.is_met)


def _figures(seconds: Sequence[float]) -> dict[str, float]:
    return {
        "p50": round(percentile(seconds, 0.5), 2),
        "p95": round(percentile(seconds, 0.95), 2),
        "max": round(max(seconds), 2),
    }


def as_json(moved: dict[str, Moved], arrivals: Arrivals | None) -> dict[str, Any]:
    """Return the results as programs read them; in seconds."""
    found: dict[str, Any] = {
        kind: {
            "outages": len(one.outages),
            "unserved": one.unserved,
            "target": one.target,
            "within_target": one.is_met,
            **{name: _figures([getattr(each, name) for each in one.outages]) for name in ("whole", *PHASES)},
        }
        for kind, one in moved.items()
    }
    if arrivals is not None:
        found["sticky"] = {
            "devices": arrivals.devices,
            "rate": arrivals.rate,
            "answered": round(arrivals.answered, 2),
            "came": len(arrivals.came),
            "most_in_a_second": arrivals.most,
            "most_ended_in_a_second": busiest(arrivals.ended),
            "by_second": by_second(arrivals.came),
            "took": round(max(arrivals.came, default=0.0) - min(arrivals.came, default=0.0), 2),
            "wills": arrivals.wills,
            "left": arrivals.left,
            "rounds": arrivals.rounds,
            "within_target": arrivals.is_met,
        }
    return found


def show(console: Console, moved: dict[str, Moved], arrivals: Arrivals | None) -> None:
    """Print the results."""
    for kind, one in moved.items():
        told = as_json({kind: one}, None)[kind]
        table = Table(title=f"{kind}: {len(one.outages)} outages in seconds, {one.unserved} devices not served")
        for column in ("", "p50", "p95", "max"):
            table.add_column(column, justify="right" if column else "left")
        for name in ("whole", *PHASES):
            table.add_row(name, *(f"{value:.2f}" for value in told[name].values()))
        console.print(table)
        console.print(f"target: p95 of the whole at most {one.target:.0f} s; {'met' if one.is_met else 'not met'}")
    if arrivals is not None:
        told = as_json({}, arrivals)["sticky"]
        console.print(", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in told.items()))


if __name__ == "__main__":
    main()
