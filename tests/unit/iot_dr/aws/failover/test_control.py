"""The control item over a `dynamodb` client."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from iot_dr.aws.failover.control import KEY, DynamoDbCanaryControl, DynamoDbControlStore
from iot_dr.errors import Conflict, InvalidResource
from iot_dr.model.failover.control import Control, Mode, ReplicationState
from iot_dr.model.regions import RegionPair

STUBBED = ("dynamodb", "us-west-2")
PAIR = RegionPair("us-east-1", "us-west-2")


def the_item(stub: Stubber, **attributes: Any) -> Control:
    stub.add_response(
        "get_item",
        {"Item": KEY | attributes} if attributes else {},
        {"TableName": "events", "Key": KEY, "ConsistentRead": True},
    )
    return DynamoDbControlStore(stub.client, "events", PAIR).control()


def test_without_an_item_the_primary_leads_by_itself(stub: Stubber) -> None:
    assert the_item(stub) == Control("us-east-1", Mode.AUTOMATIC, 0)


def test_an_order_is_read_as_it_was_written(stub: Stubber) -> None:
    found = the_item(
        stub,
        leader={"S": "us-west-2"},
        mode={"S": "pinned"},
        epoch={"N": "2"},
        replication={"S": "suspended"},
        at={"N": "1700000000000"},
        by={"S": "arn:aws:iam::123456789012:user/jo"},
        why={"S": "the primary is away"},
    )

    assert found == Control(
        "us-west-2",
        Mode.PINNED,
        2,
        ReplicationState.SUSPENDED,
        1700000000000,
        "arn:aws:iam::123456789012:user/jo",
        "the primary is away",
    )


@pytest.mark.parametrize(
    ("serving", "leader", "mode"),
    [
        ("automatic", "us-east-1", Mode.AUTOMATIC),
        ("us-east-1", "us-east-1", Mode.PINNED),
        ("us-west-2", "us-west-2", Mode.PINNED),
    ],
)
def test_the_form_of_before_pins_the_region_that_it_names(stub: Stubber, serving: str, leader: str, mode: Mode) -> None:
    found = the_item(stub, serving={"S": serving})

    assert (found.leader, found.mode, found.epoch, found.replication) == (leader, mode, 0, ReplicationState.ACTIVE)


@pytest.mark.parametrize(
    "garbled",
    [
        {"replication": {"S": "paused"}},
        {"replication": {"S": ""}},
        {"replication": {"BOOL": False}},
        {"serving": {"N": "1"}},
        {"serving": {"S": "us-west2"}},
        {"Serving": {"S": "us-west-2"}},
        {"leader": {"S": "eu-west-1"}},
        {"leader": {"S": "us-west-2"}, "mode": {"S": "Pinned"}},
        {"leader": {"S": "us-west-2"}, "epoch": {"S": "two"}},
        {"leader": {"S": "us-west-2"}, "why": {"N": "7"}},
    ],
)
def test_what_may_be_a_slip_of_the_pen_is_told_with_what_would_be_right(stub: Stubber, garbled: dict[str, Any]) -> None:
    with pytest.raises(InvalidResource, match=r'"leader", which is us-east-1 or us-west-2, "mode", which is automatic'):
        the_item(stub, **garbled)


ORDER = Control("us-west-2", Mode.PINNED, 2, at=7, by="jo", why="a test")


def test_an_order_is_written_over_a_lower_epoch_alone_and_takes_the_old_form_away(stub: Stubber) -> None:
    request: dict[str, Any] = {}
    stub.add_response("update_item", {}, dict.fromkeys(_ASKED, ANY))
    stub.client.meta.events.register(
        "provide-client-params.dynamodb.UpdateItem", lambda params, **_: request.update(params)
    )

    DynamoDbControlStore(stub.client, "events", PAIR).order(ORDER)

    assert request["ConditionExpression"] == "attribute_not_exists(#epoch) OR #epoch < :epoch"
    assert request["ExpressionAttributeValues"][":epoch"] == {"N": "2"}
    assert request["UpdateExpression"].endswith("REMOVE #serving")


def test_an_order_that_is_overtaken_is_a_conflict(stub: Stubber) -> None:
    stub.add_client_error("update_item", "ConditionalCheckFailedException")

    with pytest.raises(Conflict):
        DynamoDbControlStore(stub.client, "events", PAIR).order(ORDER)


_ASKED = (
    "TableName",
    "Key",
    "UpdateExpression",
    "ConditionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
)


def test_a_drill_has_an_item_of_its_own_which_alone_may_say_that_a_region_is_unwell(stub: Stubber) -> None:
    key = {"resource": {"S": "iot-dr#canary"}, "event_id": {"S": "control"}}
    item = {**key, "leader": {"S": "us-east-1"}, "epoch": {"N": "1"}, "unwell": {"S": "us-east-1"}}
    stub.add_response("get_item", {"Item": item}, {"TableName": "events", "Key": key, "ConsistentRead": True})

    assert DynamoDbCanaryControl(stub.client, "events", PAIR).control() == Control(
        "us-east-1", Mode.AUTOMATIC, 1, unwell="us-east-1"
    )
    with pytest.raises(InvalidResource, match="unwell"):
        the_item(stub, leader={"S": "us-east-1"}, unwell={"S": "us-east-1"})


@pytest.mark.parametrize(
    ("control", "ends"),
    [(ORDER, "REMOVE #unwell"), (Control("us-east-1", epoch=1, unwell="us-east-1"), "#unwell = :unwell")],
    ids=["order", "unwell"],
)
def test_an_order_of_a_drill_ends_what_it_had_a_region_say(stub: Stubber, control: Control, ends: str) -> None:
    request: dict[str, Any] = {}
    stub.add_response("update_item", {}, dict.fromkeys(_ASKED, ANY))
    stub.client.meta.events.register(
        "provide-client-params.dynamodb.UpdateItem", lambda params, **_: request.update(params)
    )

    DynamoDbCanaryControl(stub.client, "events", PAIR).order(control)

    assert request["Key"]["resource"] == {"S": "iot-dr#canary"}
    assert request["UpdateExpression"].endswith(ends)


def test_a_drills_item_is_taken_away_at_its_end(stub: Stubber) -> None:
    key = {"resource": {"S": "iot-dr#canary"}, "event_id": {"S": "control"}}
    stub.add_response("delete_item", {}, {"TableName": "events", "Key": key})

    DynamoDbCanaryControl(stub.client, "events", PAIR).forget()
