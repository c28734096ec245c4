"""Events written into the event table as a topic rule would write them, in the order and number that a test wants; and
requests that are taken away.
"""

from __future__ import annotations

import base64
import itertools
import json
import time
import uuid
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from lab.pair import Pair
from lab.quiet import unheard
from tests.builders import a_group_payload, a_membership_payload, a_thing_payload

_numbers = itertools.count(1)

Event = Mapping[str, Any]
"""What AWS publishes, and the `resource` that the topic rule takes out of the topic."""


def thing_event(name: str, operation: str, **members: Any) -> Event:
    """An event of a thing that happens now."""
    return _now(name, a_thing_payload(name, operation, **members))


def group_event(name: str, operation: str) -> Event:
    """An event of a thing group that happens now."""
    return _now(name, a_group_payload(name, operation))


def membership_event(group: str, thing: str, operation: str) -> Event:
    """An event of a membership that happens now."""
    return _now(f"{group}-{thing}", a_membership_payload(group, thing, operation))


def _now(resource: str, payload: Mapping[str, Any]) -> Event:
    return {"resource": resource, **payload, "eventId": uuid.uuid4().hex, "timestamp": int(time.time() * 1000)}


def item(pair: Pair, event: Event, **fields: str) -> dict[str, Any]:
    """What a rule makes of an event; `fields` are what it got wrong."""
    payload = {name: value for name, value in event.items() if name != "resource"}
    stored = {
        "resource": event["resource"],
        "event_id": f"{next(_numbers)}-{uuid.uuid4()}",
        "source_region": pair.primary,
        "eventType": event["eventType"],
        "operation": event["operation"],
        "payload": base64.b64encode(json.dumps(payload).encode()).decode(),
    }
    lives_until = {"expires": {"N": str(int(time.time()) + 172_800)}}
    return {name: {"S": value} for name, value in (stored | fields).items()} | lives_until


def tell(pair: Pair, events: Iterable[Event]) -> None:
    """Store events one by one; the same event twice is a doubled one."""
    store(pair, (item(pair, event) for event in events))


def store(pair: Pair, items: Iterable[Mapping[str, Any]]) -> None:
    """Put items into the primary's replica of the event table."""
    table, client = f"IoTDRGlobalTable{pair.outputs['StackPostfix']}", pair.client("dynamodb", pair.primary)
    for one in items:
        client.put_item(TableName=table, Item=one)


def as_one_batch(pair: Pair) -> AbstractContextManager[object]:
    """Hold events back, and have all that came in a `with` block handed over together at its end."""
    return unheard(pair)


def forget_requests(pair: Pair) -> None:
    """Take away the requests that wait for a worker or are with one, those that are hidden after a failure too."""
    sqs = pair.client("sqs", pair.secondary)
    for queue in ("LookQueue", "BackgroundQueue"):
        sqs.purge_queue(QueueUrl=pair.physical_id(queue))
