"""What the ledger knows of the states that both Regions last held, and what it holds back: read and told by a failback.

A shadow's item has the digest of the document that was written last, and the version that it then had; of a shadow that
is gone it has none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from iot_dr.aws.errors import call, converted
from iot_dr.aws.ledger.ledger import HAD, INDEX, was_had
from iot_dr.aws.ledger.updates import CHECK_AGAIN, HELD, ItemUpdate
from iot_dr.errors import Conflict, EventError, Throttled
from iot_dr.model.failback.plan import LastEqual
from iot_dr.model.registry.keys import Key, Kind

REQUIRED_ACTIONS = frozenset({"dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:UpdateItem"})
"""What a failback needs on the ledger's table, and on its index to query it."""

BATCH = 100
_TIMES = (*HAD, "owned_at", "closed_at")
_ASKED = (*_TIMES, "copy_version")


class DynamoDbBaseStore:
    """`ports.BaseStore` over a `dynamodb` client."""

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    def bases(self, keys: Collection[Key]) -> Mapping[Key, LastEqual]:
        """Return what is noted of each, a hundred by a call."""
        found = dict.fromkeys(keys, LastEqual())
        for batch in _batches(keys):
            request = {
                "Keys": [{"resource": {"S": str(key)}} for key in batch],
                "ProjectionExpression": ", ".join(f"#{name}" for name in ("resource", *_ASKED)),
                "ExpressionAttributeNames": {f"#{name}": name for name in ("resource", *_ASKED)},
                "ConsistentRead": True,
            }
            answer = call(self._client.batch_get_item, RequestItems={self._table: request})
            if answer.get("UnprocessedKeys"):
                raise Throttled("DynamoDB left keys unread")
            for item in answer["Responses"].get(self._table, ()):
                key = Key.parse(item["resource"]["S"])
                found[key] = _base(key, item)
        return found

    def note_equal(self, digests: Mapping[Key, str], at: int) -> None:
        """Note the digests, and ownership where none is noted; all else stays."""
        for batch in _batches(digests):
            notes = [self._item(key) | _noting(digests[key], at) for key in batch]
            try:
                call(self._client.transact_write_items, TransactItems=[{"Update": note} for note in notes])
            except Conflict:
                # A worker notes one of them at this moment.
                for note in notes:
                    call(self._client.update_item, **note)

    def _item(self, key: Key) -> dict[str, Any]:
        return {"TableName": self._table, "Key": {"resource": {"S": str(key)}}}


class DynamoDbHeldResources:
    """`ports.HeldResources` over a `dynamodb` client."""

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    def held(self) -> Iterator[Key]:
        """Yield what is held, by the index; what names no resource, as another release may have left it, is left."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=INDEX,
            KeyConditionExpression="retry_state = :state",
            ExpressionAttributeValues={":state": TypeSerializer().serialize(HELD)},
        )
        with converted():
            for page in pages:
                for item in page["Items"]:
                    try:
                        yield Key.parse(str(item["resource"]["S"]))
                    except EventError:
                        continue

    def release(self, keys: Collection[Key], at: int) -> None:
        """Have each checked by the schedule from `at` on, if it is held still."""
        for key in sorted(keys):
            # A request that began to read before must not conclude that all is well. Shadows have claims for that.
            doubt = {} if key.kind is Kind.SHADOW else {"noted_at": at, "noted_whole": True}
            update = ItemUpdate(facts={"retry_state": CHECK_AGAIN, "next_attempt": at} | doubt)
            parameters = update.where("#retry_state = :held", held=HELD)
            item = {"TableName": self._table, "Key": {"resource": {"S": str(key)}}}
            try:
                call(self._client.update_item, **item, **parameters)
            except Conflict:
                # A worker has checked it meanwhile.
                continue


def _batches(keys: Iterable[Key]) -> Iterator[list[Key]]:
    ordered = sorted(keys)
    return (ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH))


def _base(key: Key, item: Mapping[str, Any]) -> LastEqual:
    digest = str(item.get("digest", {}).get("S", ""))
    if key.kind is Kind.SHADOW:
        return LastEqual(bool(digest), digest, version=int(item.get("copy_version", {}).get("N", 0)))
    times = {name: int(value.get("N", 1)) for name, value in item.items() if name in _TIMES}
    return LastEqual(was_had(times), digest, begun="owned_at" in times)


def _noting(digest: str, at: int) -> dict[str, Any]:
    return ItemUpdate(facts={"digest": digest, "owned_at": at}, kept=("owned_at",), removed=("expires", "gone")).where()
