"""A device crosses from the primary Region to the secondary, whatever its life looks like."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from lab.counting import Call, Refusal
from lab.fleet import Device, Fleet, device_policy, make_identity
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
    kept_records,
    make_due,
    policies_of,
    sweep,
    thing,
)


def test_a_new_thing_arrives_with_its_attributes_and_type(primary: Any, secondary: Any, name: str) -> None:
    primary.create_thing_type(thingTypeName=f"{name}-type", thingTypeProperties={"searchableAttributes": ["site"]})

    primary.create_thing(
        thingName=name, thingTypeName=f"{name}-type", attributePayload={"attributes": {"site": "north", "bay": "4"}}
    )

    assert until(lambda: thing(secondary, name), SECONDS) == ({"site": "north", "bay": "4"}, f"{name}-type")
    found = secondary.describe_thing_type(thingTypeName=f"{name}-type")
    assert found["thingTypeProperties"]["searchableAttributes"] == ["site"]


def test_a_complete_device_arrives_whole_with_the_same_certificate_id(
    pair: Pair, fleet: Fleet, secondary: Any, name: str, ledger: Ledger
) -> None:
    device = fleet.provision(name, attributes={"site": "north"})

    assert until(lambda: is_whole(pair, device), SECONDS)
    assert certificate_status(secondary, device.identity) == "ACTIVE"
    assert until(lambda: ledger(f"thing#{name}").get("state") == "in_sync", SECONDS)
    assert int(ledger(f"thing#{name}")["lag"]) < SECONDS * 1000


def test_a_policys_arns_name_the_secondary_and_nothing_else_of_it_changes(
    pair: Pair, fleet: Fleet, secondary: Any, name: str
) -> None:
    device = fleet.provision(name)

    assert until(lambda: is_whole(pair, device), SECONDS)
    document = json.loads(secondary.get_policy(policyName=device.policy_name)["policyDocument"])
    assert document == json.loads(device_policy(pair.secondary, pair.account))


@pytest.mark.parametrize("status", ["INACTIVE", "REVOKED"])
def test_a_certificate_keeps_its_status(
    pair: Pair, primary: Any, secondary: Any, fleet: Fleet, name: str, status: str
) -> None:
    identity = make_identity(name)
    arn = primary.register_certificate_without_ca(certificatePem=identity.certificate_pem, status="ACTIVE")
    primary.update_certificate(certificateId=identity.certificate_id, newStatus=status)
    primary.attach_policy(policyName=fleet.policy_name, target=arn["certificateArn"])

    primary.create_thing(thingName=name)
    primary.attach_thing_principal(thingName=name, principal=arn["certificateArn"])

    assert until(lambda: certificate_status(secondary, identity), SECONDS) == status
    assert until(lambda: certificates_of(secondary, name), SECONDS) == {identity.certificate_id}


def test_a_certificate_attached_two_seconds_later_is_complete_within_three_seconds(
    pair: Pair, primary: Any, fleet: Fleet, name: str
) -> None:
    identity = make_identity(name)
    primary.create_thing(thingName=name)
    made = time.monotonic()
    arn = primary.register_certificate_without_ca(certificatePem=identity.certificate_pem, status="ACTIVE")
    until(lambda: time.monotonic() - made >= 2, 3)
    primary.attach_policy(policyName=fleet.policy_name, target=arn["certificateArn"])
    primary.attach_thing_principal(thingName=name, principal=arn["certificateArn"])
    attached = time.monotonic()

    assert until(lambda: is_whole(pair, Device(name, "", fleet.policy_name, identity)), SECONDS)
    assert time.monotonic() - attached < 3


def test_a_policy_attached_after_the_device_looked_complete_arrives(
    pair: Pair, primary: Any, fleet: Fleet, name: str
) -> None:
    device = fleet.provision(name)
    assert until(lambda: is_whole(pair, device), SECONDS)
    primary.create_policy(policyName=f"{name}-second", policyDocument=device_policy(pair.primary, pair.account))

    primary.attach_policy(policyName=f"{name}-second", target=device.certificate_arn)

    assert until(lambda: policies_of(pair, device.identity) == {device.policy_name, f"{name}-second"}, SECONDS)


def test_a_thing_deleted_in_the_primary_is_deleted_in_the_secondary_with_its_certificate(
    pair: Pair, fleet: Fleet, secondary: Any, name: str, ledger: Ledger
) -> None:
    device = fleet.provision(name)
    assert until(lambda: is_whole(pair, device), SECONDS)

    fleet.retire(name)

    assert until(lambda: thing(secondary, name) is None, SECONDS)
    assert until(lambda: certificate_status(secondary, device.identity) is None, SECONDS)
    assert until(lambda: ledger(f"thing#{name}") == {}, SECONDS)


def test_a_thing_deleted_and_made_anew_at_once_ends_as_the_primary_is(
    pair: Pair, primary: Any, secondary: Any, name: str
) -> None:
    primary.create_thing(thingName=name, attributePayload={"attributes": {"life": "first"}})
    assert until(lambda: thing(secondary, name), SECONDS)

    for life in ("second", "third"):
        primary.delete_thing(thingName=name)
        primary.create_thing(thingName=name, attributePayload={"attributes": {"life": life}})

    assert until(lambda: thing(secondary, name) == ({"life": "third"}, ""), SECONDS)
    await_quiet(pair)
    assert thing(secondary, name) == ({"life": "third"}, "")


def test_changed_attributes_and_a_changed_type_follow(primary: Any, secondary: Any, name: str) -> None:
    for kind in ("old", "new"):
        primary.create_thing_type(thingTypeName=f"{name}-{kind}")
    primary.create_thing(
        thingName=name, thingTypeName=f"{name}-old", attributePayload={"attributes": {"site": "north", "bay": "4"}}
    )
    assert until(lambda: thing(secondary, name), SECONDS)

    primary.update_thing(
        thingName=name, thingTypeName=f"{name}-new", attributePayload={"attributes": {"site": "south"}}
    )

    assert until(lambda: thing(secondary, name) == ({"site": "south"}, f"{name}-new"), SECONDS)


def test_nothing_that_replication_did_not_make_is_deleted(
    pair: Pair, primary: Any, secondary: Any, name: str, ledger: Ledger
) -> None:
    secondary.create_thing(thingName=name, attributePayload={"attributes": {"made": "by hand"}})
    primary.create_thing(thingName=name, attributePayload={"attributes": {"made": "by hand"}})
    assert until(lambda: ledger(f"thing#{name}"), SECONDS)

    primary.delete_thing(thingName=name)

    assert until(lambda: ledger(f"thing#{name}").get("state") == "unsupported", SECONDS)
    assert thing(secondary, name) == ({"made": "by hand"}, "")


def test_what_no_event_told_is_found_by_the_sweep(
    pair: Pair, primary: Any, secondary: Any, fleet: Fleet, name: str
) -> None:
    device = fleet.provision(name, attributes={"site": "north"})
    assert until(lambda: is_whole(pair, device), SECONDS)
    primary.update_certificate(certificateId=device.identity.certificate_id, newStatus="REVOKED")
    secondary.update_thing(thingName=name, attributePayload={"attributes": {"site": "tampered"}})

    swept = sweep(pair)

    assert swept["drift"] >= 2
    assert until(lambda: certificate_status(secondary, device.identity) == "REVOKED", SECONDS)
    assert until(lambda: thing(secondary, name) == ({"site": "north"}, ""), SECONDS)


def test_the_sweep_leaves_the_health_checkers_own_alone(pair: Pair, secondary: Any) -> None:
    sweep(pair)
    await_quiet(pair)

    probes = [entry for entry in secondary.list_things()["things"] if entry["thingName"].startswith("iot-dr-probe-")]
    assert len(probes) == 1
    (principal,) = secondary.list_thing_principals(thingName=probes[0]["thingName"])["principals"]
    targets = secondary.list_targets_for_policy(policyName=probes[0]["thingName"])["targets"]
    assert targets == [principal]


@pytest.fixture
def poison(pair: Pair) -> str:
    """An item whose payload is not base64, written as a rule would have written it."""
    table = f"IoTDRGlobalTable{pair.outputs['StackPostfix']}"
    resource = f"poison-{time.time_ns()}"
    item = {
        "resource": resource,
        "event_id": "1",
        "source_region": pair.primary,
        "eventType": "THING_EVENT",
        "operation": "CREATED",
        "payload": "this is not base64!",
    }
    pair.client("dynamodb", pair.primary).put_item(
        TableName=table, Item={field: {"S": value} for field, value in item.items()}
    )
    return resource


def test_an_unreadable_event_is_kept_whole_and_its_neighbours_go_on(
    pair: Pair, primary: Any, secondary: Any, name: str, poison: str
) -> None:
    primary.create_thing(thingName=name)

    assert until(lambda: thing(secondary, name), SECONDS)
    assert until(lambda: poison in kept_records(pair), 60)


def test_a_deprecated_type_is_deprecated(pair: Pair, primary: Any, secondary: Any, name: str, ledger: Ledger) -> None:
    primary.create_thing_type(thingTypeName=name)
    assert until(lambda: exists(secondary, "describe_thing_type", thingTypeName=name), SECONDS)

    primary.deprecate_thing_type(thingTypeName=name)

    assert until(lambda: secondary.describe_thing_type(thingTypeName=name)["thingTypeMetadata"]["deprecated"], SECONDS)
    assert until(lambda: ledger(f"thing_type#{name}").get("state") == "in_sync", SECONDS)


def test_what_the_secondary_refuses_is_in_the_ledger_with_the_reason_and_is_tried_again(
    pair: Pair, primary: Any, secondary: Any, name: str, ledger: Ledger
) -> None:
    def refuse_things(call: Call) -> Refusal | None:
        refused = call.operation == "CreateThing" and call.region == pair.secondary
        return Refusal(400, "InvalidRequestException", "not today") if refused else None

    pair.proxy.intercept = refuse_things
    try:
        primary.create_thing(thingName=name)
        assert until(lambda: ledger(f"thing#{name}").get("state") == "failed", SECONDS)
    finally:
        pair.proxy.intercept = None
    assert "not today" in ledger(f"thing#{name}")["reason"]
    assert thing(secondary, name) is None

    make_due(pair)
    assert sweep(pair, "retry")["retried"] >= 1

    assert until(lambda: thing(secondary, name), SECONDS)


def test_the_registry_event_is_stored_with_a_lifetime_of_two_days(pair: Pair, primary: Any, name: str) -> None:
    before = int(time.time())
    primary.create_thing(thingName=name)

    def stored() -> list[dict[str, Any]]:
        answer = pair.client("dynamodb", pair.secondary).query(
            TableName=f"IoTDRGlobalTable{pair.outputs['StackPostfix']}",
            KeyConditionExpression="#resource = :name",
            ExpressionAttributeNames={"#resource": "resource"},
            ExpressionAttributeValues={":name": {"S": name}},
        )
        items: list[dict[str, Any]] = answer["Items"]
        return items

    (item,) = until(stored, SECONDS)
    assert 172_800 <= int(item["expires"]["N"]) - before <= 172_800 + 60
    assert item["source_region"]["S"] == pair.primary
    assert json.loads(base64.b64decode(item["payload"]["S"]))["thingName"] == name
