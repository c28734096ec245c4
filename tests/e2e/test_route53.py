"""Route 53 in the lab: an endpoint goes dark, and every name server answers the other Region.

The emulator is one of its own without the product: these tests are about the test bed.
"""

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dns.resolver
import pytest

from lab.pair import Pair
from lab.progress import QuietProgress
from lab.route53.checkers import HealthCheckers
from lab.route53.name_servers import ask
from lab.waiting import until
from tests.e2e.corrections.making import Aws, make_function, make_stack
from tests.http_site import Site, serving

SCALE = 0.1
INTERVAL = 10
FLIP_SECONDS = 4 * INTERVAL * SCALE
PRIMARY_TARGET, SECONDARY_TARGET = "p-ats.iot.us-east-1.amazonaws.com.", "s-ats.iot.us-west-2.amazonaws.com."
ADDRESSES = {PRIMARY_TARGET: "127.0.1.1", SECONDARY_TARGET: "127.0.1.2"}


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both Regions without the product, and the health checkers at work."""
    with Pair(tmp_path_factory.mktemp("route53"), QuietProgress()) as pair, pair.route53.evaluating(SCALE):
        yield pair


@pytest.fixture
def checkers(bare: Pair) -> Iterator[HealthCheckers]:
    yield bare.route53.checkers
    for region in (bare.primary, bare.secondary):
        bare.route53.checkers.show(region)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as served:
        yield served


other = site
"""A second endpoint."""


@dataclass
class Fleet:
    """A name with a failover record for each Region."""

    pair: Pair
    zone_id: str
    name: str

    def answered(self) -> list[str]:
        """What each name server answers for the name."""
        return [ask(self.name, "CNAME", server).answers[0].value for server in self.pair.route53.addresses]

    def served(self) -> None:
        """Wait until the name servers have read the zone."""

        def known() -> bool:
            return all(ask(self.name, "CNAME", server).answers for server in self.pair.route53.addresses)

        assert until(known, 10)

    def flips_to(self, target: str, seconds: float = FLIP_SECONDS) -> bool:
        """Whether every name server answers a target in time."""
        return until(lambda: set(self.answered()) == {target}, seconds)

    def resolved(self) -> tuple[str, str]:
        """Target and address, as a client finds them that knows the name servers alone."""
        host, _, port = self.pair.route53.dns.partition(":")
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = [host], int(port)
        found = resolver.resolve(self.name, "A")
        return found.canonical_name.to_text(), found[0].to_text()


def check_of(site: Site, **more: Any) -> dict[str, Any]:
    return {
        "Type": "HTTP",
        "IPAddress": "127.0.0.1",
        "Port": site.server_port,
        "RequestInterval": INTERVAL,
        "FailureThreshold": 3,
        **more,
    }


def make_check(pair: Pair, config: dict[str, Any]) -> str:
    made = pair.client("route53").create_health_check(CallerReference=uuid.uuid4().hex, HealthCheckConfig=config)
    return str(made["HealthCheck"]["Id"])


def make_zone(pair: Pair) -> tuple[str, str]:
    name = f"{uuid.uuid4().hex}.test."
    made = pair.client("route53").create_hosted_zone(Name=name, CallerReference=uuid.uuid4().hex)
    return str(made["HostedZone"]["Id"]).rpartition("/")[2], name


def record(name: str, role: str, check_id: Any) -> dict[str, Any]:
    target = PRIMARY_TARGET if role == "PRIMARY" else SECONDARY_TARGET
    return {
        "Name": name,
        "Type": "CNAME",
        "SetIdentifier": role.lower(),
        "Failover": role,
        "HealthCheckId": check_id,
        "TTL": 3,
        "ResourceRecords": [{"Value": target}],
    }


def make_fleet(pair: Pair, primary_check: str, secondary_check: str) -> Fleet:
    zone_id, zone = make_zone(pair)
    name = f"fleet.{zone}"
    records = (record(name, "PRIMARY", primary_check), record(name, "SECONDARY", secondary_check))
    pair.client("route53").change_resource_record_sets(
        HostedZoneId=zone_id,
        ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": one} for one in records]},
    )
    fleet = Fleet(pair, zone_id, name)
    fleet.served()
    return fleet


def test_every_name_server_answers_the_secondary_within_four_intervals_of_darkness_and_the_primary_again_after(
    bare: Pair, checkers: HealthCheckers, site: Site, other: Site
) -> None:
    fleet = make_fleet(bare, make_check(bare, check_of(site)), make_check(bare, check_of(other)))
    assert until(lambda: site.asked, 5)
    assert fleet.flips_to(PRIMARY_TARGET)
    assert fleet.resolved() == (PRIMARY_TARGET, "127.0.1.1")

    site.dark, begun, asked = True, time.monotonic(), len(site.asked)
    assert fleet.flips_to(SECONDARY_TARGET)
    assert time.monotonic() - begun <= FLIP_SECONDS
    assert 3 <= len(site.asked) - asked <= 4
    assert fleet.resolved() == (SECONDARY_TARGET, "127.0.1.2")

    site.dark, begun = False, time.monotonic()
    assert fleet.flips_to(PRIMARY_TARGET)
    assert time.monotonic() - begun >= 2 * INTERVAL * SCALE


def failover_stack(zone_id: str, name: str, checks: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Resources of a stack: the secondary's word is counted against the primary's check, as an inverted child."""
    primary, drains, secondary = checks["Primary"], {**checks["Drains"], "Inverted": True}, checks["Secondary"]
    children = [{"Ref": "Primary"}, {"Ref": "Drains"}]
    configs = {
        "Primary": primary,
        "Drains": drains,
        "Secondary": secondary,
        "Both": {"Type": "CALCULATED", "ChildHealthChecks": children, "HealthThreshold": 2},
    }

    def in_template(role: str, check: str) -> dict[str, Any]:
        told = record(name, role, {"Ref": check})
        values = [one["Value"] for one in told["ResourceRecords"]]
        return {"HostedZoneId": zone_id, **told, "TTL": str(told["TTL"]), "ResourceRecords": values}

    resources = {
        check: {"Type": "AWS::Route53::HealthCheck", "Properties": {"HealthCheckConfig": config}}
        for check, config in configs.items()
    }
    records = {
        f"{role}Record": {"Type": "AWS::Route53::RecordSet", "Properties": in_template(role, check)}
        for role, check in (("PRIMARY", "Both"), ("SECONDARY", "Secondary"))
    }
    return resources | records


def test_a_stack_whose_secondary_has_a_veto_fails_over_by_the_secondarys_word_alone(
    bare: Pair, checkers: HealthCheckers, site: Site, other: Site
) -> None:
    drains = other
    drains.dark = True  # the secondary does not say that the primary is drained
    zone_id, zone = make_zone(bare)
    fleet = Fleet(bare, zone_id, f"fleet.{zone}")
    checks = {"Primary": check_of(site), "Drains": check_of(drains), "Secondary": check_of(site)}
    stack = make_stack(Aws(bare.emulator), failover_stack(zone_id, fleet.name, checks))
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack
    fleet.served()
    assert until(lambda: len(drains.asked) >= 3, 10)
    assert fleet.flips_to(PRIMARY_TARGET)

    drains.dark = False
    assert fleet.flips_to(SECONDARY_TARGET)

    drains.dark = True
    assert fleet.flips_to(PRIMARY_TARGET)


ANSWERING = """
def handler(event, context):
    return {"statusCode": 200, "body": "{}"}
"""


def api_host(pair: Pair, region: str) -> str:
    """The host of an HTTP API in a Region whose function answers 200 to everything."""
    gateway = pair.client("apigatewayv2", region)
    api: str = gateway.create_api(Name=uuid.uuid4().hex, ProtocolType="HTTP")["ApiId"]
    integration = gateway.create_integration(
        ApiId=api,
        IntegrationType="AWS_PROXY",
        IntegrationUri=make_function(Aws(pair.emulator), ANSWERING),
        PayloadFormatVersion="2.0",
    )
    gateway.create_route(ApiId=api, RouteKey="GET /health", Target=f"integrations/{integration['IntegrationId']}")
    gateway.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    return f"{api}.execute-api.{region}.amazonaws.com"


def test_an_api_of_a_region_is_asked_over_tls_and_its_status_is_told(bare: Pair, checkers: HealthCheckers) -> None:
    config: dict[str, Any] = {
        "Type": "HTTPS",
        "FullyQualifiedDomainName": api_host(bare, bare.primary),
        "ResourcePath": "/health",
        "RequestInterval": INTERVAL,
        "FailureThreshold": 3,
        "Regions": ["us-east-1", "us-west-1", "eu-west-1"],
    }
    check_id, route53 = make_check(bare, config), bare.client("route53")

    def statuses() -> dict[str, str]:
        told = route53.get_health_check_status(HealthCheckId=check_id)["HealthCheckObservations"]
        return {one["Region"]: one["StatusReport"]["Status"] for one in told}

    answered = dict.fromkeys(config["Regions"], "Success: HTTP Status Code 200, OK")
    assert until(lambda: statuses() == answered, 20), statuses()

    checkers.hide(bare.primary, ["us-east-1", "us-west-1"])
    assert until(lambda: sum(status.startswith("Failure") for status in statuses().values()) == 2, 5)
    # One of three is more than 18 %.
    assert not until(lambda: not checkers.is_healthy(check_id), FLIP_SECONDS)
    checkers.hide(bare.primary)
    assert until(lambda: not checkers.is_healthy(check_id), FLIP_SECONDS)


def test_a_client_behind_a_stale_resolver_stays_and_moves_when_the_lie_is_over(
    bare: Pair, checkers: HealthCheckers, site: Site, other: Site
) -> None:
    fleet = make_fleet(bare, make_check(bare, check_of(site)), make_check(bare, check_of(other)))
    assert fleet.flips_to(PRIMARY_TARGET)
    now = 0.0
    resolver = bare.route53.resolver(clock=lambda: now)
    assert resolver.address(fleet.name) == ADDRESSES[PRIMARY_TARGET]
    resolver.stale_for(300)

    site.dark = True
    assert fleet.flips_to(SECONDARY_TARGET)

    now = 299.0
    assert resolver.address(fleet.name) == ADDRESSES[PRIMARY_TARGET]
    now = 300.0
    assert resolver.address(fleet.name) == ADDRESSES[SECONDARY_TARGET]


def test_a_name_server_that_a_change_has_not_reached_answers_as_before(
    bare: Pair, checkers: HealthCheckers, site: Site, other: Site
) -> None:
    fleet = make_fleet(bare, make_check(bare, check_of(site)), make_check(bare, check_of(other)))
    assert fleet.flips_to(PRIMARY_TARGET)
    late = bare.route53.name_servers[1]
    late.freeze()
    try:
        site.dark = True
        assert until(lambda: fleet.answered() == [SECONDARY_TARGET, PRIMARY_TARGET], FLIP_SECONDS)
    finally:
        late.thaw()
    assert fleet.answered() == [SECONDARY_TARGET, SECONDARY_TARGET]


def test_the_zone_tells_its_name_servers_and_they_have_addresses(bare: Pair) -> None:
    zone_id, zone = make_zone(bare)
    told = bare.client("route53").get_hosted_zone(Id=zone_id)["DelegationSet"]["NameServers"]
    server = bare.route53.addresses[0]
    assert until(lambda: ask(zone, "NS", server).answers, 10)

    names = [one.value for one in ask(zone, "NS", server).answers]

    assert sorted(name.rstrip(".") for name in names) == sorted(name.rstrip(".") for name in told)
    assert {ask(name, "A", server).answers[0].value for name in names} == {"127.0.0.1"}
    assert [one.type for one in ask(zone, "SOA", server).answers] == ["SOA"]


TELLING = """
import os

def handler(event, context):
    return os.environ.get("NAME_SERVERS")
"""


def test_a_function_is_told_where_the_name_servers_are(bare: Pair) -> None:
    answer = bare.client("lambda").invoke(FunctionName=make_function(Aws(bare.emulator), TELLING))

    told = json.loads(answer["Payload"].read())

    assert told == ",".join(f"{host}:{port}" for host, port in bare.route53.addresses)
