"""The fence of the primary Region, in its replica of the global table: there is no ledger in the primary.

Only that Region's own endpoint writes the item, so a condition on it holds as it does in a table of one Region; what
its replicas carry elsewhere nobody reads. A primary that no failback has ever made follow leads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iot_dr.aws.errors import call
from iot_dr.aws.failover import control, fence
from iot_dr.aws.failover.fence import DynamoDbFenceStore, fence_of
from iot_dr.errors import Throttled
from iot_dr.model.failover.fence import Fence, FenceRole, Leadership
from iot_dr.model.regions import RegionPair

REQUIRED_ACTIONS = frozenset({"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"})
"""What reading and writing it needs on the registry's global table."""

KEY = {"resource": {"S": fence.RESOURCE}, "event_id": {"S": "primary"}}


class DynamoDbPrimaryFenceStore(DynamoDbFenceStore):
    """`ports.FenceStore` of the primary Region."""

    def __init__(self, client: Any, table: str) -> None:
        super().__init__(client, table, KEY)

    def fence(self) -> Fence:
        """Return what is in force now; without an item the primary leads.

        Raises:
            InvalidResource: the item has something that is not known; nothing may be guessed then.
        """
        answer = call(self._client.get_item, TableName=self._table, Key=KEY, ConsistentRead=True)
        return primary_fence_of(answer.get("Item", {}), self._table)


class DynamoDbPrimaryLeadershipReader:
    """`ports.LeadershipReader` of the primary Region: both items by one call."""

    def __init__(self, client: Any, table: str, regions: RegionPair) -> None:
        self._client, self._table, self._regions = client, table, regions

    def leadership(self) -> Leadership:
        """Return what is in force now.

        Raises:
            InvalidResource: an item says something that is not known.
            RetryableError: DynamoDB does not answer now.
        """
        asked = {self._table: {"Keys": [control.KEY, KEY], "ConsistentRead": True}}
        answer = call(self._client.batch_get_item, RequestItems=asked)
        if answer.get("UnprocessedKeys"):
            raise Throttled("DynamoDB left the control item or the fence unread")
        found: dict[str, Any] = {item["resource"]["S"]: item for item in answer["Responses"].get(self._table, ())}
        return Leadership(
            control.control_of(found.get(control.RESOURCE, {}), self._table, self._regions),
            primary_fence_of(found.get(fence.RESOURCE, {}), self._table),
        )


def primary_fence_of(item: Mapping[str, Any], table: str) -> Fence:
    """Return what an item of DynamoDB says; an empty one is that the primary leads.

    Raises:
        InvalidResource: with what would be right.
    """
    if not item:
        return Fence(FenceRole.LEADS)
    return fence_of({name: value for name, value in item.items() if name != "event_id"}, table)
