"""Rights on the items that say which Region leads: the control item, and a Region's fence.

Both stand in tables that hold other things too, so a condition holds each statement to the item's key.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from awacs import dynamodb
from awacs.aws import Action, ForAllValuesStringEquals, Statement
from troposphere import Ref, Select, Split, Sub

from templates.blocks import permissions

CONTROL_ITEM = "iot-dr#control"
FENCE = "iot-dr#fence"
CANARY_ITEM = "iot-dr#canary"
"""Partition keys; a test holds them to the code's. The last is a drill's own control item."""

READ_CONTROL = (dynamodb.GetItem,)
READ = (dynamodb.BatchGetItem, dynamodb.GetItem)
READ_AND_WRITE = (*READ, dynamodb.UpdateItem)

ORDERS = {"eventName": ["INSERT", "MODIFY"], "dynamodb": {"Keys": {"resource": {"S": [CONTROL_ITEM]}}}}
"""The pattern of stream records that tell of an order, whichever Region gave it."""


def replica() -> Select:
    """Return the name of the registry's global table, which its stream's ARN holds: `...:table/NAME/stream/TIME`."""
    return Select(1, Split("/", Ref("GlobalTableStreamArn")))


def replica_arn() -> Sub:
    """Return the ARN of that table's replica in the stack's own Region."""
    return permissions.arn("dynamodb", "table/${Table}", Table=replica())


def on_control(intent: str, actions: Sequence[Action], table: Any) -> Statement:
    """Allow actions on the control item of a table alone."""
    return _on(intent, actions, table, CONTROL_ITEM)


def on_controls(intent: str, actions: Sequence[Action], table: Any) -> Statement:
    """Allow actions on the control item of a table and on that of a drill."""
    return _on(intent, actions, table, CONTROL_ITEM, CANARY_ITEM)


def on_fence(intent: str, actions: Sequence[Action], table: Any) -> Statement:
    """Allow actions on the fence in a ledger alone."""
    return _on(intent, actions, table, FENCE)


def _on(intent: str, actions: Sequence[Action], table: Any, *keys: str) -> Statement:
    return permissions.allow(intent, actions, [table], ForAllValuesStringEquals({"dynamodb:LeadingKeys": [*keys]}))
