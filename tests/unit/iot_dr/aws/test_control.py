"""The control item over a `dynamodb` client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from iot_dr.aws.control import DynamoDbControlReader
from iot_dr.errors import InvalidResource
from iot_dr.model.control import Control, ReplicationState

KEY = {"resource": {"S": "iot-dr#control"}, "event_id": {"S": "control"}}


@pytest.fixture
def stub() -> Iterator[Stubber]:
    with Stubber(boto3.client("dynamodb", "us-west-2")) as stub:
        yield stub


def the_item(stub: Stubber, **attributes: Any) -> Control:
    stub.add_response(
        "get_item",
        {"Item": KEY | attributes} if attributes else {},
        {"TableName": "events", "Key": KEY, "ConsistentRead": True},
    )
    return DynamoDbControlReader(stub.client, "events").control()


def test_what_was_written_last_is_read(stub: Stubber) -> None:
    assert the_item(stub, serving={"S": "us-west-2"}, replication={"S": "suspended"}) == Control(
        "us-west-2", ReplicationState.SUSPENDED
    )


def test_without_an_item_the_default_is_in_force(stub: Stubber) -> None:
    assert the_item(stub) == Control()


@pytest.mark.parametrize(
    "garbled",
    [
        {"replication": {"S": "paused"}},
        {"replication": {"S": ""}},
        {"replication": {"BOOL": False}},
        {"serving": {"N": "1"}},
        {"Serving": {"S": "us-west-2"}},
    ],
)
def test_what_may_be_a_slip_of_the_pen_is_told_with_what_would_be_right(stub: Stubber, garbled: dict[str, Any]) -> None:
    with pytest.raises(InvalidResource, match=r'"serving", a text, and "replication", which is active or suspended'):
        the_item(stub, **garbled)
