"""A device crosses from the primary Region to the secondary, whatever its life looks like."""

from __future__ import annotations

import base64
import itertools
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from lab.counting import Call, Refusal
from lab.fleet import Device, Fleet, Identity, device_policy, make_identity
from lab.pair import Pair
from lab.waiting import until

SECONDS = 15.0
"""What the slowest of these takes at worst on a busy machine; each usually takes a fraction of a second."""

_numbers = itertools.count()


@pytest.fixture
def name() -> str:
    """A name of its own for each test, so that they neither meet nor depend on order."""
    return f"pump-{next(_numbers)}-{time.time_ns()}"


@pytest.fixture
def fleet(pair: Pair, name: str) -> Fleet:
    """A fleet with a policy of its own."""
    fleet = Fleet(
        pair.client("iot", pair.primary), region=pair.primary, account=pair.account, policy_name=f"{name}-policy"
    )
    fleet.prepare()
    return fleet


@pytest.fixture
def primary(pair: Pair) -> Any:
    """The primary Region's registry."""
    return pair.client("iot", pair.primary)


@pytest.fixture
def secondary(pair: Pair) -> Any:
    """The secondary Region's registry."""
    return pair.client("iot", pair.secondary)


@pytest.fixture
def ledger(pair: Pair) -> Callable[[str], dict[str, Any]]:
    """Reads the ledger's item of a resource; empty if there is none."""
    table = _output(pair, "LedgerTableName")
    client = pair.client("dynamodb", pair.secondary)

    def read(resource: str) -> dict[str, Any]:
        item = client.get_item(TableName=table, Key={"resource": {"S": resource}}, ConsistentRead=True).get("Item", {})
        return {field: next(iter(value.values())) for field, value in item.items()}

    return read


def _output(pair: Pair, key: str) -> str:
    stack = f"IoTDRSecondary{pair.outputs['StackPostfix']}"
    (found,) = pair.client("cloudformation", pair.secondary).describe_stacks(StackName=stack)["Stacks"]
    return next(output["OutputValue"] for output in found["Outputs"] if output["OutputKey"] == key)


def _thing(iot: Any, name: str) -> tuple[dict[str, str], str] | None:
    try:
        thing = iot.describe_thing(thingName=name)
    except iot.exceptions.ResourceNotFoundException:
        return None
    return thing.get("attributes") or {}, thing.get("thingTypeName") or ""


def _certificate_status(iot: Any, identity: Identity) -> str | None:
    try:
        answer = iot.describe_certificate(certificateId=identity.certificate_id)
    except iot.exceptions.ResourceNotFoundException:
        return None
    return str(answer["certificateDescription"]["status"])


def _certificates_of(iot: Any, name: str) -> set[str]:
    try:
        principals = iot.list_thing_principals(thingName=name)["principals"]
    except iot.exceptions.ResourceNotFoundException:
        return set()
    return {principal.rpartition("/")[2] for principal in principals}


def _policies_of(pair: Pair, identity: Identity) -> set[str]:
    target = f"arn:aws:iot:{pair.secondary}:{pair.account}:cert/{identity.certificate_id}"
    secondary = pair.client("iot", pair.secondary)
    return {policy["policyName"] for policy in secondary.list_attached_policies(target=target)["policies"]}


def _is_whole(pair: Pair, device: Device) -> bool:
    secondary = pair.client("iot", pair.secondary)
    return (
        _thing(secondary, device.thing_name) == (dict(device.attributes), device.thing_type or "")
        and _certificates_of(secondary, device.thing_name) == {device.identity.certificate_id}
        and _policies_of(pair, device.identity) == {device.policy_name}
    )


def _sweep(pair: Pair, task: str = "sweep") -> dict[str, Any]:
    """Call the function that the schedule calls."""
    answer = pair.client("lambda", pair.secondary).invoke(
        FunctionName=_output(pair, "SweepRegistryFunctionName"), Payload=json.dumps({"task": task})
    )
    assert "FunctionError" not in answer, answer["Payload"].read()
    result: dict[str, Any] = json.loads(answer["Payload"].read())
    return result


def test_a_new_thing_arrives_with_its_attributes_and_type(primary: Any, secondary: Any, name: str) -> None:
    primary.create_thing_type(thingTypeName=f"{name}-type", thingTypeProperties={"searchableAttributes": ["site"]})

    primary.create_thing(
        thingName=name, thingTypeName=f"{name}-type", attributePayload={"attributes": {"site": "north", "bay": "4"}}
    )

    assert until(lambda: _thing(secondary, name), SECONDS) == ({"site": "north", "bay": "4"}, f"{name}-type")
    found = secondary.describe_thing_type(thingTypeName=f"{name}-type")
    assert found["thingTypeProperties"]["searchableAttributes"] == ["site"]


def test_a_complete_device_arrives_whole_with_the_same_certificate_id(
    pair: Pair, fleet: Fleet, secondary: Any, name: str, ledger: Callable[[str], dict[str, Any]]
) -> None:
    device = fleet.provision(name, attributes={"site": "north"})

    assert until(lambda: _is_whole(pair, device), SECONDS)
    assert _certificate_status(secondary, device.identity) == "ACTIVE"
    assert until(lambda: ledger(f"thing#{name}").get("state") == "in_sync", SECONDS)
    assert int(ledger(f"thing#{name}")["lag"]) < SECONDS * 1000


def test_a_policys_arns_name_the_secondary_and_nothing_else_of_it_changes(
    pair: Pair, fleet: Fleet, secondary: Any, name: str
) -> None:
    device = fleet.provision(name)

    assert until(lambda: _is_whole(pair, device), SECONDS)
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

    assert until(lambda: _certificate_status(secondary, identity), SECONDS) == status
    assert until(lambda: _certificates_of(secondary, name), SECONDS) == {identity.certificate_id}


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

    assert until(lambda: _is_whole(pair, Device(name, "", fleet.policy_name, identity)), SECONDS)
    assert time.monotonic() - attached < 3


def test_a_policy_attached_after_the_device_looked_complete_arrives(
    pair: Pair, primary: Any, fleet: Fleet, name: str
) -> None:
    device = fleet.provision(name)
    assert until(lambda: _is_whole(pair, device), SECONDS)
    primary.create_policy(policyName=f"{name}-second", policyDocument=device_policy(pair.primary, pair.account))

    primary.attach_policy(policyName=f"{name}-second", target=device.certificate_arn)

    assert until(lambda: _policies_of(pair, device.identity) == {device.policy_name, f"{name}-second"}, SECONDS)


def test_a_thing_deleted_in_the_primary_is_deleted_in_the_secondary_with_its_certificate(
    pair: Pair, fleet: Fleet, secondary: Any, name: str, ledger: Callable[[str], dict[str, Any]]
) -> None:
    device = fleet.provision(name)
    assert until(lambda: _is_whole(pair, device), SECONDS)

    fleet.retire(name)

    assert until(lambda: _thing(secondary, name) is None, SECONDS)
    assert until(lambda: _certificate_status(secondary, device.identity) is None, SECONDS)
    assert until(lambda: ledger(f"thing#{name}") == {}, SECONDS)


def test_a_thing_deleted_and_made_anew_at_once_ends_as_the_primary_is(
    pair: Pair, primary: Any, secondary: Any, name: str
) -> None:
    primary.create_thing(thingName=name, attributePayload={"attributes": {"life": "first"}})
    assert until(lambda: _thing(secondary, name), SECONDS)

    for life in ("second", "third"):
        primary.delete_thing(thingName=name)
        primary.create_thing(thingName=name, attributePayload={"attributes": {"life": life}})

    assert until(lambda: _thing(secondary, name) == ({"life": "third"}, ""), SECONDS)
    _await_quiet(pair)
    assert _thing(secondary, name) == ({"life": "third"}, "")


def _await_quiet(pair: Pair) -> None:
    """Return when the product has been silent for longer than a pause of its workflow."""
    last: list[tuple[int, float]] = [(-1, time.monotonic())]

    def quiet() -> bool:
        calls = sum(pair.proxy.counts().values())
        if calls != last[0][0]:
            last[0] = (calls, time.monotonic())
        return time.monotonic() - last[0][1] > 4

    until(quiet, 60)


def test_changed_attributes_and_a_changed_type_follow(primary: Any, secondary: Any, name: str) -> None:
    for kind in ("old", "new"):
        primary.create_thing_type(thingTypeName=f"{name}-{kind}")
    primary.create_thing(
        thingName=name, thingTypeName=f"{name}-old", attributePayload={"attributes": {"site": "north", "bay": "4"}}
    )
    assert until(lambda: _thing(secondary, name), SECONDS)

    primary.update_thing(
        thingName=name, thingTypeName=f"{name}-new", attributePayload={"attributes": {"site": "south"}}
    )

    assert until(lambda: _thing(secondary, name) == ({"site": "south"}, f"{name}-new"), SECONDS)


def test_nothing_that_replication_did_not_make_is_deleted(
    pair: Pair, primary: Any, secondary: Any, name: str, ledger: Callable[[str], dict[str, Any]]
) -> None:
    secondary.create_thing(thingName=name, attributePayload={"attributes": {"made": "by hand"}})
    primary.create_thing(thingName=name, attributePayload={"attributes": {"made": "by hand"}})
    assert until(lambda: ledger(f"thing#{name}"), SECONDS)

    primary.delete_thing(thingName=name)

    assert until(lambda: ledger(f"thing#{name}").get("state") == "unsupported", SECONDS)
    assert _thing(secondary, name) == ({"made": "by hand"}, "")


def test_what_no_event_told_is_found_by_the_sweep(
    pair: Pair, primary: Any, secondary: Any, fleet: Fleet, name: str
) -> None:
    device = fleet.provision(name, attributes={"site": "north"})
    assert until(lambda: _is_whole(pair, device), SECONDS)
    primary.update_certificate(certificateId=device.identity.certificate_id, newStatus="REVOKED")
    secondary.update_thing(thingName=name, attributePayload={"attributes": {"site": "tampered"}})

    swept = _sweep(pair)

    assert swept["drift"] >= 2
    assert until(lambda: _certificate_status(secondary, device.identity) == "REVOKED", SECONDS)
    assert until(lambda: _thing(secondary, name) == ({"site": "north"}, ""), SECONDS)


def test_the_sweep_leaves_the_health_checkers_own_alone(pair: Pair, secondary: Any) -> None:
    _sweep(pair)
    _await_quiet(pair)

    probes = [thing for thing in secondary.list_things()["things"] if thing["thingName"].startswith("iot-dr-probe-")]
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

    assert until(lambda: _thing(secondary, name), SECONDS)
    assert until(lambda: poison in _kept_records(pair), 60)


def _kept_records(pair: Pair) -> str:
    """What the stream's failure destination holds, as text."""
    s3, bucket = pair.client("s3", pair.secondary), _output(pair, "WorkBucketName")
    keys = [
        entry["Key"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for entry in page.get("Contents", [])
    ]
    return "".join(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys)


def test_a_deprecated_type_is_deprecated(
    pair: Pair, primary: Any, secondary: Any, name: str, ledger: Callable[[str], dict[str, Any]]
) -> None:
    primary.create_thing_type(thingTypeName=name)
    assert until(lambda: _exists(secondary, name), SECONDS)

    primary.deprecate_thing_type(thingTypeName=name)

    assert until(lambda: _deprecated(secondary, name), SECONDS)
    assert until(lambda: ledger(f"thing_type#{name}").get("state") == "in_sync", SECONDS)


def test_what_the_secondary_refuses_is_in_the_ledger_with_the_reason_and_is_tried_again(
    pair: Pair, primary: Any, secondary: Any, name: str, ledger: Callable[[str], dict[str, Any]]
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
    assert _thing(secondary, name) is None

    _make_due(pair, f"thing#{name}")
    assert _sweep(pair, "retry")["retried"] >= 1

    assert until(lambda: _thing(secondary, name), SECONDS)


def _make_due(pair: Pair, resource: str) -> None:
    """Let the time of the next attempt have come."""
    pair.client("dynamodb", pair.secondary).update_item(
        TableName=_output(pair, "LedgerTableName"),
        Key={"resource": {"S": resource}},
        UpdateExpression="SET next_attempt = :now",
        ExpressionAttributeValues={":now": {"N": "0"}},
    )


def _exists(iot: Any, type_name: str) -> bool:
    try:
        return bool(iot.describe_thing_type(thingTypeName=type_name))
    except iot.exceptions.ResourceNotFoundException:
        return False


def _deprecated(iot: Any, type_name: str) -> bool:
    return bool(iot.describe_thing_type(thingTypeName=type_name)["thingTypeMetadata"]["deprecated"])


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
