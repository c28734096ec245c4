"""The example device, as its own process on the AWS IoT Device SDK, goes where its fleet's name points, and returns.

The SDK reaches both Regions through a proxy that follows the trial's name server, so nothing but DNS moves the device.
"""

from __future__ import annotations

import itertools
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from examples.device.fleet_name import FleetName, NotTold
from examples.device.paho_ten_lines import follow, watch
from lab.connect_proxy import ConnectProxy
from lab.devices import MqttDevice, tls_context
from lab.fleet import Device, Fleet
from lab.lag import is_complete
from lab.pair import Pair
from lab.waiting import until
from tests.e2e.device_program import PATIENCE, Program, running
from tests.e2e.observing import policies_of
from tests.name_server import NameServer

pytestmark = pytest.mark.row("F7")

FLEET = "fleet.iot.us-east-1.localhost"
"""The fleet's name; the certificate of the lab's listeners holds for it in both Regions."""


def target_in(region: str) -> str:
    """The CNAME's target in a Region, a name that the certificate of the lab's listeners holds for too."""
    return f"{region}-ats.iot.us-east-1.localhost"


class Endpoints:
    """The fleet's name: a name server that says which Region serves, and a proxy that leads there."""

    def __init__(self, pair: Pair) -> None:
        self._targets = {target_in(region): port for region, port in pair.emulator.mqtt_ports.items()}
        self._away: set[str] = set()
        self._exit = ExitStack()
        self.name_server = NameServer(FLEET, target_in(pair.primary))
        self.proxy = ConnectProxy(self.resolve)

    def resolve(self, name: str, _port: int) -> tuple[str, int]:
        """Follow the CNAME to its target's address."""
        target = self.name_server.target if name == FLEET else name
        if target in self._away or target not in self._targets:
            raise OSError(f"{name} is not to be reached")
        return "127.0.0.1", self._targets[target]

    def serve(self, region: str) -> None:
        """Let the name point to a Region."""
        self.name_server.target = target_in(region)

    def lose(self, region: str) -> None:
        """Close a Region's endpoint: its connections break, and no new ones are taken."""
        self._away.add(target_in(region))
        self.proxy.cut()

    def __enter__(self) -> Endpoints:
        self._exit.enter_context(self.name_server)
        self._exit.enter_context(self.proxy)
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()


def allow_hint(pair: Pair, policy: str, topics: str) -> str:
    """Make a policy for the fleet's hint and some other topics; its name."""
    arn = f"arn:aws:iot:{pair.primary}:{pair.account}"
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["iot:Publish", "iot:Receive"],
                "Resource": [f"{arn}:topic/iot-dr/hint", f"{arn}:topic/{topics}"],
            },
            {
                "Effect": "Allow",
                "Action": "iot:Subscribe",
                "Resource": [f"{arn}:topicfilter/iot-dr/hint", f"{arn}:topicfilter/{topics}"],
            },
        ],
    }
    pair.client("iot").create_policy(policyName=policy, policyDocument=json.dumps(document))
    return policy


def crossed(pair: Pair, fleet: Fleet, name: str, policy: str) -> Device:
    """A device with a further policy, once the secondary has all of it."""
    made = fleet.provision(name)
    pair.client("iot").attach_policy(policyName=policy, target=made.certificate_arn)
    secondary = pair.client("iot", pair.secondary)
    assert until(
        lambda: is_complete(secondary, made) and policies_of(pair, made.identity) == {made.policy_name, policy},
        PATIENCE,
    )
    return made


@pytest.fixture
def endpoints(pair: Pair) -> Iterator[Endpoints]:
    with Endpoints(pair) as endpoints:
        yield endpoints


@pytest.fixture
def device(pair: Pair, fleet: Fleet, name: str) -> Device:
    return crossed(pair, fleet, name, allow_hint(pair, f"{name}-hint", f"devices/{name}/data"))


@dataclass(frozen=True)
class Subscriber:
    """Somebody who hears in both Regions what the device says."""

    by_region: dict[str, MqttDevice]

    def heard(self) -> dict[str, list[int]]:
        """Numbers of the messages that came through each Region, in their order, until none comes any more."""
        with ThreadPoolExecutor(len(self.by_region)) as executor:
            return dict(zip(self.by_region, executor.map(_numbers, self.by_region.values()), strict=True))


def _numbers(connected: MqttDevice) -> list[int]:
    found = []
    with suppress(TimeoutError):
        while True:
            _, payload = connected.receive()
            found.append(int(json.loads(payload)["sequence"]))
    return found


@pytest.fixture
def subscriber(pair: Pair, fleet: Fleet, name: str) -> Iterator[Subscriber]:
    listener = crossed(pair, fleet, f"{name}-listener", allow_hint(pair, f"{name}-all", f"devices/{name}/*"))
    with ExitStack() as exits:
        by_region = {
            region: exits.enter_context(
                MqttDevice(
                    pair.device_endpoint(region),
                    client_id=listener.thing_name,
                    identity=listener.identity,
                    ca_file=pair.emulator.ca_file,
                )
            )
            for region in (pair.primary, pair.secondary)
        }
        for connected in by_region.values():
            connected.subscribe(f"devices/{name}/data")
        yield Subscriber(by_region)


Run = Callable[..., Program]
"""Starts the program with further options, by their names."""


@pytest.fixture
def run(pair: Pair, device: Device, endpoints: Endpoints, tmp_path: Path) -> Iterator[Run]:
    own = {
        "name": FLEET,
        "ca-file": pair.emulator.ca_file,
        "name-server": f"127.0.0.1:{endpoints.name_server.port}",
        "proxy": f"127.0.0.1:{endpoints.proxy.port}",
    }
    with ExitStack() as exits:
        yield lambda **more: exits.enter_context(running(tmp_path, device, {**own, **more}))


def assert_nothing_is_missing(program: Program, subscriber: Subscriber) -> None:
    """Every message from the first to the last that was acknowledged was heard in one of the Regions."""
    status, last = program.ends()
    assert (status, last["event"], last["not_acknowledged"]) == (0, "stopped", 0)
    heard = {number for numbers in subscriber.heard().values() for number in numbers}

    acknowledged = program.acknowledged()
    assert acknowledged == set(range(1, max(acknowledged) + 1))
    assert acknowledged - heard == set()


def test_the_device_goes_to_the_secondary_and_returns_by_dns_alone_and_no_acknowledged_message_is_missing(
    pair: Pair, run: Run, endpoints: Endpoints, subscriber: Subscriber
) -> None:
    program = run()
    assert program.goes_to(target_in(pair.primary))

    endpoints.serve(pair.secondary)
    assert program.goes_to(target_in(pair.secondary))
    endpoints.serve(pair.primary)
    assert program.goes_to(target_in(pair.primary))

    assert program.places() == [target_in(region) for region in (pair.primary, pair.secondary, pair.primary)]
    assert {name for name, _ in endpoints.proxy.asked()} == {FLEET}
    assert_nothing_is_missing(program, subscriber)


def test_what_the_lost_primary_did_not_acknowledge_arrives_in_the_secondary(
    pair: Pair, run: Run, endpoints: Endpoints, subscriber: Subscriber
) -> None:
    program = run()
    assert program.goes_to(target_in(pair.primary))

    endpoints.lose(pair.primary)
    assert until(lambda: program.told("disconnected"), PATIENCE)
    before = max(program.acknowledged())
    endpoints.serve(pair.secondary)
    assert program.goes_to(target_in(pair.secondary))

    status, last = program.ends()
    assert (status, last["not_acknowledged"]) == (0, 0)
    heard = subscriber.heard()
    here, there = heard[pair.primary], heard[pair.secondary]
    assert before in here
    assert before + 1 in there
    assert set(here) | set(there) >= program.acknowledged() == set(range(1, max(there) + 1))


def test_a_hint_makes_the_device_connect_again_before_its_next_look(
    pair: Pair, run: Run, endpoints: Endpoints, subscriber: Subscriber
) -> None:
    program = run(look_every=3600)
    assert program.goes_to(target_in(pair.primary))

    endpoints.serve(pair.secondary)
    subscriber.by_region[pair.primary].publish("iot-dr/hint", b"")

    assert program.goes_to(target_in(pair.secondary))
    assert [told["hinted"] for told in program.told("moving")] == [True]
    assert_nothing_is_missing(program, subscriber)


def test_without_a_custom_domain_the_device_connects_to_the_target_and_follows_it(
    pair: Pair, run: Run, endpoints: Endpoints, subscriber: Subscriber
) -> None:
    program = run(connect_to="target")
    assert program.goes_to(target_in(pair.primary))

    endpoints.serve(pair.secondary)
    assert program.goes_to(target_in(pair.secondary))

    assert [name for name, _ in endpoints.proxy.asked()] == [target_in(pair.primary), target_in(pair.secondary)]
    assert_nothing_is_missing(program, subscriber)


class Done(Exception):
    """The trial of paho's ten lines is over."""


class PahoDevice:
    """paho's ten lines in threads, led to the trial's endpoints.

    `connected` has the targets that it was connected to, in order, `acknowledged` paho's own numbers of messages.
    """

    def __init__(self, pair: Pair, device: Device, endpoints: Endpoints) -> None:
        # The client's callbacks know these and not this object: what refers to itself is closed too late.
        self.connected = connected = list[str | None]()
        self.acknowledged = acknowledged = set[int]()
        self._name = FleetName(FLEET, ("127.0.0.1", endpoints.name_server.port))
        self._stop = stop = threading.Event()

        class Led(Client):
            def connect_async(self, *arguments: Any, **options: Any) -> None:
                if stop.is_set():
                    raise Done
                super().connect_async(*arguments, **options)

            def _create_socket_connection(self) -> socket.socket:
                return socket.create_connection(endpoints.resolve(self._host, self._port), timeout=5)

        self.client = Led(CallbackAPIVersion.VERSION2, client_id=device.thing_name)
        self.client.tls_set_context(tls_context(device.identity, pair.emulator.ca_file))
        self.client.on_connect = lambda *_: connected.append(endpoints.name_server.target)
        self.client.on_publish = lambda *answer: acknowledged.add(answer[2])
        # The first look comes before the first connection, as the program has it.
        here = self._look(FLEET)
        self._threads = [
            threading.Thread(target=self._until_done, args=(part,))
            for part in (self._follow, partial(self._watch, here))
        ]

    def _follow(self) -> None:
        follow(self.client, FLEET)

    def _watch(self, here: str) -> None:
        watch(self.client, FLEET, here, self._look, self._pause)

    @staticmethod
    def _until_done(part: Callable[[], None]) -> None:
        with suppress(Done):
            part()

    def _look(self, _: str) -> str:
        try:
            return self._name.target()
        except NotTold:
            return ""

    def _pause(self, _least: float, _most: float) -> None:
        if self._stop.wait(0.2):
            raise Done

    def __enter__(self) -> PahoDevice:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.client.disconnect()
        for thread in self._threads:
            thread.join(PATIENCE)


def test_ten_lines_with_paho_go_to_the_secondary_and_return_and_no_acknowledged_message_is_missing(
    pair: Pair, device: Device, endpoints: Endpoints, subscriber: Subscriber
) -> None:
    topic, numbers, expected = f"devices/{device.thing_name}/data", itertools.count(1), list[str]()

    def sends_one() -> int:
        sequence = next(numbers)
        paho.client.publish(topic, json.dumps({"sequence": sequence}), qos=1)
        return sequence

    with PahoDevice(pair, device, endpoints) as paho:
        for region in (pair.primary, pair.secondary, pair.primary):
            endpoints.serve(region)
            expected.append(target_in(region))
            # A connection that is lost on a busy machine is made again, to the same target.
            assert until(
                lambda: sends_one() and [one for one, _ in itertools.groupby(paho.connected)] == expected, PATIENCE
            )
        last = sends_one()
        assert until(lambda: len(paho.acknowledged) == last, PATIENCE)

    heard = {number for numbers in subscriber.heard().values() for number in numbers}
    assert heard == set(range(1, last + 1))
