"""Objects with sensible defaults, so that a test names only what it is about."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from iot_dr.model.changes import Snapshot
from iot_dr.model.documents import canonical
from iot_dr.model.entities import (
    NO_ATTRIBUTES,
    Certificate,
    CertificateStatus,
    Entity,
    Policy,
    PolicyAttachment,
    Thing,
    ThingPrincipal,
    ThingType,
)
from iot_dr.model.events import RegistryEvent
from iot_dr.model.keys import Key, thing_key
from iot_dr.model.regions import RegionPair

PRIMARY = "us-east-1"
SECONDARY = "us-west-2"
ACCOUNT = "123456789012"
"""The account that AWS's own documentation uses."""
REGIONS = RegionPair(PRIMARY, SECONDARY, ACCOUNT, ACCOUNT)


def iot_arn(resource: str, region: str = PRIMARY) -> str:
    """The ARN of something in AWS IoT."""
    return f"arn:aws:iot:{region}:{ACCOUNT}:{resource}"


def a_document(*resources: str, action: str = "iot:Connect", **members: Any) -> str:
    """A policy's document, canonical, with one statement."""
    statement = {"Effect": "Allow", "Action": action, "Resource": list(resources or (iot_arn("client/*"),)), **members}
    return canonical(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def a_certificate_id(of: str) -> str:
    """A certificate ID: 64 hexadecimal digits, the same for the same text."""
    return hashlib.sha256(of.encode()).hexdigest()


def a_certificate(of: str = "pump-17", status: CertificateStatus = CertificateStatus.ACTIVE) -> Certificate:
    """A certificate; the PEM is a stand-in, but as unique as a real one."""
    return Certificate(a_certificate_id(of), status, pem=f"PEM of {of}")


def a_policy(name: str = "pumps", document: str | None = None) -> Policy:
    """A policy that lets devices of the primary Region connect."""
    return Policy(name, a_document() if document is None else document)


def a_thing(name: str = "pump-17", attributes: Mapping[str, str] = NO_ATTRIBUTES, type_name: str = "") -> Thing:
    """A thing."""
    return Thing(name, dict(attributes), type_name)


def a_thing_type(name: str = "pump", *, deprecated: bool = False) -> ThingType:
    """A thing type whose immutable fields follow from its name."""
    return ThingType(name, f"any {name}", ("site",), deprecated)


def a_device(name: str = "pump-17", *, policy: str = "pumps", type_name: str = "") -> tuple[Entity, ...]:
    """A complete device: policy, certificate, thing and what attaches them to each other (not the type)."""
    certificate = a_certificate(name)
    return (
        a_policy(policy),
        certificate,
        a_thing(name, {"site": "north"}, type_name),
        PolicyAttachment(policy, certificate.certificate_id),
        ThingPrincipal(name, certificate.certificate_id),
    )


def a_snapshot(*entities: Entity, absent: Iterable[Key] = (), unreadable: Mapping[Key, str] | None = None) -> Snapshot:
    """What is known of a registry."""
    return Snapshot({entity.key: entity for entity in entities}, frozenset(absent), unreadable or {})


def an_event(
    key: Key | str = "pump-17", operation: str = "CREATED", timestamp: int = 1_000_000, event_id: str = "e-1"
) -> RegistryEvent:
    """A registry event, about a thing if only a name is given."""
    return RegistryEvent(thing_key(key) if isinstance(key, str) else key, event_id, operation, timestamp)


def a_thing_payload(name: str = "pump-17", operation: str = "CREATED", **members: Any) -> dict[str, Any]:
    """The message that AWS IoT publishes about a thing."""
    return {
        "eventType": "THING_EVENT",
        "eventId": "f5ae9b94-8b8e-4d8e-8c8f-b3266dd89853",
        "timestamp": 1234567890123,
        "operation": operation,
        "accountId": ACCOUNT,
        "thingId": "b604f69c-aa9a-4d4a-829e-c480e958a0b5",
        "thingName": name,
        "versionNumber": 1,
        "thingTypeName": None,
        "attributes": {"site": "north"},
        **members,
    }


def a_type_payload(name: str = "pump", operation: str = "CREATED") -> dict[str, Any]:
    """The message that AWS IoT publishes about a thing type."""
    return {
        "eventType": "THING_TYPE_EVENT",
        "eventId": "8827376c-4b05-49a3-9b3b-733729df7ed5",
        "timestamp": 1234567890123,
        "operation": operation,
        "accountId": ACCOUNT,
        "thingTypeId": "c530ae83-32aa-4592-94d3-da29879d1aac",
        "thingTypeName": name,
        "isDeprecated": False,
        "deprecationDate": None,
        "searchableAttributes": ["site"],
        "description": f"any {name}",
    }


def an_item(payload: Any, event_id: str = "rule-made-id") -> dict[str, Any]:
    """The table item that a topic rule writes for a message."""
    text = payload if isinstance(payload, str) else base64.b64encode(json.dumps(payload).encode()).decode()
    return {"resource": "pump-17", "event_id": event_id, "source_region": PRIMARY, "payload": text}


def a_stream_record(item: Mapping[str, Any], sequence_number: str) -> dict[str, Any]:
    """The stream record of a table item that was put."""
    return {
        "eventID": f"id-{sequence_number}",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": SECONDARY,
        "dynamodb": {
            "SequenceNumber": sequence_number,
            "SizeBytes": 100,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
            "Keys": {name: {"S": item[name]} for name in ("resource", "event_id")},
            "NewImage": {name: {"S": value} for name, value in item.items()},
        },
    }
