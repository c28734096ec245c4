"""Brings in events that did not arrive: what the topic rules could not store, and what the trigger could not handle.

What a rule could not store is written into the table as the rule would have, and takes the usual way from there. What
the function of a stream could not handle is decoded by today's code, and the workflow is started for it. Only what has
been brought in is removed from where it waited; what cannot be read stays there and is told with its reason. A shadow's
state in an old message is nobody's truth any more: of shadows the event is brought in, and the primary is asked.

Every step may be repeated: a message has one place in the table however often it is written, and a request that is
asked for twice finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from iot_dr.errors import EventError, InvalidResource
from iot_dr.model.events.dead_letters import DeadLetterSource, Message, event_item, read_rule_error
from iot_dr.model.events.registry_events import RegistryEvent, decode
from iot_dr.model.registry.keys import Key
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.model.shadows.shadow import SHADOW_EVENT, ShadowEvent, decode_shadow_event
from iot_dr.ports.clock import Clock
from iot_dr.ports.events import ErrorQueue, EventTable, FailedRecords
from iot_dr.ports.progress import ReplayObserver
from iot_dr.ports.replication import Workflow
from iot_dr.services.concurrency import Together, one_by_one
from iot_dr.services.events.start_replication import start_replication

Event = RegistryEvent | ShadowEvent

OBJECTS_AT_ONCE = 40
"""Objects read together, whose requests share executions."""


@dataclass(frozen=True)
class Letter:
    """One event that did not arrive.

    Attributes:
        source: where it waits.
        place: the message's ID or the object's key.
        resource: what it is about, as far as it can be read.
        operation: what happened to the resource.
        cause: why it did not arrive.
        problem: why it cannot be replayed; empty if it can, or was.
    """

    source: DeadLetterSource
    place: str
    resource: str = ""
    operation: str = ""
    cause: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Replay:
    """How to replay. Without `apply` everything is read and nothing is changed."""

    apply: bool
    progress: ReplayObserver
    together: Together = one_by_one

    def rule_errors(
        self, source: DeadLetterSource, queue: ErrorQueue, table: EventTable, *, region: str, clock: Clock
    ) -> tuple[Letter, ...]:
        """Replay what the rules of a Region could not store.

        Raises:
            IotDrError: it cannot go on; what was not replayed stays where it is.
        """

        def one(message: Message) -> Letter:
            letter = Letter(source, message.message_id)
            try:
                error = read_rule_error(message.body)
                letter = replace(letter, cause=error.reason)
                # The message's ID is as unique as the rule's newuuid(), and the same when it is replayed again.
                item = event_item(error, event_id=message.message_id, source_region=region, now=clock())
                letter = _about(letter, _decoded(item))
                if self.apply:
                    table.put(item)
            except (EventError, InvalidResource) as error_of_this:
                return replace(letter, problem=str(error_of_this))
            return letter

        letters: list[Letter] = []
        self.progress.found(source, queue.waiting())
        with queue.reading() as batches:
            for batch in batches:
                replayed = self.together(one, batch)
                if self.apply:
                    queue.delete(
                        [message for message, letter in zip(batch, replayed, strict=True) if not letter.problem]
                    )
                letters += replayed
                self.progress.done(len(batch))
        return tuple(letters)

    def stream_records(self, records: FailedRecords, workflow: Workflow) -> tuple[Letter, ...]:
        """Replay what the functions of the streams could not handle.

        Raises:
            IotDrError: it cannot go on; what was not replayed stays where it is.
        """
        letters: list[Letter] = []
        keys = records.keys()
        self.progress.found(DeadLetterSource.STREAM_RECORDS, len(keys))
        for first in range(0, len(keys), OBJECTS_AT_ONCE):
            group = keys[first : first + OBJECTS_AT_ONCE]
            opened = self.together(lambda key: _opened(records, key), group)
            if self.apply:
                events = [event for one in opened for event in one.events]
                start_replication([event for event in events if isinstance(event, RegistryEvent)], workflow)
                if shadows := _shadows(events):
                    workflow.start([ReconcileRequest(key) for key in shadows])
                records.delete([key for key, one in zip(group, opened, strict=True) if one.readable])
            letters += [letter for one in opened for letter in one.letters]
            self.progress.done(len(group))
        return tuple(letters)


@dataclass(frozen=True)
class _Opened:
    """What one object of the bucket turned out to hold."""

    letters: tuple[Letter, ...]
    events: tuple[Event, ...] = ()

    @property
    def readable(self) -> bool:
        return not any(letter.problem for letter in self.letters)


def _opened(records: FailedRecords, key: str) -> _Opened:
    unread = Letter(DeadLetterSource.STREAM_RECORDS, key)
    try:
        batch = records.read(key)
    except EventError as error:
        return _Opened((replace(unread, problem=str(error)),))
    letters: list[Letter] = []
    events: list[Event] = []
    for item in batch.items:
        letter = replace(unread, resource=str(item.get("resource", "")), cause=batch.reason)
        try:
            event = _decoded(item)
        except (EventError, InvalidResource) as error:
            letters.append(replace(letter, problem=str(error)))
        else:
            letters.append(_about(letter, event))
            events.append(event)
    return _Opened(tuple(letters), tuple(events))


def _decoded(item: Mapping[str, Any]) -> Event:
    return decode_shadow_event(item) if item.get("eventType") == SHADOW_EVENT else decode(item)


def _shadows(events: Iterable[Event]) -> tuple[Key, ...]:
    found = dict.fromkeys(event.key for event in events if isinstance(event, ShadowEvent))
    return tuple(key for key in found if not key.reserved)


def _about(letter: Letter, event: Event) -> Letter:
    return replace(letter, resource=str(event.key), operation=event.operation)


def problems(letters: Iterable[Letter]) -> tuple[Letter, ...]:
    """Return what stays where it is."""
    return tuple(letter for letter in letters if letter.problem)
