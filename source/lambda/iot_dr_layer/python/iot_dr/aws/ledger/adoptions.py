"""Whom the ledger names as owner, and how an operator's adoption changes that; nothing else of an item changes.

`adopted_at` stands beside `owned_at` and has the same value until replication creates the resource itself, which sets
`owned_at` alone. So an adoption can be told from a creation, and taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from iot_dr.aws.errors import call
from iot_dr.aws.ledger.updates import ItemUpdate, unchanged
from iot_dr.errors import Conflict, Throttled
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.sync.adoption import Owner

REQUIRED_ACTIONS = frozenset({"dynamodb:BatchGetItem", "dynamodb:UpdateItem"})
"""What an adoption needs on the ledger's table."""

BATCH = 100
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html, API_BatchGetItem.html"""

_NOT_CHECKED = "(attribute_not_exists(#checked_at) OR #checked_at < :began)"


class DynamoDbAdoptionStore:
    """`ports.AdoptionStore` over a `dynamodb` client."""

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    def owners(self, keys: Collection[Key]) -> Mapping[Key, Owner]:
        """Return who owns each, a hundred by a call."""
        found = dict.fromkeys(keys, Owner.NOBODY)
        for batch in _hundreds(keys):
            request = {
                "Keys": [{"resource": {"S": str(key)}} for key in batch],
                "ProjectionExpression": "#resource, owned_at, adopted_at",
                "ExpressionAttributeNames": {"#resource": "resource"},
                "ConsistentRead": True,
            }
            answer = call(self._client.batch_get_item, RequestItems={self._table: request})
            if answer.get("UnprocessedKeys"):
                raise Throttled("DynamoDB left keys unread")
            for item in answer["Responses"].get(self._table, ()):
                if "owned_at" in item:
                    adopted = item.get("adopted_at") == item["owned_at"]
                    found[Key.parse(item["resource"]["S"])] = Owner.ADOPTED if adopted else Owner.REPLICATION
        return found

    def adopt(self, digests: Mapping[Key, str], at: int, began: int) -> frozenset[Key]:
        """Note that replication owns these, as far as nobody has checked or written them since a reading began."""
        return self._noted(digests, lambda key: _adopting(key, digests[key], at, began))

    def disown_adopted(self, keys: Collection[Key], at: int) -> frozenset[Key]:
        """Take back that replication owns these, as far as they are adopted still."""
        return self._noted(keys, lambda key: _releasing(key, at))

    def _noted(self, keys: Collection[Key], noting: Callable[[Key], dict[str, Any]]) -> frozenset[Key]:
        noted: set[Key] = set()
        for batch in _hundreds(keys):
            notes = {key: self._item(key) | noting(key) for key in batch}
            if self._held(self._client.transact_write_items, TransactItems=[{"Update": one} for one in notes.values()]):
                noted.update(batch)
            else:
                noted.update(key for key, one in notes.items() if self._held(self._client.update_item, **one))
        return frozenset(noted)

    @staticmethod
    def _held(operation: Callable[..., Any], **parameters: Any) -> bool:
        try:
            call(operation, **parameters)
        except Conflict:
            return False
        return True

    def _item(self, key: Key) -> dict[str, Any]:
        return {"TableName": self._table, "Key": {"resource": {"S": str(key)}}}


def _adopting(key: Key, digest: str, at: int, began: int) -> dict[str, Any]:
    facts: dict[str, Any] = {"owned_at": at, "adopted_at": at, **_closing(key, at)}
    if digest:
        facts["digest"] = digest
    # What a shadow's own writes have left there tells whether somebody else wrote after them.
    kept = ("digest",) if key.kind is Kind.SHADOW else ()
    condition, values = unchanged(began, "")
    update = ItemUpdate(facts=facts, kept=kept, removed=("expires", "gone"))
    return update.where(f"attribute_not_exists(#owned_at) AND {_NOT_CHECKED} AND {condition}", **values)


def _releasing(key: Key, at: int) -> dict[str, Any]:
    update = ItemUpdate(facts=_closing(key, at), removed=("owned_at", "adopted_at"))
    parameters = update.where("attribute_exists(#adopted_at) AND #owned_at = #adopted_at")
    # DynamoDB refuses an empty map of values.
    return {name: value for name, value in parameters.items() if value}


def _closing(key: Key, at: int) -> dict[str, int]:
    """Return what has whoever is checking the resource now check it once more; shadows have claims for that."""
    return {} if key.kind is Kind.SHADOW else {"closed_at": at}


def _hundreds(keys: Iterable[Key]) -> Iterator[list[Key]]:
    ordered = sorted(keys)
    return (ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH))
