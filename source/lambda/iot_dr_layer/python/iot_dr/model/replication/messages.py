"""Messages of the queues of requests: the requests that one worker takes together, and what the queue has to know of
them.

Body: `{"looks": [{"kind": "thing", "name": "pump-17", ...}, ...]}`, of requests of one kind, and `"returned"` if the
message came back because AWS was busy. An operator may send one by hand; kind and name are enough for a request.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

from iot_dr.errors import EventError
from iot_dr.model.exact_json import loads
from iot_dr.model.replication.requests import REQUESTS_PER_BATCH, ReconcileRequest, without_repetitions

MESSAGE_BYTES = 200_000
"""Step Functions takes 256 KiB as input: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""

LONGEST_DELAY = 900
"""Seconds that SQS hides a new message at most: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""

BUSY_PAUSES = (2, 4, 8, 16, 32, 60)
"""Seconds at most before what met a busy AWS is tried again, by how often it did; the last holds from then on."""

UNFINISHED_PAUSES = (4, 8, 16, 32, 60)
"""Seconds at most before what was not handled to its end comes again, by how often it was handed out."""


@dataclass(frozen=True)
class RequestMessage:
    """Requests of one kind for one worker.

    Attributes:
        requests: at most `REQUESTS_PER_BATCH`.
        background: which queue it belongs to: that of background work, or that of events.
        delay: seconds for which it is hidden at first.
        returned: how often it came back because AWS was busy.
    """

    requests: tuple[ReconcileRequest, ...]
    background: bool = False
    delay: int = 0
    returned: int = 0

    def body(self) -> str:
        """Return what the queue carries."""
        return json.dumps({"looks": [request.to_json() for request in self.requests], "returned": self.returned})

    @classmethod
    def read(cls, body: str, *, background: bool) -> Self:
        """Read a body.

        Raises:
            EventError: it is none, or names what cannot be checked.
        """
        try:
            value: Any = loads(body)
        except ValueError as error:
            raise EventError(f"the message is not JSON: {error}") from error
        requests = value.get("looks") if isinstance(value, dict) else None
        if not isinstance(requests, list) or not requests or not all(isinstance(request, dict) for request in requests):
            raise EventError('the message names no looks: {"looks": [{"kind": ..., "name": ...}]} is the form')
        try:
            read = tuple(ReconcileRequest.from_json(request) for request in requests)
            returned = int(value.get("returned", 0))
        except (TypeError, ValueError, OverflowError, KeyError) as error:
            raise EventError(f"a request of the message has a field that cannot be read: {error}") from error
        return cls(read, background, returned=returned)

    def put_off(self) -> RequestMessage:
        """Return it as it comes again when AWS was busy: later each time, and not all at the same time."""
        longest = BUSY_PAUSES[min(self.returned, len(BUSY_PAUSES) - 1)]
        return replace(self, delay=self.spread(longest), returned=self.returned + 1)

    def spread(self, longest: int) -> int:
        """Return a delay of one to so many seconds, which differs from message to message."""
        return 1 + zlib.crc32(f"{self.requests[0].key} {self.returned} {self.requests[0].due}".encode()) % longest


@dataclass(frozen=True)
class Run:
    """The requests that are to come again.

    Attributes:
        again: each when it is due.
        busy: Lambda had no room for the worker, so nothing was checked.
        failed: the worker failed as a whole, by its time-out for example; any of its requests may be to blame.
        error: what it failed with.
    """

    again: tuple[ReconcileRequest, ...] = ()
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
        message: their requests.
        receipts: one for each of the messages.
        receives: how often it was handed out, this time included.
    """

    message: RequestMessage
    receipts: tuple[Receipt, ...]
    receives: int = 1

    @property
    def pause(self) -> int:
        """Return the seconds after which it comes again when it was not handled to its end: more each time."""
        return self.message.spread(UNFINISHED_PAUSES[min(self.receives, len(UNFINISHED_PAUSES)) - 1])

    @property
    def mixes(self) -> bool:
        """Tell whether others may be taken with it: not if any of it may be what a worker failed of."""
        return self.receives == 1 and not any(request.tries for request in self.message.requests)


def merged(deliveries: Iterable[Delivery]) -> list[Delivery]:
    """Return the messages as workers take them: small ones of one kind together, up to what one worker takes.

    Under a backlog this is what makes a burst cheap: its events come in many small batches. Of several events of one
    resource one request is left, for two that are taken side by side would be in each other's way.
    """
    ready: list[Delivery] = []
    open_at: dict[tuple[str, bool, bool], int] = {}
    for one in deliveries:
        message = one.message
        key = (str(message.requests[0].key.kind), message.requests[0].can_wait, message.background)
        at = open_at.get(key)
        if one.mixes and at is not None and _fit(ready[at].message, message):
            ready[at] = _joined(ready[at], one)
            continue
        if one.mixes:
            open_at[key] = len(ready)
        ready.append(one)
    return ready


def _fit(first: RequestMessage, second: RequestMessage) -> bool:
    number = len(first.requests) + len(second.requests)
    return number <= REQUESTS_PER_BATCH and sum(map(_size, (*first.requests, *second.requests))) <= MESSAGE_BYTES


def _joined(first: Delivery, second: Delivery) -> Delivery:
    requests = without_repetitions((*first.message.requests, *second.message.requests))
    returned = max(first.message.returned, second.message.returned)
    return Delivery(replace(first.message, requests=requests, returned=returned), (*first.receipts, *second.receipts))


def messages(
    requests: Iterable[ReconcileRequest], now: int = 0, *, background: bool = False
) -> Iterator[RequestMessage]:
    """Group requests into messages: of one kind and time, bounded in number and size.

    A request that is too big by itself goes without what its event carried, which the primary can tell again.
    """
    groups: dict[tuple[str, int, bool], list[ReconcileRequest]] = {}
    for request in requests:
        fitting = request if _size(request) <= MESSAGE_BYTES else replace(request, carried=None)
        key = (str(request.key.kind), _delay(request, now), request.can_wait)
        group = groups.setdefault(key, [])
        if len(group) == REQUESTS_PER_BATCH or (group and sum(map(_size, group)) + _size(fitting) > MESSAGE_BYTES):
            yield RequestMessage(tuple(group), background, key[1])
            group = groups[key] = []
        group.append(fitting)
    for (_, delay, _), group in groups.items():
        yield RequestMessage(tuple(group), background, delay)


def _delay(request: ReconcileRequest, now: int) -> int:
    """Return the whole seconds after which it is due."""
    return min(max(0, -((now - request.due) // 1000)), LONGEST_DELAY) if request.due else 0


def _size(request: ReconcileRequest) -> int:
    return len(json.dumps(request.to_json()))
