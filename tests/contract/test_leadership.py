"""The control item and the fence on the emulator's DynamoDB: what is written is read, and older orders are refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from iot_dr.aws.failover import control, fence
from iot_dr.aws.failover.control import DynamoDbControlStore
from iot_dr.aws.failover.fence import DynamoDbFenceStore
from iot_dr.aws.failover.leadership import DynamoDbLeadershipReader
from iot_dr.aws.failover.primary import DynamoDbPrimaryFenceStore, DynamoDbPrimaryLeadershipReader
from iot_dr.errors import Conflict, InvalidResource
from iot_dr.model.failover.control import Control, Mode, ReplicationState
from iot_dr.model.failover.fence import Fence, FenceRole, Leadership
from iot_dr.model.regions import RegionPair
from lab.emulator import PRIMARY_REGION, SECONDARY_REGION

pytestmark = pytest.mark.lab

PAIR = RegionPair(PRIMARY_REGION, SECONDARY_REGION)
ORDER = Control(SECONDARY_REGION, Mode.PINNED, 2, at=7, by="jo", why="a test")
LEADS = Fence(FenceRole.LEADS, 2, Mode.PINNED, 7, "jo", "a test")


@dataclass(frozen=True)
class Items:
    """Both tables, with what reads and writes the items."""

    client: Any
    controls: DynamoDbControlStore
    fences: DynamoDbFenceStore
    reader: DynamoDbLeadershipReader

    def put_control(self, **attributes: Any) -> None:
        """Write a control item by hand."""
        self.client.put_item(TableName="events", Item={**control.KEY, **attributes})


@pytest.fixture
def items(client: Callable[..., Any]) -> Iterator[Items]:
    dynamodb = client("dynamodb", SECONDARY_REGION)
    keys = {"events": {"resource": "HASH", "event_id": "RANGE"}, "fences": {"resource": "HASH"}}
    for table, names in keys.items():
        dynamodb.create_table(
            TableName=table,
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in names.items()],
            BillingMode="PAY_PER_REQUEST",
        )
    yield Items(
        dynamodb,
        DynamoDbControlStore(dynamodb, "events", PAIR),
        DynamoDbFenceStore(dynamodb, "fences"),
        DynamoDbLeadershipReader(dynamodb, "events", "fences", PAIR),
    )
    for table in keys:
        dynamodb.delete_table(TableName=table)


def test_without_items_the_secondary_follows_the_primary(items: Items) -> None:
    assert items.reader.leadership() == Leadership(Control(PRIMARY_REGION), Fence())
    assert (items.controls.control(), items.fences.fence()) == (Control(PRIMARY_REGION), Fence())


def test_what_is_ordered_is_read_by_one_call_and_by_two(items: Items) -> None:
    items.controls.order(ORDER)
    items.fences.change(LEADS)

    assert items.reader.leadership() == Leadership(ORDER, LEADS)
    assert (items.controls.control(), items.fences.fence()) == (ORDER, LEADS)


def test_the_same_and_an_older_order_are_refused_and_change_nothing(items: Items) -> None:
    items.controls.order(ORDER)
    items.fences.change(LEADS)

    for epoch in (1, 2):
        with pytest.raises(Conflict):
            items.controls.order(Control(PRIMARY_REGION, Mode.PINNED, epoch))
        with pytest.raises(Conflict):
            items.fences.change(Fence(FenceRole.FOLLOWS, epoch))

    assert items.reader.leadership() == Leadership(ORDER, LEADS)


def test_the_form_of_before_is_read_and_goes_with_the_first_order(items: Items) -> None:
    items.put_control(serving={"S": SECONDARY_REGION}, replication={"S": "suspended"})
    before = items.controls.control()
    assert (before.leader, before.mode, before.replication) == (
        SECONDARY_REGION,
        Mode.PINNED,
        ReplicationState.SUSPENDED,
    )

    items.controls.order(ORDER)

    assert items.controls.control() == ORDER


def test_that_the_name_led_elsewhere_is_noted_once_and_survives_a_change(items: Items) -> None:
    items.fences.note_elsewhere(5)
    items.fences.note_elsewhere(9)
    items.fences.change(LEADS)

    found = items.fences.fence()
    assert (found.elsewhere_at, found.role, found.epoch) == (5, FenceRole.LEADS, 2)


@pytest.mark.parametrize(
    "garbled",
    [{"replication": {"S": "paused"}}, {"serving": {"N": "1"}}, {"Serving": {"S": "us-west-2"}}, {"leader": {"S": ""}}],
)
def test_a_garbled_item_is_not_guessed_at(items: Items, garbled: dict[str, Any]) -> None:
    items.put_control(**garbled)

    with pytest.raises(InvalidResource):
        items.controls.control()
    with pytest.raises(InvalidResource):
        items.reader.leadership()


def test_a_garbled_fence_is_not_guessed_at(items: Items) -> None:
    items.client.put_item(TableName="fences", Item={**fence.KEY, "role": {"S": "lead"}})

    with pytest.raises(InvalidResource):
        items.reader.leadership()


def test_the_primarys_fence_stands_beside_the_control_item_and_keeps_to_the_same_rule(items: Items) -> None:
    fences = DynamoDbPrimaryFenceStore(items.client, "events")
    reader = DynamoDbPrimaryLeadershipReader(items.client, "events", PAIR)
    assert reader.leadership() == Leadership(Control(PRIMARY_REGION), Fence(FenceRole.LEADS))
    follows = Fence(FenceRole.FOLLOWS, 3, Mode.PINNED, 7, "jo", "a test")
    items.controls.order(ORDER)

    fences.change(follows)

    with pytest.raises(Conflict):
        fences.change(Fence(FenceRole.LEADS, 3))
    assert reader.leadership() == Leadership(ORDER, follows)
    assert (fences.fence(), items.fences.fence()) == (follows, Fence())
