"""Registry events are decoded from the table's items; what cannot be read is named, never guessed."""

import base64
import json

import pytest

from iot_dr.errors import EventError, UnsupportedEvent
from iot_dr.model.events.registry_events import MANAGEMENT_OPERATIONS, REPLICATED_EVENT_FAMILIES, decode
from iot_dr.model.registry.entities import Thing
from iot_dr.model.registry.keys import (
    Key,
    billing_group_key,
    certificate_key,
    group_membership_key,
    policy_key,
    thing_group_key,
    thing_key,
    thing_type_key,
)
from tests.builders import (
    a_group_payload,
    a_management_payload,
    a_membership_payload,
    a_thing_payload,
    a_type_payload,
    an_item,
    iot_arn,
)


def test_a_things_event_tells_which_thing_when_and_that_it_is_new() -> None:
    event = decode(an_item(a_thing_payload("pump-17", "CREATED")))

    assert event.key == thing_key("pump-17")
    assert event.timestamp == 1234567890123
    assert event.event_id == "f5ae9b94-8b8e-4d8e-8c8f-b3266dd89853"
    assert event.created
    assert not event.updated


@pytest.mark.parametrize(
    ("operation", "created", "updated"),
    [("CREATED", True, False), ("UPDATED", False, True), ("DELETED", False, False)],
)
def test_an_operation_is_new_or_changed_or_neither(operation: str, created: bool, updated: bool) -> None:
    event = decode(an_item(a_thing_payload(operation=operation)))

    assert (event.created, event.updated) == (created, updated)


def test_a_types_event_tells_which_type() -> None:
    assert decode(an_item(a_type_payload("pump"))).key == thing_type_key("pump")


def test_every_family_that_must_be_on_has_a_branch() -> None:
    payloads = {
        "THING": a_thing_payload(),
        "THING_TYPE": a_type_payload(),
        "THING_GROUP": a_group_payload(),
        "THING_GROUP_MEMBERSHIP": a_membership_payload(),
    }

    assert set(payloads) == set(REPLICATED_EVENT_FAMILIES)
    assert all(decode(an_item(payload)) for payload in payloads.values())


def test_an_event_without_an_id_of_its_own_has_the_rules() -> None:
    assert decode(an_item(a_thing_payload(eventId=None), event_id="rule-made-id")).event_id == "rule-made-id"


@pytest.mark.parametrize("event_type", ["THING_GROUP_HIERARCHY_EVENT", "JOB_EVENT", "", None])
def test_a_family_without_branch_is_unsupported(event_type: str | None) -> None:
    with pytest.raises(UnsupportedEvent, match="no branch replicates"):
        decode(an_item(a_thing_payload() | {"eventType": event_type}))


@pytest.mark.parametrize("missing", ["thingName", "operation", "timestamp", "versionNumber", "thingId", "attributes"])
def test_an_event_that_lacks_what_its_type_promises_cannot_be_read(missing: str) -> None:
    payload = a_thing_payload()
    del payload[missing]

    with pytest.raises(EventError, match="lacks or garbles"):
        decode(an_item(payload))


@pytest.mark.parametrize("name", [None, "", 7, {}])
def test_a_resource_without_a_name_cannot_be_read(name: object) -> None:
    with pytest.raises(EventError, match=r"lacks or garbles .* as thingName"):
        decode(an_item(a_thing_payload(thingName=name)))


@pytest.mark.parametrize("timestamp", ["soon", None, {}, -1, 2**53, 1.5, 1e100, True])
def test_a_garbled_time_cannot_be_read(timestamp: object) -> None:
    with pytest.raises(EventError, match="lacks or garbles"):
        decode(an_item(a_thing_payload(timestamp=timestamp)))


@pytest.mark.parametrize("member", ["timestamp", "versionNumber"])
def test_a_number_beyond_all_counts_cannot_be_read(member: str) -> None:
    # As JSON may have it, and Python's reader makes it infinite.
    text = json.dumps(a_thing_payload(**{member: "?"})).replace('"?"', "1e400")

    with pytest.raises(EventError, match="lacks or garbles"):
        decode({"event_id": "e", "payload": base64.b64encode(text.encode()).decode()})


def test_a_payload_that_is_nested_too_deep_cannot_be_read() -> None:
    text = '{"eventType":' + "[" * 100_000

    with pytest.raises(EventError):
        decode({"event_id": "e", "payload": base64.b64encode(text.encode()).decode()})


@pytest.mark.parametrize("payload", ["", "no base64!", "bm8ganNvbg==", "gICA"])
def test_a_payload_that_is_not_base64_of_json_cannot_be_read(payload: str) -> None:
    with pytest.raises(EventError, match="not base64 of JSON"):
        decode({"event_id": "e", "payload": payload})


@pytest.mark.parametrize("item", [{}, {"payload": None}, {"payload": 7}])
def test_an_item_without_payload_cannot_be_read(item: dict) -> None:
    with pytest.raises(EventError):
        decode(item)


def test_a_payload_that_is_no_object_cannot_be_read() -> None:
    with pytest.raises(EventError, match="not a JSON object"):
        decode(an_item(json.loads("[1]")))


# What an event carries


def test_a_things_event_carries_the_thing_as_it_then_was() -> None:
    payload = a_thing_payload(attributes={"site": "north"}, thingTypeName="pump", versionNumber=7)

    carried = decode(an_item(payload)).carried

    assert carried == Thing("pump-17", {"site": "north"}, "pump")
    assert carried is not None
    assert (carried.version, carried.thing_id) == (7, payload["thingId"])


def test_a_bare_thing_is_carried_without_type_and_attributes() -> None:
    assert decode(an_item(a_thing_payload(attributes=None, thingTypeName=None))).carried == Thing("pump-17")


def test_a_deletion_carries_nothing() -> None:
    assert decode(an_item(a_thing_payload(operation="DELETED"))).carried is None


@pytest.mark.parametrize("payload", [a_type_payload(), a_group_payload(), a_membership_payload()])
def test_other_events_carry_nothing(payload: dict) -> None:
    assert decode(an_item(payload)).carried is None


# Groups


def test_a_groups_event_tells_which_group() -> None:
    assert decode(an_item(a_group_payload("site:north"))).key == thing_group_key("site:north")


def test_the_names_of_a_membership_are_taken_from_its_arns() -> None:
    event = decode(an_item(a_membership_payload("site:north", "pump:17/a")))

    assert event.key == group_membership_key("site:north", "pump:17/a")
    assert not event.updated


@pytest.mark.parametrize("member", ["groupArn", "thingArn"])
@pytest.mark.parametrize("value", [None, "", "pump-17", iot_arn("cert/abc"), iot_arn("thinggroup/"), iot_arn("thing/")])
def test_a_membership_whose_arns_name_nothing_cannot_be_read(member: str, value: str | None) -> None:
    with pytest.raises(EventError, match="lacks or garbles"):
        decode(an_item(a_membership_payload() | {member: value}))


# Management events

CERTIFICATE = certificate_key("abc")
NEW_CERTIFICATE = {"certificateId": "abc", "certificateArn": iot_arn("cert/abc")}
OPERATIONS: list[tuple[str, dict, dict | None, Key]] = [
    ("UpdateCertificate", {"certificateId": "abc", "newStatus": "INACTIVE"}, None, CERTIFICATE),
    ("DeleteCertificate", {"certificateId": "abc", "forceDelete": False}, None, CERTIFICATE),
    ("RegisterCertificate", {"certificatePem": "..."}, NEW_CERTIFICATE, CERTIFICATE),
    ("RegisterCertificateWithoutCA", {"certificatePem": "..."}, NEW_CERTIFICATE, CERTIFICATE),
    ("CreateKeysAndCertificate", {"setAsActive": True}, NEW_CERTIFICATE, CERTIFICATE),
    ("CreateCertificateFromCsr", {"certificateSigningRequest": "..."}, NEW_CERTIFICATE, CERTIFICATE),
    ("AttachPolicy", {"policyName": "pumps", "target": iot_arn("cert/abc")}, None, CERTIFICATE),
    ("DetachPolicy", {"policyName": "pumps", "target": iot_arn("thinggroup/site")}, None, thing_group_key("site")),
    ("AttachPrincipalPolicy", {"policyName": "pumps", "principal": iot_arn("cert/abc")}, None, CERTIFICATE),
    ("DetachPrincipalPolicy", {"policyName": "pumps", "principal": iot_arn("cert/abc")}, None, CERTIFICATE),
    ("AttachThingPrincipal", {"thingName": "pump-17", "principal": iot_arn("cert/abc")}, None, thing_key("pump-17")),
    ("DetachThingPrincipal", {"thingName": "pump-17", "principal": iot_arn("cert/abc")}, None, thing_key("pump-17")),
    ("CreatePolicy", {"policyName": "pumps"}, None, policy_key("pumps")),
    ("DeletePolicy", {"policyName": "pumps"}, None, policy_key("pumps")),
    ("CreatePolicyVersion", {"policyName": "pumps", "setAsDefault": True}, None, policy_key("pumps")),
    ("DeletePolicyVersion", {"policyName": "pumps", "policyVersionId": "1"}, None, policy_key("pumps")),
    ("SetDefaultPolicyVersion", {"policyName": "pumps", "policyVersionId": "1"}, None, policy_key("pumps")),
    ("CreateDynamicThingGroup", {"thingGroupName": "hot"}, None, thing_group_key("hot")),
    ("UpdateDynamicThingGroup", {"thingGroupName": "hot"}, None, thing_group_key("hot")),
    ("DeleteDynamicThingGroup", {"thingGroupName": "hot"}, None, thing_group_key("hot")),
    ("CreateBillingGroup", {"billingGroupName": "costs"}, None, billing_group_key("costs")),
    ("UpdateBillingGroup", {"billingGroupName": "costs"}, None, billing_group_key("costs")),
    ("DeleteBillingGroup", {"billingGroupName": "costs"}, None, billing_group_key("costs")),
    ("AddThingToBillingGroup", {"billingGroupName": "costs", "thingName": "pump-17"}, None, thing_key("pump-17")),
    ("RemoveThingFromBillingGroup", {"billingGroupName": "costs", "thingName": "pump-17"}, None, thing_key("pump-17")),
    ("UpdateThingType", {"thingTypeName": "pump"}, None, thing_type_key("pump")),
    ("TagResource", {"resourceArn": iot_arn("policy/pumps")}, None, policy_key("pumps")),
    ("UntagResource", {"resourceArn": iot_arn("thinggroup/hot")}, None, thing_group_key("hot")),
]


@pytest.mark.parametrize(("operation", "request_", "response", "key"), OPERATIONS, ids=[row[0] for row in OPERATIONS])
def test_a_management_event_tells_what_its_call_was_about(
    operation: str, request_: dict, response: dict | None, key: Key
) -> None:
    event = decode(an_item(a_management_payload(operation, request_, response)))

    assert event.key == key
    assert not event.updated, "what hangs on it may have changed"


@pytest.mark.parametrize(
    ("resource", "key"),
    [
        ("thingtype/pump", thing_type_key("pump")),
        ("billinggroup/costs", billing_group_key("costs")),
        ("policy/pumps", policy_key("pumps")),
        ("thinggroup/hot", thing_group_key("hot")),
    ],
)
def test_tags_are_those_of_the_resource_that_their_arn_names(resource: str, key: Key) -> None:
    for operation in ("TagResource", "UntagResource"):
        assert decode(an_item(a_management_payload(operation, {"resourceArn": iot_arn(resource)}))).key == key


def test_every_operation_that_is_asked_for_has_a_branch() -> None:
    assert {row[0] for row in OPERATIONS} == MANAGEMENT_OPERATIONS


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("CreateThing", {"thingName": "pump-17"}),
        ("AttachPolicy", {"policyName": "pumps", "target": iot_arn("role/x")}),
        ("TagResource", {"resourceArn": iot_arn("rule/pumps")}),
        ("UntagResource", {"resourceArn": iot_arn("cacert/0")}),
    ],
)
def test_a_call_that_no_branch_replicates_is_unsupported(operation: str, request_: dict) -> None:
    with pytest.raises(UnsupportedEvent, match="no branch replicates"):
        decode(an_item(a_management_payload(operation, request_)))


@pytest.mark.parametrize(
    ("operation", "request_"),
    [("AttachPolicy", {"policyName": "pumps"}), ("CreatePolicy", None), ("CreateKeysAndCertificate", {})],
)
def test_a_management_event_without_its_parameters_cannot_be_read(operation: str, request_: dict | None) -> None:
    with pytest.raises(EventError, match="lacks or garbles"):
        decode(an_item(a_management_payload(operation, request_)))  # type: ignore[arg-type]  # looser than the type on purpose


@pytest.mark.parametrize("target", ["us-east-1:11111111-2222-3333-4444-555555555555", "cert/abc"])
def test_an_attachment_to_something_that_is_no_arn_cannot_be_read(target: str) -> None:
    with pytest.raises(EventError):
        decode(an_item(a_management_payload("AttachPolicy", {"policyName": "pumps", "target": target})))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 5_000 + "1" + "}" * 5_000])
def test_a_payload_that_is_nested_too_deep_is_named_and_does_not_end_the_batch(text: str) -> None:
    with pytest.raises(EventError, match=r"nested too deep|not base64 of JSON"):
        decode({"event_id": "e", "payload": base64.b64encode(text.encode()).decode()})


@pytest.mark.parametrize("field", ["timestamp", "versionNumber"])
@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 5000])
def test_a_number_that_is_none_of_a_registrys_is_named(field: str, number: str) -> None:
    payload = json.dumps(a_thing_payload() | {field: "here"}).replace('"here"', number)

    with pytest.raises(EventError):
        decode({"event_id": "e", "payload": base64.b64encode(payload.encode()).decode()})
