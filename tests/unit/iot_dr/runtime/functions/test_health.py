"""The wiring of the health check: its secrets age by the wall clock, and the order is read in its own Region."""

import threading
import time

import pytest

from iot_dr.errors import RegionUnavailable
from iot_dr.model.failover.control import Control, Mode
from iot_dr.runtime.functions.health import wire
from iot_dr.services.health import DEADLINE_SECONDS
from tests.builders import PRIMARY, SECONDARY
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


ORDERED = {
    **ENVIRONMENT,
    "AWS_REGION": SECONDARY,
    "CONTROL_TABLE": "control",
    "PRIMARY_REGION": PRIMARY,
    "SECONDARY_REGION": SECONDARY,
}


def test_the_order_is_read_from_the_table_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", SECONDARY)
    item = {"leader": {"S": SECONDARY}, "mode": {"S": "pinned"}, "epoch": {"N": "2"}}
    with Endpoint(lambda _request: Answer({"Item": item})) as aws:
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
        check = wire(ORDERED)

        assert check.orders is not None
        assert check.orders.read() == Control(SECONDARY, Mode.PINNED, epoch=2)

    assert check.region == SECONDARY
    assert [request.body["TableName"] for request in aws.requests] == ["control"]


def test_an_order_that_does_not_come_is_not_waited_for_longer_than_the_round_trip_can_bear(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", SECONDARY)
    release = threading.Event()

    def hang(_request: object) -> Answer:
        release.wait(5)
        return Answer({})

    with Endpoint(hang) as aws:
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
        orders = wire(ORDERED).orders
        assert orders is not None
        began = time.monotonic()
        with pytest.raises(RegionUnavailable):
            orders.read()
        waited = time.monotonic() - began
        release.set()

    assert waited < DEADLINE_SECONDS / 2
    assert aws.operations() == ["GetItem"]


def test_without_a_table_no_order_is_read() -> None:
    assert wire({**ENVIRONMENT, "AWS_REGION": PRIMARY}).orders is None
