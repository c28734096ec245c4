"""Registry events, decoded from the table item that a topic rule wrote.

Payloads: https://docs.aws.amazon.com/iot/latest/developerguide/registry-events.html. Events may be doubled, lost and
out of order, so all that is taken from them is which resource to look at, when it changed, and whether it is new.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from iot_dr.errors import EventError, UnsupportedEvent
from iot_dr.model.keys import Key, thing_key, thing_type_key

REPLICATED_EVENT_FAMILIES = ("THING", "THING_TYPE")
"""Keys of UpdateEventConfigurations that must be on in the primary Region.

A type put on or taken off a thing is an update of the thing, whose event comes anyway: the association's own family
would have every typed device looked at twice.
"""

_KEY_OF_EVENT_TYPE = {
    "THING_EVENT": lambda payload: thing_key(payload["thingName"]),
    "THING_TYPE_EVENT": lambda payload: thing_type_key(payload["thingTypeName"]),
}


@dataclass(frozen=True)
class RegistryEvent:
    """One event of the primary's registry: the resource it is about, and when it happened in epoch milliseconds."""

    key: Key
    event_id: str
    operation: str
    timestamp: int

    @property
    def created(self) -> bool:
        """Tell whether the event says that the resource is new."""
        return self.operation == "CREATED"

    @property
    def updated(self) -> bool:
        """Tell whether the event says that the resource's own fields changed, and no more than that."""
        return self.operation == "UPDATED"


def decode(item: Mapping[str, Any]) -> RegistryEvent:
    """Read the event out of a table item, a mapping of plain values with `event_id` and `payload` (base64 of the JSON).

    Raises:
        EventError: the payload is not base64, not JSON, or lacks what its event type promises.
        UnsupportedEvent: the event type has no branch.
    """
    payload = _payload(item)
    event_type = str(payload.get("eventType", ""))
    key_of = _KEY_OF_EVENT_TYPE.get(event_type)
    if key_of is None:
        raise UnsupportedEvent(f"no branch replicates events of type {event_type!r}")
    try:
        return RegistryEvent(
            key=key_of(payload),
            event_id=str(payload.get("eventId") or item["event_id"]),
            operation=str(payload["operation"]),
            timestamp=int(payload["timestamp"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise EventError(f"a {event_type} lacks or garbles {error}") from error


def _payload(item: Mapping[str, Any]) -> dict[str, Any]:
    try:
        payload = json.loads(base64.b64decode(item["payload"], validate=True))
    except (KeyError, TypeError, binascii.Error, ValueError) as error:
        raise EventError(f"the item's payload is not base64 of JSON: {error}") from error
    if not isinstance(payload, dict):
        raise EventError("the item's payload is not a JSON object")
    return payload
