"""The wiring of the health check: its secrets age by the wall clock."""

import time

import pytest

from iot_dr.runtime.functions.health import wire
from tests.builders import PRIMARY
from tests.endpoint import Answer, Endpoint
from tests.unit.lambda_functions.test_check_health import ENVIRONMENT


def test_a_secret_ages_while_the_function_is_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    monkeypatch.setenv("AWS_DEFAULT_REGION", PRIMARY)
    with Endpoint(lambda _request: Answer({"SecretString": "s3cret"})) as aws:
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
        secrets = wire(ENVIRONMENT).secrets

        for _ in range(2):
            secrets.read(ENVIRONMENT["PATH_SECRET_ARN"], 60)
        now += 61
        secrets.read(ENVIRONMENT["PATH_SECRET_ARN"], 60)

    assert aws.operations() == ["GetSecretValue"] * 2
