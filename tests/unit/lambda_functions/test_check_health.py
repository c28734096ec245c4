"""The function that answers health checks, from the API's event to its answer."""

import importlib
import json
import logging
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from iot_dr.errors import AccessDenied, ConfigurationError, IotDrError, RegionUnavailable
from iot_dr.runtime.functions import health as runtime
from iot_dr.services import health
from iot_dr.services.health import Verdict

ENVIRONMENT = {
    "PATH_SECRET_ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:path-AbCdEf",
    "PROBE_SECRET_ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:probe-AbCdEf",
    "IOT_ENDPOINT": "prefix-ats.iot.us-east-1.amazonaws.com",
}


def a_request(secret: str = "s3cret") -> dict[str, Any]:
    """What an HTTP API sends: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
    return {
        "version": "2.0",
        "routeKey": f"GET /health/{secret}",
        "rawPath": f"/health/{secret}",
        "rawQueryString": "",
        "headers": {"host": "example.execute-api.us-east-1.amazonaws.com"},
        "requestContext": {"http": {"method": "GET", "path": f"/health/{secret}"}, "stage": "$default"},
        "isBase64Encoded": False,
    }


@dataclass
class Check:
    """A health check with a fixed verdict or failure; remembers what was offered."""

    verdict: Verdict = health.HEALTHY
    error: Exception | None = None
    offered: str | None = None

    def check(self, offered: str) -> Verdict:
        self.offered = offered
        if self.error:
            raise self.error
        return self.verdict

    def drains(self, offered: str) -> Verdict:
        self.offered = offered
        return health.DRAINS

    def for_canary(self) -> "Check":
        return Check(health.UNWELL)


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return importlib.reload(importlib.import_module("check_health.handler"))


def answer(function: ModuleType, monkeypatch: pytest.MonkeyPatch, check: Check, secret: str = "s3cret") -> Any:
    monkeypatch.setattr(function, "check", check)
    return function.lambda_handler(a_request(secret), object())


def test_a_healthy_region_answers_200(function: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    check = Check()

    response = answer(function, monkeypatch, check)

    assert response["statusCode"] == 200
    assert json.loads(response["body"]) == {"status": "healthy", "reason": "round_trip"}
    assert check.offered == "s3cret"


def test_the_path_tells_which_question_is_asked(function: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    check = Check()
    monkeypatch.setattr(function, "check", check)

    response = function.lambda_handler({"rawPath": "/drains/s3cret"}, object())

    assert response["statusCode"] == 200
    assert json.loads(response["body"]) == {"reason": "drains"}
    assert check.offered == "s3cret"


def test_a_pinned_region_is_healthy_and_tells_how_its_round_trip_ended(
    function: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    response = answer(function, monkeypatch, Check(Verdict(200, "pinned", probe="unreachable")))

    assert response["statusCode"] == 200
    assert json.loads(response["body"]) == {"status": "healthy", "reason": "pinned", "probe": "unreachable"}


@pytest.mark.parametrize("noticed", health.Notice)
def test_what_somebody_should_know_of_is_a_metric_and_its_reason_is_logged(
    noticed: health.Notice,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "check_health")

    runtime.notice(noticed, "why")

    metric = next(line for line in map(json.loads, capsys.readouterr().out.splitlines()) if "_aws" in line)
    assert metric["service"] == "check_health"
    assert metric[str(noticed)] == [1.0]
    assert metric["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "IoTDR"
    assert [vars(record)["reason"] for record in caplog.records] == ["why"]


@pytest.mark.parametrize(
    ("parameters", "status"),
    [({"control": "canary"}, 503), ({"control": "fleet"}, 200), ({"canary": "control"}, 200), (None, 200)],
)
def test_a_parameter_has_the_drills_item_answer(
    function: ModuleType, monkeypatch: pytest.MonkeyPatch, parameters: dict[str, str] | None, status: int
) -> None:
    monkeypatch.setattr(function, "check", Check())

    answer = function.lambda_handler({**a_request(), "queryStringParameters": parameters}, object())

    assert answer["statusCode"] == status


def test_a_wrong_secret_answers_403(function: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer(function, monkeypatch, Check(health.FORBIDDEN), "guess")["statusCode"] == 403


def test_a_request_without_a_secret_offers_none(function: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    check = Check(health.FORBIDDEN)

    assert answer(function, monkeypatch, check, "")["statusCode"] == 403
    assert check.offered == ""


@pytest.mark.parametrize(
    ("error", "reason"),
    [(AccessDenied("arn:aws:iot:secret-detail"), "refused"), (RegionUnavailable("secret-detail"), "unreachable")],
)
def test_a_failure_answers_503_with_a_reason_that_tells_nothing(
    function: ModuleType, monkeypatch: pytest.MonkeyPatch, error: IotDrError, reason: str
) -> None:
    response = answer(function, monkeypatch, Check(error=error))

    assert response["statusCode"] == 503
    assert json.loads(response["body"]) == {"status": "unhealthy", "reason": reason}
    assert "secret-detail" not in json.dumps(response)


def test_a_bug_is_not_taken_for_an_answer(function: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyError):
        answer(function, monkeypatch, Check(error=KeyError("bug")))


@pytest.mark.parametrize("check", [Check(), Check(health.FORBIDDEN), Check(error=RegionUnavailable("x"))])
def test_no_answer_may_be_kept_by_a_cache(function: ModuleType, monkeypatch: pytest.MonkeyPatch, check: Check) -> None:
    assert answer(function, monkeypatch, check)["headers"]["cache-control"] == "no-store"


@pytest.mark.parametrize("check", [Check(), Check(health.FORBIDDEN), Check(error=RegionUnavailable("x"))])
def test_the_secret_of_the_path_is_never_logged(
    function: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    check: Check,
) -> None:
    caplog.set_level(logging.DEBUG)

    answer(function, monkeypatch, check, "very-s3cret")

    written = "".join(capsys.readouterr()) + caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert "very-s3cret" not in written


@pytest.mark.parametrize("missing", ENVIRONMENT)
def test_a_missing_variable_is_named(missing: str) -> None:
    with pytest.raises(ConfigurationError, match=missing):
        runtime.wire({name: value for name, value in ENVIRONMENT.items() if name != missing})
