"""DynamoDB: what the condition of a policy may ask of a call."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ministack.core import iam_actions
from ministack.services import dynamodb

from lab.corrections import correction
from lab.corrections.patching import replace


@correction("https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html")
def leading_keys_can_be_a_condition() -> None:
    """A condition can name the partition keys of a call, dynamodb:LeadingKeys; the emulator has no such key.

    Of a call that names several tables it is left out: AWS asks of each table with its own keys, the emulator asks of
    all with one context.
    """
    original = iam_actions.dynamodb_service_context

    def dynamodb_service_context(body: bytes) -> dict[str, Any]:
        items = list(_items(json.loads(body or b"{}")))
        one_table = len({table for table, _ in items}) == 1
        keys = [_partition(table, item) for table, item in items]
        context: dict[str, Any] = original(body)
        return context | ({"dynamodb:LeadingKeys": keys} if one_table else {})

    replace(original, dynamodb_service_context)


def _items(call: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The table and the key of each item that a call reads or writes by its key."""
    for named in ("Key", "Item"):
        if named in call:
            yield call["TableName"], call[named]
    for table, asked in call.get("RequestItems", {}).items():
        for key in asked.get("Keys", ()) if isinstance(asked, dict) else ():
            yield table, key


def _partition(table: str, item: Mapping[str, Any]) -> str:
    """The value of an item's partition key; of a table that is not there, none."""
    found = dynamodb._tables.get(table)
    return str(next(iter(item.get(found["pk_name"], {}).values()), "")) if found else ""
