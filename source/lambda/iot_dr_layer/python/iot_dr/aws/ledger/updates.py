"""What an UpdateItem of the ledger says: facts to set, attributes to take away, and the condition for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from iot_dr.model.replication.outcomes import Outcome, State

WAITING = "waiting"
"""The value of `retry_state` of what waits for another try."""

HELD = "held"
"""The value of `retry_state` of what is held back while the target leads: one query finds it, and none that retries."""

CHECK_AGAIN = "look_again"
"""The value of `retry_state` of what is checked again though nothing is known to be wrong with it."""

OF_COPIES = (
    "state",
    "reason",
    "checked_at",
    "applied_at",
    "lag",
    "event_id",
    "owned_at",
    "adopted_at",
    "attempts",
    "retry_state",
    "next_attempt",
    *(f"since_{state}" for state in State),
)
"""What says how a copy stands, a resource's or a shadow's."""

OF_OUTCOMES = (*OF_COPIES, "source_id", "source_version", "digest", "trying", "noted_at", "noted_whole", "marks")
"""What says how a resource stands, which there is no more once it is gone."""


@dataclass
class ItemUpdate:
    """One UpdateItem in the making.

    Attributes:
        facts: attributes to set.
        kept: those of them that are set only where there is none.
        removed: attributes to take away.
        counted: attributes to count up by one.
        added: members to add to sets.
        deleted: members to take out of sets; none of a set that is empty.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    counted: tuple[str, ...] = ()
    added: Mapping[str, Any] = field(default_factory=dict)
    deleted: Mapping[str, Any] = field(default_factory=dict)
    _first: dict[str, Any] = field(default_factory=dict)

    def wait(self, state: str, until: int) -> None:
        """Have it checked then, unless it is checked at another time already."""
        self._first |= {"retry_state": state, "next_attempt": until}

    def where(self, condition: str = "", **values: Any) -> dict[str, Any]:
        """Return the parameters of the UpdateItem; `values` are those that the condition names."""
        facts = self.facts | self._first
        kept = {*self.kept, *self._first}
        settings = [
            f"#{name} = if_not_exists(#{name}, :{name})" if name in kept else f"#{name} = :{name}" for name in facts
        ]
        adding = dict.fromkeys(self.counted, 1) | dict(self.added)
        deleting = {name: members for name, members in self.deleted.items() if members}
        removed = [name for name in dict.fromkeys(self.removed) if name not in facts and name not in deleting]
        sections = (
            ("SET", settings),
            ("REMOVE", [f"#{name}" for name in removed]),
            ("ADD", [f"#{name} :add_{name}" for name in adding]),
            ("DELETE", [f"#{name} :del_{name}" for name in deleting]),
        )
        named = {
            **facts,
            **{f"add_{name}": value for name, value in adding.items()},
            **{f"del_{name}": value for name, value in deleting.items()},
            **values,
        }
        parameters: dict[str, Any] = {
            "UpdateExpression": " ".join(f"{word} {', '.join(parts)}" for word, parts in sections if parts),
            "ExpressionAttributeNames": names((*facts, *removed, *adding, *deleting), condition),
            "ExpressionAttributeValues": {
                f":{name}": TypeSerializer().serialize(value) for name, value in named.items()
            },
        }
        return parameters | ({"ConditionExpression": condition} if condition else {})


def names(attributes: Iterable[str], condition: str) -> dict[str, str]:
    """Return what stands for the attributes in expressions, for DynamoDB reserves many words."""
    return {f"#{name}": name for name in (*attributes, *re.findall(r"#(\w+)", condition))}


def unchanged(began: int, own: str, *, whole: bool = True) -> tuple[str, dict[str, Any]]:
    """Return the condition that nobody else wrote or noted anything since a reading began, and its values.

    If the request did not take in everything, nothing may wait that was noted by one that did.
    """
    values: dict[str, Any] = {"began": began} | ({"own": {own}} if own else {})
    marks = "(attribute_not_exists(#marks) OR #marks = :own)" if own else "attribute_not_exists(#marks)"
    times = (f"(attribute_not_exists(#{name}) OR #{name} < :began)" for name in ("noted_at", "closed_at"))
    seen = () if whole else ("attribute_not_exists(#noted_whole)",)
    return " AND ".join((marks, *times, *seen)), values


def read_times(outcome: Outcome) -> dict[str, int]:
    """Return when the reading began that an outcome rests on."""
    if not outcome.read_at:
        return {}
    took_in = {"read_at": True, "read_attached_at": outcome.attached, "read_whole_at": outcome.whole}
    return {name: outcome.read_at for name, as_much in took_in.items() if as_much}


def facts_of(outcome: Outcome) -> dict[str, Any]:
    """Return what an outcome says of a resource."""
    facts: dict[str, Any] = {"state": str(outcome.state), "reason": outcome.reason, "checked_at": outcome.at}
    if outcome.lag is not None:
        facts |= {"lag": outcome.lag, "applied_at": outcome.at}
    facts |= read_times(outcome)
    if outcome.event_id:
        facts["event_id"] = outcome.event_id
    if outcome.source_id:
        facts |= {"source_id": outcome.source_id, "source_version": outcome.source_version}
    return facts | digest_fact(outcome.digest)


def digest_fact(digest: str) -> dict[str, Any]:
    """Return what is noted of the state that both Regions hold; nothing if it is not known."""
    return {"digest": digest} if digest else {}


def since(outcome: Outcome) -> tuple[str, ...]:
    """Name the attribute that tells since when the resource has been in this state."""
    return (f"since_{outcome.state}",)


def dated(outcome: Outcome) -> dict[str, Any]:
    """Return what an outcome says of a resource, and since when."""
    return facts_of(outcome) | dict.fromkeys(since(outcome), outcome.at)


def ended(outcome: Outcome) -> tuple[str, ...]:
    """Name the attributes that tell since when it was in another state."""
    return tuple(f"since_{state}" for state in State if state is not outcome.state)
