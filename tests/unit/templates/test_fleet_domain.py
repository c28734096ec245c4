"""The fleet's name in both Regions: which of domain, certificate, checks and record is made where."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from templates import fleet_domain
from tests.unit.templates.resolving import ACCOUNT, POSTFIX, PRIMARY, SECONDARY, Resolver
from tests.unit.templates.stacks import Stack

NAME, ZONE, DRAINS = "iot.example.com", "Z0123456789ABCDEFGHIJ", "11111111-2222-3333-4444-555555555555"
FLEET = {"FleetName": NAME, "HostedZoneId": ZONE}
EVERYWHERE = {"FleetCertificate", "FleetCertificateAlarm", "FleetDomain"}
OF_FLEET = EVERYWHERE | {"DrainsCheck", "FleetCheck", "PrimaryRecord", "SecondaryRecord"}


def deployed(stacks: Mapping[str, Stack], region: str, **chosen: Any) -> Stack:
    """Return the health checker's stack in a Region with some parameters."""
    checker = stacks["health checker"]
    resolve = Resolver(checker.template, f"R53HealthChecker{POSTFIX}", region, {**FLEET, **chosen})
    return Stack(checker.name, checker.text, checker.template, resolve)


def made(stack: Stack, section: str = "Resources") -> set[str]:
    """Return what is made beside what each health checker has."""
    found = stack.template[section].items()
    return {name for name, one in found if "Condition" in one and stack.resolve.holds(one["Condition"])} - {
        "UseKeyPolicy"
    }


def config(stack: Stack, check: str) -> dict[str, Any]:
    found: dict[str, Any] = stack.properties(check)["HealthCheckConfig"]
    return found


@pytest.mark.parametrize("region", [PRIMARY, SECONDARY])
def test_without_a_name_nothing_of_a_fleet_is_made(region: str, stacks: dict[str, Stack]) -> None:
    stack = deployed(stacks, region, FleetName="", HostedZoneId="", SecondaryDrainsCheckId=DRAINS)

    assert made(stack) == made(stack, "Outputs") == set()


def test_without_a_name_the_health_check_is_what_it_was_before_there_was_a_choice(stacks: dict[str, Stack]) -> None:
    assert config(stacks["health checker"], "HealthCheck") == {
        "Type": "HTTPS",
        "FullyQualifiedDomainName": f"{stacks['health checker'].resolve.name('HealthApi')}.execute-api.{PRIMARY}."
        "amazonaws.com",
        "Port": 443,
        "EnableSNI": True,
        "ResourcePath": config(stacks["health checker"], "HealthCheck")["ResourcePath"],
        "RequestInterval": 30,
        "FailureThreshold": 3,
    }


def test_each_region_makes_its_own_part_of_the_name(stacks: dict[str, Stack]) -> None:
    primary, secondary = deployed(stacks, PRIMARY, SecondaryDrainsCheckId=DRAINS), deployed(stacks, SECONDARY)

    assert made(primary) == EVERYWHERE | {"FleetCheck", "PrimaryRecord"}
    assert made(secondary) == EVERYWHERE | {"DrainsCheck", "SecondaryRecord"}
    common = {"FleetName", "HostedZoneId", "RecordTarget", "DomainConfigurationName"}
    assert made(primary, "Outputs") == common | {"FleetCheckId"}
    assert made(secondary, "Outputs") == common | {"DrainsCheckId"}


def test_all_that_belongs_to_a_fleet_has_a_condition(stacks: dict[str, Stack]) -> None:
    resources = stacks["health checker"].template["Resources"]

    assert {name for name, one in resources.items() if "Condition" in one} == OF_FLEET | {"UseKeyPolicy"}


def test_the_primary_has_no_record_before_the_secondary_can_drain_it(stacks: dict[str, Stack]) -> None:
    assert made(deployed(stacks, PRIMARY)) == EVERYWHERE


@pytest.mark.parametrize(("given", "watched"), [({}, "FleetCertificate"), ({"FleetCertificateArn": "arn:own"}, "")])
def test_an_alarm_rings_a_month_before_the_names_certificate_expires(
    given: dict[str, str], watched: str, stacks: dict[str, Stack]
) -> None:
    stack = deployed(stacks, SECONDARY, **given)
    alarm = stack.properties("FleetCertificateAlarm")

    assert (alarm["MetricName"], alarm["ComparisonOperator"], alarm["Threshold"]) == (
        "DaysToExpiry",
        "LessThanThreshold",
        30,
    )
    assert alarm["Dimensions"][0]["Value"] == (stack.resolve.name(watched) if watched else "arn:own")


def test_the_drains_check_asks_the_secret_path_and_is_inverted(stacks: dict[str, Stack]) -> None:
    stack = deployed(stacks, SECONDARY, HealthCheckInterval=10, FailureThreshold=1)
    drains, health = config(stack, "DrainsCheck"), config(stack, "HealthCheck")

    assert drains.pop("Inverted") is True
    assert drains.pop("ResourcePath") == health.pop("ResourcePath").replace("/health/", "/drains/")
    assert drains == health
    assert (health["RequestInterval"], health["FailureThreshold"]) == (10, 1)


def test_the_primary_counts_as_healthy_only_if_it_is_well_and_not_drained(stacks: dict[str, Stack]) -> None:
    stack = deployed(stacks, PRIMARY, SecondaryDrainsCheckId=DRAINS)

    assert config(stack, "FleetCheck") == {
        "Type": "CALCULATED",
        "ChildHealthChecks": [stack.resolve.name("HealthCheck"), DRAINS],
        "HealthThreshold": 2,
    }


@pytest.mark.parametrize(
    ("region", "title", "role", "check"),
    [(PRIMARY, "PrimaryRecord", "PRIMARY", "FleetCheck"), (SECONDARY, "SecondaryRecord", "SECONDARY", "HealthCheck")],
)
def test_each_region_has_a_failover_record_that_leads_to_its_endpoint(
    region: str, title: str, role: str, check: str, stacks: dict[str, Stack]
) -> None:
    stack = deployed(stacks, region, RecordTtl=3)

    assert stack.properties(title) == {
        "HostedZoneId": ZONE,
        "Name": NAME,
        "Type": "CNAME",
        "TTL": 3,
        "SetIdentifier": region,
        "Failover": role,
        "HealthCheckId": stack.resolve.name(check),
        "ResourceRecords": ["Probe.Endpoint"],
    }


def test_a_record_is_kept_for_half_a_minute_unless_somebody_says_otherwise(stacks: dict[str, Stack]) -> None:
    assert deployed(stacks, SECONDARY).properties("SecondaryRecord")["TTL"] == 30


def test_the_domain_is_served_with_the_certificate_that_is_named(stacks: dict[str, Stack]) -> None:
    certificate = f"arn:aws:acm:{SECONDARY}:{ACCOUNT}:certificate/1a2b"
    stack = deployed(stacks, SECONDARY, FleetCertificateArn=certificate)

    assert "FleetCertificate" not in made(stack)
    assert stack.properties("FleetDomain") == {
        "DomainConfigurationName": f"R53HealthChecker{POSTFIX}",
        "DomainConfigurationStatus": "ENABLED",
        "DomainName": NAME,
        "ServerCertificateArns": [certificate],
        "ServiceType": "DATA",
    }


def test_without_a_certificate_one_is_made_and_validated_in_the_zone(stacks: dict[str, Stack]) -> None:
    stack = deployed(stacks, PRIMARY)

    assert stack.properties("FleetDomain")["ServerCertificateArns"] == [stack.resolve.name("FleetCertificate")]
    assert stack.properties("FleetCertificate") == {
        "DomainName": NAME,
        "ValidationMethod": "DNS",
        "DomainValidationOptions": [{"DomainName": NAME, "HostedZoneId": ZONE}],
    }


def test_route_53_checks_from_the_regions_that_are_named(stacks: dict[str, Stack]) -> None:
    stack = deployed(stacks, SECONDARY, HealthCheckerRegions="us-east-1,eu-west-1,sa-east-1")

    for check in ("HealthCheck", "DrainsCheck"):
        assert config(stack, check)["Regions"] == ["us-east-1", "eu-west-1", "sa-east-1"]


@pytest.mark.parametrize(
    ("regions", "admitted"),
    [
        ("", True),
        ("us-east-1,eu-west-1,sa-east-1", True),
        (",".join(fleet_domain.ALL_CHECKERS), True),
        ("us-east-1,eu-west-1", False),
        ("us-east-1, eu-west-1, sa-east-1", False),
        ("us-east-1,eu-west-1,eu-central-1", False),
        (",".join([*fleet_domain.ALL_CHECKERS, "us-east-1"]), False),
    ],
)
def test_route_53_checks_from_at_least_three_of_its_eight_regions(
    regions: str, admitted: bool, stacks: dict[str, Stack]
) -> None:
    for stack in ("main", "health checker"):
        pattern = stacks[stack].template["Parameters"]["HealthCheckerRegions"]["AllowedPattern"]
        assert bool(re.fullmatch(pattern, regions)) is admitted


@pytest.mark.parametrize(
    ("name", "admitted"),
    [
        ("", True),
        ("iot.example.com", True),
        ("a-1.b.example.co", True),
        ("example.com", False),
        ("iot.example.com.", False),
        ("Iot.example.com", False),
        ("*.example.com", False),
        ("iot_1.example.com", False),
        ("-iot.example.com", False),
        ("https://iot.example.com", False),
    ],
)
def test_a_fleets_name_is_a_host_in_lower_case_below_a_domain(
    name: str, admitted: bool, stacks: dict[str, Stack]
) -> None:
    for stack in ("main", "health checker", "secondary"):
        pattern = stacks[stack].template["Parameters"]["FleetName"]["AllowedPattern"]
        assert bool(re.fullmatch(pattern, name)) is admitted


@pytest.mark.parametrize(
    ("stack", "chosen", "refused"),
    [
        (stack, chosen, refused)
        for stack in ("main", "health checker")
        for chosen, refused in (({}, False), (FLEET, False), ({**FLEET, "HostedZoneId": ""}, True))
    ],
)
def test_a_name_without_a_zone_is_refused_before_anything_is_made(
    stack: str, chosen: dict[str, str], refused: bool, stacks: dict[str, Stack]
) -> None:
    template = stacks[stack].template
    (assertion,) = template["Rules"]["FleetNeedsHostedZone"]["Assertions"]

    assert Resolver(template, stack, PRIMARY, chosen)(assertion["Assert"]) is not refused


def test_answers_that_are_right_do_not_count_as_strangers(stacks: dict[str, Stack]) -> None:
    checkers, slowest = 16, 10  # the most checkers that ask, and the seconds between two questions of one
    primary, secondary = (
        deployed(stacks, region, SecondaryDrainsCheckId=DRAINS).properties("HealthStrangersAlarm")["Threshold"]
        for region in (PRIMARY, SECONDARY)
    )

    assert primary == 60
    assert secondary >= primary + checkers * 60 / slowest


def test_no_secret_stands_in_an_output(stacks: dict[str, Stack]) -> None:
    assert "resolve:" not in json.dumps(deployed(stacks, SECONDARY).template["Outputs"])
