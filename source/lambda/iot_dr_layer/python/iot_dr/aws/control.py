"""The control item, in the registry's global table, read from the replica of the function's own Region."""

from __future__ import annotations

from typing import Any

from iot_dr.aws.errors import call
from iot_dr.errors import InvalidResource
from iot_dr.model.control import AUTOMATIC, Control, Replication

REQUIRED_ACTIONS = frozenset({"dynamodb:GetItem"})
"""What the reader needs on the registry's global table."""

RESOURCE, EVENT_ID = "iot-dr#control", "control"
"""The item's key. No thing has such a name, so no event shares its partition."""


class DynamoDbControl:
    """`ports.ControlReader` over a `dynamodb` client."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def control(self) -> Control:
        """Return what is in force now.

        Raises:
            InvalidResource: the item says something else than can be in force; nothing may be guessed then.
        """
        key = {"resource": {"S": RESOURCE}, "event_id": {"S": EVENT_ID}}
        item = call(self._client.get_item, TableName=self._table, Key=key, ConsistentRead=True).get("Item", {})
        try:
            return Control(
                serving=item.get("serving", {"S": AUTOMATIC})["S"],
                replication=Replication(item.get("replication", {"S": Replication.ACTIVE})["S"]),
            )
        except (KeyError, ValueError) as error:
            raise InvalidResource(f"the control item of table {self._table} is garbled: {item}") from error
