"""A call that CloudTrail tells of becomes an item like those of the topic rules, with names and IDs only."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from iot_dr.errors import EventError
from iot_dr.model.events.dead_letters import KEEP_EVENTS_SECONDS
from iot_dr.model.events.registry_events import RegistryEvent, decode
from iot_dr.model.registry.keys import Key, billing_group_key, certificate_key, policy_key, thing_group_key, thing_key
from iot_dr.model.registry.keys import thing_type_key as type_key
from iot_dr.services.events.record_management_event import record_management_event
from tests.builders import PRIMARY, a_certificate_id

EVENTS = Path(__file__).resolve().parents[4] / "events"
NOON = 1_795_521_600_000
CERTIFICATE = certificate_key(a_certificate_id("pump-17"))

RECORDED: dict[str, Key] = {
    "add_thing_to_billing_group": thing_key("pump-17"),
    "attach_policy_to_certificate": CERTIFICATE,
    "attach_policy_to_thing_group": thing_group_key("north"),
    "attach_thing_principal": thing_key("pump-17"),
    "create_keys_and_certificate": CERTIFICATE,
    "create_policy_version": policy_key("pumps"),
    "detach_principal_policy": CERTIFICATE,
    "register_certificate_without_ca": CERTIFICATE,
    "set_default_policy_version": policy_key("pumps"),
    "tag_resource": policy_key("pumps"),
    "untag_resource": thing_group_key("north"),
    "update_billing_group": billing_group_key("plant-4"),
    "update_certificate": CERTIFICATE,
    "update_dynamic_thing_group": thing_group_key("cold"),
    "update_thing_type": type_key("pump"),
}
LEFT_ALONE = {
    "attach_policy_of_the_health_checker",
    "attach_policy_to_cognito_identity",
    "create_keys_and_certificate_of_the_health_checker",
    "tag_rule",
    "update_certificate_denied",
}


@dataclass
class Table:
    """Keeps items by their key, as a table does."""

    items: dict[tuple[Any, Any], Mapping[str, Any]] = field(default_factory=dict)

    def put(self, item: Mapping[str, str | int]) -> None:
        self.items[item["resource"], item["event_id"]] = item

    @property
    def only(self) -> Mapping[str, Any]:
        (item,) = self.items.values()
        return item


def a_call(name: str) -> dict[str, Any]:
    detail: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())["detail"]
    return detail


def record(call: Mapping[str, Any], table: Table) -> RegistryEvent | None:
    return record_management_event(call, source_region=PRIMARY, table=table, clock=lambda: NOON)


def test_every_event_of_the_folder_is_tried() -> None:
    assert {path.stem for path in EVENTS.glob("*.json")} == RECORDED.keys() | LEFT_ALONE


@pytest.mark.parametrize("name", RECORDED)
def test_a_call_becomes_an_item_from_which_the_trigger_reads_what_it_was_about(name: str) -> None:
    table = Table()

    recorded = record(a_call(name), table)

    assert decode(table.only) == recorded
    assert recorded is not None
    assert recorded.key == RECORDED[name]
    assert table.only["resource"] == RECORDED[name].name


def test_the_item_has_the_attributes_that_the_rules_write() -> None:
    table, call = Table(), a_call("update_certificate")

    record(call, table)

    payload = json.loads(base64.b64decode(table.only["payload"]))
    assert {name: value for name, value in table.only.items() if name != "payload"} == {
        "resource": CERTIFICATE.name,
        "event_id": call["eventID"],
        "source_region": PRIMARY,
        "eventType": "MANAGEMENT_EVENT",
        "operation": "UpdateCertificate",
        "expires": NOON // 1000 + KEEP_EVENTS_SECONDS,
    }
    assert payload == {
        "eventType": "MANAGEMENT_EVENT",
        "eventId": call["eventID"],
        "operation": "UpdateCertificate",
        "timestamp": NOON + 1000,
        "request": {"certificateId": CERTIFICATE.name},
        "response": {},
    }


@pytest.mark.parametrize("name", sorted(LEFT_ALONE))
def test_what_changed_nothing_that_is_replicated_is_left_alone(name: str) -> None:
    table = Table()

    assert record(a_call(name), table) is None
    assert table.items == {}


def test_a_call_that_the_decoder_does_not_know_is_left_alone() -> None:
    table = Table()

    assert record(a_call("update_certificate") | {"eventName": "CreateTopicRule"}, table) is None
    assert table.items == {}


@pytest.mark.parametrize("name", RECORDED)
def test_no_certificate_document_or_caller_leaves_the_region(name: str) -> None:
    table = Table()

    record(a_call(name), table)

    text = json.dumps(dict(table.only)) + base64.b64decode(table.only["payload"]).decode()
    for hidden in ("BEGIN CERTIFICATE", "keyPair", "HIDDEN", "Statement", "FleetOperator", "192.0.2.17"):
        assert hidden not in text


@pytest.mark.parametrize("identity", [None, {"type": "Root"}, {"type": "IAMUser", "sessionContext": None}], ids=str)
def test_a_caller_that_is_no_role_is_as_good_as_any(identity: Any) -> None:
    assert record(a_call("update_certificate") | {"userIdentity": identity}, Table()) is not None


def test_a_second_delivery_replaces_the_item_by_itself() -> None:
    table = Table()

    for _ in range(2):
        record(a_call("update_certificate"), table)

    assert len(table.items) == 1


@pytest.mark.parametrize(
    "change",
    [{"eventTime": "yesterday"}, {"eventTime": None}, {"requestParameters": None}, {"requestParameters": {}}],
    ids=str,
)
def test_a_record_without_what_the_call_was_about_is_refused(change: dict[str, Any]) -> None:
    table = Table()

    with pytest.raises(EventError):
        record(a_call("update_certificate") | change, table)

    assert table.items == {}


@pytest.mark.parametrize("missing", ["eventID", "eventName", "eventTime"])
def test_a_record_without_what_every_record_has_is_refused(missing: str) -> None:
    call = a_call("update_certificate")
    del call[missing]

    with pytest.raises(EventError, match=missing):
        record(call, Table())
