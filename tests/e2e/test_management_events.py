"""What raises no registry event crosses promptly where a trail of CloudTrail tells of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lab.fleet import Device, Fleet, device_policy
from lab.pair import Pair
from lab.waiting import until
from tests.e2e.observing import (
    SECONDS,
    Ledger,
    await_quiet,
    certificate_status,
    certificates_of,
    exists,
    is_whole,
    policies_of,
    policies_of_target,
    tags_of,
    thing,
)

PROMPTLY = 5.0
"""Seconds: far below the period of the sweep, which would find it too."""


@pytest.fixture(scope="module", autouse=True)
def trail(pair: Pair) -> Iterator[None]:
    """A trail in the primary Region, as long as these tests run."""
    name, trails = "management-events", pair.client("cloudtrail", pair.primary)
    pair.client("s3", pair.primary).create_bucket(Bucket=name)
    trails.create_trail(Name=name, S3BucketName=name)
    trails.start_logging(Name=name)
    yield
    trails.delete_trail(Name=name)


@pytest.fixture
def device(pair: Pair, fleet: Fleet, name: str, ledger: Ledger) -> Device:
    """A device that the product has finished checking, so that only a new event makes it check again."""
    device = fleet.provision(name, attributes={"site": "north"})
    assert until(lambda: is_whole(pair, device), SECONDS)
    assert until(lambda: ledger(f"thing#{name}").get("state") == "in_sync", SECONDS)
    await_quiet(pair)
    return device


def _recorded(pair: Pair, region: str, resource: str) -> dict[str, dict[str, Any]]:
    """What one Region's replica of the event table holds of calls about a resource, by the calls' names."""
    answer = pair.client("dynamodb", region).query(
        TableName=f"IoTDRGlobalTable{pair.outputs['StackPostfix']}",
        KeyConditionExpression="#resource = :resource",
        FilterExpression="eventType = :management",
        ExpressionAttributeNames={"#resource": "resource"},
        ExpressionAttributeValues={":resource": {"S": resource}, ":management": {"S": "MANAGEMENT_EVENT"}},
    )
    return {item["operation"]["S"]: item for item in answer["Items"]}


def _document(iot: Any, policy: str) -> Any:
    return json.loads(iot.get_policy(policyName=policy)["policyDocument"])


@pytest.mark.row("R5")
def test_a_revoked_certificate_is_revoked_promptly(
    pair: Pair, primary: Any, secondary: Any, device: Device, ledger: Ledger
) -> None:
    certificate_id = device.identity.certificate_id
    primary.update_certificate(certificateId=certificate_id, newStatus="REVOKED")

    assert until(lambda: certificate_status(secondary, device.identity) == "REVOKED", PROMPTLY)
    item = _recorded(pair, pair.primary, certificate_id)["UpdateCertificate"]
    assert item["source_region"] == {"S": pair.primary}
    assert _recorded(pair, pair.secondary, certificate_id)["UpdateCertificate"] == item
    event_id = item["event_id"]["S"]
    assert until(lambda: ledger(f"certificate#{certificate_id}").get("event_id") == event_id, SECONDS)


@pytest.mark.row("R6")
def test_a_new_default_version_of_a_policy_arrives_promptly_with_the_secondarys_arns(
    pair: Pair, primary: Any, secondary: Any, device: Device
) -> None:
    policy = device.policy_name
    changed = json.loads(device_policy(pair.primary, pair.account))
    changed["Statement"][0]["Action"] = ["iot:Connect", "iot:RetainPublish"]
    document = json.dumps(changed)
    primary.create_policy_version(policyName=policy, policyDocument=document, setAsDefault=True)

    wanted = json.loads(document.replace(pair.primary, pair.secondary))
    assert until(lambda: _document(secondary, policy) == wanted, PROMPTLY)

    primary.set_default_policy_version(policyName=policy, policyVersionId="1")

    original = json.loads(device_policy(pair.secondary, pair.account))
    assert until(lambda: _document(secondary, policy) == original, PROMPTLY)


@pytest.mark.row("R6")
def test_a_policy_attached_to_an_old_device_and_detached_again_follows_promptly(
    pair: Pair, primary: Any, secondary: Any, device: Device, name: str
) -> None:
    second = f"{name}-second"
    primary.create_policy(policyName=second, policyDocument=device_policy(pair.primary, pair.account))
    primary.attach_policy(policyName=second, target=device.certificate_arn)

    assert until(lambda: policies_of(pair, device.identity) == {device.policy_name, second}, PROMPTLY)

    primary.detach_policy(policyName=second, target=device.certificate_arn)
    assert until(lambda: policies_of(pair, device.identity) == {device.policy_name}, PROMPTLY)

    primary.delete_policy(policyName=second)
    assert until(lambda: not exists(secondary, "get_policy", policyName=second), PROMPTLY)


@pytest.mark.row("R7")
def test_a_policy_attached_to_a_group_follows_promptly(pair: Pair, primary: Any, name: str) -> None:
    primary.create_policy(policyName=name, policyDocument=device_policy(pair.primary, pair.account))
    group = primary.create_thing_group(thingGroupName=name)["thingGroupArn"]
    await_quiet(pair)
    primary.attach_policy(policyName=name, target=group)

    assert until(lambda: policies_of_target(pair, f"thinggroup/{name}") == {name}, PROMPTLY)


@pytest.mark.row("R4")
def test_a_certificate_attached_to_an_old_thing_and_detached_again_follows_promptly(
    pair: Pair, primary: Any, secondary: Any, device: Device, name: str
) -> None:
    other = f"{name}-other"
    primary.create_thing(thingName=other)
    assert until(lambda: thing(secondary, other), SECONDS)
    await_quiet(pair)
    primary.attach_thing_principal(thingName=other, principal=device.certificate_arn)

    assert until(lambda: certificates_of(secondary, other) == {device.identity.certificate_id}, PROMPTLY)

    primary.detach_thing_principal(thingName=other, principal=device.certificate_arn)
    assert until(lambda: certificates_of(secondary, other) == set(), PROMPTLY)


@pytest.mark.row("R4")
def test_a_certificate_without_a_thing_arrives_promptly_and_goes(
    pair: Pair, primary: Any, secondary: Any, fleet: Fleet
) -> None:
    made = primary.create_keys_and_certificate(setAsActive=True)
    certificate_id, arn = made["certificateId"], made["certificateArn"]
    primary.attach_policy(policyName=fleet.policy_name, target=arn)

    assert until(lambda: exists(secondary, "describe_certificate", certificateId=certificate_id), PROMPTLY)

    primary.detach_policy(policyName=fleet.policy_name, target=arn)
    primary.update_certificate(certificateId=certificate_id, newStatus="INACTIVE")
    primary.delete_certificate(certificateId=certificate_id)
    assert until(lambda: not exists(secondary, "describe_certificate", certificateId=certificate_id), PROMPTLY)


@pytest.mark.row("R10")
def test_a_thing_put_into_a_billing_group_follows_promptly(
    pair: Pair, primary: Any, secondary: Any, device: Device, name: str
) -> None:
    primary.create_billing_group(billingGroupName=name)
    primary.add_thing_to_billing_group(billingGroupName=name, thingName=device.thing_name)

    assert until(lambda: _billing_group(secondary, device) == name, PROMPTLY)

    primary.remove_thing_from_billing_group(billingGroupName=name, thingName=device.thing_name)
    assert until(lambda: _billing_group(secondary, device) == "", PROMPTLY)


@pytest.mark.row("R13")
def test_a_group_that_is_tagged_is_tagged_promptly(pair: Pair, primary: Any, secondary: Any, name: str) -> None:
    tags = [{"Key": "team", "Value": "red"}, {"Key": "cost", "Value": "1"}]
    arn = primary.create_thing_group(thingGroupName=name, tags=tags)["thingGroupArn"]
    assert until(lambda: exists(secondary, "describe_thing_group", thingGroupName=name), SECONDS)
    assert tags_of(pair, pair.secondary, f"thinggroup/{name}") == {"team": "red", "cost": "1"}, "made with them"

    primary.tag_resource(resourceArn=arn, tags=[{"Key": "team", "Value": "blue"}])
    primary.untag_resource(resourceArn=arn, tagKeys=["cost"])

    assert until(lambda: tags_of(pair, pair.secondary, f"thinggroup/{name}") == {"team": "blue"}, PROMPTLY)


def _billing_group(iot: Any, device: Device) -> str:
    return str(iot.describe_thing(thingName=device.thing_name).get("billingGroupName", ""))


@pytest.mark.row("R10")
def test_a_changed_query_of_a_dynamic_group_follows_promptly(
    pair: Pair, primary: Any, secondary: Any, name: str
) -> None:
    primary.create_dynamic_thing_group(thingGroupName=name, queryString="attributes.site:north")
    assert until(lambda: _query(secondary, name) == "attributes.site:north", SECONDS)
    await_quiet(pair)

    primary.update_dynamic_thing_group(
        thingGroupName=name, thingGroupProperties={}, queryString="attributes.site:south"
    )

    assert until(lambda: _query(secondary, name) == "attributes.site:south", PROMPTLY)


def _query(iot: Any, group: str) -> str:
    try:
        return str(iot.describe_thing_group(thingGroupName=group).get("queryString", ""))
    except iot.exceptions.ResourceNotFoundException:
        return ""


@pytest.mark.row("R6")
def test_a_refused_call_is_recorded_nowhere(pair: Pair, primary: Any, device: Device) -> None:
    policy = device.policy_name
    with pytest.raises(primary.exceptions.DeleteConflictException):
        primary.delete_policy(policyName=policy)
    document = device_policy(pair.primary, pair.account)

    primary.create_policy_version(policyName=policy, policyDocument=document, setAsDefault=True)

    assert until(lambda: "CreatePolicyVersion" in _recorded(pair, pair.primary, policy), PROMPTLY)
    assert "DeletePolicy" not in _recorded(pair, pair.primary, policy)
