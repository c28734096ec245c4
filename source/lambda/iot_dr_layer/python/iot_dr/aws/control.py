"""The control item, in the registry's global table, read from the replica of the function's own Region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iot_dr.aws.errors import call
from iot_dr.errors import InvalidResource
from iot_dr.model.control import AUTOMATIC, Control, ReplicationState

REQUIRED_ACTIONS = frozenset({"dynamodb:GetItem"})
"""What the reader needs on the registry's global table."""

RESOURCE, EVENT_ID = "iot-dr#control", "control"
"""The item's key. No thing has such a name, so no event shares its partition."""

_SERVING, _REPLICATION = "serving", "replication"
_KNOWN = frozenset({"resource", "event_id", _SERVING, _REPLICATION})


class DynamoDbControlReader:
    """`ports.ControlReader` over a `dynamodb` client."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def control(self) -> Control:
        """Return what is in force now.

        Raises:
            InvalidResource: the item has something that is not known, which may be a slip of the pen for what is;
                nothing may be guessed then.
        """
        key = {"resource": {"S": RESOURCE}, "event_id": {"S": EVENT_ID}}
        item = call(self._client.get_item, TableName=self._table, Key=key, ConsistentRead=True).get("Item", {})
        try:
            return _control(item)
        except (KeyError, ValueError) as error:
            raise InvalidResource(
                f"the control item of table {self._table} is garbled: {error}; besides its key it may have "
                f'"{_SERVING}", a text, and "{_REPLICATION}", which is {" or ".join(ReplicationState)}'
            ) from error


def _control(item: Mapping[str, Any]) -> Control:
    if unknown := sorted(item.keys() - _KNOWN):
        raise ValueError(f"{', '.join(unknown)}")
    return Control(
        serving=item.get(_SERVING, {"S": AUTOMATIC})["S"],
        replication=ReplicationState(item.get(_REPLICATION, {"S": ReplicationState.ACTIVE})["S"]),
    )
