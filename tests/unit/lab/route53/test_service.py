"""What is read from the emulator, and what goes on when it cannot be read any more."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from lab.route53.name_servers import ask
from lab.route53.service import Route53
from lab.waiting import until
from tests.http_site import Site, serving

FLEET = "fleet.example.com."


class ControlPlane:
    """Route 53's API as far as it is read: one zone and a check of the primary's record; or an error for each call."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.error: Exception | None = None
        self.refused = 0
        self.port = self.tls_port = 0
        self.health_check_file = folder / "health-checks.json"
        config = {"Type": "HTTP", "IPAddress": "127.0.0.1", "Port": site.server_port, "RequestInterval": 10}
        records = [
            {
                "Name": FLEET,
                "Type": "CNAME",
                "TTL": 3,
                "Failover": role,
                "ResourceRecords": [{"Value": f"{role.lower()}.test."}],
            }
            for role in ("PRIMARY", "SECONDARY")
        ]
        records[0]["HealthCheckId"] = "p"
        servers = [{"Value": "ns-1.awsdns-1.com."}]
        records.append({"Name": "example.com.", "Type": "NS", "TTL": 172800, "ResourceRecords": servers})
        self._told: dict[str, list[dict[str, Any]]] = {
            "list_health_checks": [{"HealthChecks": [{"Id": "p", "HealthCheckConfig": config}]}],
            "list_hosted_zones": [
                {"HostedZones": []},
                {"HostedZones": [{"Id": "/hostedzone/Z", "Name": "example.com."}]},
            ],
            "list_resource_record_sets": [{"ResourceRecordSets": records[:1]}, {"ResourceRecordSets": records[1:]}],
        }
        self._operation = ""

    def client(self, service: str, **_: Any) -> "ControlPlane":
        assert service == "route53"
        return self

    def get_paginator(self, operation: str) -> "ControlPlane":
        self._operation = operation
        return self

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        operation = self._operation
        if self.error:
            self.refused += 1
            raise self.error
        yield from self._told[operation]

    def close(self) -> None:
        pass


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as served:
        yield served


@pytest.fixture
def plane(site: Site, tmp_path: Path) -> ControlPlane:
    return ControlPlane(site, tmp_path)


@pytest.fixture
def route53(plane: ControlPlane) -> Iterator[Route53]:
    emulator: Any = plane
    made = Route53()
    made.start(emulator)
    yield made
    made.stop()


def answers(route53: Route53) -> list[str]:
    """What each name server answers for the fleet's name, nothing if it knows nothing."""
    replies = [ask(FLEET, "CNAME", server) for server in route53.addresses]
    return [reply.answers[0].value if reply.answers else reply.rcode for reply in replies]


def test_the_name_servers_know_nothing_until_somebody_asks_for_it(route53: Route53) -> None:
    assert answers(route53) == ["REFUSED", "REFUSED"]

    with route53.evaluating(0.01):
        assert answers(route53) == ["primary.test.", "primary.test."]


ERRORS = [
    ClientError({"Error": {"Code": "ServiceUnavailable"}}, "ListHealthChecks"),
    EndpointConnectionError(endpoint_url="http://127.0.0.1"),
]


@pytest.mark.parametrize("error", ERRORS)
def test_checkers_and_name_servers_go_on_while_the_control_plane_refuses_every_call(
    route53: Route53, plane: ControlPlane, site: Site, error: Exception
) -> None:
    with route53.evaluating(0.01):
        plane.error = error
        assert until(lambda: plane.refused, 5)

        site.status = 503
        assert until(lambda: answers(route53) == ["secondary.test.", "secondary.test."], 5)
        site.status = 200
        assert until(lambda: answers(route53) == ["primary.test.", "primary.test."], 5)


def test_ten_minutes_pass_at_once_by_a_clock_of_the_tests(route53: Route53, site: Site) -> None:
    now = 0.0

    with route53.stepped(lambda: now) as checkers:
        site.status = 503
        seen = []
        for _ in range(60):
            checkers.step()
            seen.append(answers(route53)[0])
            now += 10

    assert seen == ["primary.test."] * 2 + ["secondary.test."] * 58


def test_what_the_checkers_met_is_left_for_the_emulator_to_tell(route53: Route53, plane: ControlPlane) -> None:
    def left() -> list[dict[str, str]]:
        if not plane.health_check_file.exists():
            return []
        observed: list[dict[str, str]] = json.loads(plane.health_check_file.read_text())["p"]["status"]
        return observed

    with route53.evaluating(0.01):
        assert until(left, 5)

    assert {one["Status"] for one in left()} == {"Success: HTTP Status Code 200, OK"}


def test_zones_name_servers_have_addresses_and_so_has_every_host_that_is_added(route53: Route53) -> None:
    route53.hosts["extra.test."] = "127.0.1.9"

    with route53.evaluating(0.01):
        names = ("ns-1.awsdns-1.com", "extra.test", "x-ats.iot.us-east-1.amazonaws.com")
        found = [ask(name, "A", route53.addresses[0]).answers[0].value for name in names]

    assert found == ["127.0.0.1", "127.0.1.9", "127.0.1.1"]


def test_what_was_begun_with_evaluate_ends_with_stop(plane: ControlPlane) -> None:
    emulator: Any = plane
    route53 = Route53()
    before = set(threading.enumerate())
    route53.start(emulator)
    route53.evaluate(0.01)
    address = route53.addresses[0]

    route53.stop()
    route53.stop()

    assert [thread.name for thread in set(threading.enumerate()) - before if thread.name != "dns"] == []
    with pytest.raises(OSError, match="refused"):
        ask(FLEET, "CNAME", address, tcp=True)


def test_the_product_is_told_where_the_name_servers_are_before_the_emulator_starts() -> None:
    route53 = Route53()

    assert route53.environ() == {"NAME_SERVERS": ",".join(f"{host}:{port}" for host, port in route53.addresses)}
    route53.stop()
