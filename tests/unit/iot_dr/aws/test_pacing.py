"""A client under budgets, against a server that refuses as AWS does."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.config import Config

from iot_dr.aws.pacing import paced
from iot_dr.aws.quotas import SHADOWS
from tests.endpoint import MISSING, Answer, Endpoint, Request

THROTTLED = Answer({"message": "Rate exceeded"}, 400, "ThrottlingException")
THING = Answer({"thingName": "pump-17"})


class RememberingBudgets:
    """Remembers when calls began and how they ended."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, ...]] = []

    def begin(self, operation: str) -> int:
        self.seen.append(("begin", operation))
        return len(self.seen)

    def end(self, operation: str, begun: int, *, refused: bool) -> None:
        assert self.seen[begun - 1] == ("begin", operation)
        self.seen.append(("refused" if refused else "granted", operation))


@pytest.fixture
def budgets() -> RememberingBudgets:
    return RememberingBudgets()


def iot(endpoint: Endpoint, service: str = "iot") -> Any:
    config = Config(retries={"mode": "standard", "total_max_attempts": 3})
    return boto3.client(
        service,
        region_name="us-west-2",
        endpoint_url=endpoint.url,
        config=config,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def test_a_call_waits_for_its_budget_and_tells_it_the_answer(budgets: RememberingBudgets) -> None:
    with Endpoint(lambda _request: THING) as endpoint:
        client = paced(iot(endpoint), budgets)
        client.describe_thing(thingName="pump-17")
        client.close()

    assert budgets.seen == [("begin", "DescribeThing"), ("granted", "DescribeThing")]


def test_a_retry_of_the_sdk_waits_too_and_its_refusal_is_heard(budgets: RememberingBudgets) -> None:
    answers = [THROTTLED, THING]

    with Endpoint(lambda _request: answers.pop(0)) as endpoint:
        client = paced(iot(endpoint), budgets)
        client.describe_thing(thingName="pump-17")
        client.close()

    assert [what for what, _ in budgets.seen] == ["begin", "refused", "begin", "granted"]


def test_calls_of_shadows_wait_for_the_one_budget_that_they_share(budgets: RememberingBudgets) -> None:
    with Endpoint(lambda _request: Answer({"state": {}})) as endpoint:
        client = paced(iot(endpoint, "iot-data"), budgets)
        client.get_thing_shadow(thingName="pump-17")
        client.update_thing_shadow(thingName="pump-17", payload=b"{}")
        client.list_named_shadows_for_thing(thingName="pump-17")
        client.close()

    assert budgets.seen == [("begin", SHADOWS), ("granted", SHADOWS)] * 3


def test_a_refused_call_of_a_shadow_is_heard(budgets: RememberingBudgets) -> None:
    answers = [Answer({"message": "Rate exceeded"}, 429, "ThrottlingException"), Answer({"state": {}})]

    with Endpoint(lambda _request: answers.pop(0)) as endpoint:
        client = paced(iot(endpoint, "iot-data"), budgets)
        client.get_thing_shadow(thingName="pump-17")
        client.close()

    assert [what for what, _ in budgets.seen] == ["begin", "refused", "begin", "granted"]


def test_every_page_of_a_list_is_a_call(budgets: RememberingBudgets) -> None:
    def answering(request: Request) -> Answer:
        return Answer({"things": [], **({} if "nextToken" in request.operation else {"nextToken": "more"})})

    with Endpoint(answering) as endpoint:
        client = paced(iot(endpoint), budgets)
        list(client.get_paginator("list_things").paginate())
        client.close()

    assert [what for what, _ in budgets.seen] == ["begin", "granted", "begin", "granted"]


def test_an_error_for_another_reason_is_no_refusal_for_the_rate(budgets: RememberingBudgets) -> None:
    with Endpoint(lambda _request: MISSING) as endpoint:
        client = paced(iot(endpoint), budgets)
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.describe_thing(thingName="pump-17")
        client.close()

    assert [what for what, _ in budgets.seen] == ["begin", "granted"]
