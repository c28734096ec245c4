"""Events that could not be stored or handled are kept, and one command brings them in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lab.counting import Call, Refusal
from lab.operators import toolsrc
from lab.pair import Pair
from lab.shadows import Shadows
from lab.waiting import until
from tests.e2e.commands import asked, iot_dr
from tests.e2e.observing import SECONDS, kept_records, output, thing
from tests.e2e.ringing import Launched

pytestmark = pytest.mark.row("C6")

GIVING_UP = 90.0
"""What ten retries of a batch take on a busy machine."""


@contextmanager
def broken_rule(pair: Pair, events: str = "ThingEvent") -> Iterator[None]:
    """Let the rule of these events write into a table that is not there, as after a mistaken change."""
    iot, stack = pair.client("iot", pair.primary), f"IoTDRPrimary{pair.outputs['StackPostfix']}"
    (rule,) = (
        one["ruleName"] for one in iot.list_topic_rules()["rules"] if one["ruleName"].startswith(f"{stack}_{events}_")
    )
    found = iot.get_topic_rule(ruleName=rule)["rule"]
    sound = {key: found[key] for key in ("sql", "actions", "errorAction", "awsIotSqlVersion", "ruleDisabled")}
    (action,) = sound["actions"]
    broken = {"dynamoDBv2": {**action["dynamoDBv2"], "putItem": {"tableName": "no-such-table"}}}
    iot.replace_topic_rule(ruleName=rule, topicRulePayload={**sound, "actions": [broken]})
    try:
        yield
    finally:
        iot.replace_topic_rule(ruleName=rule, topicRulePayload=sound)


def queued(pair: Pair, queue: str = "RULE_ERROR_QUEUE_URL") -> int:
    """How many messages an error queue of the rules holds."""
    url, attribute = toolsrc(pair)[queue], "ApproximateNumberOfMessages"
    answer = pair.client("sqs", pair.primary).get_queue_attributes(QueueUrl=url, AttributeNames=[attribute])
    return int(answer["Attributes"][attribute])


def of(name: str, answer: dict[str, Any]) -> list[tuple[str, str]]:
    """What a replay says of one thing: where it waited, and what keeps it there."""
    letters = [letter for letter in answer["letters"] if letter["resource"] == f"thing#{name}"]
    return [(letter["source"], letter["problem"]) for letter in letters]


@pytest.fixture
def lost(pair: Pair, primary: Any, name: str) -> str:
    """A thing whose event waits in the error queue."""
    with broken_rule(pair):
        primary.create_thing(thingName=name, attributePayload={"attributes": {"site": "north"}})
        assert until(lambda: queued(pair), SECONDS)
    return name


def test_an_event_that_a_rule_could_not_store_is_kept_and_arrives_when_it_is_replayed(
    pair: Pair, secondary: Any, lost: str
) -> None:
    code, told = asked(pair, "replay", "--from", "rule-errors")
    assert (code, of(lost, told)) == (0, [("rule-errors", "")])
    assert queued(pair) == 1, "a dry run leaves the message, and leaves it visible"
    assert thing(secondary, lost) is None

    code, told = asked(pair, "replay", "--from", "rule-errors", "--apply")

    assert (code, of(lost, told)) == (0, [("rule-errors", "")])
    assert until(lambda: thing(secondary, lost) == ({"site": "north"}, ""), SECONDS)
    assert queued(pair) == 0


def test_what_was_replayed_stands_in_the_table_like_what_a_rule_stored(pair: Pair, primary: Any, lost: str) -> None:
    assert asked(pair, "replay", "--from", "rule-errors", "--apply")[0] == 0
    primary.update_thing(thingName=lost, attributePayload={"attributes": {"site": "south"}})

    def stored() -> list[dict[str, Any]]:
        answer = pair.client("dynamodb", pair.secondary).query(
            TableName=toolsrc(pair)["DYNAMODB_GLOBAL_TABLE"],
            KeyConditionExpression="#resource = :name",
            ExpressionAttributeNames={"#resource": "resource"},
            ExpressionAttributeValues={":name": {"S": lost}},
        )
        items: list[dict[str, Any]] = answer["Items"]
        return items if len(items) == 2 else []

    replayed, written = sorted(until(stored, SECONDS), key=lambda item: item["operation"]["S"])
    assert (replayed["operation"]["S"], written["operation"]["S"]) == ("CREATED", "UPDATED")
    shapes = [{field: list(value) for field, value in item.items()} for item in (replayed, written)]
    assert shapes[0] == shapes[1]
    assert abs(int(replayed["expires"]["N"]) - int(written["expires"]["N"])) < 60


def test_a_shadow_whose_event_could_not_be_stored_is_brought_in_as_it_is_by_now(pair: Pair, name: str) -> None:
    here, there = (Shadows(pair.client("iot-data", region)) for region in (pair.primary, pair.secondary))
    with broken_rule(pair, "NamedShadowUpdatedEvent"):
        here.update(name, {"reported": {"lost": True}}, "config")
        assert until(lambda: queued(pair, "SHADOW_RULE_ERROR_QUEUE_URL"), SECONDS)
        here.update(name, {"reported": {"later": True}}, "config")
    assert there.read(name, "config") is None

    code, told = asked(pair, "replay", "--from", "shadow-rule-errors", "--apply")

    assert code == 0
    assert {letter["resource"] for letter in told["letters"]} == {f"shadow#{name}#config"}
    assert until(lambda: there.read(name, "config") == {"reported": {"lost": True, "later": True}}, SECONDS)
    assert queued(pair, "SHADOW_RULE_ERROR_QUEUE_URL") == 0


def test_a_message_that_cannot_be_read_stays_with_its_reason_and_the_others_go(
    pair: Pair, secondary: Any, lost: str
) -> None:
    sqs, url = pair.client("sqs", pair.primary), toolsrc(pair)["RULE_ERROR_QUEUE_URL"]
    sent = sqs.send_message(QueueUrl=url, MessageBody="this is no message of a rule")["MessageId"]
    try:
        code, told = asked(pair, "replay", "--from", "rule-errors", "--apply")

        assert code == 1
        (left,) = [letter for letter in told["letters"] if letter["problem"]]
        assert left["place"] == sent
        assert left["problem"].startswith("not the message of a rule's error action")
        assert until(lambda: thing(secondary, lost), SECONDS)
        assert queued(pair) == 1
        # A message that was looked at is hidden for a moment.
        said = "not the message of a rule's error action"
        assert until(lambda: said in iot_dr(pair, "replay").stdout, SECONDS)
    finally:
        sqs.purge_queue(QueueUrl=url)


def test_a_table_that_is_not_there_is_said_with_the_mend_and_loses_no_message(
    pair: Pair, secondary: Any, lost: str
) -> None:
    result = iot_dr(pair, "replay", "--apply", "--dynamodb-global-table", "no-such-table")

    assert (result.returncode, result.stdout) == (2, "")
    assert "DYNAMODB_GLOBAL_TABLE must be the output GlobalTableName" in result.stderr
    assert queued(pair) == 1
    assert asked(pair, "replay", "--apply", "--from", "rule-errors")[0] == 0
    assert until(lambda: thing(secondary, lost), SECONDS)


def test_what_the_trigger_could_not_hand_on_is_kept_and_arrives_when_it_is_replayed(
    pair: Pair, primary: Any, secondary: Any, name: str
) -> None:
    def no_messages(call: Call) -> Refusal | None:
        return Refusal(400, "AccessDeniedException", "not today") if call.operation == "SendMessageBatch" else None

    since, pair.proxy.intercept = time.time(), no_messages
    try:
        primary.create_thing(thingName=name)
        assert until(lambda: f'{{\\"S\\": \\"{name}\\"}}' in kept_records(pair), GIVING_UP)
    finally:
        pair.proxy.intercept = None
    assert thing(secondary, name) is None
    assert Launched.of(pair).rings(pair.secondary, "FailedRecordsAlarm", since)

    _, told = asked(pair, "replay", "--from", "stream-records", "--apply")

    assert of(name, told) == [("stream-records", "")]
    assert until(lambda: thing(secondary, name), SECONDS)
    assert name not in kept_records(pair)


def test_a_record_that_cannot_be_decoded_stays_where_it_is_with_its_reason(pair: Pair, name: str) -> None:
    event = {
        "resource": f"poison-{name}",
        "event_id": "1",
        "source_region": pair.primary,
        "payload": "this is not base64!",
    }
    pair.client("dynamodb", pair.primary).put_item(
        TableName=toolsrc(pair)["DYNAMODB_GLOBAL_TABLE"], Item={field: {"S": value} for field, value in event.items()}
    )
    assert until(lambda: event["resource"] in kept_records(pair), GIVING_UP)

    code, told = asked(pair, "replay", "--from", "stream-records", "--apply")

    assert code == 1
    (left,) = [letter for letter in told["letters"] if letter["resource"] == event["resource"]]
    assert "not base64 of JSON" in left["problem"]
    assert event["resource"] in kept_records(pair)
    pair.client("s3", pair.secondary).delete_object(Bucket=output(pair, "WorkBucketName"), Key=left["place"])


def test_a_queue_that_is_not_there_is_said_with_the_mend(pair: Pair) -> None:
    url = toolsrc(pair)["RULE_ERROR_QUEUE_URL"] + "-gone"

    result = iot_dr(pair, "replay", "--rule-error-queue-url", url)

    assert (result.returncode, result.stdout) == (2, "")
    assert "RULE_ERROR_QUEUE_URL must be the output RuleErrorQueueUrl" in result.stderr
