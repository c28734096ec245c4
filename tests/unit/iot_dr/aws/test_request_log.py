"""Each request is told with its answer's status and ID, and never with a secret."""

from __future__ import annotations

import logging
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from iot_dr.aws.request_log import REQUESTS, tell_requests, without_secrets


def client() -> Any:
    return boto3.session.Session().client("iot", region_name="us-west-2")


def asked(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    caplog.set_level(level, REQUESTS.name)
    iot = tell_requests(client())
    with Stubber(iot) as stub:
        facts = {"HTTPStatusCode": 200, "RequestId": "5f0c2a"}
        answer = {"certificateId": "0" * 64, "certificateArn": "arn", "ResponseMetadata": facts}
        stub.add_response("register_certificate_without_ca", answer)
        stub.add_client_error("describe_thing", "ThrottlingException", "slow down", 429)
        iot.register_certificate_without_ca(certificatePem="MIIB", status="ACTIVE")
        with pytest.raises(ClientError):
            iot.describe_thing(thingName="pump-17")
    return [record.getMessage() for record in caplog.records]


def test_each_answer_is_told_with_its_status_and_its_request_id(caplog: pytest.LogCaptureFixture) -> None:
    first, second = asked(caplog, logging.INFO)

    assert first.startswith("iot us-west-2 RegisterCertificateWithoutCA 200 in ")
    assert first.endswith(" ms 5f0c2a")
    assert second.startswith("iot us-west-2 DescribeThing 429 in ")
    assert second.endswith(" ThrottlingException")


def test_what_was_asked_is_told_without_what_is_secret(caplog: pytest.LogCaptureFixture) -> None:
    told = asked(caplog, logging.DEBUG)

    assert told[0] == ('iot us-west-2 RegisterCertificateWithoutCA {"certificatePem": "(hidden)", "status": "ACTIVE"}')
    assert told[2] == 'iot us-west-2 DescribeThing {"thingName": "pump-17"}'
    assert "MIIB" not in "".join(told)


@pytest.mark.parametrize(
    "name", ["privateKey", "certificatePem", "SecretString", "password", "sessionToken", "caCertificate"]
)
def test_a_member_that_is_or_may_be_secret_is_hidden(name: str) -> None:
    assert without_secrets({"a": [{name: "x"}]}) == {"a": [{name: "(hidden)"}]}


@pytest.mark.parametrize("name", ["thingName", "certificateId", "certificateArn", "Key", "KeyId", "QueueUrl"])
def test_names_and_ids_are_told(name: str) -> None:
    assert without_secrets({name: "x"}) == {name: "x"}


def test_nothing_is_hung_on_a_client_that_nobody_listens_to() -> None:
    iot = client()
    before = iot.meta.events

    tell_requests(iot)

    assert not REQUESTS.isEnabledFor(logging.INFO)
    assert iot.meta.events is before
