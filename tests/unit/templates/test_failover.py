"""The secondary Region's own way to the lead: the functions, their rights and their schedule."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from iot_dr.aws.failover import control, fence
from templates.blocks import leadership
from tests.unit.templates.resolving import ACCOUNT, PARAMETERS, POSTFIX, PRIMARY, SECONDARY
from tests.unit.templates.stacks import Stack, make_stacks

FUNCTIONS = ("FailOver", "WatchDomain")
CONTROL_TABLE = f"arn:aws:dynamodb:{SECONDARY}:{ACCOUNT}:table/{PARAMETERS['GlobalTableName']}"


@pytest.fixture(name="secondary")
def secondary_stack(stacks: dict[str, Stack]) -> Stack:
    return stacks["secondary"]


def held_to(key: str) -> dict[str, Any]:
    return {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [key]}}


def test_the_templates_name_the_items_by_the_keys_that_the_code_has() -> None:
    assert (leadership.CONTROL_ITEM, leadership.FENCE) == (control.RESOURCE, fence.RESOURCE)
    assert leadership.CANARY_ITEM == control.CANARY


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_lead_is_taken_with_two_items_of_this_region_and_no_other_right(function: str, secondary: Stack) -> None:
    statements = {one["Sid"]: one for one in secondary.statements(f"{function}Role")}

    assert statements.keys() == {"WriteOwnLog", "Order", "MoveFence", "ReadSecrets"}
    for sid, table, key in (
        ("Order", CONTROL_TABLE, "iot-dr#control"),
        ("MoveFence", secondary.resolve.arn("LedgerTable"), "iot-dr#fence"),
    ):
        assert statements[sid]["Action"] == ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"]
        assert statements[sid]["Resource"] == [table]
        assert statements[sid]["Condition"] == held_to(key)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_certificate_of_this_regions_health_checker_is_read_and_no_other_secret(
    function: str, stacks: dict[str, Stack]
) -> None:
    secondary = stacks["secondary"]
    (reading,) = [one for one in secondary.statements(f"{function}Role") if one["Sid"] == "ReadSecrets"]
    secret = stacks["health checker"].properties("ProbeSecret")["Name"]
    variables = secondary.properties(f"{function}Function")["Environment"]["Variables"]

    assert reading["Resource"] == [f"arn:aws:secretsmanager:{SECONDARY}:{ACCOUNT}:secret:{secret}-??????"]
    assert variables["PROBE_SECRET_ARN"] == secret == f"R53HealthChecker{POSTFIX}/probe"


def test_both_functions_know_the_same(secondary: Stack) -> None:
    variables = [secondary.properties(f"{one}Function")["Environment"]["Variables"] for one in FUNCTIONS]

    services = [one.pop("POWERTOOLS_SERVICE_NAME") for one in variables]
    assert services == ["fail_over", "watch_domain"]
    assert variables[0] == variables[1]
    assert variables[0]["PRIMARY_REGION"] == PRIMARY
    assert variables[0]["CONTROL_TABLE"] == PARAMETERS["GlobalTableName"]


def test_without_a_health_checker_no_secret_is_named() -> None:
    secondary = make_stacks({"HealthCheckerStack": ""})["secondary"]

    assert secondary.properties("WatchDomainFunction")["Environment"]["Variables"]["PROBE_SECRET_ARN"] == ""


@pytest.mark.parametrize(("name", "watched"), [("", False), ("iot.example.com", True)])
def test_the_watch_looks_once_a_minute_if_the_fleet_has_a_name(name: str, watched: bool) -> None:
    secondary = make_stacks({"FleetName": name, "NameServers": "192.0.2.1:53"})["secondary"]
    schedule = secondary.template["Resources"]["WatchSchedule"]

    assert secondary.resolve.holds(schedule["Condition"]) is watched
    assert schedule["Properties"]["ScheduleExpression"] == "rate(1 minute)"
    assert secondary.properties("WatchSchedule")["Target"]["Arn"] == secondary.resolve.arn("WatchDomainFunction")
    variables = secondary.properties("WatchDomainFunction")["Environment"]["Variables"]
    assert (variables["FLEET_NAME"], variables["NAME_SERVERS"]) == (name, "192.0.2.1:53")


def test_a_look_that_failed_is_left_to_the_next_one(secondary: Stack) -> None:
    once = secondary.properties("WatchCalledOnce")

    assert once["FunctionName"] == secondary.resolve.name("WatchDomainFunction")
    assert once["MaximumRetryAttempts"] == 0


def test_a_failover_can_be_ordered_without_a_name(secondary: Stack) -> None:
    assert "Condition" not in secondary.template["Resources"]["FailOverFunction"]
    output = secondary.template["Outputs"]["FailOverFunctionName"]
    assert secondary.resolve(output["Value"]) == secondary.resolve.name("FailOverFunction")


@pytest.mark.parametrize(
    ("role", "sid", "actions"),
    [
        ("ReplicateResourceRole", "ReadControl", {"BatchGetItem", "GetItem"}),
        ("ReplicateShadowsRole", "ReadControl", {"BatchGetItem", "GetItem"}),
        ("SweepRegistryRole", "ReadControl", {"BatchGetItem", "GetItem"}),
        ("StartReplicationRole", "KeepOrder", {"BatchGetItem", "GetItem", "UpdateItem"}),
    ],
)
def test_who_writes_here_reads_the_control_item_and_nothing_else_of_its_table(
    role: str, sid: str, actions: set[str], secondary: Stack
) -> None:
    (reading,) = [one for one in secondary.statements(role) if one["Sid"] == sid]
    on_table = [one for one in secondary.statements(role) if CONTROL_TABLE in one["Resource"]]

    assert on_table == [reading]
    assert set(reading["Action"]) == {f"dynamodb:{action}" for action in actions}
    assert reading["Condition"] == held_to("iot-dr#control")


def test_the_sweep_compares_the_control_item_with_the_primarys_and_reads_nothing_else_there(secondary: Stack) -> None:
    (reading,) = [one for one in secondary.statements("SweepRegistryRole") if one["Sid"] == "CompareControl"]

    assert reading["Resource"] == [CONTROL_TABLE.replace(SECONDARY, PRIMARY)]
    assert reading["Action"] == ["dynamodb:GetItem"]
    assert reading["Condition"] == held_to("iot-dr#control")


def test_the_trigger_moves_the_fence_and_nothing_else_of_the_ledger(secondary: Stack) -> None:
    ledger = secondary.resolve.arn("LedgerTable")
    (moving,) = [one for one in secondary.statements("StartReplicationRole") if ledger in one["Resource"]]

    assert moving["Condition"] == held_to("iot-dr#fence")
    assert set(moving["Action"]) == {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"}


@pytest.mark.parametrize("function", ["ReplicateResource", "ReplicateShadows", "SweepRegistry", "StartReplication"])
def test_who_writes_here_knows_where_both_items_are(function: str, secondary: Stack) -> None:
    variables = secondary.properties(f"{function}Function")["Environment"]["Variables"]

    assert variables["CONTROL_TABLE"] == PARAMETERS["GlobalTableName"]
    assert variables["LEDGER_TABLE"] == secondary.resolve.name("LedgerTable")
    assert variables["PRIMARY_REGION"] == PRIMARY


def test_the_registrys_mapping_passes_orders_of_either_region_too(secondary: Stack) -> None:
    _, orders = (
        json.loads(one["Pattern"]) for one in secondary.properties("RegistryEventMapping")["FilterCriteria"]["Filters"]
    )

    assert orders == {
        "eventName": ["INSERT", "MODIFY"],
        "dynamodb": {"Keys": {"resource": {"S": [control.RESOURCE]}}},
    }


@pytest.mark.parametrize(
    ("servers", "admitted"),
    [
        ("", True),
        ("ns-1.awsdns-01.org", True),
        ("ns-1.awsdns-01.org,192.0.2.1:5353", True),
        ("ns-1.awsdns-01.org, ns-2.awsdns-01.org", False),
        ("192.0.2.1:", False),
        ("a;b", False),
    ],
)
def test_name_servers_are_hosts_with_or_without_a_port(servers: str, admitted: bool, stacks: dict[str, Stack]) -> None:
    for stack in ("main", "secondary"):
        pattern = stacks[stack].template["Parameters"]["NameServers"]["AllowedPattern"]
        assert bool(re.fullmatch(pattern, servers)) is admitted
