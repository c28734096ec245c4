"""What the ledger notes of shadows besides their outcome, on the same items.

Further attributes of `shadow#<thing>` and `shadow#<thing>#<name>`: `claims` (how many workers have set about writing),
`settled` (which claim's write has ended), `begun` (digests of what the claims since then bring about),
`source_version`, `source_at` and `source_deleted` (what the last claim brings about), `copy_version` and `digest` (what
the write that ended last left in the secondary), `unsure_until` (how long a creation or deletion may still land) and
`waits` (how many times it was noted to wait). Of a deleted shadow only these are kept, and no longer than late events
are possible: `expires` has DynamoDB drop them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from iot_dr.aws.errors import call
from iot_dr.aws.ledger.ledger import ending
from iot_dr.aws.ledger.updates import HELD, OF_COPIES, WAITING
from iot_dr.errors import Conflict
from iot_dr.model.registry.keys import Key
from iot_dr.model.replication.outcomes import Outcome, State
from iot_dr.model.shadows.shadow import Shadow, ShadowNote, ShadowState, digest

REQUIRED_ACTIONS = frozenset({"dynamodb:GetItem", "dynamodb:UpdateItem"})
"""What the replication of shadows needs on the ledger's table, besides what `aws.ledger` names."""

KEPT_AFTER_DELETION = 30 * 24 * 3600
"""Seconds; the queue of what a rule could not store, which can be replayed, keeps events for 14 days."""


class DynamoDbShadowNotes:
    """`ports.ShadowNotes` over a `dynamodb` client and the ledger's table."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def read(self, key: Key) -> ShadowNote:
        """Return what is noted now; nothing is a note too."""
        answer = call(self._client.get_item, **self._item(key), ConsistentRead=True)
        return _note({name: TypeDeserializer().deserialize(value) for name, value in answer.get("Item", {}).items()})

    def claim(  # noqa: PLR0913  # as the port
        self,
        key: Key,
        over: ShadowNote,
        source: ShadowState,
        *,
        owned_at: int | None = None,
        unsure_until: int = 0,
        writes: bool = True,
    ) -> ShadowNote:
        """Note that this state is about to be written, if nobody has claimed since `over` was read.

        Raises:
            Conflict: somebody has.
        """
        facts = {
            "claims": over.claims + 1,
            "source_version": source.version,
            "source_at": source.at,
            "source_deleted": source.document is None,
            "begun": over.begun_with(source if writes else None),
            **({} if owned_at is None else {"owned_at": owned_at}),
            **(_checked(unsure_until) | {"unsure_until": unsure_until} if unsure_until else {}),
        }
        call(
            self._client.update_item,
            **self._item(key),
            UpdateExpression=f"SET {', '.join(f'{name} = :{name}' for name in facts)} REMOVE expires",
            ConditionExpression="claims = :over" if over.claims else "attribute_not_exists(claims)",
            ExpressionAttributeValues=_values(facts | ({"over": over.claims} if over.claims else {})),
        )
        return over.claimed(source, owned=owned_at is not None, unsure_until=unsure_until, writes=writes)

    def settle(
        self, key: Key, claimed: ShadowNote, outcome: Outcome | None, written: Shadow | None, *, check: int = 0
    ) -> bool:
        """Note how the write of a claim ended; false if somebody has claimed since."""
        facts: dict[str, Any] = {
            "settled": claimed.claims,
            "copy_version": written.version if written else 0,
            "digest": digest(written.document) if written else "",
            "begun": (),
        }
        known = {"claims": claimed.claims}
        if outcome is not None:
            ended = facts | {"unsure_until": 0}
            change = _forgetting(ended, outcome.at) if outcome.state is State.ABSENT else ending(outcome, **ended)
            if self._held(key, change, known | {"waits": claimed.waits, "checked_at": claimed.checked_at}):
                return True
            # It may have been noted to wait meanwhile, which stays.
        return self._held(key, _setting(facts | (_checked(check) if check else {})), known)

    def _held(self, key: Key, change: dict[str, Any], known: Mapping[str, int]) -> bool:
        """Change the item if it still is as it is known, 0 standing for what is not there; tell whether it was."""
        values = {f"known_{name}": value for name, value in known.items() if value}
        condition = " AND ".join(
            f"{name} = :known_{name}" if value else f"attribute_not_exists({name})" for name, value in known.items()
        )
        change["ExpressionAttributeValues"] |= _values(values)
        try:
            call(self._client.update_item, **self._item(key), **change, ConditionExpression=condition)
        except Conflict:
            return False
        return True

    def announce(self, key: Key) -> None:
        """Count one more time that a shadow waits."""
        change = {"UpdateExpression": "ADD waits :one", "ExpressionAttributeValues": _values({"one": 1})}
        call(self._client.update_item, **self._item(key), **change)

    def hold(self, outcome: Outcome, until: int) -> None:
        """Note that a shadow waits, to be checked then; no number of events makes that later than this.

        What is held because the target leads is not checked again by itself.
        """
        facts = {
            "state": str(outcome.state),
            "reason": outcome.reason,
            "checked_at": outcome.at,
            "event_id": outcome.event_id,
            **_checked(until, HELD if outcome.state is State.HELD else WAITING),
        }
        since = f"since_{outcome.state}"
        ended = ["attempts", *(f"since_{state}" for state in State if state is not outcome.state)]
        call(
            self._client.update_item,
            **self._item(outcome.key),
            UpdateExpression=f"SET {', '.join(f'#{name} = :{name}' for name in facts)}, "
            f"#{since} = if_not_exists(#{since}, :checked_at) "
            f"REMOVE {', '.join(f'#{name}' for name in ended)} ADD waits :one",
            ExpressionAttributeNames={f"#{name}": name for name in (*facts, since, *ended)},
            ExpressionAttributeValues=_values(facts | {"one": 1}),
        )

    def _item(self, key: Key) -> dict[str, Any]:
        return {"TableName": self._table, "Key": {"resource": {"S": str(key)}}}


def _checked(at: int, retry_state: str = WAITING) -> dict[str, Any]:
    return {"retry_state": retry_state, "next_attempt": at}


def _setting(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "UpdateExpression": f"SET {', '.join(f'#{name} = :{name}' for name in facts)}",
        "ExpressionAttributeNames": {f"#{name}": name for name in facts},
        "ExpressionAttributeValues": _values(facts),
    }


def _forgetting(facts: Mapping[str, Any], now: int) -> dict[str, Any]:
    """Return the parameters of the UpdateItem that keeps these facts of a deleted shadow for a while, and no others."""
    kept = {**facts, "expires": now // 1000 + KEPT_AFTER_DELETION}
    settings = ", ".join(f"#{name} = :{name}" for name in kept)
    return {
        "UpdateExpression": f"SET {settings} REMOVE {', '.join(f'#{name}' for name in OF_COPIES)}",
        "ExpressionAttributeNames": {f"#{name}": name for name in (*kept, *OF_COPIES)},
        "ExpressionAttributeValues": _values(kept),
    }


def _values(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {f":{name}": TypeSerializer().serialize(value) for name, value in facts.items()}


def _note(item: Mapping[str, Any]) -> ShadowNote:
    return ShadowNote(
        claims=int(item.get("claims", 0)),
        settled=int(item.get("settled", 0)),
        version=int(item.get("source_version", 0)),
        source_at=int(item.get("source_at", 0)),
        deleted=bool(item.get("source_deleted", False)),
        copy_version=int(item.get("copy_version", 0)),
        digest=str(item.get("digest", "")),
        owned="owned_at" in item,
        state=State(item["state"]) if "state" in item else None,
        checked_at=int(item.get("checked_at", 0)),
        due="retry_state" in item,
        waits=int(item.get("waits", 0)),
        unsure_until=int(item.get("unsure_until", 0)),
        begun=tuple(map(str, item.get("begun", ()))),
    )
