"""The example device follows the lab's Route 53 by the fleet's own name, through the caching resolver that it asks."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.connect_proxy import ConnectProxy
from lab.fleet import Device, Fleet, make_identity
from lab.pair import ACCOUNT, FLEET, Pair
from lab.progress import QuietProgress
from tests.e2e.device_program import running

pytestmark = pytest.mark.row("F7")

ZONE = FLEET.partition(".")[2]


def target_in(region: str) -> str:
    return f"fleet-ats.iot.{region}.amazonaws.com"


def record(pair: Pair, region: str) -> dict[str, object]:
    """The failover record of a Region, healthy as long as its listener takes connections."""
    role = "PRIMARY" if region == pair.primary else "SECONDARY"
    check = pair.client("route53").create_health_check(
        CallerReference=uuid.uuid4().hex,
        HealthCheckConfig={
            "Type": "TCP",
            "IPAddress": pair.fleet_address(region),
            "Port": pair.fleet_port,
            "RequestInterval": 10,
            "FailureThreshold": 3,
        },
    )
    return {
        "Name": FLEET,
        "Type": "CNAME",
        "SetIdentifier": role.lower(),
        "Failover": role,
        "HealthCheckId": check["HealthCheck"]["Id"],
        "TTL": 3,
        "ResourceRecords": [{"Value": target_in(region)}],
    }


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Pair]:
    """Both Regions without the product: the fleet's name, its failover records, and checkers of both listeners."""
    with Pair(tmp_path / "pair", QuietProgress()) as pair, pair.route53.evaluating(0.1):
        pair.configure_fleet()
        made = pair.client("route53").create_hosted_zone(Name=ZONE, CallerReference=uuid.uuid4().hex)
        pair.client("route53").change_resource_record_sets(
            HostedZoneId=made["HostedZone"]["Id"],
            ChangeBatch={
                "Changes": [
                    {"Action": "CREATE", "ResourceRecordSet": record(pair, region)}
                    for region in (pair.primary, pair.secondary)
                ]
            },
        )
        yield pair


@pytest.fixture
def device(served: Pair, name: str) -> Device:
    """A device that both Regions know, by one certificate."""
    identity = make_identity(name)
    for region in (served.secondary, served.primary):
        fleet = Fleet(served.client("iot", region), region=region, account=ACCOUNT, policy_name=f"{name}-policy")
        fleet.prepare()
        made = fleet.provision(name, identity=identity)
    return made


def test_the_device_goes_when_the_primarys_listener_is_closed_and_returns_when_it_is_open_and_nobody_does_anything(
    served: Pair, device: Device, tmp_path: Path
) -> None:
    resolver = served.route53.resolver()
    options = {"name": FLEET, "port": served.fleet_port, "ca-file": served.emulator.ca_file}
    with (
        resolver.serve() as listener,
        ConnectProxy(lambda name, port: (resolver.address(name), port)) as proxy,
        running(
            tmp_path,
            device,
            {**options, "proxy": f"127.0.0.1:{proxy.port}", "name-server": listener.host_port},
        ) as program,
    ):
        assert program.goes_to(target_in(served.primary))
        served.broker(served.primary).close()
        assert program.goes_to(target_in(served.secondary))
        served.broker(served.primary).open()
        assert program.goes_to(target_in(served.primary))

        status, last = program.ends()

    assert (status, last["not_acknowledged"]) == (0, 0)
    assert program.acknowledged() == set(range(1, max(program.acknowledged()) + 1))
    assert {name for name, _ in proxy.asked()} == {FLEET}
