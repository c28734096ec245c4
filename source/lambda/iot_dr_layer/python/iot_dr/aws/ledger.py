"""The ledger: one item per resource in a table of the secondary Region.

Item: `resource` (the key's text), `state`, `since_<state>`, `reason`, `checked_at`, `applied_at`, `lag`, `event_id`,
`read_at` (when the last reading began that was applied), `source_id` and `source_version` (the primary's of the thing
that was applied), and `owned_at` where replication created the resource. All times are epoch milliseconds. Of the
`since_` attributes only that of the present state is there, which keeps the time of a change of state without reading
the item first. Items that wait for another try also carry `attempts`, `retry_state` and `next_attempt`, the last two
being the keys of the sparse index `by_state`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError

from iot_dr.aws.errors import call, code_of, converted
from iot_dr.errors import Throttled
from iot_dr.model.keys import Key
from iot_dr.model.outcomes import UNLINKED, Outcome, State

REQUIRED_ACTIONS = frozenset(
    {
        "dynamodb:BatchGetItem",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
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
_VERDICT = ("state", "reason")
_BATCH = 100
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html, API_BatchGetItem.html"""


class DynamoDbLedger:
    """`ports.Ledger` over a `dynamodb` client."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def owned(self, keys: Collection[Key]) -> frozenset[Key]:
        """Return those that replication created."""
        return frozenset(self._times("owned_at", keys))

    def last_read(self, keys: Collection[Key]) -> dict[Key, int]:
        """Return when the last reading of each began that was applied, epoch milliseconds; without those never read."""
        return self._times("read_at", keys)

    def _times(self, attribute: str, keys: Collection[Key]) -> dict[Key, int]:
        found: dict[Key, int] = {}
        for batch in _batched(sorted(keys), _BATCH):
            request = {
                self._table: {
                    "Keys": [_dynamo({"resource": str(key)}) for key in batch],
                    "ProjectionExpression": f"#resource, {attribute}",
                    "ExpressionAttributeNames": {"#resource": "resource"},
                    "ConsistentRead": True,
                }
            }
            answer = call(self._client.batch_get_item, RequestItems=request)
            if answer.get("UnprocessedKeys"):
                raise Throttled("DynamoDB left keys unread")
            for item in answer["Responses"].get(self._table, ()):
                if attribute in item:
                    found[Key.parse(item["resource"]["S"])] = int(item[attribute]["N"])
        return found

    def intend(self, keys: Sequence[Key], at: int) -> None:
        """Note, before creating them, that replication will own these; what else is noted of them stays.

        Raises:
            Conflict: another worker is noting one of them at this moment.
        """
        for batch in _batched(keys, _BATCH):
            notes = [{"Update": self._item(key) | _update({"owned_at": at})} for key in batch]
            call(self._client.transact_write_items, TransactItems=notes)

    def forget(self, keys: Collection[Key], before: int) -> None:
        """Drop the notes of resources that are gone, unless another worker noted them anew at or after `before`."""
        for key in sorted(keys):
            _held(
                self._client.delete_item,
                **self._item(key),
                ConditionExpression="attribute_not_exists(owned_at) OR owned_at < :before",
                ExpressionAttributeValues=_dynamo({":before": before}),
            )

    def revisit(self, keys: Collection[Key], at: int) -> None:
        """Have each looked at by itself a minute after `at`; what else is noted of them stays.

        One write each: many workers may note the same policy at once, which a transaction would refuse.
        """
        for key in sorted(keys):
            outcome = Outcome(key, State.PENDING, UNLINKED, at=at)
            facts = _dated(outcome) | _due(at, attempts=1)
            change = _update(facts, kept=_since(outcome), removed=_ended(outcome))
            call(self._client.update_item, **self._item(key), **change)

    def record(self, outcome: Outcome) -> None:
        """Note how a look ended; what asks for another look is due after a pause that doubles with every try."""
        if outcome.partial:
            call(self._client.update_item, **self._item(outcome.key), **_update(_facts(outcome), kept=_VERDICT))
        elif outcome.again:
            self._record_waiting(outcome)
        else:
            call(self._client.update_item, **self._item(outcome.key), **ending(outcome))

    def _record_waiting(self, outcome: Outcome) -> None:
        """Note a try; how long the next one is off depends on how many there were, and most often there was none."""
        item, facts = self._item(outcome.key), _dated(outcome)
        first = facts | _due(outcome.at, attempts=1) | {"attempts": 1}
        change = _update(first, kept=_since(outcome), removed=_ended(outcome))
        if _held(self._client.update_item, **item, **change, ConditionExpression="attribute_not_exists(attempts)"):
            return
        change = _update(facts, kept=_since(outcome), removed=_ended(outcome), counted=("attempts",))
        answer = call(self._client.update_item, **item, **change, ReturnValues="UPDATED_NEW")
        attempts = int(answer["Attributes"]["attempts"]["N"])
        call(self._client.update_item, **item, **_update(_due(outcome.at, attempts)))

    def source_version(self, key: Key) -> tuple[str, int]:
        """Return the primary's thing ID and version that were applied last; empty and 0 if none is known."""
        item = call(self._client.get_item, **self._item(key), ConsistentRead=True).get("Item", {})
        return str(item.get("source_id", {}).get("S", "")), int(item.get("source_version", {}).get("N", 0))

    def _item(self, key: Key) -> dict[str, Any]:
        return {"TableName": self._table, "Key": _dynamo({"resource": str(key)})}

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

    def postpone(self, key: Key, until: int) -> bool:
        """Have what is due come again at `until`; False if it does not wait any more, or somebody else put it off."""
        return _held(
            self._client.update_item,
            **self._item(key),
            UpdateExpression="SET next_attempt = :until",
            ConditionExpression="retry_state = :waiting AND next_attempt < :until",
            ExpressionAttributeValues=_dynamo({":until": until, ":waiting": WAITING}),
        )

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


def ending(outcome: Outcome, **facts: Any) -> dict[str, Any]:
    """Return the parameters of the UpdateItem that notes an outcome which leaves nothing to try, and further facts."""
    return _update(_dated(outcome) | facts, kept=_since(outcome), removed=(*_OF_WAITING, *_ended(outcome)))


def pause(attempts: int) -> int:
    """Return the milliseconds to wait after this many tries.

    >>> pause(1), pause(2), pause(40)
    (60000, 120000, 86400000)
    """
    doublings = min(attempts - 1, 20)
    return min(FIRST_PAUSE << doublings, LONGEST_PAUSE)


def _facts(outcome: Outcome) -> dict[str, Any]:
    facts: dict[str, Any] = {"state": str(outcome.state), "reason": outcome.reason, "checked_at": outcome.at}
    if outcome.lag is not None:
        facts |= {"lag": outcome.lag, "applied_at": outcome.at}
    if outcome.read_at:
        facts["read_at"] = outcome.read_at
    if outcome.event_id:
        facts["event_id"] = outcome.event_id
    if outcome.source_id:
        facts |= {"source_id": outcome.source_id, "source_version": outcome.source_version}
    return facts


def _since(outcome: Outcome) -> tuple[str, ...]:
    return (f"since_{outcome.state}",)


def _dated(outcome: Outcome) -> dict[str, Any]:
    return _facts(outcome) | dict.fromkeys(_since(outcome), outcome.at)


def _held(operation: Callable[..., Any], **parameters: Any) -> bool:
    """Make a conditional write, and tell whether its condition held."""
    with converted():
        try:
            operation(**parameters)
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            return False
    return True


def _due(at: int, attempts: int) -> dict[str, Any]:
    return {"retry_state": WAITING, "next_attempt": at + pause(attempts)}


def _ended(outcome: Outcome) -> tuple[str, ...]:
    return tuple(f"since_{state}" for state in State if state is not outcome.state)


def _update(
    facts: Mapping[str, Any],
    *,
    removed: Collection[str] = (),
    kept: Collection[str] = (),
    counted: Collection[str] = (),
) -> dict[str, Any]:
    """Return the parameters of an UpdateItem.

    It sets facts (those `kept` only where there is none), takes attributes away and counts others up by one.
    """
    settings = [
        f"#{name} = if_not_exists(#{name}, :{name})" if name in kept else f"#{name} = :{name}" for name in facts
    ]
    expression = "SET " + ", ".join(settings)
    if removed:
        expression += " REMOVE " + ", ".join(f"#{name}" for name in removed)
    if counted:
        expression += " ADD " + ", ".join(f"#{name} :one" for name in counted)
    values = {f":{name}": value for name, value in facts.items()} | ({":one": 1} if counted else {})
    return {
        "UpdateExpression": expression,
        "ExpressionAttributeNames": {f"#{name}": name for name in (*facts, *removed, *counted)},
        "ExpressionAttributeValues": _dynamo(values),
    }


def _dynamo(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: TypeSerializer().serialize(value) for name, value in values.items()}


def _batched(keys: Sequence[Key], size: int) -> Iterator[Sequence[Key]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))
