"""The function of the queues: messages in, runs of the workflow, and the IDs of what is to be handed out again out."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from iot_dr.runtime.functions.run_workflow import NEEDED
from tests.builders import ACCOUNT, PRIMARY, SECONDARY
from tests.endpoint import Answer, Endpoint, Request
from tests.unit.lambda_functions.functions import (
    BACKGROUND_QUEUE,
    DEAD_LETTERS,
    REQUEST_QUEUE,
    STATE_MACHINE,
    Function,
    load,
    queued_requests,
)

VARIABLES = {
    "LOOK_QUEUE_URL": REQUEST_QUEUE,
    "BACKGROUND_QUEUE_URL": BACKGROUND_QUEUE,
    "LOOK_DEAD_LETTER_QUEUE_URL": DEAD_LETTERS,
    "STATE_MACHINE_ARN": STATE_MACHINE,
    "LEDGER_TABLE": "ledger",
    "PRIMARY_REGION": PRIMARY,
    "ACCOUNT_ID": ACCOUNT,
}


class Context:
    """What Lambda tells of an invocation."""

    def __init__(self, milliseconds: int = 120_000) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


def a_body(*names: str, kind: str = "thing", **fields: Any) -> str:
    return json.dumps({"looks": [{"kind": kind, "name": name, **fields} for name in names]})


def a_batch(*bodies: str, queue: str = REQUEST_QUEUE, receives: int = 1) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"m-{number}",
                "receiptHandle": f"r-{number}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": str(receives)},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{SECONDARY}:{ACCOUNT}:{queue.rpartition('/')[2]}",
                "awsRegion": SECONDARY,
            }
            for number, body in enumerate(bodies)
        ]
    }


def ended(output: dict[str, Any], status: str = "SUCCEEDED") -> Answer:
    dates = {"startDate": 1.0, "stopDate": 2.0}
    return Answer({"executionArn": "e", "status": status, "output": json.dumps(output), **dates})


@contextmanager
def running(
    patch: pytest.MonkeyPatch,
    run: Callable[[dict[str, Any]], Answer],
    waiting: int = 0,
    refused: str = "",
    ledger: Answer | None = None,
) -> Iterator[tuple[Endpoint, Function]]:
    def answer(request: Request) -> Answer:
        if request.operation == refused:
            return Answer({"message": "no"}, 403, "AccessDenied")
        match request.operation:
            case "StartSyncExecution":
                return run(json.loads(request.body["input"]))
            case "BatchGetItem":
                return ledger or Answer({"Responses": {}, "UnprocessedKeys": {}})
            case "SendMessageBatch":
                return Answer({"Successful": [], "Failed": []})
            case "GetQueueAttributes":
                return Answer({"Attributes": {"ApproximateNumberOfMessages": str(waiting)}})
            case _:
                return Answer({})

    with Endpoint(answer) as aws:
        yield aws, load("run_workflow", aws, patch, VARIABLES)


def runs(aws: Endpoint) -> list[dict[str, Any]]:
    return [json.loads(one.body["input"]) for one in aws.requests if one.operation == "StartSyncExecution"]


def test_small_messages_are_one_run_and_what_comes_again_is_queued(monkeypatch: pytest.MonkeyPatch) -> None:
    def again(given: dict[str, Any]) -> Answer:
        return ended({"looks": [given["looks"][0] | {"due": 1}], "pause": 1})

    with running(monkeypatch, again) as (aws, runner):
        assert runner(a_batch(a_body("a"), a_body("b")), Context()) == {"batchItemFailures": []}

    (given,) = runs(aws)
    assert ([request["name"] for request in given["looks"]], given["background"]) == (["a", "b"], False)
    assert [request["name"] for request in queued_requests(aws, REQUEST_QUEUE)] == ["a"]


def test_what_an_operator_leaves_out_of_a_request_the_workflow_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(monkeypatch, lambda _given: ended({"looks": []})) as (aws, runner):
        runner(a_batch(a_body("a")), Context())

    ((request,),) = (given["looks"] for given in runs(aws))
    assert (request["tries"], request["depth"]) == (0, "everything")


def test_background_work_is_told_to_the_worker_and_goes_back_to_its_own_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(monkeypatch, lambda given: ended({"looks": given["looks"]})) as (aws, runner):
        runner(a_batch(a_body("a"), queue=BACKGROUND_QUEUE), Context())

    assert [given["background"] for given in runs(aws)] == [True]
    assert [request["name"] for request in queued_requests(aws, BACKGROUND_QUEUE)] == ["a"]


def test_background_work_is_not_run_while_events_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(monkeypatch, lambda _given: ended({}), waiting=1) as (aws, runner):
        assert runner(a_batch(a_body("a"), queue=BACKGROUND_QUEUE), Context()) == {"batchItemFailures": []}

    assert runs(aws) == []
    assert len(queued_requests(aws, BACKGROUND_QUEUE)) == 1


def test_a_run_that_fails_is_handed_out_again_and_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(given: dict[str, Any]) -> Answer:
        return ended({}, "FAILED") if given["looks"][0]["kind"] == "policy" else ended({"looks": []})

    with running(monkeypatch, run) as (aws, runner):
        answer = runner(a_batch(a_body("p", kind="policy"), a_body("a")), Context())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-0"}]}
    assert len(runs(aws)) == 2


@pytest.mark.parametrize(("receives", "longest"), [(1, 4), (3, 16), (5, 60)])
def test_what_was_not_handled_to_its_end_comes_again_soon_and_later_each_time(
    monkeypatch: pytest.MonkeyPatch, receives: int, longest: int
) -> None:
    with running(monkeypatch, lambda _given: ended({}, "TIMED_OUT")) as (aws, runner):
        answer = runner(a_batch(a_body("a"), queue=BACKGROUND_QUEUE, receives=receives), Context())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-0"}]}
    (shown,) = [one.body for one in aws.requests if one.operation == "ChangeMessageVisibilityBatch"]
    (entry,) = shown["Entries"]
    assert (shown["QueueUrl"], entry["ReceiptHandle"]) == (BACKGROUND_QUEUE, "r-0")
    assert 1 <= int(entry["VisibilityTimeout"]) <= longest


def test_where_the_queue_cannot_be_told_the_message_still_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(given: dict[str, Any]) -> Answer:
        return ended({}, "FAILED")

    with running(monkeypatch, run, refused="ChangeMessageVisibilityBatch") as (_, runner):
        assert runner(a_batch(a_body("a")), Context()) == {"batchItemFailures": [{"itemIdentifier": "m-0"}]}


def _late(name: str) -> str:
    return a_body(name, occurred_at=1000, depth="own")


def _read_at(**times: int) -> Answer:
    items = [{"resource": {"S": f"thing#{name}"}, "read_at": {"N": str(at)}} for name, at in times.items()]
    return Answer({"Responses": {"ledger": items}, "UnprocessedKeys": {}})


def test_late_requests_whose_change_was_seen_by_another_take_no_worker(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(monkeypatch, lambda _given: ended({"looks": []}), ledger=_read_at(a=3000, b=1500)) as (aws, runner):
        assert runner(a_batch(_late("a"), _late("b"), _late("c")), Context()) == {"batchItemFailures": []}

    assert [[request["name"] for request in given["looks"]] for given in runs(aws)] == [["b", "c"]]
    assert len([one for one in aws.requests if one.operation == "BatchGetItem"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [line["Superseded"] for line in lines] == [[1.0]]


def test_a_message_of_which_nothing_is_left_is_done_with(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(monkeypatch, lambda _given: ended({"looks": []}), ledger=_read_at(a=3000)) as (aws, runner):
        assert runner(a_batch(_late("a")), Context()) == {"batchItemFailures": []}

    assert runs(aws) == []


def test_where_the_ledger_cannot_be_asked_every_request_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = Answer({"message": "no"}, 400, "AccessDeniedException")
    with running(monkeypatch, lambda _given: ended({"looks": []}), ledger=refusal) as (aws, runner):
        assert runner(a_batch(_late("a")), Context()) == {"batchItemFailures": []}

    assert len(runs(aws)) == 1


def test_what_there_is_no_time_to_begin_with_goes_back_to_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(monkeypatch, lambda _given: ended({"looks": []})) as (aws, runner):
        answer = runner(a_batch(a_body("a"), a_body("p", kind="policy")), Context(NEEDED))

    assert answer == {"batchItemFailures": []}
    assert [given["looks"][0]["kind"] for given in runs(aws)] == ["thing"]
    assert [request["kind"] for request in queued_requests(aws, REQUEST_QUEUE)] == ["policy"]


def test_what_was_handed_out_too_often_is_recorded_in_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(monkeypatch, lambda _given: ended({"looks": []})) as (aws, runner):
        assert runner(a_batch(a_body("a"), receives=6), Context()) == {"batchItemFailures": []}

    assert runs(aws) == []
    (update, *_) = [one.body for one in aws.requests if one.operation == "UpdateItem"]
    assert update["ExpressionAttributeValues"][":state"] == {"S": "pending"}


def test_what_cannot_be_read_is_kept_in_the_dead_letter_queue_and_logged_without_traceback(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with running(monkeypatch, lambda _given: ended({"looks": []})) as (aws, runner):
        assert runner(a_batch("garbled", a_body("a")), Context()) == {"batchItemFailures": []}

    (kept,) = [one.body for one in aws.requests if one.operation == "SendMessage"]
    assert (kept["QueueUrl"], kept["MessageBody"]) == (DEAD_LETTERS, "garbled")
    assert len(runs(aws)) == 1
    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert line.exc_info is None


def test_busy_requests_are_counted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with running(monkeypatch, lambda _given: ended({"busy": True})) as (_, runner):
        runner(a_batch(a_body("a", "b")), Context())

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [line["Busy"] for line in lines] == [[2.0]]
