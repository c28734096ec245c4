"""Devices that stay connected to the old Region are found by its index and ended at the pace that is set."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from iot_dr.runtime.commands.failover import paced_connections
from iot_dr.services.concurrency import on_threads
from iot_dr.services.failover.evict import Evicted, Eviction
from lab.devices import MqttDevice
from lab.fleet import Device, Fleet
from lab.pair import ACCOUNT, FLEET, Pair
from lab.progress import QuietProgress
from lab.waiting import until
from tests.failover_fakes import RecordedFailover

DEVICES = 60
RATE = 30.0
"""Connections a second. benchmarks/failover.py evicts 500, and counts who comes in each second."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both Regions without the product: its name served and connectivity indexed."""
    with Pair(tmp_path_factory.mktemp("eviction"), QuietProgress()) as pair:
        pair.configure_fleet()
        pair.client("iot", pair.primary).update_indexing_configuration(
            thingIndexingConfiguration={"thingIndexingMode": "REGISTRY", "thingConnectivityIndexingMode": "STATUS"}
        )
        yield pair


@pytest.fixture
def devices(served: Pair, name: str) -> list[Device]:
    client = served.client("iot", served.primary)
    fleet = Fleet(client, region=served.primary, account=ACCOUNT, policy_name=f"{name}-policy")
    fleet.prepare()
    with ThreadPoolExecutor(8) as executor:
        return list(executor.map(fleet.provision, (f"{name}-{number}" for number in range(DEVICES))))


def test_who_stays_connected_is_ended_no_faster_than_the_rate_and_nobody_is_left(
    served: Pair, devices: list[Device]
) -> None:
    with ExitStack() as exits:
        clients = [
            exits.enter_context(
                MqttDevice(
                    f"{FLEET}:{served.fleet_port}",
                    client_id=device.thing_name,
                    identity=device.identity,
                    ca_file=served.emulator.ca_file,
                    resolve=lambda _: served.fleet_address(served.primary),
                )
            )
            for device in devices
        ]
        connections = paced_connections(
            lambda service, region, **_: served.client(service, region), served.primary, RATE
        )
        assert until(lambda: connections.number().things == DEVICES, 5)
        assert set(connections.clients()) == {device.thing_name for device in devices}
        executor = exits.enter_context(ThreadPoolExecutor(DEVICES))

        begun = time.monotonic()
        evicted = Eviction(connections, RecordedFailover(), lambda _: None, on_threads(executor)).run()
        took = time.monotonic() - begun

        assert evicted == Evicted(DEVICES, 1, ())
        assert (DEVICES - 1) / took <= 1.1 * RATE
        assert all(client.ended() for client in clients)
    assert not connections.end(devices[0].thing_name), "who is gone is no fault"
