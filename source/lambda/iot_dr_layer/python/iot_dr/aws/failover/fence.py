"""The fence of one Region, in that Region's ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from iot_dr.aws.errors import call
from iot_dr.aws.failover.control import ABOVE
from iot_dr.aws.ledger.updates import ItemUpdate
from iot_dr.errors import InvalidResource
from iot_dr.model.failover.control import Mode
from iot_dr.model.failover.fence import Fence, FenceRole

READ_REQUIRED_ACTIONS = frozenset({"dynamodb:GetItem"})
"""What reading it needs on the ledger's table."""

REQUIRED_ACTIONS = READ_REQUIRED_ACTIONS | {"dynamodb:UpdateItem"}
"""What reading and writing it needs there."""

RESOURCE = "iot-dr#fence"
"""The item's key. No resource has such a name."""

KEY = {"resource": {"S": RESOURCE}}

_KNOWN = ("role", "epoch", "mode", "since", "by", "why", "elsewhere_at")


class DynamoDbFenceStore:
    """`ports.FenceStore` over a `dynamodb` client of one Region."""

    def __init__(self, client: Any, table: str, key: Mapping[str, Any] = KEY) -> None:
        self._client, self._table, self._key = client, table, key

    def fence(self) -> Fence:
        """Return what is in force now.

        Raises:
            InvalidResource: the item has something that is not known; nothing may be guessed then.
        """
        item = call(self._client.get_item, TableName=self._table, Key=self._key, ConsistentRead=True).get("Item", {})
        return fence_of(item, self._table)

    def change(self, fence: Fence) -> None:
        """Write a fence, if its epoch is above the one that stands.

        Raises:
            Conflict: this epoch or a higher one stands.
        """
        facts = {
            "role": str(fence.role),
            "epoch": fence.epoch,
            "mode": str(fence.mode),
            "since": fence.since,
            "by": fence.by,
            "why": fence.why,
        }
        update = ItemUpdate(facts=facts).where(ABOVE)
        call(self._client.update_item, TableName=self._table, Key=self._key, **update)

    def note_elsewhere(self, at: int) -> None:
        """Note that the fleet's name led to another Region at this time, unless that is noted; all else stays."""
        update = ItemUpdate(facts={"elsewhere_at": at}, kept=("elsewhere_at",)).where()
        call(self._client.update_item, TableName=self._table, Key=self._key, **update)


def fence_of(item: Mapping[str, Any], table: str) -> Fence:
    """Return what an item of DynamoDB says; an empty one is that the Region follows.

    Raises:
        InvalidResource: with what would be right.
    """
    try:
        return _fence({name: TypeDeserializer().deserialize(value) for name, value in item.items()})
    except (TypeError, ValueError) as error:
        raise InvalidResource(
            f'the fence "{RESOURCE}" of table {table} is garbled: {error}; it may have "role", which is '
            f'{" or ".join(FenceRole)}, "mode", which is {" or ".join(Mode)}, "epoch", "since" and '
            '"elsewhere_at", which are numbers, and "by" and "why", which are texts'
        ) from error


def _fence(item: Mapping[str, Any]) -> Fence:
    if unknown := sorted(item.keys() - {*_KNOWN, *KEY}):
        raise ValueError(", ".join(unknown))
    return Fence(
        role=FenceRole(item.get("role", FenceRole.FOLLOWS)),
        epoch=int(item.get("epoch", 0)),
        mode=Mode(item.get("mode", Mode.PINNED)),
        since=int(item.get("since", 0)),
        by=str(item.get("by", "")),
        why=str(item.get("why", "")),
        elsewhere_at=int(item.get("elsewhere_at", 0)),
    )
