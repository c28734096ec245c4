"""The trigger: a batch of the table's stream in, requests to their queue out, and what is unreadable kept aside."""

import json
from collections.abc import Iterator

import pytest

from iot_dr.errors import AccessDenied, RegionUnavailable
from tests.builders import (
    PRIMARY,
    SECONDARY,
    a_membership_payload,
    a_stream_record,
    a_thing_payload,
    a_type_payload,
    an_item,
)
from tests.endpoint import Answer, Answering, Endpoint, Request
from tests.unit.lambda_functions.functions import REQUEST_QUEUE, Function, load, queued_requests

SENT = Answer({"Successful": [], "Failed": []})
VARIABLES = {
    "PRIMARY_REGION": PRIMARY,
    "LOOK_QUEUE_URL": REQUEST_QUEUE,
    "WORK_BUCKET": "iot-dr-work",
    "LEDGER_TABLE": "ledger",
    "CONTROL_TABLE": "control",
}
GOOD, TYPE, UNREADABLE = an_item(a_thing_payload("pump-17")), an_item(a_type_payload("pump")), an_item("no base64!")


@pytest.fixture
def aws() -> Iterator[Endpoint]:
    with Endpoint(lambda request: Answer() if request.operation.startswith("PUT") else SENT) as endpoint:
        yield endpoint


@pytest.fixture
def trigger(aws: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Function:
    return load("start_replication", aws, monkeypatch, VARIABLES)


def a_batch(*items: dict) -> dict:
    return {"Records": [a_stream_record(item, str(100 + number)) for number, item in enumerate(items)]}


def started(aws: Endpoint) -> list[tuple[str, str]]:
    return [(request["kind"], request["name"]) for request in queued_requests(aws, REQUEST_QUEUE)]


def kept_aside(aws: Endpoint) -> dict[str, dict]:
    puts = [request for request in aws.requests if request.operation.startswith("PUT")]
    return {request.operation.removeprefix("PUT ").partition("?")[0]: request.body for request in puts}


def test_a_batch_queues_its_distinct_resources_in_one_call(aws: Endpoint, trigger: Function) -> None:
    answer = trigger(a_batch(GOOD, TYPE, GOOD), None)

    assert answer == {"batchItemFailures": []}
    assert aws.operations() == ["SendMessageBatch"]
    assert started(aws) == [("thing", "pump-17"), ("thing_type", "pump")]


def test_one_unreadable_record_is_kept_aside_and_the_others_are_started(aws: Endpoint, trigger: Function) -> None:
    answer = trigger(a_batch(GOOD, UNREADABLE, TYPE), None)

    assert answer == {"batchItemFailures": []}
    assert started(aws) == [("thing", "pump-17"), ("thing_type", "pump")]
    ((path, kept),) = kept_aside(aws).items()
    assert path == "/iot-dr-work/unreadable/id-101.json"
    assert "not base64 of JSON" in kept["requestContext"]["condition"]
    assert kept["payload"] == {"Records": [a_stream_record(UNREADABLE, "101")]}


@pytest.mark.parametrize("payload", [{"eventType": "JOB_EVENT"}, a_membership_payload() | {"thingArn": "garbled"}])
def test_an_event_that_no_branch_can_read_is_kept_aside_and_never_lost(
    payload: dict, aws: Endpoint, trigger: Function
) -> None:
    answer = trigger(a_batch(an_item(payload)), None)

    assert answer == {"batchItemFailures": []}
    assert len(kept_aside(aws)) == 1
    assert started(aws) == []


def test_a_record_without_image_is_kept_aside(aws: Endpoint, trigger: Function) -> None:
    batch = a_batch(GOOD)
    del batch["Records"][0]["dynamodb"]["NewImage"]

    assert trigger(batch, None) == {"batchItemFailures": []}
    assert len(kept_aside(aws)) == 1


def test_what_cannot_be_kept_aside_is_handed_in_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_bucket(request: Request) -> Answer:
        return Answer(status=403) if request.operation.startswith("PUT") else SENT

    with Endpoint(no_bucket) as aws:
        trigger = load("start_replication", aws, monkeypatch, VARIABLES)

        answer = trigger(a_batch(GOOD, UNREADABLE), None)

        assert answer == {"batchItemFailures": [{"itemIdentifier": "101"}]}
        assert started(aws) == [("thing", "pump-17")]


def test_one_invocation_leaves_nothing_to_the_next(aws: Endpoint, trigger: Function) -> None:
    trigger(a_batch(UNREADABLE), None)

    assert trigger(a_batch(GOOD), None) == {"batchItemFailures": []}
    assert started(aws) == [("thing", "pump-17")]


def test_an_unreadable_record_is_logged_with_its_reason_and_without_traceback(
    trigger: Function, caplog: pytest.LogCaptureFixture
) -> None:
    trigger(a_batch(UNREADABLE), None)

    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "not base64 of JSON" in vars(line)["reason"]
    assert vars(line)["resource"] == "pump-17"
    assert line.exc_info is None


def test_a_queue_that_cannot_be_sent_to_fails_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    def denies(_request: Request) -> Answer:
        return Answer({"__type": "AccessDeniedException", "message": "no"}, 400)

    with Endpoint(denies) as aws:
        trigger = load("start_replication", aws, monkeypatch, VARIABLES)

        with pytest.raises(AccessDenied):
            trigger(a_batch(GOOD), None)


def test_messages_that_sqs_did_not_take_fail_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {"Id": "0", "Code": "InternalError", "SenderFault": False}
    with Endpoint(lambda _request: Answer({"Successful": [], "Failed": [kept]})) as aws:
        trigger = load("start_replication", aws, monkeypatch, VARIABLES)

        with pytest.raises(RegionUnavailable, match="InternalError"):
            trigger(a_batch(GOOD), None)


CONTROL = {"resource": {"S": "iot-dr#control"}, "event_id": {"S": "control"}}
ORDER = {"leader": {"S": SECONDARY}, "mode": {"S": "pinned"}, "epoch": {"N": "2"}, "why": {"S": "a test"}}
CONTROL_RECORD = {"resource": "iot-dr#control", "event_id": "control", "leader": SECONDARY}


def items(control: dict, fence: dict | None = None) -> Answering:
    def answer(request: Request) -> Answer:
        if request.operation == "BatchGetItem":
            fences = [{"resource": {"S": "iot-dr#fence"}} | fence] if fence else []
            return Answer({"Responses": {"control": [CONTROL | control], "ledger": fences}})
        return Answer() if request.operation in ("UpdateItem", "PUT") else SENT

    return answer


def test_the_fence_follows_an_order_of_the_control_item_and_events_of_the_batch_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Endpoint(items(ORDER)) as aws:
        trigger = load("start_replication", aws, monkeypatch, VARIABLES)

        assert trigger(a_batch(GOOD, CONTROL_RECORD), None) == {"batchItemFailures": []}

        (update,) = [request.body for request in aws.requests if request.operation == "UpdateItem"]
        assert (update["TableName"], update["Key"]) == ("ledger", {"resource": {"S": "iot-dr#fence"}})
        assert update["ExpressionAttributeValues"][":role"] == {"S": "leads"}
        assert update["ExpressionAttributeValues"][":epoch"] == {"N": "2"}
        assert started(aws) == [("thing", "pump-17")]


def test_an_order_that_the_replica_has_lost_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with Endpoint(items({"leader": {"S": PRIMARY}}, {"role": {"S": "leads"}, "epoch": {"N": "2"}})) as aws:
        load("start_replication", aws, monkeypatch, VARIABLES)(a_batch(CONTROL_RECORD), None)

        (update,) = [request.body for request in aws.requests if request.operation == "UpdateItem"]
        assert (update["TableName"], update["Key"]) == ("control", CONTROL)
        assert update["ExpressionAttributeValues"][":leader"] == {"S": SECONDARY}


def test_a_garbled_order_changes_nothing_and_rings_the_alarm_of_what_is_unreadable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Endpoint(items(ORDER | {"mode": {"S": "pin"}})) as aws:
        trigger = load("start_replication", aws, monkeypatch, VARIABLES)

        assert trigger(a_batch(GOOD, CONTROL_RECORD), None) == {"batchItemFailures": []}

        assert "UpdateItem" not in aws.operations()
        assert started(aws) == [("thing", "pump-17")]
    (metrics,) = [line for line in map(json.loads, capsys.readouterr().out.splitlines()) if "Unreadable" in line]
    assert metrics["Unreadable"] == [1.0]
