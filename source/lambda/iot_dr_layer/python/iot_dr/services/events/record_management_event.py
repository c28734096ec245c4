"""Turns a call that raises no registry event, as CloudTrail tells it, into an item of the event table.

The item is what the topic rules write for registry events, so from the table on nobody tells the two apart. What
crosses to the other Region are names and IDs: no certificate, no policy document, and not who made the call.

CloudTrail's delivery is best effort and needs a trail; without one nothing comes here and the sweep finds the change.
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from iot_dr.errors import EventError, InvalidResource, UnsupportedEvent
from iot_dr.model.events.dead_letters import KEEP_EVENTS_SECONDS
from iot_dr.model.events.registry_events import RegistryEvent, decode
from iot_dr.model.registry.arns import Arn
from iot_dr.model.registry.keys import RESERVED_PREFIX
from iot_dr.ports.clock import Clock
from iot_dr.ports.events import EventTable

EVENT_TYPE = "MANAGEMENT_EVENT"

REQUEST_FIELDS = (
    "billingGroupName",
    "certificateId",
    "policyName",
    "principal",
    "resourceArn",
    "target",
    "thingGroupName",
    "thingName",
    "thingTypeName",
)
"""What a call was about, by the names of AWS IoT's API, which CloudTrail keeps."""

RESPONSE_FIELDS = ("certificateId",)
"""What only the answer tells: the ID of a certificate that the call made."""

HEALTH_CHECKER = "R53HealthChecker"
"""How the names of the health checker's roles begin, with that of their stack."""

NAMED_BY_ARN = {"billingGroupName": "billingGroupArn", "thingName": "thingArn"}
"""A billing group and a thing put into it may be given by ARN alone."""


def record_management_event(
    call: Mapping[str, Any], *, source_region: str, table: EventTable, clock: Clock
) -> RegistryEvent | None:
    """Store the event of a call (CloudTrail's record of it); None if it changed nothing that is replicated.

    EventBridge and Lambda deliver at least once. The key holds CloudTrail's own ID, so a second delivery replaces the
    item by itself, and the stream's mapping, which takes new items only, does not see it.

    Raises:
        EventError: the record lacks what every record of such a call has.
    """
    if call.get("errorCode"):
        return None  # a refused call changed nothing
    if _caller(call).startswith(HEALTH_CHECKER):
        return None  # what it makes belongs to its Region; a certificate's name alone would not tell
    item = _item(call)
    try:
        event = decode(item)
    except (UnsupportedEvent, InvalidResource):
        return None  # a policy of a Cognito identity, for one, whose ID is no ARN
    if event.key.reserved or any(name.startswith(RESERVED_PREFIX) for name in _request(call).values()):
        return None
    expires = clock() // 1000 + KEEP_EVENTS_SECONDS
    table.put({"resource": event.key.name, **item, "source_region": source_region, "expires": expires})
    return event


def _item(call: Mapping[str, Any]) -> dict[str, str]:
    try:
        event_id, operation = str(call["eventID"]), str(call["eventName"])
        occurred = datetime.fromisoformat(call["eventTime"])
    except (KeyError, TypeError, ValueError) as error:
        raise EventError(f"a record of CloudTrail lacks or garbles {error}") from error
    payload = {
        "eventType": EVENT_TYPE,
        "eventId": event_id,
        "operation": operation,
        "timestamp": int(occurred.timestamp() * 1000),
        "request": _request(call),
        "response": _picked(call.get("responseElements"), RESPONSE_FIELDS),
    }
    return {
        "event_id": event_id,
        "eventType": EVENT_TYPE,
        "operation": operation,
        "payload": base64.b64encode(json.dumps(payload).encode()).decode(),
    }


def _caller(call: Mapping[str, Any]) -> str:
    """Return the name of the role that made the call; empty if it was no role."""
    session = (call.get("userIdentity") or {}).get("sessionContext") or {}
    return str((session.get("sessionIssuer") or {}).get("userName", ""))


def _request(call: Mapping[str, Any]) -> dict[str, str]:
    parameters = call.get("requestParameters")
    picked = _picked(parameters, REQUEST_FIELDS)
    arns = _picked(parameters, NAMED_BY_ARN.values())
    by_arn = {
        name: Arn.parse(arns[arn]).resource.partition("/")[2] for name, arn in NAMED_BY_ARN.items() if arn in arns
    }
    return by_arn | picked


def _picked(elements: Mapping[str, Any] | None, fields: Iterable[str]) -> dict[str, str]:
    """Return the fields that are there; CloudTrail writes null for a call without parameters or answer."""
    found = elements or {}
    return {name: str(found[name]) for name in fields if found.get(name)}
