"""The global table of registry events, as the primary writes to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from iot_dr.aws.errors import call

REQUIRED_ACTIONS = frozenset({"dynamodb:PutItem"})
"""What the recorder of management events needs on the table."""


class DynamoDbEventTable:
    """`services.record_management_event.EventTable` over a `dynamodb` client."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def put(self, item: Mapping[str, str | int]) -> None:
        """Write an item; one with the same key is replaced."""
        serialized = {name: TypeSerializer().serialize(value) for name, value in item.items()}
        call(self._client.put_item, TableName=self._table, Item=serialized)
