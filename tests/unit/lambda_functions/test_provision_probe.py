"""The function behind `Custom::Probe`: CloudFormation gets its answer whatever happens, and no key."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from iot_dr.errors import AccessDenied
from iot_dr.runtime.functions.launch.custom_resources import answering
from iot_dr.runtime.functions.launch.probes import ProbeResource
from iot_dr.services.launch.provision_probe import ProvisionProbe
from provision_probe.handler import lambda_handler
from tests.unit.iot_dr.services.launch.test_provision_probe import NAME, Account

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:probe-AbCdEf"


class Context:
    log_stream_name = "stream"
    log_group_name = "group"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class CloudFormation(BaseHTTPRequestHandler):
    """Takes the answers at the presigned URL."""

    answers: list[dict[str, Any]]

    def do_PUT(self) -> None:
        self.answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def stack() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    answers: list[dict[str, Any]] = []
    server = HTTPServer(("127.0.0.1", 0), type("Answers", (CloudFormation,), {"answers": answers}))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/answer", answers
    server.shutdown()
    thread.join()
    server.server_close()


def a_request(url: str, kind: str, name: str = NAME, physical_id: str = NAME) -> dict[str, Any]:
    return {
        "RequestType": kind,
        "ResponseURL": url,
        "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/R53HealthChecker/1",
        "RequestId": "request",
        "LogicalResourceId": "Probe",
        "ResourceType": "Custom::Probe",
        "ResourceProperties": {"ServiceToken": "arn", "ProbeName": name, "SecretArn": SECRET},
        **({} if kind == "Create" else {"PhysicalResourceId": physical_id}),
    }


def call(account: Account, event: dict[str, Any]) -> None:
    answering(lambda: ProbeResource(lambda _secret: ProvisionProbe(account, account)))(event, Context())


def test_create_answers_with_the_things_name_and_what_the_stack_may_know(stack: Any) -> None:
    url, answers = stack
    account = Account()

    call(account, a_request(url, "Create"))

    assert answers[0]["Status"] == "SUCCESS"
    assert answers[0]["PhysicalResourceId"] == NAME
    assert answers[0]["Data"] == {
        "ThingName": NAME,
        "CertificateId": "certificate-1",
        "Endpoint": "prefix-ats.iot.us-east-1.amazonaws.com",
    }
    assert "KEY" not in json.dumps(answers)


def test_a_create_that_fails_says_why_and_the_delete_that_follows_succeeds(stack: Any) -> None:
    url, answers = stack
    account = Account()
    account.fails_at = "attach"

    call(account, a_request(url, "Create"))
    call(account, a_request(url, "Delete", physical_id=answers[0]["PhysicalResourceId"]))

    assert [answer["Status"] for answer in answers] == ["FAILED", "SUCCESS"]
    assert "timed out" in answers[0]["Reason"]
    assert account.state() == (set(), {}, {}, set(), "{}")


def test_a_name_outside_the_reserved_prefix_is_refused_and_its_delete_touches_nothing(stack: Any) -> None:
    url, answers = stack
    account = Account()
    account.things.add("pump-17")

    call(account, a_request(url, "Create", name="pump-17"))
    call(account, a_request(url, "Delete", name="pump-17", physical_id="not-created"))

    assert [answer["Status"] for answer in answers] == ["FAILED", "SUCCESS"]
    assert account.things == {"pump-17"}


def test_an_update_keeps_a_probe_that_serves(stack: Any) -> None:
    url, answers = stack
    account = Account()

    call(account, a_request(url, "Create"))
    call(account, a_request(url, "Update"))

    assert answers[1]["PhysicalResourceId"] == answers[0]["PhysicalResourceId"]
    assert account.issued == 1


def test_a_changed_name_changes_the_physical_id_so_that_the_old_probe_is_deleted(stack: Any) -> None:
    url, answers = stack

    call(Account(), a_request(url, "Update", name="iot-dr-probe-2"))

    assert answers[0]["PhysicalResourceId"] == "iot-dr-probe-2"


@pytest.mark.parametrize("missing", ["ProbeName", "SecretArn"])
def test_a_template_without_a_property_gets_an_answer_that_names_it(stack: Any, missing: str) -> None:
    url, answers = stack
    create, delete = (a_request(url, kind, physical_id="not-created") for kind in ("Create", "Delete"))
    for event in (create, delete):
        del event["ResourceProperties"][missing]
        lambda_handler(event, Context())

    assert [answer["Status"] for answer in answers] == ["FAILED", "SUCCESS"]
    assert missing in answers[0]["Reason"]


def test_a_missing_right_is_said_in_the_stacks_events(stack: Any) -> None:
    url, answers = stack

    def wire() -> ProbeResource:
        raise AccessDenied("not authorized to perform iot:CreateThing")

    answering(wire)(a_request(url, "Create"), Context())

    assert "iot:CreateThing" in answers[0]["Reason"]


def test_a_delete_removes_what_a_create_left_that_was_killed_before_it_could_answer(stack: Any) -> None:
    url, _ = stack
    account = Account()
    call(account, a_request(url, "Create"))

    call(account, a_request(url, "Delete", physical_id="not-created"))

    assert account.state() == (set(), {}, {}, set(), "{}")
