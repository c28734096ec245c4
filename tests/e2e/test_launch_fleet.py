"""A launch with a name of the fleet in the main stack's form: what both Regions have of it, and that it stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lab.operators import operator_environ, toolsrc
from lab.pair import Pair
from lab.progress import QuietProgress
from tests.e2e.commands import iot_dr
from tests.e2e.test_launch import build_variables, launched_stacks

FLEET = "iot.example.com"
SERVERS = "192.0.2.1,192.0.2.2:5353"


@pytest.fixture(scope="module", name="zone_and_pair")
def pair_with_a_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Pair]]:
    with Pair(tmp_path_factory.mktemp("fleet"), QuietProgress()) as pair:
        made = pair.client("route53", pair.primary).create_hosted_zone(Name="example.com", CallerReference="fleet")
        zone = str(made["HostedZone"]["Id"]).rpartition("/")[2]
        chosen = {
            "FleetName": FLEET,
            "HostedZoneId": zone,
            "HealthCheckInterval": "10",
            "FailureThreshold": "2",
            "HealthCheckerRegions": "us-east-1,eu-west-1,sa-east-1",
            "NameServers": SERVERS,
        }
        pair.launch(build=True, choices=chosen)
        yield zone, pair


def outputs(pair: Pair, region: str, stack: str) -> dict[str, str]:
    name = f"{stack}{pair.outputs['StackPostfix']}"
    (found,) = pair.client("cloudformation", region).describe_stacks(StackName=name)["Stacks"]
    return {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}


def check(pair: Pair, check_id: str) -> dict[str, Any]:
    found = pair.client("route53", pair.primary).get_health_check(HealthCheckId=check_id)
    config: dict[str, Any] = found["HealthCheck"]["HealthCheckConfig"]
    return config


def test_both_regions_answer_to_the_name_and_the_secondary_can_empty_the_primarys_record(
    zone_and_pair: tuple[str, Pair],
) -> None:
    zone, pair = zone_and_pair
    primary, secondary = (outputs(pair, region, "R53HealthChecker") for region in (pair.primary, pair.secondary))
    sets = pair.client("route53", pair.primary).list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    records = {one["Failover"]: one for one in sets if one["Name"].rstrip(".") == FLEET}

    assert {role: one["HealthCheckId"] for role, one in records.items()} == {
        "PRIMARY": primary["FleetCheckId"],
        "SECONDARY": secondary["HealthCheckId"],
    }
    assert {one["ResourceRecords"][0]["Value"] for one in records.values()} == {
        pair.device_endpoint(region) for region in (pair.primary, pair.secondary)
    }
    assert check(pair, primary["FleetCheckId"])["ChildHealthChecks"] == [
        primary["HealthCheckId"],
        secondary["DrainsCheckId"],
    ]
    for region in (pair.primary, pair.secondary):
        domains = pair.client("iot", region).list_domain_configurations()["domainConfigurations"]
        assert f"R53HealthChecker{pair.outputs['StackPostfix']}" in {one["domainConfigurationName"] for one in domains}


def test_route_53_asks_as_the_form_says(zone_and_pair: tuple[str, Pair]) -> None:
    _, pair = zone_and_pair
    ids = [outputs(pair, region, "R53HealthChecker")["HealthCheckId"] for region in (pair.primary, pair.secondary)]
    ids.append(outputs(pair, pair.secondary, "R53HealthChecker")["DrainsCheckId"])

    for config in (check(pair, one) for one in ids):
        assert (config["RequestInterval"], config["FailureThreshold"]) == (10, 2)
        assert config["Regions"] == ["us-east-1", "eu-west-1", "sa-east-1"]


def test_the_watch_knows_the_name_and_its_servers_and_how_this_region_proves_itself(
    zone_and_pair: tuple[str, Pair],
) -> None:
    _, pair = zone_and_pair
    names = [one["FunctionName"] for one in pair.client("lambda", pair.secondary).list_functions()["Functions"]]
    (watch,) = [one for one in names if "WatchDomain" in one]
    found = pair.client("lambda", pair.secondary).get_function_configuration(FunctionName=watch)
    variables = found["Environment"]["Variables"]
    secret = pair.client("secretsmanager", pair.secondary).describe_secret(SecretId=variables["PROBE_SECRET_ARN"])

    assert (variables["FLEET_NAME"], variables["NAME_SERVERS"]) == (FLEET, SERVERS)
    assert variables["IOT_ENDPOINT"] == pair.device_endpoint(pair.secondary)
    assert secret["Name"] == f"R53HealthChecker{pair.outputs['StackPostfix']}/probe"
    schedules = pair.client("scheduler", pair.secondary).list_schedules()["Schedules"]
    assert [one for one in schedules if one["Name"].endswith("-WatchSchedule")]


def test_the_operators_tools_know_the_name(zone_and_pair: tuple[str, Pair]) -> None:
    zone, pair = zone_and_pair
    settings = toolsrc(pair)

    assert {name: settings[name] for name in ("FLEET_NAME", "HOSTED_ZONE_ID", "NAME_SERVERS")} == {
        "FLEET_NAME": FLEET,
        "HOSTED_ZONE_ID": zone,
        "NAME_SERVERS": SERVERS,
    }


def test_a_launch_that_is_run_again_without_the_name_keeps_it(zone_and_pair: tuple[str, Pair]) -> None:
    _, pair = zone_and_pair
    before, project = launched_stacks(pair), build_variables(pair)
    named = ("BUCKET_RESOURCES", "SOLUTION_NAME", "VERSION", "PRIMARY_REGION", "SECONDARY_REGION")
    shell = {
        **operator_environ(pair),
        **{name: project[name] for name in named},
        **dict.fromkeys(("FLEET_NAME", "HOSTED_ZONE_ID", "NAME_SERVERS"), ""),
        "STACK_POSTFIX": pair.outputs["StackPostfix"],
        "UUID": pair.outputs["UuidS3Postfix"],
        "CREATE_HEALTH_CHECK": "yes",
    }

    again = iot_dr(pair, "launch", environ=shell)

    assert again.returncode == 0, again.stderr
    assert launched_stacks(pair) == before
    assert toolsrc(pair)["FLEET_NAME"] == FLEET
