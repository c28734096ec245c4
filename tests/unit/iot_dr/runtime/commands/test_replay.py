"""Replays over the wire: from which queue, into which table, and as of which Region."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from iot_dr.model.sync.records import OrderKind
from iot_dr.runtime.commands.replay import (
    RuleErrorsEnvironment,
    ShadowRuleErrorsEnvironment,
    replay_rule_errors,
    replay_shadow_rule_errors,
)
from tests.account import Account, Unwatched
from tests.builders import PRIMARY, a_thing_payload
from tests.endpoint import Answer, Request
from tests.noted_orders import NotedOrders

QUEUE = f"https://sqs.{PRIMARY}.amazonaws.com/123456789012/errors"
UPDATED = {"current": {"state": {"reported": {"t": 1}}, "version": 3}, "timestamp": 1}
REGISTRY = "$aws/events/thing/pump-17/created", a_thing_payload()
SHADOW = "$aws/things/pump-17/shadow/update/documents", UPDATED


def holding(topic: str, payload: dict[str, Any]) -> Callable[[Request], Answer | None]:
    """Answer as a queue does that holds one message."""
    body = {"topic": topic, "base64OriginalPayload": base64.b64encode(json.dumps(payload).encode()).decode()}
    messages = [[{"MessageId": "m-1", "ReceiptHandle": "r-1", "Body": json.dumps(body)}], []]

    def answer(request: Request) -> Answer | None:
        match request.operation:
            case "GetQueueAttributes":
                return Answer({"Attributes": {"ApproximateNumberOfMessages": "1"}})
            case "ReceiveMessage":
                return Answer({"Messages": messages.pop(0)})
            case "DeleteMessageBatch":
                return Answer({"Successful": [{"Id": "0"}], "Failed": []})
            case _:
                return None

    return answer


@pytest.mark.parametrize(
    ("replay", "environment", "told"),
    [
        (replay_rule_errors, RuleErrorsEnvironment(PRIMARY, "the-table", QUEUE), REGISTRY),
        (replay_shadow_rule_errors, ShadowRuleErrorsEnvironment(PRIMARY, "the-table", QUEUE), SHADOW),
    ],
)
def test_what_a_rule_could_not_store_comes_into_its_table_as_of_its_region(
    account: Account, replay: Callable[..., Any], environment: object, told: tuple[str, dict[str, Any]]
) -> None:
    account.answering = holding(*told)

    record = NotedOrders()
    (letter,) = replay(environment, Unwatched(), record.ordering(), apply=True)

    assert not letter.problem
    (put,) = account.calls("PutItem")
    assert (put.body["TableName"], put.body["Item"]["source_region"], put.region) == (
        "the-table",
        {"S": PRIMARY},
        PRIMARY,
    )
    assert {request.region for request in account.requests} == {PRIMARY}
    assert [(one.order, one.of) for one in record.orders] == [(OrderKind.REPLAY, "pump-17, event m-1")]
    assert {one.body["QueueUrl"] for one in account.calls("ReceiveMessage")} == {QUEUE}
