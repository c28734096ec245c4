"""A fleet with a name on a pair of its own, and what a failover of it looks like from outside."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from iot_dr.aws.failover import control, fence, primary
from iot_dr.aws.failover.connections import IotConnections
from iot_dr.runtime.commands.failover import paced_connections
from lab.fleet import Device, Fleet
from lab.lag import is_complete
from lab.operators import operator_environ
from lab.pair import FLEET, Pair, launched
from lab.progress import QuietProgress
from lab.roaming import RoamingFleet
from lab.route53.asking import Asking, through_gateway
from lab.route53.checkers import Answer, HealthCheckers
from lab.route53.health import Endpoint
from lab.route53.name_servers import ask
from lab.route53.resolver import CachingResolver
from lab.shadows import Shadows
from lab.waiting import until
from tests.e2e.commands import asked
from tests.e2e.ringing import Launched

INTERVAL = 10
"""Seconds between two checks, as the launch asks for them."""

SCALE = 0.1
"""Of Route 53's seconds: checks every second, a TTL of three."""
SETTLE_SECONDS = 20
SERVICES = ("IOT", "IOT_DATA_PLANE", "DYNAMODB", "ROUTE_53", "CLOUDFORMATION", "CLOUDWATCH", "SERVICE_QUOTAS", "ACM")
"""What an operator's command calls, through the proxy, so that the test can count and spoil it."""


@dataclass
class FailoverScene:
    """The pair, its checkers and a fleet of complete devices in both Regions."""

    pair: Pair
    checkers: HealthCheckers
    devices: Sequence[Device]

    @property
    def old(self) -> str:
        """The address of the primary."""
        return self.pair.fleet_address(self.pair.primary)

    @property
    def new(self) -> str:
        """The address of the secondary."""
        return self.pair.fleet_address(self.pair.secondary)

    @cached_property
    def tables(self) -> dict[str, str]:
        """The variables of the launch."""
        return operator_environ(self.pair)

    @property
    def environ(self) -> dict[str, str]:
        """An operator's shell whose every call goes through the proxy."""
        return {**self.tables, **self.pair.proxy.environ(SERVICES)}

    def shadows(self, region: str) -> Shadows:
        """The shadows of a Region."""
        return Shadows(self.pair.client("iot-data", region))

    def answers(self) -> list[str]:
        """The address that each name server answers with."""
        found = (ask(FLEET, "A", server) for server in self.pair.route53.addresses)
        return [next((one.value for one in reply.answers if one.type == "A"), "") for reply in found]

    def answered(self, address: str, seconds: float) -> bool:
        """Wait until every name server answers with an address."""
        return bool(until(lambda: set(self.answers()) == {address}, seconds))

    def resolver(self) -> CachingResolver:
        """A resolver of the devices' own, whose seconds are Route 53's."""
        return self.pair.route53.resolver(clock=lambda: time.monotonic() / SCALE)

    @contextmanager
    def roaming(self, number: int, resolver: CachingResolver | None = None) -> Iterator[RoamingFleet]:
        """So many devices that go where the name leads, all served by the primary when the block begins."""
        chosen = resolver or self.resolver()
        fleet = RoamingFleet(
            self.devices[:number],
            name=FLEET,
            port=self.pair.fleet_port,
            resolve=chosen.address,
            ca_file=self.pair.emulator.ca_file,
            every=0.5,
        )
        with fleet:
            assert fleet.all_at(self.old, SETTLE_SECONDS), f"{fleet.at(self.old)} of {number} reached the primary"
            yield fleet

    def fail_over(self, *options: str, keys: Mapping[str, str] = MappingProxyType({})) -> tuple[int, dict[str, Any]]:
        """Order a failover as an operator does, who has these keys if any are given."""
        environ = {**self.environ, **keys}
        return asked(self.pair, "failover", "--to", self.pair.secondary, "--yes", *options, environ=environ)

    def control(self, region: str) -> dict[str, Any]:
        """The control item as a Region has it, plain."""
        return self.item(region, self.tables["DYNAMODB_GLOBAL_TABLE"], control.KEY)

    def fence(self) -> dict[str, Any]:
        """The secondary's fence, plain."""
        return self.item(self.pair.secondary, self.tables["LEDGER_TABLE"], fence.KEY)

    def primary_fence(self) -> dict[str, Any]:
        """The primary's fence, plain; empty if no failback has ever written it."""
        return self.item(self.pair.primary, self.tables["DYNAMODB_GLOBAL_TABLE"], primary.KEY)

    def order(self, region: str, **facts: str) -> None:
        """Write a control item into a Region's replica by hand."""
        item = {name: {"N" if value.isdigit() else "S": value} for name, value in facts.items()}
        table = self.tables["DYNAMODB_GLOBAL_TABLE"]
        self.pair.client("dynamodb", region).put_item(TableName=table, Item={**control.KEY, **item})

    def watch(self) -> str:
        """Have the watch look once, as its schedule does; how that ended."""
        name = self.pair.physical_id("WatchDomainFunction")
        answer = self.pair.client("lambda", self.pair.secondary).invoke(FunctionName=name, Payload=b"{}")
        told = json.load(answer["Payload"])
        assert not answer.get("FunctionError"), told
        return str(told["ending"])

    def connections(self, region: str = "") -> IotConnections:
        """The connections of a Region, the primary's if none is named, as an eviction ends them."""
        # Each with clients of its own: their events have the pace, which they would keep.
        chosen = region or self.pair.primary
        return paced_connections(lambda service, where, **_: self.pair.emulator.client(service, where), chosen, 500)

    @staticmethod
    def pause(seconds: float) -> None:
        """Let so many seconds pass."""
        threading.Event().wait(seconds)

    def answers_for(self, seconds: float) -> list[set[str]]:
        """What the name servers answer, looked at five times a second for so long."""
        found, ends = [set(self.answers())], time.monotonic() + seconds
        while time.monotonic() < ends:
            self.pause(0.2)
            found.append(set(self.answers()))
        return found

    def answers_in(self, minutes: float) -> list[set[str]]:
        """What the name servers answer after each interval of the checks in so many minutes, by a clock of its own.

        All of it takes seconds, in which the functions behind the endpoints have nothing new to say: each that is well
        is asked once a minute of that clock, and the checkers are told the same until then. One that fails is asked
        at each interval: one answer that came late on a busy machine would otherwise be six failures in a row.
        """
        now, found = 0.0, list[set[str]]()
        emulator, told = self.pair.emulator, dict[tuple[Endpoint, int], Answer]()
        ask = Asking(through_gateway(emulator.port, emulator.tls_port))

        def asked_each_minute(endpoint: Endpoint) -> Answer:
            asked = (endpoint, int(now // 60))
            if asked not in told or not told[asked].success:
                told[asked] = ask(endpoint)
            return told[asked]

        with self.pair.route53.stepped(lambda: now, asking=asked_each_minute) as checkers:
            while now < minutes * 60:
                checkers.step()
                found.append(set(self.answers()))
                now += INTERVAL
        return found

    def alarm_rings(self, region: str, title: str, since: float) -> bool:
        """Whether an alarm of the launch rings in a Region once what was measured since then lasts as it asks for."""
        return Launched.of(self.pair).rings(region, title, since)

    def item(self, region: str, table: str, key: dict[str, Any]) -> dict[str, str]:
        """An item as a Region has it, plain; empty if there is none."""
        client = self.pair.client("dynamodb", region)
        found = client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item", {})
        return {name: next(iter(value.values())) for name, value in found.items() if name not in key}

    def the_primary_leads_again(self) -> None:
        """Take all items back, sooner than a failback does. What the watch has seen of the name stays."""
        self._take_back()

        def leads() -> bool:
            # A function that was under way may have ended an order of before.
            ordered = [self.control(one) for one in (self.pair.primary, self.pair.secondary)]
            if any(ordered) or self.fence().get("role"):
                self._take_back()
                return False
            return set(self.answers()) == {self.old}

        assert until(leads, SETTLE_SECONDS), self.answers()
        self._put_fence(elsewhere_at={"N": "1"})

    def _take_back(self) -> None:
        # The fence first: the watch ends an order that stands in the fence alone. And it takes no lead of a name that
        # it has not seen elsewhere, as it leads here for some seconds more.
        self._put_fence()
        table = self.tables["DYNAMODB_GLOBAL_TABLE"]
        self.pair.client("dynamodb", self.pair.primary).delete_item(TableName=table, Key=primary.KEY)
        for region in (self.pair.primary, self.pair.secondary):
            self.pair.client("dynamodb", region).delete_item(TableName=table, Key=control.KEY)

    def _put_fence(self, **facts: dict[str, str]) -> None:
        client = self.pair.client("dynamodb", self.pair.secondary)
        client.put_item(TableName=self.tables["LEDGER_TABLE"], Item={**fence.KEY, **facts})


@contextmanager
def failing_over(folder: Path, built: Path, number: int) -> Iterator[FailoverScene]:
    """A pair with a fleet's name, whose health is checked, and so many devices that have crossed."""
    with (
        launched(folder, QuietProgress(), built=built, fleet_name=True) as pair,
        pair.route53.evaluating(SCALE) as checkers,
    ):
        for region in (pair.primary, pair.secondary):
            pair.client("iot", region).update_indexing_configuration(
                thingIndexingConfiguration={"thingIndexingMode": "REGISTRY", "thingConnectivityIndexingMode": "STATUS"}
            )
        fleet = Fleet(pair.client("iot"), region=pair.primary, account=pair.account)
        fleet.prepare()
        devices = [fleet.provision(f"roamer-{index}") for index in range(number)]
        there = pair.client("iot", pair.secondary)
        assert until(lambda: all(is_complete(there, one) for one in devices), 60), "not all devices have crossed"
        scene = FailoverScene(pair, checkers, devices)
        assert scene.answered(scene.old, SETTLE_SECONDS), scene.answers()
        yield scene
