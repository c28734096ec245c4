"""What is sent to write the tags of a registry, against the SDK's stub; tests/contract has all other calls."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import Stubber

from iot_dr.aws.registry.writer import IotRegistryWriter
from iot_dr.model.registry.changes import Create, Update
from iot_dr.model.registry.entities import (
    BillingGroup,
    Entity,
    Policy,
    ThingGroup,
    ThingType,
)
from iot_dr.model.registry.tagging import with_tags
from tests.builders import ACCOUNT, SECONDARY, iot_arn

STUBBED = ("iot", SECONDARY)
TAGS = [{"Key": "cost", "Value": "1"}, {"Key": "team", "Value": "red"}]
TAGGED = {"team": "red", "cost": "1"}


@pytest.mark.parametrize(
    ("made", "operation", "expected"),
    [
        (ThingType("a", tags=TAGGED), "create_thing_type", {"thingTypeName": "a", "thingTypeProperties": {}}),
        (Policy("a", "{}", tags=TAGGED), "create_policy", {"policyName": "a", "policyDocument": "{}"}),
        (
            BillingGroup("a", tags=TAGGED),
            "create_billing_group",
            {"billingGroupName": "a", "billingGroupProperties": {"billingGroupDescription": ""}},
        ),
        (
            ThingGroup("a", tags=TAGGED),
            "create_thing_group",
            {
                "thingGroupName": "a",
                "thingGroupProperties": {"thingGroupDescription": "", "attributePayload": {"attributes": {}}},
            },
        ),
        (
            ThingGroup("a", query="q", tags=TAGGED),
            "create_dynamic_thing_group",
            {
                "thingGroupName": "a",
                "thingGroupProperties": {"thingGroupDescription": "", "attributePayload": {"attributes": {}}},
                "queryString": "q",
            },
        ),
    ],
    ids=["type", "policy", "billing-group", "group", "dynamic-group"],
)
def test_what_has_tags_is_made_with_them_by_one_call(
    stub: Stubber, made: Entity, operation: str, expected: dict[str, Any]
) -> None:
    stub.add_response(operation, {}, {**expected, "tags": TAGS})

    IotRegistryWriter(stub.client, SECONDARY, ACCOUNT).write(Create(made, ""))


@pytest.mark.parametrize(
    ("entity", "arn"),
    [
        (ThingType("a"), "thingtype/a"),
        (Policy("a", "{}"), "policy/a"),
        (BillingGroup("a"), "billinggroup/a"),
        (ThingGroup("a"), "thinggroup/a"),
        (ThingGroup("a", query="q"), "thinggroup/a"),
    ],
    ids=["type", "policy", "billing-group", "group", "dynamic-group"],
)
def test_where_tags_alone_differ_they_alone_are_written_and_what_goes_makes_room_first(
    stub: Stubber, entity: Entity, arn: str
) -> None:
    wanted, found = with_tags(entity, TAGGED), with_tags(entity, {"team": "blue", "cost": "1", "old": "", "older": ""})
    resource = iot_arn(arn, SECONDARY)
    stub.add_response("untag_resource", {}, {"resourceArn": resource, "tagKeys": ["old", "older"]})
    stub.add_response("tag_resource", {}, {"resourceArn": resource, "tags": [{"Key": "team", "Value": "red"}]})

    IotRegistryWriter(stub.client, SECONDARY, ACCOUNT).write(Update(wanted, found, ""))


@pytest.mark.parametrize("tags", [None, {}])
def test_nothing_is_made_with_tags_that_are_not_known_or_none(stub: Stubber, tags: dict[str, str] | None) -> None:
    stub.add_response("create_policy", {}, {"policyName": "a", "policyDocument": "{}"})

    IotRegistryWriter(stub.client, SECONDARY, ACCOUNT).write(Create(Policy("a", "{}", tags=tags), ""))
