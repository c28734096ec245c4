"""The function of the primary that registers devices: messages in, what could not be registered out."""

import json
from collections.abc import Iterator

import pytest

from lab.fleet import make_identity
from tests.builders import ACCOUNT, PRIMARY
from tests.endpoint import Answer, Endpoint, Request
from tests.unit.lambda_functions.functions import Function, load
from tests.unit.lambda_functions.test_register_device import a_batch

IDENTITY = make_identity("pump-17")
REGISTERED = json.dumps({"certificateId": IDENTITY.certificate_id, "timestamp": 1_795_521_600_000})
BODY = json.dumps({"Parameters": {"AWS::IoT::Certificate::CommonName": {"Type": "String"}}, "Resources": {}})
VARIABLES = {"PROVISIONING_TEMPLATE": "pumps", "AWS_REGION": PRIMARY, "ACCOUNT_ID": ACCOUNT}


class Primary:
    """What AWS IoT answers, and whether the certificate waits and the template is enabled."""

    def __init__(self) -> None:
        self.status, self.enabled = "PENDING_ACTIVATION", True

    def __call__(self, request: Request) -> Answer:
        if request.operation.startswith("GET /certificates/"):
            description = {
                "certificateId": IDENTITY.certificate_id,
                "status": self.status,
                "certificatePem": IDENTITY.certificate_pem,
            }
            return Answer({"certificateDescription": description})
        if request.operation == "GET /provisioning-templates/pumps":
            return Answer({"templateName": "pumps", "templateBody": BODY, "enabled": self.enabled})
        self.status = "ACTIVE"
        return Answer({})


@pytest.fixture
def primary() -> Primary:
    return Primary()


@pytest.fixture
def aws(primary: Primary) -> Iterator[Endpoint]:
    with Endpoint(primary) as endpoint:
        yield endpoint


@pytest.fixture
def function(aws: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Function:
    return load("provision_device", aws, monkeypatch, VARIABLES)


def test_a_device_that_keeps_trying_is_registered_once(aws: Endpoint, function: Function) -> None:
    assert function(a_batch(REGISTERED, REGISTERED), None) == {"batchItemFailures": []}

    (call,) = [request for request in aws.requests if request.operation == "POST /things"]
    assert call.body == {
        "templateBody": BODY,
        "parameters": {
            "AWS::IoT::Certificate::Id": IDENTITY.certificate_id,
            "AWS::IoT::Certificate::CommonName": "pump-17",
        },
    }


def test_what_cannot_be_registered_is_reported_and_logged_with_its_reason(
    primary: Primary, function: Function, caplog: pytest.LogCaptureFixture
) -> None:
    primary.enabled = False

    failed = function(a_batch(REGISTERED, "{}"), None)

    assert failed == {"batchItemFailures": [{"itemIdentifier": "m-0"}, {"itemIdentifier": "m-1"}]}
    first, second = [vars(record) for record in caplog.records if record.levelname == "ERROR"]
    assert "provisioning template pumps is not enabled" in first["reason"]
    assert "certificateId" in second["reason"]
