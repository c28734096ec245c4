"""Objects with sensible defaults, so that a test names only what it is about."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from iot_dr.model.events.registry_events import RegistryEvent
from iot_dr.model.regions import RegionPair
from iot_dr.model.registry import arns
from iot_dr.model.registry.changes import Snapshot
from iot_dr.model.registry.documents import canonical
from iot_dr.model.registry.entities import (
    NO_ATTRIBUTES,
    Certificate,
    CertificateStatus,
    Entity,
    Policy,
    PolicyAttachment,
    Thing,
    ThingGroup,
    ThingPrincipal,
    ThingType,
)
from iot_dr.model.registry.keys import Key, certificate_target, thing_key

PRIMARY = "us-east-1"
SECONDARY = "us-west-2"
ACCOUNT = "123456789012"
"""The account that AWS's own documentation uses."""
PAIR = RegionPair(PRIMARY, SECONDARY)
REGIONS = PAIR.replication(ACCOUNT)


def iot_arn(resource: str, region: str = PRIMARY) -> str:
    """The ARN of something in AWS IoT."""
    return arns.iot_arn(resource, region, ACCOUNT)


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
    return ThingType(name, f"any {name}", ("site",), deprecated=deprecated)


def a_device(name: str = "pump-17", *, policy: str = "pumps", type_name: str = "") -> tuple[Entity, ...]:
    """A complete device: policy, certificate, thing and what attaches them to each other (not the type)."""
    certificate = a_certificate(name)
    return (
        a_policy(policy),
        certificate,
        a_thing(name, {"site": "north"}, type_name),
        PolicyAttachment(policy, certificate_target(certificate.certificate_id)),
        ThingPrincipal(name, certificate.certificate_id),
    )


def an_attachment(policy: str = "pumps", of: str = "pump-17") -> PolicyAttachment:
    """A policy attached to the certificate of this name."""
    return PolicyAttachment(policy, certificate_target(a_certificate_id(of)))


def a_group(name: str = "site", parent: str = "", *, version: int = 1, **fields: Any) -> ThingGroup:
    """A static thing group; its ancestors are its parent alone."""
    ancestors = (parent,) if parent else ()
    return ThingGroup(name, f"all of {name}", parent=parent, version=version, ancestors=ancestors, **fields)


def a_dynamic_group(name: str = "hot", query: str = "attributes.temperature > 60") -> ThingGroup:
    """A dynamic thing group."""
    return ThingGroup(name, query=query, query_version="2017-09-30", index_name="AWS_Things")


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


def a_group_payload(name: str = "site", operation: str = "CREATED", parent: str | None = None) -> dict[str, Any]:
    """The message that AWS IoT publishes about a thing group."""
    return {
        "eventType": "THING_GROUP_EVENT",
        "eventId": "8b9ea8626aeaa1e42100f3f32b975899",
        "timestamp": 1603995417409,
        "operation": operation,
        "accountId": ACCOUNT,
        "thingGroupId": "8ec84b8e-a0a6-4a97-9f6e-4e8ea8f5a3b1",
        "thingGroupName": name,
        "versionNumber": 1,
        "parentGroupName": parent,
        "parentGroupId": None,
        "description": "New thing group",
        "rootToParentThingGroups": [],
        "attributes": {},
        "dynamicGroupMappingId": None,
    }


def a_membership_payload(group: str = "site", thing: str = "pump-17", operation: str = "ADDED") -> dict[str, Any]:
    """The message that AWS IoT publishes about a membership; the names stand in its ARNs alone."""
    return {
        "eventType": "THING_GROUP_MEMBERSHIP_EVENT",
        "eventId": "d684bd5f-6f6e-48e1-950c-766ac7f02fd1",
        "timestamp": 1234567890123,
        "operation": operation,
        "accountId": ACCOUNT,
        "groupArn": iot_arn(f"thinggroup/{group}"),
        "groupId": "06838589-373f-4312-b1f2-53f2192291c4",
        "thingArn": iot_arn(f"thing/{thing}"),
        "thingId": "b604f69c-aa9a-4d4a-829e-c480e958a0b5",
        "membershipId": "8505ebf8-4d32-4286-80e9-c23a4a16bbd8",
    }


def a_management_payload(
    operation: str, request: Mapping[str, Any], response: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The message that the recorder of management events writes."""
    return {
        "eventType": "MANAGEMENT_EVENT",
        "eventId": "f3a0e1c2-2b7e-4a53-9f0e-0a4f0b0c3d11",
        "timestamp": 1234567890000,
        "operation": operation,
        "request": request,
        "response": response,
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
