"""The registrar: messages of just-in-time registration in, a request for each certificate out."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from iot_dr.errors import AccessDenied
from tests.builders import SECONDARY, a_certificate_id
from tests.endpoint import Answer, Endpoint, Request
from tests.unit.lambda_functions.functions import REQUEST_QUEUE, Function, load, queued_requests

SENT = Answer({"Successful": [], "Failed": []})
CERTIFICATE = a_certificate_id("pump-17")
REGISTERED = json.dumps({"certificateId": CERTIFICATE, "timestamp": 1_795_521_600_000})


@pytest.fixture
def aws() -> Iterator[Endpoint]:
    with Endpoint(lambda _request: SENT) as endpoint:
        yield endpoint


@pytest.fixture
def registrar(aws: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Function:
    return load("register_device", aws, monkeypatch, {"LOOK_QUEUE_URL": REQUEST_QUEUE})


def a_batch(*bodies: str) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"m-{number}",
                "receiptHandle": "r",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{SECONDARY}:123456789012:JitrQueue",
                "awsRegion": SECONDARY,
            }
            for number, body in enumerate(bodies)
        ]
    }


def test_a_device_that_keeps_trying_is_checked_once(aws: Endpoint, registrar: Function) -> None:
    assert registrar(a_batch(REGISTERED, REGISTERED), None) == {"batchItemFailures": []}

    (request,) = queued_requests(aws, REQUEST_QUEUE)
    assert (request["kind"], request["name"], request["depth"]) == ("certificate", CERTIFICATE, "everything")


def test_an_unreadable_message_is_reported_alone_and_logged_without_traceback(
    aws: Endpoint, registrar: Function, caplog: pytest.LogCaptureFixture
) -> None:
    assert registrar(a_batch("{}", REGISTERED), None) == {"batchItemFailures": [{"itemIdentifier": "m-0"}]}

    assert aws.operations() == ["SendMessageBatch"]
    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "certificateId" in vars(line)["reason"]
    assert line.exc_info is None


def test_a_queue_that_cannot_be_sent_to_fails_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    def denies(_request: Request) -> Answer:
        return Answer({"__type": "AccessDeniedException", "message": "no"}, 400)

    with Endpoint(denies) as aws:
        registrar = load("register_device", aws, monkeypatch, {"LOOK_QUEUE_URL": REQUEST_QUEUE})

        with pytest.raises(AccessDenied):
            registrar(a_batch(REGISTERED), None)
