"""Messages in exactly the form that AWS documents for the error action and the S3 failure destination."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from iot_dr.errors import EventError
from iot_dr.model.events.dead_letters import RuleError, event_item, read_invocation, read_rule_error
from iot_dr.model.events.registry_events import decode
from iot_dr.model.shadows.shadow import decode_shadow_event
from templates.blocks.topic_rules import EventRule
from templates.primary_region import REGISTRY_EVENTS
from templates.shadow_capture import SHADOW_EVENTS

PAYLOAD = {
    "eventType": "THING_EVENT",
    "eventId": "f5ae9b94-8b8e-4d8e-8c8f-b3266dd89853",
    "timestamp": 1234567890123,
    "operation": "CREATED",
    "accountId": "123456789012",
    "thingId": "b604f69c-aa9a-4d4a-829e-c480e958a0b5",
    "thingName": "pump-17",
    "versionNumber": 1,
    "thingTypeName": None,
    "attributes": {"site": "north"},
}
ENCODED = base64.b64encode(json.dumps(PAYLOAD).encode()).decode()
MESSAGE: dict[str, Any] = {
    "ruleName": "IoTDRPrimary20261124120000_ThingEvent",
    "topic": "$aws/events/thing/pump-17/created",
    "cloudwatchTraceId": "7e146a2c-95b5-6caf-98b9-50e3969734c7",
    "clientId": "N/A",
    "base64OriginalPayload": ENCODED,
    "failures": [
        {
            "failedAction": "DynamoDBv2Action",
            "failedResource": "IoTDRGlobalTable20261124120000",
            "errorMessage": "Failed to write to DynamoDB",
        }
    ],
}


def changed(**fields: Any) -> str:
    return json.dumps({**MESSAGE, **fields})


def test_a_rules_error_message_says_what_was_lost_and_why() -> None:
    assert read_rule_error(json.dumps(MESSAGE)) == RuleError(
        "$aws/events/thing/pump-17/created", ENCODED, "Failed to write to DynamoDB"
    )


def test_a_message_with_several_failures_tells_all_of_them() -> None:
    failures = [{"errorMessage": "one"}, {"errorMessage": "two"}]

    assert read_rule_error(changed(failures=failures)).reason == "one; two"


def test_a_message_that_tells_no_failure_can_still_be_replayed() -> None:
    assert read_rule_error(changed(failures=None)).reason == ""


@pytest.mark.parametrize(
    "body",
    ["", "not JSON", "[]", "7", "{}", json.dumps({"topic": "$aws/events/thing/a/created"}), changed(failures=[1])],
)
def test_what_no_error_action_wrote_is_refused(body: str) -> None:
    with pytest.raises(EventError, match="not the message of a rule's error action"):
        read_rule_error(body)


def test_the_item_is_the_one_that_the_rule_would_have_written() -> None:
    item = event_item(
        read_rule_error(json.dumps(MESSAGE)), event_id="id-1", source_region="us-east-1", now=1_700_000_000_999
    )

    assert item == {
        "resource": "pump-17",
        "event_id": "id-1",
        "source_region": "us-east-1",
        "eventType": "THING_EVENT",
        "operation": "CREATED",
        "expires": 1_700_000_000 + 172_800,
        "payload": ENCODED,
    }


def test_the_trigger_reads_it_like_any_other() -> None:
    item = event_item(RuleError(MESSAGE["topic"], ENCODED, ""), event_id="id-1", source_region="us-east-1", now=0)

    event = decode(item)

    assert (str(event.key), event.operation, event.event_id) == ("thing#pump-17", "CREATED", PAYLOAD["eventId"])


def topic_of(rule: EventRule) -> list[str]:
    """The fields of a topic that a rule hears."""
    fields = rule.topic_filter.split("/")
    return [f"any-{number}" if field == "+" else field for number, field in enumerate(fields, 1)]


@pytest.mark.parametrize("rule", REGISTRY_EVENTS, ids=lambda rule: rule.stem)
def test_the_resource_is_what_the_rule_takes_from_the_topic(rule: EventRule) -> None:
    item = event_item(RuleError("/".join(topic_of(rule)), ENCODED, ""), event_id="1", source_region="r", now=0)

    assert rule.columns["resource"] == f"topic({topic_of(rule).index(str(item['resource'])) + 1})"


SHADOW_MESSAGES = {
    "'UPDATED'": {"current": {"version": 7, "state": {}}, "previous": {"version": 6}, "timestamp": 1_700_000_000},
    "'DELETED'": {"version": 7, "timestamp": 1_700_000_000},
}


@pytest.mark.parametrize("rule", SHADOW_EVENTS, ids=lambda rule: rule.stem)
def test_a_shadows_message_becomes_what_its_rule_stores_but_for_the_state(rule: EventRule) -> None:
    message = SHADOW_MESSAGES[rule.columns["operation"]]
    payload = base64.b64encode(json.dumps(message).encode()).decode()

    item = event_item(RuleError("/".join(topic_of(rule)), payload, ""), event_id="1", source_region="r", now=0)

    # The state would be old; without a time of acceptance no lag is measured from it.
    assert item.keys() == {*rule.columns, "event_id", "source_region", "expires"} - {"payload", "accepted_at"}
    assert {f"'{item[column]}'" for column in ("eventType", "operation")} == {
        rule.columns["eventType"],
        rule.columns["operation"],
    }
    event = decode_shadow_event(item)
    assert (event.key.name, event.key.other) == ("any-3", "any-6" if "shadow" in rule.columns else "")
    assert (event.version, event.updated_at, event.document) == (7, 1_700_000_000_000, None)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"current": {}},
        {"current": 7, "timestamp": 1},
        {"current": {"version": "x"}},
        {"current": {"version": 2**53}, "timestamp": 1},
        {"current": {"version": 7}, "timestamp": 1e300 * 1e300},
    ],
)
def test_what_is_no_message_of_a_shadow_is_refused(message: dict[str, Any]) -> None:
    payload = base64.b64encode(json.dumps(message).encode()).decode()

    with pytest.raises(EventError, match="no message of a shadow"):
        event_item(
            RuleError("$aws/things/a/shadow/update/documents", payload, ""), event_id="1", source_region="r", now=0
        )


@pytest.mark.parametrize(
    "topic", ["", "fleet/pump-17/up", "$aws/events/thing", "$aws/things/a/shadow/update/accepted", "$aws/things/a"]
)
def test_what_is_no_event_that_is_replicated_is_refused(topic: str) -> None:
    with pytest.raises(EventError, match="is the topic of no event that is replicated"):
        event_item(RuleError(topic, ENCODED, ""), event_id="1", source_region="r", now=0)


@pytest.mark.parametrize(
    "payload",
    [
        "this is not base64!",
        base64.b64encode(b"[1]").decode(),
        "bm90IEpTT04=",
        base64.b64encode(b"[" * 100_000).decode(),
    ],
    ids=range(4),
)
def test_a_payload_that_cannot_be_read_is_refused(payload: str) -> None:
    with pytest.raises(EventError, match="original payload is not"):
        event_item(RuleError(MESSAGE["topic"], payload, ""), event_id="1", source_region="r", now=0)


IMAGE = {"resource": {"S": "pump-17"}, "payload": {"S": ENCODED}}
RECORDS = {"Records": [{"eventName": "INSERT", "dynamodb": {"NewImage": IMAGE}}, {"dynamodb": {}}]}
CONTEXT = {"condition": "RetryAttemptsExhausted", "approximateInvokeCount": 11}


@pytest.mark.parametrize("payload", [json.dumps(RECORDS), RECORDS], ids=["escaped", "plain"])
def test_what_lambda_keeps_gives_back_its_records_and_the_condition(payload: Any) -> None:
    text = json.dumps({"requestContext": CONTEXT, "payload": payload})

    assert read_invocation(text) == ([IMAGE, {}], "RetryAttemptsExhausted")


@pytest.mark.parametrize(
    "text", ["", "{}", '{"payload": "{}"}', '{"payload": {"Records": [1]}}', "[]", '{"payload": 7}']
)
def test_what_lambda_did_not_keep_is_refused(text: str) -> None:
    with pytest.raises(EventError, match="not the record of a failed invocation"):
        read_invocation(text)
