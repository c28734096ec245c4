"""What is sent to write a registry: guards, versions and ARNs, against the SDK's stub; tests/contract has the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.stub import Stubber

from iot_dr.aws.registry.writer import IotRegistryWriter
from iot_dr.errors import Conflict
from iot_dr.model.registry.changes import Create, Delete, Update
from iot_dr.model.registry.entities import (
    BillingGroup,
    CertificateStatus,
    Entity,
    Policy,
    Thing,
    ThingGroup,
    ThingPrincipal,
    ThingType,
)
from iot_dr.model.registry.tagging import with_tags
from tests.builders import ACCOUNT, SECONDARY, a_certificate, a_certificate_id, a_policy, iot_arn

STUBBED = ("iot", SECONDARY)
Sent = tuple[str, dict[str, Any], dict[str, Any]]
CERTIFICATE = a_certificate_id("pump-17")
ARN = iot_arn(f"cert/{CERTIFICATE}", SECONDARY)
FOUND = Thing("pump-17", {"site": "north", "old": "1"}, version=7)
VERSIONS = {
    "policyVersions": [{"versionId": str(number), "isDefaultVersion": number == 11} for number in (11, 10, 9, 8, 12)]
}
ROOM: Sent = ("delete_policy_version", {}, {"policyName": "pumps", "policyVersionId": "8"})


def an_update() -> Update:
    return Update(Thing("pump-17", {"site": "south"}), FOUND, "")


@pytest.mark.parametrize(
    ("write", "calls"),
    [
        (
            lambda writer: writer.write(an_update()),
            [
                (
                    "update_thing",
                    {},
                    {
                        "thingName": "pump-17",
                        "attributePayload": {"attributes": {"site": "south"}, "merge": False},
                        "expectedVersion": 7,
                    },
                )
            ],
        ),
        (
            lambda writer: writer.write(Delete(FOUND, "")),
            [("delete_thing", {}, {"thingName": "pump-17", "expectedVersion": 7})],
        ),
        (
            lambda writer: writer.write(Create(a_certificate(status=CertificateStatus.REVOKED), "")),
            [("register_certificate_without_ca", {}, {"certificatePem": "PEM of pump-17", "status": "REVOKED"})],
        ),
        (
            lambda writer: writer.write(Update(a_policy(), a_policy(document="{}"), "")),
            [
                ("list_policy_versions", VERSIONS, {"policyName": "pumps"}),
                ROOM,
                (
                    "create_policy_version",
                    {},
                    {"policyName": "pumps", "policyDocument": a_policy().document, "setAsDefault": True},
                ),
            ],
        ),
        (
            lambda writer: writer.write(Update(ThingGroup("hall", attributes={"floor": "1"}), ThingGroup("hall"), "")),
            [
                (
                    "update_thing_group",
                    {"version": 2},
                    {
                        "thingGroupName": "hall",
                        "thingGroupProperties": {
                            "thingGroupDescription": "",
                            "attributePayload": {"attributes": {"floor": "1"}},
                        },
                        "expectedVersion": ThingGroup("hall").version,
                    },
                )
            ],
        ),
        (
            lambda writer: writer.write(Delete(ThingPrincipal("pump-17", CERTIFICATE), "")),
            [("detach_thing_principal", {}, {"thingName": "pump-17", "principal": ARN})],
        ),
    ],
    ids=["update-thing", "delete-thing", "register", "policy-version", "update-group", "detach"],
)
def test_a_write_is_sent_with_its_guard_and_the_regions_own_names(
    stub: Stubber, write: Callable[[IotRegistryWriter], None], calls: list[Sent]
) -> None:
    for operation, answer, expected in calls:
        stub.add_response(operation, answer, expected)

    write(IotRegistryWriter(stub.client, SECONDARY, ACCOUNT))


def test_a_thing_that_got_a_certificate_since_it_was_read_is_read_again(stub: Stubber) -> None:
    stub.add_client_error("delete_thing", "InvalidRequestException", "has principals attached", 400)

    with pytest.raises(Conflict):
        IotRegistryWriter(stub.client, SECONDARY, ACCOUNT).write(Delete(FOUND, ""))


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
