"""What the lab lets through of an API, and what it tells of it."""

from collections import Counter
from typing import Any

import boto3
import pytest

from lab.counting import Call, CountingProxy, Refusal
from lab.quotas import SHADOWS, Quotas

REGISTER = Call("iot", "RegisterCertificateWithoutCA", "us-west-2")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def passed(quotas: Quotas, call: Call, times: int) -> int:
    return sum(quotas(call) is None for _ in range(times))


def test_a_seconds_worth_of_calls_may_come_at_once_and_no_more(clock: Clock) -> None:
    quotas = Quotas(clock=clock)

    assert passed(quotas, REGISTER, 15) == 10
    assert quotas.refused == {REGISTER: 5}


def test_calls_beyond_the_rate_are_refused_as_aws_does(clock: Clock) -> None:
    quotas = Quotas({"RegisterCertificateWithoutCA": 1.0}, clock)

    assert quotas(REGISTER) is None
    assert quotas(REGISTER) == Refusal(400, "ThrottlingException", "Rate exceeded")


def test_the_bucket_fills_at_the_quotas_rate_and_never_above_a_seconds_worth(clock: Clock) -> None:
    quotas = Quotas(clock=clock)
    passed(quotas, REGISTER, 10)

    clock.now = 0.35
    assert passed(quotas, REGISTER, 10) == 3
    clock.now = 100.0
    assert passed(quotas, REGISTER, 30) == 10


def test_each_api_of_each_region_has_a_quota_of_its_own(clock: Clock) -> None:
    quotas = Quotas(clock=clock)
    passed(quotas, REGISTER, 10)

    assert quotas(Call("iot", "RegisterCertificateWithoutCA", "us-east-1")) is None
    assert quotas(Call("iot", "GetPolicy", "us-west-2")) is None


def test_all_calls_of_shadows_share_one_quota_in_a_region(clock: Clock) -> None:
    quotas = Quotas({SHADOWS: 4.0}, clock)
    read, written = (Call("iotdata", name, "us-west-2") for name in ("GetThingShadow", "UpdateThingShadow"))

    assert passed(quotas, read, 3) == 3
    assert passed(quotas, written, 3) == 1
    assert quotas(read) == Refusal(429, "ThrottlingException", "Rate exceeded")
    assert quotas(Call("iotdata", "GetThingShadow", "us-east-1")) is None
    assert quotas.refused == {read: 1, written: 2}


def test_shadows_have_the_quota_of_most_regions_if_none_is_given(clock: Clock) -> None:
    assert passed(Quotas({}, clock), Call("iotdata", "GetThingShadow", "us-west-2"), 500) == 400


def test_what_devices_publish_is_let_through(clock: Clock) -> None:
    assert passed(Quotas(clock=clock), Call("iotdata", "Publish", "us-west-2"), 1000) == 1000


def test_other_services_are_let_through(clock: Clock) -> None:
    assert passed(Quotas(clock=clock), Call("dynamodb", "UpdateItem", "us-west-2"), 1000) == 1000


def test_newer_list_calls_are_as_slow_as_the_older_ones(clock: Clock) -> None:
    assert passed(Quotas(clock=clock), Call("iot", "ListThingPrincipalsV2", "us-east-1"), 20) == 10


def test_service_quotas_is_answered_with_what_is_enforced(proxy: CountingProxy, served: Counter[str]) -> None:
    proxy.intercept = Quotas({"CreateThing": 7.0})
    client: Any = boto3.client(
        "service-quotas",
        region_name="us-west-2",
        endpoint_url=proxy.endpoint_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )

    answer = client.list_service_quotas(ServiceCode="iotcore")
    client.close()

    assert [(each["QuotaName"], each["Value"]) for each in answer["Quotas"]] == [("CreateThing API TPS", 7.0)]
    assert not served
