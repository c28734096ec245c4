"""The ledger as an operator reads it; `aws/ledger/ledger.py` writes it and says what an item holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from iot_dr.aws import errors
from iot_dr.aws.ledger.ledger import INDEX
from iot_dr.aws.ledger.updates import HELD, WAITING
from iot_dr.errors import ConfigurationError, NotReadyYet, Throttled
from iot_dr.model.registry.keys import Key
from iot_dr.model.replication.ledger_items import LedgerItem
from iot_dr.model.replication.outcomes import State

REQUIRED_ACTIONS = frozenset({"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"})
"""What the operator needs on the ledger's table, and on its index to query it."""

REQUIRED_ACTIONS_FOR_CERTIFICATES = frozenset({"iot:ListThingPrincipals"})
"""What the operator needs in the secondary Region to see a device's certificates."""

_BATCH = 100
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html"""

_CERTIFICATES = ":cert/"


class DynamoDbLedgerReader:
    """Reads the ledger over a `dynamodb` client."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def item(self, key: Key) -> LedgerItem | None:
        """Read one item; None if nothing is noted of the resource but that it is gone.

        Raises:
            ConfigurationError: there is no such table.
        """
        item = self._item(key)
        gone = "expires" in item and "state" not in item
        return None if gone or not item else _ledger_item(item)

    def checked_at(self, key: Key) -> int:
        """Return when a resource was checked last, though it be gone by now; 0 for never.

        Raises:
            ConfigurationError: there is no such table.
        """
        return int(self._item(key).get("checked_at", {"N": "0"})["N"])

    def _item(self, key: Key) -> Mapping[str, Any]:
        with self._found():
            answer = self._client.get_item(
                TableName=self._table, Key={"resource": {"S": str(key)}}, ConsistentRead=True
            )
        found: Mapping[str, Any] = answer.get("Item", {})
        return found

    def waiting(self) -> Iterator[LedgerItem]:
        """Yield what waits for another request, soonest first, read page by page.

        Raises:
            ConfigurationError: there is no such table.
        """
        yield from self._with(WAITING)

    def held(self) -> Iterator[LedgerItem]:
        """Yield what is held back because the target leads, longest first, read page by page.

        Raises:
            ConfigurationError: there is no such table.
        """
        yield from self._with(HELD)

    def _with(self, retry_state: str) -> Iterator[LedgerItem]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=INDEX,
            KeyConditionExpression="retry_state = :state",
            ExpressionAttributeValues={":state": {"S": retry_state}},
            PaginationConfig={"PageSize": _BATCH},
        )
        with self._found():
            for page in pages:
                keys = [item["resource"]["S"] for item in page["Items"]]
                if keys:
                    yield from self._items(keys, retry_state)

    def _items(self, keys: list[str], retry_state: str) -> Iterator[LedgerItem]:
        request = {self._table: {"Keys": [{"resource": {"S": key}} for key in keys]}}
        answer = errors.call(self._client.batch_get_item, RequestItems=request)
        if answer.get("UnprocessedKeys"):
            raise Throttled("DynamoDB left keys of the ledger unread; try again")
        found = {item["resource"]["S"]: item for item in answer["Responses"].get(self._table, ())}
        # In the index's order, without what has come right since the index was read.
        still = (found[key] for key in keys if found.get(key, {}).get("retry_state") == {"S": retry_state})
        yield from map(_ledger_item, still)

    @contextmanager
    def _found(self) -> Iterator[None]:
        try:
            with errors.converted():
                yield
        except NotReadyYet as error:
            region = self._client.meta.region_name
            raise ConfigurationError(
                f"there is no ledger {self._table} in {region}; LEDGER_TABLE must be the output LedgerTableName of the "
                "stack IoTDRSecondary<postfix>, as toolsrc has it"
            ) from error


class AttachedCertificates:
    """Which certificates a Region's registry has attached to a thing, over an `iot` client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def of(self, thing: str) -> tuple[str, ...]:
        """Return the IDs of a thing's certificates, sorted; none if there is no such thing."""
        pages = self._client.get_paginator("list_thing_principals").paginate(thingName=thing)
        try:
            with errors.converted():
                principals = [principal for page in pages for principal in page["principals"]]
        except NotReadyYet:
            return ()
        return tuple(sorted(one.rpartition("/")[2] for one in principals if _CERTIFICATES in one))


def _ledger_item(item: Mapping[str, Any]) -> LedgerItem:
    values = {name: TypeDeserializer().deserialize(value) for name, value in item.items()}
    state = State(values["state"]) if "state" in values else None

    def number(name: str) -> int | None:
        return int(values[name]) if name in values else None

    return LedgerItem(
        key=Key.parse(values["resource"]),
        state=state,
        reason=str(values.get("reason", "")),
        since=number(f"since_{state}"),
        checked_at=number("checked_at"),
        applied_at=number("applied_at"),
        lag=number("lag"),
        attempts=number("attempts") or 0,
        next_attempt=number("next_attempt"),
        event_id=str(values.get("event_id", "")),
        owned="owned_at" in values,
    )
