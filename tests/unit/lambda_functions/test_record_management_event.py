"""The recorder: a call that EventBridge brings in, an item of the event table out."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iot_dr.errors import EventError, Throttled
from tests.builders import PRIMARY, a_certificate_id
from tests.endpoint import Answer, Endpoint, Request
from tests.unit.lambda_functions.functions import Function, load

EVENTS = Path(__file__).resolve().parents[2] / "events"


@pytest.fixture
def aws() -> Iterator[Endpoint]:
    with Endpoint(lambda _request: Answer()) as endpoint:
        yield endpoint


@pytest.fixture
def recorder(aws: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Function:
    return load("record_management_event", aws, monkeypatch, {"EVENT_TABLE": "events", "AWS_REGION": PRIMARY})


def an_event(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return event


def test_a_revoked_certificate_is_stored_under_cloudtrails_own_id(aws: Endpoint, recorder: Function) -> None:
    event = an_event("update_certificate")

    assert recorder(event, None) == {"recorded": True}

    (request,) = aws.requests
    item = request.body["Item"]
    assert request.operation == "PutItem"
    assert request.body["TableName"] == "events"
    assert item["resource"] == {"S": a_certificate_id("pump-17")}
    assert item["event_id"] == {"S": event["detail"]["eventID"]}
    assert item["source_region"] == {"S": PRIMARY}
    assert item["expires"].keys() == {"N"}


def test_a_refused_call_is_not_stored(aws: Endpoint, recorder: Function) -> None:
    assert recorder(an_event("update_certificate_denied"), None) == {"recorded": False}
    assert aws.requests == []


def test_the_log_line_tells_the_call_and_the_resource_and_no_content(
    recorder: Function, caplog: pytest.LogCaptureFixture
) -> None:
    recorder(an_event("register_certificate_without_ca"), None)

    (line,) = [record for record in caplog.records if record.message == "call recorded"]
    assert vars(line)["operation"] == "RegisterCertificateWithoutCA"
    assert vars(line)["resource"] == f"certificate#{a_certificate_id('pump-17')}"
    assert "BEGIN CERTIFICATE" not in str(vars(line))


def test_an_unreadable_record_fails_so_that_lambda_keeps_it(aws: Endpoint, recorder: Function) -> None:
    event = an_event("update_certificate")
    del event["detail"]["eventTime"]

    with pytest.raises(EventError):
        recorder(event, None)

    assert aws.requests == []


def test_a_table_that_refuses_fails_so_that_lambda_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def throttles(_request: Request) -> Answer:
        return Answer({"__type": "ProvisionedThroughputExceededException", "message": "slow down"}, 400)

    with Endpoint(throttles) as aws:
        recorder = load("record_management_event", aws, monkeypatch, {"EVENT_TABLE": "events"})

        with pytest.raises(Throttled):
            recorder(an_event("update_certificate"), None)
