"""The ledger: one item per resource in a table of the secondary Region.

Item: `resource` (the key's text), `state`, `reason`, `checked_at`, `applied_at`, `lag`, `event_id`, and `owned_at`
where replication created the resource (all times epoch milliseconds). Items that wait for another try also carry
`attempts`, `retry_state` and `next_attempt`, the last two being the keys of the sparse index `by_state`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from iot_dr.aws.errors import call, code_of, convert, converted
from iot_dr.errors import Throttled
from iot_dr.model.keys import Key
from iot_dr.model.outcomes import Outcome

REQUIRED_ACTIONS = frozenset(
    {
        "dynamodb:BatchGetItem",
        "dynamodb:BatchWriteItem",
        "dynamodb:DeleteItem",
        "dynamodb:UpdateItem",
    }
)
"""What the replication worker needs on the ledger's table."""

SWEEP_REQUIRED_ACTIONS = frozenset(
    {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem"}
)
"""What the schedule needs on the ledger's table, and on its index to query it."""

INDEX = "by_state"
WAITING = "waiting"
"""The one value of `retry_state`: the index is sparse, so it holds what waits and nothing else."""

FIRST_PAUSE = 60_000
LONGEST_PAUSE = 24 * 3_600_000
"""Milliseconds between two tries of what failed or is unfinished: doubled each time, at most a day."""

_CURSOR = "cursor#"
_OF_WAITING = ("retry_state", "next_attempt", "attempts")
_BATCH = 25
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html"""
_READ_BATCH = 100


class DynamoDbLedger:
    """`ports.Ledger` over a `dynamodb` client."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def owned(self, keys: Collection[Key]) -> frozenset[Key]:
        """Return those that replication created."""
        found: set[Key] = set()
        for batch in _batched(sorted(keys), _READ_BATCH):
            request = {
                self._table: {
                    "Keys": [_dynamo({"resource": str(key)}) for key in batch],
                    "ProjectionExpression": "#resource, owned_at",
                    "ExpressionAttributeNames": {"#resource": "resource"},
                    "ConsistentRead": True,
                }
            }
            answer = call(self._client.batch_get_item, RequestItems=request)
            if answer.get("UnprocessedKeys"):
                raise Throttled("DynamoDB left keys unread")
            items = answer["Responses"].get(self._table, ())
            found.update(Key.parse(item["resource"]["S"]) for item in items if "owned_at" in item)
        return frozenset(found)

    def intend(self, keys: Sequence[Key], at: int) -> None:
        """Note, before creating them, that replication will own these."""
        for batch in _batched(keys, _BATCH):
            puts = [{"PutRequest": {"Item": _dynamo(_intention(key, at))}} for key in batch]
            answer = call(self._client.batch_write_item, RequestItems={self._table: puts})
            if answer.get("UnprocessedItems"):
                raise Throttled("DynamoDB left items unwritten")

    def forget(self, keys: Collection[Key], before: int) -> None:
        """Drop the notes of resources that are gone, unless another worker noted them anew at or after `before`."""
        for key in sorted(keys):
            try:
                self._client.delete_item(
                    TableName=self._table,
                    Key=_dynamo({"resource": str(key)}),
                    ConditionExpression="attribute_not_exists(owned_at) OR owned_at < :before",
                    ExpressionAttributeValues=_dynamo({":before": before}),
                )
            except ClientError as error:
                if code_of(error) != "ConditionalCheckFailedException":
                    raise convert(error) from error

    def record(self, outcome: Outcome) -> None:
        """Note how a look ended; what asks for another look is due after a pause that doubles with every try."""
        waiting = outcome.again
        with converted():
            answer = self._client.update_item(
                TableName=self._table,
                Key=_dynamo({"resource": str(outcome.key)}),
                ReturnValues="UPDATED_NEW",
                **_update(_facts(outcome), removed=() if waiting else _OF_WAITING, counts=waiting),
            )
            if waiting:
                attempts = int(TypeDeserializer().deserialize(answer["Attributes"]["attempts"]))
                self._client.update_item(
                    TableName=self._table,
                    Key=_dynamo({"resource": str(outcome.key)}),
                    **_update({"retry_state": WAITING, "next_attempt": outcome.at + pause(attempts)}),
                )

    def due(self, now: int) -> Iterator[Key]:
        """Yield what is to be tried again by now, longest waiting first."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=INDEX,
            KeyConditionExpression="retry_state = :waiting AND next_attempt <= :now",
            ExpressionAttributeValues=_dynamo({":waiting": WAITING, ":now": now}),
        )
        with converted():
            for page in pages:
                for item in page["Items"]:
                    yield Key.parse(item["resource"]["S"])

    def cursor(self, name: str) -> str:
        """Return where a round over the registry stands; empty at its start."""
        answer = call(self._client.get_item, TableName=self._table, Key=_dynamo({"resource": _CURSOR + name}))
        return str(answer.get("Item", {}).get("position", {}).get("S", ""))

    def move_cursor(self, name: str, to: str) -> None:
        """Note where a round over the registry stands."""
        call(
            self._client.update_item,
            TableName=self._table,
            Key=_dynamo({"resource": _CURSOR + name}),
            **_update({"position": to}),
        )


def pause(attempts: int) -> int:
    """Return the milliseconds to wait after this many tries.

    >>> pause(1), pause(2), pause(40)
    (60000, 120000, 86400000)
    """
    doublings = min(attempts - 1, 20)
    return min(FIRST_PAUSE << doublings, LONGEST_PAUSE)


def _intention(key: Key, at: int) -> dict[str, Any]:
    return {"resource": str(key), "owned_at": at}


def _facts(outcome: Outcome) -> dict[str, Any]:
    facts: dict[str, Any] = {"state": str(outcome.state), "reason": outcome.reason, "checked_at": outcome.at}
    if outcome.lag is not None:
        facts |= {"lag": outcome.lag, "applied_at": outcome.at}
    if outcome.event_id:
        facts["event_id"] = outcome.event_id
    return facts


def _update(facts: Mapping[str, Any], removed: Iterable[str] = (), *, counts: bool = False) -> dict[str, Any]:
    """Return the parameters of an UpdateItem that sets facts, removes attributes and counts a try."""
    removed = tuple(removed)
    names = {f"#{name}": name for name in (*facts, *removed)}
    values: dict[str, Any] = {f":{name}": value for name, value in facts.items()}
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in facts)
    if removed:
        expression += " REMOVE " + ", ".join(f"#{name}" for name in removed)
    if counts:
        expression += " ADD attempts :one"
        values[":one"] = 1
    return {
        "UpdateExpression": expression,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": _dynamo(values),
    }


def _dynamo(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: TypeSerializer().serialize(value) for name, value in values.items()}


def _batched(keys: Sequence[Key], size: int) -> Iterator[Sequence[Key]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))
