"""Who asks, from whichever Region answers."""

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from iot_dr.aws.caller import Caller, caller
from iot_dr.errors import ConfigurationError, RegionUnavailable

IDENTITY = {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/me", "UserId": "me"}
DATED = {**IDENTITY, "ResponseMetadata": {"HTTPHeaders": {"date": "Mon, 24 Nov 2025 16:00:00 GMT"}}}


def answered_by(answers: dict[str, Any]) -> Caller:
    """Who asks, where each Region answers so; a text is an error's code."""

    def client_of(service: str, region: str) -> Any:
        client = boto3.client(service, region_name=region)
        stub = Stubber(client)
        answer = answers[region]
        if isinstance(answer, str):
            stub.add_client_error("get_caller_identity", answer, http_status_code=400 if "Token" in answer else 503)
        else:
            stub.add_response("get_caller_identity", answer)
        stub.activate()
        return client

    return caller(tuple(answers), client_of)


def test_the_account_and_the_time_of_aws_come_with_one_answer() -> None:
    assert answered_by({"us-east-1": DATED}) == Caller("123456789012", 1_764_000_000_000)


def test_a_region_that_does_not_answer_is_passed_over() -> None:
    assert answered_by({"us-east-1": "ServiceUnavailable", "us-west-2": DATED}).account == "123456789012"


def test_no_region_that_answers_is_an_error() -> None:
    with pytest.raises(RegionUnavailable):
        answered_by({"us-east-1": "ServiceUnavailable", "us-west-2": "ServiceUnavailable"})


def test_credentials_that_are_refused_are_said_with_the_mend() -> None:
    with pytest.raises(ConfigurationError, match="aws sso login"):
        answered_by({"us-east-1": "ExpiredToken"})


def test_an_answer_without_a_time_tells_none() -> None:
    assert answered_by({"us-east-1": {**IDENTITY, "ResponseMetadata": {}}}).answered_at is None
