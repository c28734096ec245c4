"""Certificates that came by connecting are checked in the primary, each once a batch."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from iot_dr.errors import EventError
from iot_dr.model.registry.keys import certificate_key
from iot_dr.services.events.register_device import Registration, read_registration, register_devices
from tests.builders import ACCOUNT, a_certificate_id
from tests.fakes import RecordingWorkflow

ONE, OTHER = a_certificate_id("pump-17"), a_certificate_id("pump-18")


def a_registration(certificate_id: str = ONE, timestamp: Any = 1_000) -> str:
    return json.dumps(
        {
            "certificateId": certificate_id,
            "caCertificateId": a_certificate_id("ca"),
            "timestamp": timestamp,
            "certificateStatus": "PENDING_ACTIVATION",
            "awsAccountId": ACCOUNT,
            "certificateRegistrationTimestamp": None,
        }
    )


def a_report(payload: str) -> str:
    return json.dumps(
        {
            "ruleName": "CertificateRegistered",
            "topic": f"$aws/events/certificates/registered/{a_certificate_id('ca')}",
            "base64OriginalPayload": payload,
            "failures": [{"failedAction": "SqsAction", "failedResource": "JitrQueue", "errorMessage": "no"}],
        }
    )


@pytest.mark.parametrize("timestamp", [1_000, "1000"])
def test_the_message_of_aws_iot_is_read(timestamp: Any) -> None:
    assert read_registration(a_registration(timestamp=timestamp)) == Registration(ONE, 1_000)


def test_the_report_of_a_rule_that_could_not_queue_it_is_read_too() -> None:
    report = a_report(base64.b64encode(a_registration().encode()).decode())

    assert read_registration(report) == Registration(ONE, 1_000)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"certificateId": "a"}',
        '{"certificateId": "a", "timestamp": 1e400}',
        '{"certificateId": "a", "timestamp": -1}',
        a_registration(timestamp="soon"),
        a_registration(timestamp=2**53),
        a_report("no base64!"),
        "[" * 100_000,
    ],
    ids=range(10),
)
def test_what_tells_of_no_certificate_is_refused(text: str) -> None:
    with pytest.raises(EventError):
        read_registration(text)


def test_each_certificate_is_checked_whole_and_once_since_its_first_refusal() -> None:
    workflow = RecordingWorkflow()
    told = [Registration(ONE, 2_000), Registration(OTHER, 2_500), Registration(ONE, 1_000), Registration(ONE, 3_000)]

    requests = register_devices(told, workflow)

    assert [(request.key, request.occurred_at) for request in requests] == [
        (certificate_key(ONE), 1_000),
        (certificate_key(OTHER), 2_500),
    ]
    assert tuple(workflow.started) == requests
    assert {str(request.depth) for request in requests} == {"everything"}
