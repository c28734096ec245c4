"""A drill's devices over real sockets: they go where their name leads, and what they say of it is true."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from iot_dr.aws.devices.device_keys import new_credentials
from iot_dr.aws.drill import devices as module
from iot_dr.aws.drill.devices import PahoDrillDevices
from iot_dr.aws.shadows.shadow_store import REPLICATED
from iot_dr.model.drill.canaries import make_canaries
from iot_dr.model.drill.deliveries import delivery
from iot_dr.model.drill.orders import DevicePace
from iot_dr.model.drill.traces import ClientEvent, ClientRecord
from iot_dr.model.trials import device_names
from lab.waiting import until
from tests.builders import PRIMARY, SECONDARY
from tests.unit.iot_dr.aws.drill.small_broker import SmallBroker, certificate_of_brokers

DRILL = "iot-dr-canary-20261127-163000-0af3"
QUICK = DevicePace(rate=40, look=0.04, within=0.02, again=(0.02, 0.05))
SECONDS = 10


class Name:
    """A name that leads to one of the Regions, for all devices alike."""

    def __init__(self, leads_to: str) -> None:
        self.leads_to: str | None = leads_to

    def target(self) -> str | None:
        return self.leads_to


class World:
    """Two brokers, a name, and so many devices."""

    def __init__(self, folder: Path, number: int, stack: ExitStack) -> None:
        held = [new_credentials(one) for one in (*device_names(DRILL, number), f"{DRILL}-observer")]
        certificates = [one.certificate_pem for one in held]
        chain, self.authority = certificate_of_brokers(folder)
        self.here, self.there = (stack.enter_context(SmallBroker(chain, certificates)) for _ in range(2))
        self.name = Name(self.here.endpoint)
        both = (PRIMARY, SECONDARY)
        self.canaries = make_canaries(DRILL, held[:-1], held[-1], both, "123456789012")
        began = time.monotonic()
        self.clock: Callable[[], float] = lambda: time.monotonic() - began
        self.devices = PahoDrillDevices(
            self.canaries,
            endpoints={PRIMARY: self.here.endpoint, SECONDARY: self.there.endpoint},
            home=PRIMARY,
            pace=QUICK,
            shadows=True,
            lookups=lambda: self.name,
            clock=self.clock,
        )
        stack.callback(self.devices.stop)
        self.number = number

    def all_in(self, region: str) -> None:
        since = self.clock()
        assert until(lambda: self.devices.served(region, since) == self.number, SECONDS), (
            f"not all are served in {region}"
        )

    @property
    def records(self) -> tuple[ClientRecord, ...]:
        return self.devices.records().clients


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(module, "COUNT_SECONDS", 0.03)
    with ExitStack() as stack:
        made = World(tmp_path, 3, stack)
        monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
        made.devices.start()
        assert until(made.devices.observed, SECONDS)
        made.all_in(PRIMARY)
        yield made


def events(record: ClientRecord) -> list[tuple[ClientEvent, str]]:
    """What a client met beside its messages."""
    messages = (ClientEvent.PUBACK, ClientEvent.OWN)
    return [(one.met, one.region) for one in record.trace if one.met not in messages]


def own_there(record: ClientRecord) -> bool:
    """Whether a message of its own came back to a client in the secondary."""
    return any(one.met is ClientEvent.OWN and one.region == SECONDARY for one in record.trace)


CONNECTED = (ClientEvent.TCP, ClientEvent.TLS, ClientEvent.CONNACK, ClientEvent.SUBACK)


def test_devices_go_where_their_name_leads_and_lose_nothing(world: World) -> None:
    world.name.leads_to = world.there.endpoint
    world.all_in(SECONDARY)
    world.devices.fall_silent()
    records = world.devices.records

    def settled() -> bool:
        found = records()
        return not any(delivery(one.client, one.acknowledged, found.arrived[one.client]).lost for one in found.clients)

    assert until(settled, SECONDS)
    assert until(lambda: all(own_there(one) for one in world.records), SECONDS)
    for record in world.records:
        assert events(record) == [
            (ClientEvent.ANSWER, PRIMARY),
            *((event, PRIMARY) for event in CONNECTED),
            (ClientEvent.ANSWER, SECONDARY),
            (ClientEvent.LEFT, PRIMARY),
            *((event, SECONDARY) for event in CONNECTED),
        ]
        assert set(record.acknowledged.values()) == {PRIMARY, SECONDARY}
        assert list(record.acknowledged) == sorted(record.acknowledged)


def test_no_device_connects_with_the_name_of_its_thing(world: World) -> None:
    things = {one.name for one in world.canaries.clients}

    assert not things & set(world.here.client_ids)
    assert len(set(world.here.client_ids)) == len(world.canaries.clients) + 1


def test_a_device_that_is_cut_off_comes_again_and_sends_what_was_not_acknowledged(world: World) -> None:
    world.here.deaf = True
    before = {record.client: max(record.acknowledged) for record in world.records}
    assert until(lambda: world.clock() > 0.3, SECONDS)
    world.here.deaf = False
    world.here.cut()
    world.all_in(PRIMARY)

    for record in world.records:
        assert (ClientEvent.CUT, PRIMARY) in events(record)
        last = max(record.acknowledged)
        assert set(record.acknowledged) >= set(range(1, before[record.client] + 2))
        assert last > before[record.client]


def test_a_device_whose_region_is_lost_goes_to_the_other_as_soon_as_its_name_does(world: World) -> None:
    world.here.shut = True
    world.here.cut()
    assert until(lambda: all((ClientEvent.REFUSED, PRIMARY) in events(one) for one in world.records), SECONDS)
    world.name.leads_to = world.there.endpoint

    world.all_in(SECONDARY)

    assert all((ClientEvent.LEFT, PRIMARY) not in events(one) for one in world.records)


def test_a_name_that_is_not_answered_or_leads_to_nobody_moves_no_device(world: World) -> None:
    for answer in (None, "elsewhere.example.com"):
        world.name.leads_to = answer
        world.all_in(PRIMARY)
        assert until(lambda: world.devices.served(PRIMARY, world.clock() - 0.2) == world.number, SECONDS)

    assert all(len(events(one)) == 1 + len(CONNECTED) for one in world.records)


def test_a_device_reads_its_shadow_in_the_secondary_before_it_writes_there(world: World) -> None:
    assert until(lambda: all(one.counts for one in world.records), SECONDS)
    for one in world.canaries.clients:
        world.there.shadows[one.name] = {"count": 1}
    world.name.leads_to = world.there.endpoint
    world.all_in(SECONDARY)
    assert until(lambda: all(one.found is not None for one in world.records), SECONDS)

    assert [one.found for one in world.records] == [1, 1, 1]
    assert all(max(one.counts) >= 1 for one in world.records)
    assert all(one.overwritten == 0 for one in world.records)


def test_a_late_write_that_takes_back_a_count_is_told_and_one_that_was_made_before_is_not(world: World) -> None:
    name = world.canaries.clients[0].name
    world.name.leads_to = world.there.endpoint
    world.all_in(SECONDARY)
    assert until(lambda: world.there.shadows.get(name, {}).get("count", 0) > 3, SECONDS)

    world.there.write_shadow(name, {"count": 1}, REPLICATED)
    world.there.write_shadow(name, {"count": 10_000}, REPLICATED)
    world.there.write_shadow(name, {"count": 1}, REPLICATED, version=1)

    assert until(lambda: world.records[0].overwritten > 0, SECONDS)
    assert world.records[0].overwritten == 1


def test_what_strangers_publish_to_its_topics_stops_no_device(world: World) -> None:
    client = world.canaries.clients[0]
    for payload in (b"", b"garbled", b"-7"):
        world.here.tell(client.topic, payload)

    world.all_in(PRIMARY)


def test_devices_are_stopped_twice_without_harm(world: World) -> None:
    world.devices.stop()
    world.devices.stop()

    assert world.records


def test_that_an_observer_was_cut_off_is_told(world: World) -> None:
    assert world.devices.records().blind == 0

    world.there.cut()

    assert until(lambda: world.devices.records().blind == 1, SECONDS)
    assert until(world.devices.observed, SECONDS)
