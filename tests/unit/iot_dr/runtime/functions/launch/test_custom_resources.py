"""CloudFormation gets exactly one answer, whatever happens inside."""

import logging
import socket
import sys
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from iot_dr.errors import ConfigurationError, RegionUnavailable
from iot_dr.runtime.functions.launch import custom_resources
from iot_dr.runtime.functions.launch.custom_resources import (
    CustomResource,
    Request,
    ResourceAnswer,
    answering,
    response_body,
)
from tests.unit.lambda_functions.cloudformation import Answers, Invocation, taking_answers


@dataclass
class Resource:
    """A resource that does what it is told to."""

    release: threading.Event = field(default_factory=threading.Event)
    waits: bool = False

    def create(self, request: Request) -> ResourceAnswer:
        if self.waits:
            self.release.wait(10)
        return ResourceAnswer("id-1", {"A": "1"})

    def update(self, request: Request) -> ResourceAnswer:
        return ResourceAnswer(f"{request.physical_id}/{request.properties['A']}")

    def delete(self, request: Request) -> ResourceAnswer:
        return sys.exit(1)


@pytest.fixture
def answers() -> Iterator[Answers]:
    with taking_answers() as taken:
        yield taken


def test_an_answer_carries_what_cloudformation_asked_with(answers: Answers) -> None:
    answering(Resource)(answers.request("Create", {}), Invocation())

    assert answers.only == {
        "Status": "SUCCESS",
        "Reason": "",
        "PhysicalResourceId": "id-1",
        "StackId": "arn:aws:cloudformation:us-east-1:111122223333:stack/main/1e0c",
        "RequestId": "request-1",
        "LogicalResourceId": "Resource",
        "Data": {"A": "1"},
    }


def test_an_update_sees_the_new_properties(answers: Answers) -> None:
    answering(Resource)(answers.request("Update", {"A": "new"}, "id"), Invocation())

    assert answers.only["PhysicalResourceId"] == "id/new"


def test_a_set_up_that_fails_is_answered(answers: Answers) -> None:
    def wire() -> CustomResource:
        raise ConfigurationError("the environment variable X is missing")

    answering(wire)(answers.request("Create", {}), Invocation())

    assert answers.only["Reason"] == "the environment variable X is missing"


def test_even_the_end_of_the_interpreter_is_answered(answers: Answers) -> None:
    with pytest.raises(SystemExit):
        answering(Resource)(answers.request("Delete", {}, "id-1"), Invocation())

    assert (answers.only["Status"], answers.only["PhysicalResourceId"]) == ("FAILED", "id-1")


def test_a_function_that_runs_out_of_time_answers_before_it_is_killed_and_only_once(answers: Answers) -> None:
    resource = Resource(waits=True)
    call = threading.Thread(target=answering(lambda: resource), args=(answers.request("Create", {}), Invocation(2_050)))

    call.start()
    call.join(1)
    early = list(answers.bodies)
    resource.release.set()
    call.join()

    assert [body["Status"] for body in early] == ["FAILED"]
    assert "did not finish in time; see log stream 2026/11/24/[$LATEST]1" in early[0]["Reason"]
    assert answers.bodies == early


def test_an_answer_that_s3_refuses_for_a_moment_is_sent_again(answers: Answers) -> None:
    answers.refusals = [503, 500]

    answering(Resource)(answers.request("Create", {}), Invocation())

    assert answers.only["Status"] == "SUCCESS"


@pytest.mark.parametrize("reason", ["x" * 10_000, "ä\U0001f680" * 3_000, '"\\' * 4_000])
def test_a_long_reason_is_cut_so_that_cloudformation_takes_the_answer(answers: Answers, reason: str) -> None:
    body = response_body(answers.request("Create", {}), "FAILED", ResourceAnswer("id", reason=reason))

    assert 3_900 < len(body) <= 4_096


SIGNED = "?X-Amz-Signature=abc123"
"""Who has the signed URL can answer in the function's place."""


@pytest.mark.parametrize("level", [logging.WARNING, logging.DEBUG])
def test_the_signed_url_is_in_no_log_though_the_answer_has_to_be_sent_again(
    answers: Answers, caplog: pytest.LogCaptureFixture, level: int
) -> None:
    answers.refusals = [503, 500]
    event = answers.request("Create", {})
    event["ResponseURL"] += SIGNED

    with caplog.at_level(level):
        answering(Resource)(event, Invocation())

    assert answers.only["Status"] == "SUCCESS"
    assert "abc123" not in caplog.text


def test_the_signed_url_is_in_no_error_if_cloudformation_cannot_be_reached(
    answers: Answers, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custom_resources, "BACKOFF", 0)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/{SIGNED}"
        with caplog.at_level(logging.DEBUG), pytest.raises(RegionUnavailable) as raised:
            answering(Resource)({**answers.request("Create", {}), "ResponseURL": url}, Invocation())

    assert "abc123" not in "".join(traceback.format_exception(raised.value))
    assert "abc123" not in caplog.text


def test_others_still_log_what_urllib3_says(answers: Answers, caplog: pytest.LogCaptureFixture) -> None:
    answering(Resource)(answers.request("Create", {}), Invocation())

    logging.getLogger("urllib3.connectionpool").warning("of somebody else")

    assert "of somebody else" in caplog.text
