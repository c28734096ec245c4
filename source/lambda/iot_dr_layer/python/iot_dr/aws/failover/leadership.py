"""The control item and a Region's fence, read by one call."""

from __future__ import annotations

from typing import Any

from iot_dr.aws.errors import call
from iot_dr.aws.failover import control, fence
from iot_dr.errors import Throttled
from iot_dr.model.failover.fence import Leadership
from iot_dr.model.regions import RegionPair

REQUIRED_ACTIONS = frozenset({"dynamodb:BatchGetItem"})
"""What the reader needs on both tables."""


class DynamoDbLeadershipReader:
    """`ports.LeadershipReader` over a `dynamodb` client of one Region."""

    def __init__(self, client: Any, control_table: str, ledger_table: str, regions: RegionPair) -> None:
        self._client, self._regions = client, regions
        self._control_table, self._ledger_table = control_table, ledger_table

    def leadership(self) -> Leadership:
        """Return what is in force now.

        Raises:
            InvalidResource: an item says something that is not known.
            RetryableError: DynamoDB does not answer now.
        """
        answer = call(
            self._client.batch_get_item,
            RequestItems={
                self._control_table: {"Keys": [control.KEY], "ConsistentRead": True},
                self._ledger_table: {"Keys": [fence.KEY], "ConsistentRead": True},
            },
        )
        if answer.get("UnprocessedKeys"):
            raise Throttled("DynamoDB left the control item or the fence unread")
        found: dict[str, Any] = {table: next(iter(items), {}) for table, items in answer["Responses"].items()}
        return Leadership(
            control.control_of(found.get(self._control_table, {}), self._control_table, self._regions),
            fence.fence_of(found.get(self._ledger_table, {}), self._ledger_table),
        )
