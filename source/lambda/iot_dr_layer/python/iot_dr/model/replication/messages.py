"""Messages of the queues of looks: the looks that one worker takes together, and what the queue has to know of them.

Body: `{"looks": [{"kind": "thing", "name": "pump-17", ...}, ...]}`, of looks of one kind, and `"returned"` if the
message came back because AWS was busy. An operator may send one by hand; kind and name are enough for a look.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

from iot_dr.errors import EventError
from iot_dr.model.exact_json import loads
from iot_dr.model.replication.requests import LOOKS_PER_BATCH, Look

MESSAGE_BYTES = 200_000
"""Step Functions takes 256 KiB as input: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""

LONGEST_DELAY = 900
"""Seconds that SQS hides a new message at most: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""

BUSY_PAUSES = (2, 4, 8, 16, 32, 60)
"""Seconds at most before what met a busy AWS is tried again, by how often it did; the last holds from then on."""

UNFINISHED_PAUSES = (4, 8, 16, 32, 60)
"""Seconds at most before what was not handled to its end comes again, by how often it was handed out."""


@dataclass(frozen=True)
class LookMessage:
    """Looks of one kind for one worker.

    Attributes:
        looks: at most `LOOKS_PER_BATCH`.
        background: which queue it belongs to: that of background work, or that of events.
        delay: seconds for which it is hidden at first.
        returned: how often it came back because AWS was busy.
    """

    looks: tuple[Look, ...]
    background: bool = False
    delay: int = 0
    returned: int = 0

    def body(self) -> str:
        """Return what the queue carries."""
        return json.dumps({"looks": [look.to_json() for look in self.looks], "returned": self.returned})

    @classmethod
    def read(cls, body: str, *, background: bool) -> Self:
        """Read a body.

        Raises:
            EventError: it is none, or names what cannot be looked at.
        """
        try:
            value: Any = loads(body)
        except ValueError as error:
            raise EventError(f"the message is not JSON: {error}") from error
        looks = value.get("looks") if isinstance(value, dict) else None
        if not isinstance(looks, list) or not looks or not all(isinstance(look, dict) for look in looks):
            raise EventError('the message names no looks: {"looks": [{"kind": ..., "name": ...}]} is the form')
        try:
            read = tuple(Look.from_json(look) for look in looks)
            returned = int(value.get("returned", 0))
        except (TypeError, ValueError, OverflowError, KeyError) as error:
            raise EventError(f"a look of the message has a field that cannot be read: {error}") from error
        return cls(read, background, returned=returned)

    def put_off(self) -> LookMessage:
        """Return it as it comes again when AWS was busy: later each time, and not all at the same time."""
        longest = BUSY_PAUSES[min(self.returned, len(BUSY_PAUSES) - 1)]
        return replace(self, delay=self.spread(longest), returned=self.returned + 1)

    def spread(self, longest: int) -> int:
        """Return a delay of one to so many seconds, which differs from message to message."""
        return 1 + zlib.crc32(f"{self.looks[0].key} {self.returned} {self.looks[0].due}".encode()) % longest


@dataclass(frozen=True)
class Run:
    """The looks that are to come again.

    Attributes:
        again: each when it is due.
        busy: Lambda had no room for the worker, so nothing was looked at.
        failed: the worker failed as a whole, by its time-out for example; any of its looks may be to blame.
        error: what it failed with.
    """

    again: tuple[Look, ...] = ()
    busy: bool = False
    failed: bool = False
    error: str = ""


@dataclass(frozen=True)
class Receipt:
    """What a queue knows a message by that it has handed out: its ID, and the handle of this time."""

    message_id: str
    handle: str


@dataclass(frozen=True)
class Delivery:
    """A message that was handed out, or several that one worker takes together.

    Attributes:
        message: their looks.
        receipts: one for each of the messages.
        receives: how often it was handed out, this time included.
    """

    message: LookMessage
    receipts: tuple[Receipt, ...]
    receives: int = 1

    @property
    def pause(self) -> int:
        """Return the seconds after which it comes again when it was not handled to its end: more each time."""
        return self.message.spread(UNFINISHED_PAUSES[min(self.receives, len(UNFINISHED_PAUSES)) - 1])

    @property
    def mixes(self) -> bool:
        """Tell whether others may be taken with it: not if any of it may be what a worker failed of."""
        return self.receives == 1 and not any(look.tries for look in self.message.looks)


def merged(deliveries: Iterable[Delivery]) -> list[Delivery]:
    """Return the messages as workers take them: small ones of one kind together, up to what one worker takes.

    Under a backlog this is what makes a burst cheap: its events come in many small batches.
    """
    ready: list[Delivery] = []
    open_at: dict[tuple[str, bool, bool], int] = {}
    for one in deliveries:
        message = one.message
        key = (str(message.looks[0].key.kind), message.looks[0].can_wait, message.background)
        at = open_at.get(key)
        if one.mixes and at is not None and _fit(ready[at].message, message):
            ready[at] = _joined(ready[at], one)
            continue
        if one.mixes:
            open_at[key] = len(ready)
        ready.append(one)
    return ready


def _fit(first: LookMessage, second: LookMessage) -> bool:
    number = len(first.looks) + len(second.looks)
    return number <= LOOKS_PER_BATCH and sum(map(_size, (*first.looks, *second.looks))) <= MESSAGE_BYTES


def _joined(first: Delivery, second: Delivery) -> Delivery:
    looks = (*first.message.looks, *second.message.looks)
    returned = max(first.message.returned, second.message.returned)
    return Delivery(replace(first.message, looks=looks, returned=returned), (*first.receipts, *second.receipts))


def messages(looks: Iterable[Look], now: int = 0, *, background: bool = False) -> Iterator[LookMessage]:
    """Group looks into messages: of one kind and time, bounded in number and size.

    A look that is too big by itself goes without what its event carried, which the primary can tell again.
    """
    groups: dict[tuple[str, int, bool], list[Look]] = {}
    for look in looks:
        fitting = look if _size(look) <= MESSAGE_BYTES else replace(look, carried=None)
        key = (str(look.key.kind), _delay(look, now), look.can_wait)
        group = groups.setdefault(key, [])
        if len(group) == LOOKS_PER_BATCH or (group and sum(map(_size, group)) + _size(fitting) > MESSAGE_BYTES):
            yield LookMessage(tuple(group), background, key[1])
            group = groups[key] = []
        group.append(fitting)
    for (_, delay, _), group in groups.items():
        yield LookMessage(tuple(group), background, delay)


def _delay(look: Look, now: int) -> int:
    """Return the whole seconds after which it is due."""
    return min(max(0, -((now - look.due) // 1000)), LONGEST_DELAY) if look.due else 0


def _size(look: Look) -> int:
    return len(json.dumps(look.to_json()))
