"""The ledger: one item per resource in a table of the secondary Region.

Item: `resource` (the key's text), `state`, `since_<state>`, `reason`, `checked_at`, `applied_at`, `lag`, `event_id`,
`read_at`, `read_attached_at` and `read_whole_at` (when the last reading began that was applied, the last that took in
what is attached too, and the last that took in everything), `source_id` and `source_version` (the primary's of the
thing that was applied), `digest` (of the state in which both Regions last held the same), and `owned_at` where
replication created the resource; `adoptions` says what `adopted_at` beside it means. All times are epoch milliseconds.
Of the `since_` attributes only that of the present state is there, which keeps the time of a change of state without
reading the item first.

Items that are checked again by the schedule carry `retry_state` and `next_attempt`, the keys of the sparse index
`by_state`, and `noted_at` (with `noted_whole`, if only a request for everything can tell that it is over); those that
wait for another try also `attempts`, and `trying` while one is under way. `marks` holds the marks of those who are
writing (`model.marks`), `closed_at` tells when one was taken off last. Of what is gone from both Regions `checked_at`,
`closed_at` and the times of readings stay for a while; `expires` has DynamoDB drop them.
"""

from __future__ import annotations

import heapq
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from iot_dr.aws.errors import call, code_of, converted
from iot_dr.aws.ledger.updates import (
    CHECK_AGAIN,
    HELD,
    OF_OUTCOMES,
    WAITING,
    ItemUpdate,
    dated,
    digest_fact,
    ended,
    facts_of,
    names,
    read_times,
    since,
    unchanged,
)
from iot_dr.errors import Conflict, EventError, Throttled
from iot_dr.model.registry.keys import Key
from iot_dr.model.registry.kinds import HOLDING_KINDS
from iot_dr.model.replication.marks import MARK_LIFETIME, Certainty, Mark, OtherWriters, dead, made_at, new_token
from iot_dr.model.replication.outcomes import NOTHING_EQUAL, LastRead, Outcome, State

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

RECORD_REQUIRED_ACTIONS = frozenset({"dynamodb:UpdateItem"})
"""What recording an outcome needs on the ledger's table."""

RUNNER_REQUIRED_ACTIONS = frozenset({"dynamodb:BatchGetItem", "dynamodb:UpdateItem"})
"""What the function that takes messages from the queues needs on it: which wait already, and that one waits."""

LIST_REQUIRED_ACTIONS = frozenset({"dynamodb:BatchGetItem", "dynamodb:Query"})
"""What listing a fleet needs on it, and on its index: what replication made, and what failed."""

INDEX = "by_state"

FIRST_PAUSE = 60_000
LONGEST_PAUSE = 24 * 3_600_000
"""Milliseconds between two tries of what failed or is unfinished: doubled each time, at most a day."""

LONGEST_WHILE_PENDING = 15 * 60_000
"""The same where a Region or the quotas stand in the way: that passes by itself, and nothing should wait long after."""

LEASE = 360_000
"""Milliseconds that a request which the schedule has started may take, waiting in line included, before it is started
again.
"""

KEPT_AFTER_DELETION = 24 * 3600
"""Seconds that the ledger knows when it last saw that a resource was gone: far longer than any request takes."""

HOLDING_KEPT_AFTER_DELETION = 30 * 24 * 3600
"""Seconds that it knows so of what much may hang on: if that is made anew, what hung on it may have to be, too."""

_CURSOR = "cursor#"
_OF_RETRIES = ("retry_state", "next_attempt", "attempts", "trying")
_OF_WAITING = (*_OF_RETRIES, "noted_at", "noted_whole")
_VERDICT = ("state", "reason")
_DOUBTS = ("marks", "noted_at", "closed_at", "checked_at")
HAD = ("gone", "expires", "applied_at", "read_at", "source_id", "digest")
"""Attributes that only what was read, written or taken away in the target has, or what both Regions have held."""
_READINGS = ("read_at", "read_attached_at", "read_whole_at")
_BATCH = 100
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html, API_BatchGetItem.html"""
_ROUNDS = 5
"""Times that an item is checked again because somebody else changed it between two calls."""


class DynamoDbLedger:
    """`ports.Ledger` over a `dynamodb` client."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def owned(self, keys: Collection[Key]) -> frozenset[Key]:
        """Return those that replication created."""
        return frozenset(self._times("owned_at", keys))

    def last_reads(self, keys: Collection[Key]) -> dict[Key, LastRead]:
        """Return when the last readings of each began; without those that no reading is known of."""
        found = self._noted((*_READINGS, *_DOUBTS), keys)
        return {key: _last_read(times) for key, times in found.items() if "read_at" in times}

    def _times(self, attribute: str, keys: Collection[Key]) -> dict[Key, int]:
        return {key: times[attribute] for key, times in self._noted((attribute,), keys).items()}

    def _noted(self, attributes: Collection[str], keys: Collection[Key]) -> dict[Key, dict[str, int]]:
        """Return those of these attributes that each has, 1 for one that is no number; without those that have none."""
        found: dict[Key, dict[str, int]] = {}
        for batch in _batched(sorted(keys), _BATCH):
            request = {
                self._table: {
                    "Keys": [_dynamo({"resource": str(key)}) for key in batch],
                    "ProjectionExpression": ", ".join(("#resource", *attributes)),
                    "ExpressionAttributeNames": {"#resource": "resource"},
                    "ConsistentRead": True,
                }
            }
            answer = call(self._client.batch_get_item, RequestItems=request)
            if answer.get("UnprocessedKeys"):
                raise Throttled("DynamoDB left keys unread")
            for item in answer["Responses"].get(self._table, ()):
                if times := {name: int(item[name].get("N", 1)) for name in attributes if name in item}:
                    found[Key.parse(item["resource"]["S"])] = times
        return found

    def known(self, keys: Collection[Key]) -> frozenset[Key]:
        """Return those that the target has had, as far as is noted.

        What is owned was only to be made as long as no mark has been taken off since.
        """
        found = self._noted((*HAD, "owned_at", "closed_at"), keys)
        return frozenset(key for key, times in found.items() if was_had(times))

    def begin(  # noqa: PLR0913  # every caller names what it needs of these
        self,
        made: Collection[Key],
        at: int,
        *,
        below: Collection[Key] = (),
        taken: Collection[Key] = (),
        began: int | None = None,
        due: bool = True,
        unless_gone: bool = False,
        mark: Mark | None = None,
    ) -> Mark:
        """Mark what is about to be written, and note that replication will own what it makes; else nothing changes.

        Raises:
            Conflict: a request for one was recorded since `began`, one was gone, or another worker notes one right now.
        """
        token = mark.token if mark else new_token(at, secrets.token_hex(4))
        keys = sorted({*made, *below})
        for batch in _batched(keys, _BATCH):
            facts = {key: {"owned_at": at} if key in made else {"gone": at} if key in taken else {} for key in batch}
            notes = [
                self._beginning(key, token, facts[key], began=began, due=due, unless_gone=unless_gone and key in made)
                for key in batch
            ]
            if len(notes) == 1:
                call(self._client.update_item, **notes[0])
            else:
                call(self._client.transact_write_items, TransactItems=[{"Update": note} for note in notes])
        return Mark(token, frozenset(keys) | (mark.keys if mark else frozenset()))

    def _beginning(  # noqa: PLR0913  # one caller, by keyword
        self, key: Key, token: str, facts: dict[str, Any], *, began: int | None, due: bool, unless_gone: bool
    ) -> dict[str, Any]:
        removed = ("expires", "gone") if "owned_at" in facts else ("expires",)
        update = ItemUpdate(facts=facts, added={"marks": {token}}, removed=removed)
        if due:
            update.wait(CHECK_AGAIN, made_at(token) + MARK_LIFETIME)
        conditions = ["attribute_not_exists(#gone)"] if unless_gone and key.kind in HOLDING_KINDS else []
        if began is None:
            return self._item(key) | update.where(" AND ".join(conditions))
        conditions.insert(0, "(attribute_not_exists(#checked_at) OR #checked_at < :began)")
        return self._item(key) | update.where(" AND ".join(conditions), began=began)

    def gone(self, keys: Collection[Key]) -> frozenset[Key]:
        """Return those that replication took away, as long as it is kept."""
        return frozenset(self._times("gone", keys))

    def end(
        self,
        mark: Mark,
        keys: Collection[Key],
        at: int,
        *,
        due: bool = True,
        equal: Mapping[Key, str] = NOTHING_EQUAL,
    ) -> None:
        """Take a mark off; with the last one goes the request that it asked for, unless somebody else needs it too."""
        self._end(mark, keys, at, due=due, equal=equal)

    def _end(  # noqa: PLR0913  # two callers, by keyword
        self,
        mark: Mark,
        keys: Collection[Key],
        at: int,
        *,
        due: bool = True,
        equal: Mapping[Key, str],
        shared: Collection[Key] = (),
    ) -> None:
        """Take a mark off; `shared` are those that somebody else is about, as far as is known."""
        for batch in _batched(sorted(keys), _BATCH):
            ends = {
                key: self._ending(key, mark, at, equal)
                if due and key not in shared
                else self._closing_if_there(key, mark, at, equal)
                for key in batch
            }
            if (due and len(batch) == 1) or not self._ended_together(ends.values()):
                self._end_each(mark, batch, at, equal)

    def _ended_together(self, ends: Iterable[Mapping[str, Any]]) -> bool:
        """Take a mark off everywhere in one call; or tell that one is gone, or that somebody else is about it."""
        try:
            call(self._client.transact_write_items, TransactItems=[{"Update": end} for end in ends])
        except Conflict:
            return False
        return True

    def _end_each(self, mark: Mark, keys: Sequence[Key], at: int, equal: Mapping[Key, str]) -> None:
        for key in keys:
            if not _held(self._client.update_item, **self._ending(key, mark, at, equal)):
                _held(self._client.update_item, **self._closing_if_there(key, mark, at, equal))

    def _ending(self, key: Key, mark: Mark, at: int, equal: Mapping[Key, str]) -> dict[str, Any]:
        facts = {"closed_at": at} | digest_fact(equal.get(key, ""))
        update = ItemUpdate(facts=facts, removed=("marks", *_OF_RETRIES))
        # Only the request that this mark asked for goes with it: another has been asked for by somebody else.
        condition = (
            "#marks = :own AND (attribute_not_exists(#noted_at) OR #noted_at < :began) "
            "AND (attribute_not_exists(#next_attempt) OR #next_attempt = :due)"
        )
        return self._item(key) | update.where(condition, own={mark.token}, began=mark.at, due=mark.at + MARK_LIFETIME)

    def _closing_if_there(self, key: Key, mark: Mark, at: int, equal: Mapping[Key, str]) -> dict[str, Any]:
        """Return what takes a mark off, whatever else stands there, unless nothing is noted any more."""
        facts = {"closed_at": at} | digest_fact(equal.get(key, ""))
        update = ItemUpdate(facts=facts, deleted={"marks": {mark.token}})
        return self._item(key) | update.where("attribute_exists(#resource)")

    def disown(self, keys: Collection[Key], at: int, mark: Mark, began: int) -> None:
        """Take back what was noted of their ownership at that time, unless somebody else may have made them since."""
        condition, values = unchanged(began, mark.token)
        for key in sorted(keys):
            parameters = ItemUpdate(removed=("owned_at",)).where(f"#owned_at = :at AND {condition}", at=at, **values)
            if not _held(self._client.update_item, **self._item(key), **parameters):
                self._keep_for_later(key, at)

    def forget(self, keys: Collection[Key], before: int, mark: Mark | None = None) -> None:
        """Drop the notes of resources that are gone; what somebody else is about is checked by itself later."""
        for key in sorted(keys):
            condition, values = unchanged(before, mark.token if mark else "")
            condition += " AND (attribute_not_exists(#owned_at) OR #owned_at < :began)"
            if self._drop(key, before, condition, values):
                continue
            item = self._read(key)
            others = _other_writers(item)
            only_dead = others.certainty(before, mark.token if mark else "") is Certainty.SURE
            if only_dead and int(item.get("owned_at", 0)) < before:
                condition, values = _as_seen(others)
                if self._drop(key, before, condition, values):
                    continue
            self._keep_for_later(key, before)

    def _drop(self, key: Key, at: int, condition: str, values: Mapping[str, Any]) -> bool:
        """Drop what is noted; of what much may hang on it is kept for a while that it is gone."""
        if key.kind in HOLDING_KINDS:
            known = f"attribute_exists(#resource) AND {condition}"
            return _held(self._client.update_item, **self._item(key), **_tombstone(key, at).where(known, **values))
        named = {"ExpressionAttributeValues": _dynamo({f":{name}": value for name, value in values.items()})}
        return _held(
            self._client.delete_item,
            **self._item(key),
            ConditionExpression=condition,
            ExpressionAttributeNames=names((), condition),
            **(named if values else {}),
        )

    def _keep_for_later(self, key: Key, at: int) -> None:
        update = ItemUpdate(facts={"noted_at": at, "noted_whole": True})
        update.wait(CHECK_AGAIN, at + MARK_LIFETIME)
        _held(self._client.update_item, **self._item(key), **update.where("attribute_exists(#resource)"))

    def revisit(self, keys: Collection[Key], at: int) -> None:
        """Have each checked by itself a minute after `at`, or sooner; what else is noted of them stays.

        One write each: many workers may note the same policy at once, which a transaction would refuse.
        """
        until = at + pause(1)
        for key in sorted(keys):
            update = ItemUpdate(facts={"noted_at": at, "noted_whole": True}, removed=("expires",))
            update.wait(CHECK_AGAIN, until)
            parameters = self._item(key) | update.where(
                "attribute_not_exists(#next_attempt) OR #next_attempt <= :until", until=until
            )
            if not _held(self._client.update_item, **parameters):
                sooner = ItemUpdate(facts={"noted_at": at, "noted_whole": True, "next_attempt": until})
                call(self._client.update_item, **self._item(key), **sooner.where())

    def postpone(self, key: Key, now: int) -> bool:
        """Count a try of what is due, and have the next one come no sooner than this one can have ended.

        Returns:
            Whether it was due still.
        """
        update = ItemUpdate(facts={"next_attempt": now + LEASE, "trying": True}, counted=("attempts",))
        return _held(self._client.update_item, **self._item(key), **update.where("#next_attempt <= :now", now=now))

    def record(self, outcome: Outcome, mark: Mark | None = None, equal: Mapping[Key, str] = NOTHING_EQUAL) -> Certainty:
        """Note how a request ended, and take its mark off; what others are about keeps another request coming."""
        others = frozenset[Key]() if mark is None else mark.keys - {outcome.key}
        shared: Collection[Key] = ()
        if mark is not None and not outcome.again and 0 < len(others) < _BATCH:
            keys = [outcome.key, *sorted(others)]
            try:
                self._conclude_together(outcome, mark, keys, equal)
            except Conflict as error:
                # Somebody else is about these: each is recorded by itself, as far as that one admits.
                shared = _refused_for(error, keys)
            else:
                return Certainty.SURE
        certainty = Certainty.SURE
        if outcome.again:
            self._record_waiting(outcome, mark)
        else:
            certainty = self._conclude(outcome, mark.token if mark else "")
        if mark is not None and others:
            self._end(mark, others, outcome.at, equal=equal, shared=shared)
        return certainty

    def _conclude_together(self, outcome: Outcome, mark: Mark, keys: Sequence[Key], equal: Mapping[Key, str]) -> None:
        """Record what the first of these ended as, and take the mark off all, in one call."""
        notes = [self._item(outcome.key) | _concluding(outcome, mark.token)]
        notes += [self._ending(key, mark, outcome.at, equal) for key in keys[1:]]
        call(self._client.transact_write_items, TransactItems=[{"Update": note} for note in notes])

    def _conclude(self, outcome: Outcome, own: str) -> Certainty:
        if _held(self._client.update_item, **self._item(outcome.key), **_concluding(outcome, own)):
            return Certainty.SURE
        for _ in range(_ROUNDS):
            item = self._read(outcome.key)
            others = _other_writers(item)
            update = _considered(outcome, own, item)
            condition, values = _as_seen(others)
            if _held(self._client.update_item, **self._item(outcome.key), **update.where(condition, **values)):
                return others.certainty(began_of(outcome), own, whole=outcome.whole)
        raise Conflict(f"what the ledger says of {outcome.key} kept changing")

    def _record_waiting(self, outcome: Outcome, mark: Mark | None) -> None:
        """Note that it waits; the pause grows with the tries that `postpone` counts, whatever comes in between."""
        noted = {"noted_at": outcome.at} | ({"noted_whole": True} if outcome.whole else {})
        retry_state = CHECK_AGAIN if outcome.state is State.IN_SYNC else WAITING
        facts = dated(outcome) | noted | {"retry_state": retry_state}
        closed: dict[str, Any] = {"closed_at": outcome.at} if mark else {}
        deleted = {"marks": {mark.token}} if mark else {}
        first = facts | closed | {"next_attempt": outcome.at + pause(1), "attempts": 1}
        removed = ("expires", *ended(outcome))
        update = ItemUpdate(facts=first, kept=since(outcome), removed=removed, deleted=deleted)
        parameters = self._item(outcome.key) | update.where("attribute_not_exists(#attempts)")
        if _held(self._client.update_item, **parameters):
            return
        removed = (*removed, "trying")
        update = ItemUpdate(facts=facts | closed, kept=since(outcome), removed=removed, deleted=deleted)
        parameters = self._item(outcome.key) | update.where()
        before = call(self._client.update_item, **parameters, ReturnValues="ALL_OLD")["Attributes"]
        if "trying" in before:
            # Another trouble than before: how often that was met says nothing of this one.
            same = before.get("state", {}).get("S") == outcome.state
            attempts = int(before["attempts"]["N"]) if same else 1
            later = ItemUpdate(
                facts={"next_attempt": outcome.at + pause(attempts, outcome.state), "attempts": attempts}
            )
            call(self._client.update_item, **self._item(outcome.key), **later.where())
        elif int(before["next_attempt"]["N"]) > (latest := outcome.at + longest_pause(outcome.state)):
            # What failed waits long for its next try; what passes by itself need not.
            sooner = ItemUpdate(facts={"next_attempt": latest}).where("#next_attempt > :latest", latest=latest)
            _held(self._client.update_item, **self._item(outcome.key), **sooner)

    def note_applied(self, outcome: Outcome) -> None:
        """Note what was applied of a thing's own fields, and how it stands if nothing is known of that."""
        update = ItemUpdate(facts=facts_of(outcome), kept=(*_VERDICT, "checked_at"))
        call(self._client.update_item, **self._item(outcome.key), **update.where())

    def source_version(self, key: Key) -> tuple[str, int]:
        """Return the primary's thing ID and version that were applied last; empty and 0 if none is known."""
        item = self._read(key)
        return str(item.get("source_id", "")), int(item.get("source_version", 0))

    def _read(self, key: Key) -> dict[str, Any]:
        """Return an item with plain values; empty if there is none."""
        found = call(self._client.get_item, **self._item(key), ConsistentRead=True).get("Item", {})
        return {name: TypeDeserializer().deserialize(value) for name, value in found.items()}

    def _item(self, key: Key) -> dict[str, Any]:
        return {"TableName": self._table, "Key": _dynamo({"resource": str(key)})}

    def due(self, now: int, unknown: Callable[[str], object] | None = None) -> Iterator[Key]:
        """Yield what is to be checked by now, longest waiting first; what names no resource goes to `unknown`."""
        for _, text in heapq.merge(*(self._due(state, now) for state in (WAITING, CHECK_AGAIN))):
            try:
                key = Key.parse(text)
            except EventError:
                # Another release's: it must not keep what this one knows from being tried again.
                if unknown:
                    unknown(text)
                continue
            yield key

    def _due(self, state: str, now: int) -> Iterator[tuple[int, str]]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=INDEX,
            KeyConditionExpression="retry_state = :state AND next_attempt <= :now",
            ExpressionAttributeValues=_dynamo({":state": state, ":now": now}),
        )
        with converted():
            for page in pages:
                for item in page["Items"]:
                    yield int(item["next_attempt"]["N"]), str(item["resource"]["S"])

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
            **ItemUpdate(facts={"position": to}).where(),
        )


def ending(outcome: Outcome, **facts: Any) -> dict[str, Any]:
    """Return the parameters of the UpdateItem that notes an outcome which leaves nothing to try, and further facts."""
    removed = (*_OF_WAITING, *ended(outcome))
    return ItemUpdate(facts=dated(outcome) | _held_facts(outcome) | facts, kept=since(outcome), removed=removed).where()


def pause(attempts: int, state: State = State.FAILED) -> int:
    """Return the milliseconds to wait after this many tries that left a resource in this state.

    >>> pause(1), pause(2), pause(40), pause(40, State.PENDING)
    (60000, 120000, 86400000, 900000)
    """
    return min(FIRST_PAUSE << min(attempts - 1, 20), longest_pause(state))


def longest_pause(state: State) -> int:
    """Return the most milliseconds between two tries of what is in this state."""
    return LONGEST_WHILE_PENDING if state is State.PENDING else LONGEST_PAUSE


def _concluding(outcome: Outcome, own: str) -> dict[str, Any]:
    """Return the parameters of the UpdateItem that records an outcome if nobody else has been about the resource."""
    condition, values = unchanged(began_of(outcome), own, whole=outcome.whole)
    update = _sure(outcome, own)
    if outcome.partial:
        update.removed = ("expires", "marks", *_OF_RETRIES)
        due = made_at(own) + MARK_LIFETIME if own else 0
        condition += " AND (attribute_not_exists(#next_attempt) OR #next_attempt = :due)"
        values = values | {"due": due}
    return update.where(condition, **values)


def began_of(outcome: Outcome) -> int:
    """Return when the reading began that an outcome rests on, epoch milliseconds."""
    return outcome.read_at or outcome.at


def _considered(outcome: Outcome, own: str, item: Mapping[str, Any]) -> ItemUpdate:
    """Return what to note where somebody else is, or was, about the resource too."""
    others, began = _other_writers(item), began_of(outcome)
    gone = {own} | dead(others.open, began)
    certainty = others.certainty(began, own, whole=outcome.whole)
    if certainty is Certainty.SURE and not outcome.partial:
        return _sure(outcome, own)
    closed = {"closed_at": outcome.at} if own in others.open or outcome.state is State.HELD else {}
    update = ItemUpdate(facts=closed, removed=("expires",), deleted={"marks": gone & others.open})
    if certainty is Certainty.SURE or certainty is Certainty.UNSURE:
        _add_outcome(update, outcome)
    elif outcome.state is not State.ABSENT:
        update.facts |= {name: value for name, value in facts_of(outcome).items() if name not in _VERDICT}
    if certainty is Certainty.OVERTAKEN and item.get("retry_state") == HELD and outcome.state is not State.HELD:
        # Nothing tries what is held by itself; a request for everything tells whether all of it is over.
        update.facts |= {"retry_state": CHECK_AGAIN, "next_attempt": outcome.at}
    if certainty is Certainty.UNSURE:
        update.facts |= {"noted_at": outcome.at, "noted_whole": True}
        again = outcome.at + (MARK_LIFETIME if others.open - gone else 0)
        if outcome.partial or outcome.state is State.ABSENT:
            update.wait(CHECK_AGAIN, again)
        else:
            # What waited for another try has had it: only the request that makes sure is still to come.
            due = min(again, int(item.get("next_attempt", again)))
            update.facts |= {"retry_state": CHECK_AGAIN, "next_attempt": due}
            update.removed = (*update.removed, "attempts", "trying")
    return update


def _add_outcome(update: ItemUpdate, outcome: Outcome) -> None:
    if outcome.state is State.ABSENT:
        update.facts |= {"checked_at": outcome.at} | read_times(outcome)
    elif outcome.partial:
        update.facts |= facts_of(outcome)
        update.kept = _VERDICT
    else:
        update.facts |= dated(outcome)
        update.kept = since(outcome)
        update.removed = (*update.removed, *ended(outcome))


def _sure(outcome: Outcome, own: str) -> ItemUpdate:
    """Return what to note where nobody else is about the resource."""
    # What is held was to be written: whoever has read before that cannot conclude that all is equal.
    closed = {"closed_at": outcome.at} if own or outcome.state is State.HELD else {}
    if outcome.state is State.ABSENT:
        update = _tombstone(outcome.key, outcome.at)
        update.facts |= {"checked_at": outcome.at} | read_times(outcome) | closed
        return update
    update = ItemUpdate(facts=closed, removed=("expires", "marks"))
    _add_outcome(update, outcome)
    if not outcome.partial:
        update.removed = (*update.removed, *_OF_WAITING)
    update.facts |= _held_facts(outcome)
    return update


def _held_facts(outcome: Outcome) -> dict[str, Any]:
    """Return what has one query find what is held, and who can tell that it is over; nothing of what is not held."""
    if outcome.state is not State.HELD:
        return {}
    whole: dict[str, Any] = {"noted_whole": True} if outcome.whole else {}
    return {"retry_state": HELD, "next_attempt": outcome.at} | whole


def _tombstone(key: Key, at: int) -> ItemUpdate:
    """Return what is kept of what is gone, and for how long."""
    kept = HOLDING_KEPT_AFTER_DELETION if key.kind in HOLDING_KINDS else KEPT_AFTER_DELETION
    return ItemUpdate(facts={"expires": at // 1000 + kept}, removed=OF_OUTCOMES)


def was_had(times: Mapping[str, int]) -> bool:
    """Tell by these attributes whether the target has had a resource."""
    made = "owned_at" in times and times.get("closed_at", 0) >= times["owned_at"]
    return made or any(name in times for name in HAD)


def _last_read(times: Mapping[str, int]) -> LastRead:
    checked_at = times.get("checked_at", 0)
    # A request that is not sure notes that something waits in the call that records it.
    doubt = "marks" in times or times.get("noted_at") == checked_at or times.get("closed_at", 0) > checked_at
    began, attached, whole = (times.get(name, 0) for name in _READINGS)
    return LastRead(began, attached, whole, doubt)


def _other_writers(item: Mapping[str, Any]) -> OtherWriters:
    return OtherWriters(
        open=frozenset(item.get("marks", ())),
        noted_at=int(item.get("noted_at", 0)),
        closed_at=int(item.get("closed_at", 0)),
        checked_at=int(item.get("checked_at", 0)),
        noted_whole="noted_whole" in item,
    )


def _as_seen(others: OtherWriters) -> tuple[str, dict[str, Any]]:
    """Return the condition that nobody has been about the resource since it was read, and its values."""
    conditions, values = [], {}
    for name, value in (("marks", set(others.open)), ("noted_at", others.noted_at)):
        if value:
            conditions.append(f"#{name} = :seen_{name}")
            values[f"seen_{name}"] = value
        else:
            conditions.append(f"attribute_not_exists(#{name})")
    return " AND ".join(conditions), values


def _refused_for(error: Conflict, keys: Sequence[Key]) -> frozenset[Key]:
    """Return those for which a transaction over these was cancelled; AWS tells a reason for each, in their order.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
    """
    cause = error.__cause__
    reasons = cause.response.get("CancellationReasons", ()) if isinstance(cause, ClientError) else ()
    told = zip(keys, reasons, strict=False)
    return frozenset(key for key, reason in told if reason.get("Code", "None") != "None")


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


def _dynamo(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: TypeSerializer().serialize(value) for name, value in values.items()}


def _batched(keys: Sequence[Key], size: int) -> Iterator[Sequence[Key]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))
