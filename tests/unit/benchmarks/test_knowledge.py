"""Who knows of a difference is judged by what the ledger and the emulator say, and by nothing else."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from benchmarks.knowledge import Tally, keys_in, keys_on_the_way, noted_keys, plain, recorded, roots_of
from iot_dr.model.registry.keys import (
    Key,
    billing_group_key,
    certificate_key,
    group_membership_key,
    policy_key,
    thing_group_key,
    thing_key,
)
from iot_dr.model.replication.requests import ReconcileRequest
from lab.registry import Difference

CERTIFICATE = "a1b2c3d4e5f6" + "0" * 52
CERTIFICATES = {CERTIFICATE[:12]: CERTIFICATE}
NOTHING: dict[str, Any] = {"events": [], "records": [], "messages": [], "running": []}


def differing(kind: str, name: str) -> Difference:
    return Difference(kind, name, "is missing in the secondary Region")


@pytest.mark.parametrize(
    ("kind", "name", "roots"),
    [
        ("things", "pump", {thing_key("pump")}),
        ("policies", "p", {policy_key("p")}),
        ("certificates", CERTIFICATE, {certificate_key(CERTIFICATE)}),
        ("memberships", "g - pump", {group_membership_key("g", "pump"), thing_group_key("g"), thing_key("pump")}),
        ("attachments", "pump - certificate a1b2c3d4e5f6", {thing_key("pump"), certificate_key(CERTIFICATE)}),
        ("attachments", "certificate a1b2c3d4e5f6 - p", {certificate_key(CERTIFICATE), policy_key("p")}),
        ("attachments", "group g - p", {thing_group_key("g"), policy_key("p")}),
    ],
)
def test_a_difference_is_mended_by_a_check_the_resource_or_at_either_end_of_the_relation(
    kind: str, name: str, roots: set[Key]
) -> None:
    assert roots_of(differing(kind, name), CERTIFICATES) == roots


def test_a_thing_in_another_billing_group_is_mended_by_a_check_the_group_too() -> None:
    how = "differs: {'type': 't', 'billing group': None} / {'type': 't', 'billing group': 'b'}"
    same = "differs: {'type': 't', 'billing group': 'b'} / {'type': 'u', 'billing group': 'b'}"

    assert roots_of(Difference("things", "pump", how), {}) == {thing_key("pump"), billing_group_key("b")}
    assert roots_of(Difference("things", "pump", same), {}) == {thing_key("pump")}


@pytest.mark.parametrize(
    ("item", "noted"),
    [
        ({"state": "in_sync"}, False),
        ({"state": "absent"}, False),
        ({"owned_at": "1"}, False),
        ({"state": "pending"}, True),
        ({"state": "failed"}, True),
        ({"state": "unsupported"}, True),
        ({"state": "in_sync", "retry_state": "waiting"}, True),
    ],
)
def test_the_ledger_knows_of_what_is_not_in_sync_or_will_be_checked_again(item: dict[str, str], noted: bool) -> None:
    assert bool(noted_keys([{"resource": "thing#pump", **item}])) is noted


def test_what_an_execution_or_a_message_is_to_check_is_on_its_way() -> None:
    one, other = (ReconcileRequest(thing_key(name)).to_json() for name in ("one", "other"))
    running = json.dumps({"batches": [{"looks": [one]}]})
    message = json.dumps({"body": json.dumps({"looks": [other]})})

    found = keys_on_the_way({**NOTHING, "running": [running], "messages": [message]})

    assert found == {thing_key("one"), thing_key("other")}


def test_text_that_is_no_json_names_nothing() -> None:
    assert list(keys_in("{no json")) == []
    assert list(keys_in({"kind": "weather", "name": "rain"})) == []


def test_an_event_in_the_stream_is_on_its_way() -> None:
    payload = {"eventType": "THING_TYPE_EVENT", "operation": "CREATED", "timestamp": 1, "thingTypeName": "valve"}
    encoded = base64.b64encode(json.dumps(payload).encode()).decode()
    record = {"event_id": {"S": "e"}, "payload": {"S": encoded}}

    assert {str(key) for key in keys_on_the_way({**NOTHING, "records": [record]})} == {"thing_type#valve"}


def test_a_call_that_a_trail_tells_of_is_on_its_way_if_it_is_an_event_of_the_product() -> None:
    told = {"eventName": "CreatePolicyVersion", "requestParameters": {"policyName": "p"}, "responseElements": None}
    other = {"eventName": "CreateThing", "requestParameters": {"thingName": "pump"}, "responseElements": None}

    assert keys_on_the_way({**NOTHING, "events": [told, other]}) == {policy_key("p")}
    assert "payload" in recorded(told)


def test_each_difference_is_counted_once_and_the_rest_is_unknown() -> None:
    lost, noted, coming, both = (differing("things", name) for name in ("lost", "noted", "coming", "both"))

    tally = Tally.of(
        [lost, noted, coming, both],
        {},
        noted=[thing_key("noted"), thing_key("both")],
        coming=[thing_key("coming"), thing_key("both")],
    )

    assert (tally.by_ledger, tally.on_the_way, tally.unknown) == (2, 1, frozenset({lost}))


def test_an_item_of_the_low_level_api_becomes_plain() -> None:
    assert plain({"resource": {"S": "thing#pump"}, "checked_at": {"N": "1"}}) == {
        "resource": "thing#pump",
        "checked_at": "1",
    }
