from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from iot_dr.errors import AccessDenied, EventError, InvalidResource, IotDrError, RegionUnavailable
from iot_dr.model.events.dead_letters import DeadLetterSource, FailedBatch, Message
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.services.events.replay import OBJECTS_AT_ONCE, Letter, Replay, problems

NOW = 1_700_000_000_000


def payload(name: str, event_type: str = "THING_EVENT") -> str:
    value = {
        "eventType": event_type,
        "eventId": f"event of {name}",
        "timestamp": NOW - 1000,
        "operation": "CREATED",
        "thingName": name,
        "thingId": "id",
        "thingTypeName": None,
        "versionNumber": 1,
        "attributes": {},
    }
    return base64.b64encode(json.dumps(value).encode()).decode()


def a_message(name: str, *, body: str | None = None, event_type: str = "THING_EVENT") -> Message:
    error = {
        "ruleName": "any",
        "topic": f"$aws/events/thing/{name}/created",
        "base64OriginalPayload": payload(name, event_type),
        "failures": [{"errorMessage": "throttled"}],
    }
    return Message(f"m-{name}", f"r-{name}", json.dumps(error) if body is None else body)


@dataclass
class Queue:
    """A queue in memory, handed out two at a time."""

    messages: list[Message]

    def waiting(self) -> int:
        return len(self.messages)

    @contextmanager
    def reading(self) -> Iterator[Iterator[Sequence[Message]]]:
        there = list(self.messages)
        yield (there[first : first + 2] for first in range(0, len(there), 2))

    def delete(self, messages: Sequence[Message]) -> None:
        for one in messages:
            self.messages.remove(one)


@dataclass
class Table:
    """Items by their key, and names that it refuses."""

    items: dict[tuple[object, object], Mapping[str, str | int]] = field(default_factory=dict)
    refusing: Mapping[str, IotDrError] = field(default_factory=dict)

    def put(self, item: Mapping[str, str | int]) -> None:
        refused = self.refusing.get(str(item["resource"]))
        if refused:
            raise refused
        self.items[item["resource"], item["event_id"]] = item


@dataclass
class Bucket:
    """What the failure destination keeps; an error stands for an object that cannot be read."""

    objects: dict[str, FailedBatch | EventError]

    def keys(self) -> Sequence[str]:
        return tuple(self.objects)

    def read(self, key: str) -> FailedBatch:
        found = self.objects[key]
        if isinstance(found, EventError):
            raise found
        return found

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            del self.objects[key]


@dataclass
class Workflow:
    """Remembers what was started, start by start."""

    started: list[list[str]] = field(default_factory=list)
    refusing: bool = False

    def start(self, requests: Sequence[ReconcileRequest], *, background: bool = False) -> None:
        if self.refusing:
            raise RegionUnavailable("Step Functions does not answer")
        self.started.append([str(request.key) for request in requests])


@dataclass
class Watcher:
    """Remembers what it was told."""

    told: list[object] = field(default_factory=list)

    def found(self, source: DeadLetterSource, total: int) -> None:
        self.told.append((source, total))

    def done(self, number: int) -> None:
        self.told.append(number)


def replay(queue: Queue, table: Table, *, apply: bool = True) -> tuple[Letter, ...]:
    replaying = Replay(apply, Watcher())
    return replaying.rule_errors(DeadLetterSource.RULE_ERRORS, queue, table, region="us-east-1", clock=lambda: NOW)


def bring_in(bucket: Bucket, workflow: Workflow, *, apply: bool = True) -> tuple[Letter, ...]:
    return Replay(apply, Watcher()).stream_records(bucket, workflow)


def an_object(*names: str) -> FailedBatch:
    items = tuple({"resource": name, "event_id": "1", "payload": payload(name)} for name in names)
    return FailedBatch(items, "RetryAttemptsExhausted")


# What the rules could not store


def test_a_message_becomes_the_item_that_the_rule_would_have_written_and_goes() -> None:
    queue, table = Queue([a_message("pump-17")]), Table()

    letters = replay(queue, table)

    assert table.items["pump-17", "m-pump-17"] == {
        "resource": "pump-17",
        "event_id": "m-pump-17",
        "source_region": "us-east-1",
        "eventType": "THING_EVENT",
        "operation": "CREATED",
        "expires": NOW // 1000 + 172_800,
        "payload": payload("pump-17"),
    }
    assert queue.messages == []
    assert letters == (Letter(DeadLetterSource.RULE_ERRORS, "m-pump-17", "thing#pump-17", "CREATED", "throttled"),)


def test_a_dry_run_tells_the_same_and_changes_nothing() -> None:
    messages = [a_message("a"), a_message("b", body="?"), a_message("c")]
    queue, table = Queue(list(messages)), Table()

    told = replay(queue, table, apply=False)

    assert (queue.messages, table.items) == (messages, {})
    assert told == replay(queue, table, apply=True)


@pytest.mark.parametrize(
    "message",
    [
        a_message("x", body="not JSON"),
        a_message("x", event_type="SHADOW_EVENT"),
        a_message("x", body=json.dumps({"topic": "a/b", "base64OriginalPayload": ""})),
        a_message("x", body=json.dumps({"topic": "$aws/events/thing/x/created", "base64OriginalPayload": "?"})),
    ],
    ids=["no JSON", "unknown event", "no event", "no payload"],
)
def test_a_message_that_cannot_be_read_stays_with_its_reason_and_its_neighbours_go(message: Message) -> None:
    queue, table = Queue([a_message("a"), message, a_message("b")]), Table()

    left = problems(replay(queue, table))

    assert queue.messages == [message]
    assert [resource for resource, _ in table.items] == ["a", "b"]
    assert [letter.place for letter in left] == ["m-x"]
    assert left[0].problem


def test_a_message_that_the_table_refuses_stays_with_its_reason() -> None:
    queue = Queue([a_message("a"), a_message("big"), a_message("b")])

    left = problems(replay(queue, Table(refusing={"big": InvalidResource("item size exceeds the limit")})))

    assert [message.message_id for message in queue.messages] == ["m-big"]
    assert [letter.problem for letter in left] == ["item size exceeds the limit"]


def test_what_stands_in_everybodys_way_ends_the_replay_and_nothing_is_lost() -> None:
    queue, table = Queue([a_message("a"), a_message("b")]), Table(refusing={"b": AccessDenied("no right")})

    with pytest.raises(AccessDenied):
        replay(queue, table)

    assert [message.message_id for message in queue.messages] == ["m-a", "m-b"]


def test_a_message_replayed_twice_is_one_item() -> None:
    table = Table()

    for _ in range(2):
        replay(Queue([a_message("a")]), table)

    assert len(table.items) == 1


def test_of_a_shadow_the_event_is_brought_in_without_its_old_state() -> None:
    told = {"current": {"version": 7, "state": {"reported": {"old": True}}}, "timestamp": 1_700_000_000}
    error = {
        "topic": "$aws/things/pump-17/shadow/name/config/update/documents",
        "base64OriginalPayload": base64.b64encode(json.dumps(told).encode()).decode(),
    }
    queue, table = Queue([Message("m-1", "r-1", json.dumps(error))]), Table()

    (letter,) = Replay(True, Watcher()).rule_errors(
        DeadLetterSource.SHADOW_RULE_ERRORS, queue, table, region="us-east-1", clock=lambda: NOW
    )

    assert table.items["pump-17", "m-1"] == {
        "resource": "pump-17",
        "shadow": "config",
        "event_id": "m-1",
        "source_region": "us-east-1",
        "eventType": "SHADOW_EVENT",
        "operation": "UPDATED",
        "version": 7,
        "timestamp": 1_700_000_000,
        "expires": NOW // 1000 + 172_800,
    }
    assert (letter.source, letter.resource, letter.operation) == (
        DeadLetterSource.SHADOW_RULE_ERRORS,
        "shadow#pump-17#config",
        "UPDATED",
    )
    assert queue.messages == []


def test_an_empty_queue_is_no_work() -> None:
    assert replay(Queue([]), Table()) == ()


# What the trigger could not handle


def test_the_workflow_is_started_for_what_is_kept_and_the_object_goes() -> None:
    bucket, workflow = Bucket({"one": an_object("a", "b"), "two": an_object("b")}), Workflow()

    letters = bring_in(bucket, workflow)

    assert workflow.started == [["thing#a", "thing#b"]]
    assert bucket.objects == {}
    assert letters[0] == Letter(DeadLetterSource.STREAM_RECORDS, "one", "thing#a", "CREATED", "RetryAttemptsExhausted")


def test_shadows_are_checked_once_each_beside_what_the_registry_tells() -> None:
    shadow = {"resource": "pump", "event_id": "1", "eventType": "SHADOW_EVENT", "operation": "DELETED", "version": "1"}
    probe = {**shadow, "resource": "iot-dr-probe-1"}
    bucket = Bucket({"one": FailedBatch((shadow, probe, {**shadow, "version": "2"}, *an_object("a").items), "why")})
    workflow = Workflow()

    letters = bring_in(bucket, workflow)

    assert workflow.started == [["thing#a"], ["shadow#pump"]]
    assert bucket.objects == {}
    assert letters[0] == Letter(DeadLetterSource.STREAM_RECORDS, "one", "shadow#pump", "DELETED", "why")


def test_a_dry_run_starts_and_deletes_nothing() -> None:
    objects: dict[str, FailedBatch | EventError] = {"one": an_object("a"), "two": EventError("garbled")}
    bucket, workflow = Bucket(dict(objects)), Workflow()

    told = bring_in(bucket, workflow, apply=False)

    assert (bucket.objects, workflow.started) == (objects, [])
    assert told == bring_in(bucket, workflow, apply=True)


def test_an_object_with_a_record_that_cannot_be_decoded_stays_and_the_others_in_it_are_replayed() -> None:
    poison = {"resource": "x", "event_id": "1", "payload": "this is not base64!"}
    bucket = Bucket({"one": FailedBatch((poison, *an_object("a").items), "why")})
    workflow = Workflow()

    left = problems(bring_in(bucket, workflow))

    assert workflow.started == [["thing#a"]]
    assert list(bucket.objects) == ["one"]
    assert [(letter.place, letter.resource, letter.cause) for letter in left] == [("one", "x", "why")]
    assert "not base64" in left[0].problem


def test_an_object_that_cannot_be_read_stays_with_its_reason() -> None:
    bucket = Bucket({"one": EventError("garbled"), "two": an_object("a")})

    left = problems(bring_in(bucket, Workflow()))

    assert list(bucket.objects) == ["one"]
    assert left == (Letter(DeadLetterSource.STREAM_RECORDS, "one", problem="garbled"),)


def test_nothing_is_deleted_that_the_workflow_was_not_started_for() -> None:
    bucket = Bucket({"one": an_object("a")})

    with pytest.raises(RegionUnavailable):
        bring_in(bucket, Workflow(refusing=True))

    assert list(bucket.objects) == ["one"]


def test_the_health_checkers_own_are_not_replicated_and_do_not_stay() -> None:
    bucket, workflow = Bucket({"one": an_object("iot-dr-probe-1")}), Workflow()

    bring_in(bucket, workflow)

    assert (bucket.objects, workflow.started) == ({}, [[]])


def test_many_objects_are_replayed_in_groups_whose_requests_share_executions() -> None:
    bucket = Bucket({f"k-{number}": an_object(f"p-{number}") for number in range(OBJECTS_AT_ONCE + 1)})
    workflow = Workflow()

    bring_in(bucket, workflow)

    assert [len(started) for started in workflow.started] == [OBJECTS_AT_ONCE, 1]


def test_whoever_watches_is_told_how_many_there_are_and_how_far_it_is() -> None:
    watcher = Watcher()
    queue = Queue([a_message("a"), a_message("b"), a_message("c")])

    Replay(True, watcher).rule_errors(
        DeadLetterSource.RULE_ERRORS, queue, Table(), region="us-east-1", clock=lambda: NOW
    )
    Replay(True, watcher).stream_records(Bucket({"one": an_object("a")}), Workflow())

    assert watcher.told == [(DeadLetterSource.RULE_ERRORS, 3), 2, 1, (DeadLetterSource.STREAM_RECORDS, 1), 1]
