"""Events that did not arrive: messages of the rules' error queue, and stream records that Lambda gave up.

Formats: https://docs.aws.amazon.com/iot/latest/developerguide/rule-error-handling.html and, for what Lambda keeps in a
bucket, https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html.
"""

from __future__ import annotations

import base64
import binascii
import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from iot_dr.errors import EventError
from iot_dr.model.events.counts import count
from iot_dr.model.exact_json import loads
from iot_dr.model.shadows.shadow import SHADOW_EVENT, Operation

KEEP_EVENTS_SECONDS = 48 * 3600
"""How long the table keeps an event, as the rules have it."""

_EVENT_TOPICS = "$aws/events/"
_SHADOW_TOPIC = re.compile(
    r"\$aws/things/(?P<thing>[^/]+)/shadow/(?:name/(?P<shadow>[^/]+)/)?(?P<what>update/documents|delete/accepted)"
)


class DeadLetterSource(enum.StrEnum):
    """Where events wait that did not arrive."""

    RULE_ERRORS = "rule-errors"
    """The queue of registry events that the topic rules could not store, in the primary Region."""
    SHADOW_RULE_ERRORS = "shadow-rule-errors"
    """The queue of shadow events that they could not store."""
    STREAM_RECORDS = "stream-records"
    """The bucket of what the functions of the streams could not handle, in the secondary Region."""


@dataclass(frozen=True)
class Message:
    """A message as SQS hands it out; the receipt is what deletes it."""

    message_id: str
    receipt: str
    body: str


@dataclass(frozen=True)
class RuleError:
    """What a rule could not store: the message's topic, its payload as base64, and what stood in the way."""

    topic: str
    payload: str
    reason: str


@dataclass(frozen=True)
class FailedBatch:
    """Table items of one batch that Lambda gave up, and the condition on which it did."""

    items: tuple[Mapping[str, Any], ...]
    reason: str


def read_rule_error(body: str) -> RuleError:
    """Read a message of the error queue.

    Raises:
        EventError: it is not what a rule's error action writes.
    """
    try:
        message = loads(body)
        failures = message.get("failures") or ()
        return RuleError(
            topic=str(message["topic"]),
            payload=str(message["base64OriginalPayload"]),
            reason="; ".join(str(failure.get("errorMessage", "")) for failure in failures),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EventError(f"not the message of a rule's error action: {error!r}") from error


def event_item(error: RuleError, *, event_id: str, source_region: str, now: int) -> dict[str, str | int]:
    """Return the item that the rule would have written.

    Raises:
        EventError: the message is neither a registry event nor of a shadow.
    """
    of_shadow = _SHADOW_TOPIC.fullmatch(error.topic)
    return {
        "event_id": event_id,
        "source_region": source_region,
        "expires": now // 1000 + KEEP_EVENTS_SECONDS,
        **(_shadow_columns(error, of_shadow) if of_shadow else _registry_columns(error)),
    }


def _registry_columns(error: RuleError) -> dict[str, str]:
    """Return what the rule takes of a registry event.

    The last field of its topic but one names the resource, whatever the family.
    https://docs.aws.amazon.com/iot/latest/developerguide/registry-events.html
    """
    fields = error.topic.split("/")
    if not error.topic.startswith(_EVENT_TOPICS) or len(fields) < 5:
        raise EventError(f"{error.topic!r} is the topic of no event that is replicated")
    payload = _payload(error.payload)
    return {
        "resource": fields[-2],
        "eventType": str(payload.get("eventType", "")),
        "operation": str(payload.get("operation", "")),
        "payload": error.payload,
    }


def _shadow_columns(error: RuleError, topic: re.Match[str]) -> dict[str, str | int]:
    """Return what the rule takes of a shadow's message, but for the state: it is old by now, so the primary is asked.

    https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-mqtt.html
    """
    payload, updated = _payload(error.payload), topic["what"] == "update/documents"
    try:
        version = count((payload["current"] if updated else payload)["version"])
        timestamp = count(payload["timestamp"])
    except (KeyError, TypeError, ValueError) as missing:
        raise EventError(f"the original payload is no message of a shadow: {missing!r}") from missing
    return {
        "resource": topic["thing"],
        **({"shadow": topic["shadow"]} if topic["shadow"] else {}),
        "eventType": SHADOW_EVENT,
        "operation": str(Operation.UPDATED if updated else Operation.DELETED),
        "version": version,
        "timestamp": timestamp,
    }


def read_invocation(text: str) -> tuple[Iterable[Mapping[str, Any]], str]:
    """Return the stream records of what Lambda keeps in a bucket, and why it gave them up.

    Raises:
        EventError: it is not what Lambda keeps, or holds no records.
    """
    try:
        invocation = loads(text)
        payload = invocation["payload"]
        records = (loads(payload) if isinstance(payload, str) else payload)["Records"]
        images = [record["dynamodb"].get("NewImage", {}) for record in records]
        return images, str(invocation.get("requestContext", {}).get("condition", ""))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EventError(f"not the record of a failed invocation with its stream records: {error!r}") from error


def _payload(text: str) -> dict[str, Any]:
    try:
        payload = loads(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        raise EventError(f"the original payload is not base64 of JSON: {error}") from error
    if not isinstance(payload, dict):
        raise EventError("the original payload is not a JSON object")
    return payload
