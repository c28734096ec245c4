"""Events, decoded from the table items that topic rules and the recorder of management events write.

Registry events: https://docs.aws.amazon.com/iot/latest/developerguide/registry-events.html. They may be doubled, lost
and out of order, so what is taken from them is which resource to check, when it changed, and whether it is new.
Only what they carry of a thing is kept besides, for the time when the primary cannot be asked.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from iot_dr.errors import EventError, InvalidResource, UnsupportedEvent
from iot_dr.model.events.counts import count
from iot_dr.model.exact_json import loads
from iot_dr.model.registry.arns import Arn
from iot_dr.model.registry.entities import Thing
from iot_dr.model.registry.keys import (
    Key,
    billing_group_key,
    certificate_key,
    group_membership_key,
    policy_key,
    thing_group_key,
    thing_key,
    thing_type_key,
)
from iot_dr.model.registry.kinds import ROW, TAGGED_KINDS

REPLICATED_EVENT_FAMILIES = ("THING", "THING_TYPE", "THING_GROUP", "THING_GROUP_MEMBERSHIP")
"""Keys of UpdateEventConfigurations that must be on in the primary Region.

A type put on or taken off a thing is an update of the thing, whose event comes anyway: the association's own family
would have every typed device checked twice. A group's parent is fixed when the group is made, so the hierarchy's
family tells nothing that the group's own does not.
"""

Payload = Mapping[str, Any]


@dataclass(frozen=True)
class RegistryEvent:
    """One event: the resource it is about, when it happened in epoch milliseconds, and the thing as it then was."""

    key: Key
    event_id: str
    operation: str
    timestamp: int
    carried: Thing | None = None

    @property
    def created(self) -> bool:
        """Tell whether the event says that the resource is new."""
        return self.operation == "CREATED"

    @property
    def updated(self) -> bool:
        """Tell whether the event says that the resource's own fields changed, and no more than that."""
        return self.operation == "UPDATED"

    @property
    def deleted(self) -> bool:
        """Tell whether the event says that the resource was deleted, as `DELETED` or a call such as `DeletePolicy`."""
        return self.operation == "DELETED" or self.operation.startswith("Delete")


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
        event = RegistryEvent(
            key=key_of(payload),
            event_id=str(payload.get("eventId") or item["event_id"]),
            operation=str(payload["operation"]),
            timestamp=count(payload["timestamp"]),
        )
        return replace(event, carried=_carried(payload)) if event_type == "THING_EVENT" else event
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, InvalidResource) as error:
        raise EventError(f"a {event_type} lacks or garbles {error}") from error


def _payload(item: Mapping[str, Any]) -> dict[str, Any]:
    try:
        payload = loads(base64.b64decode(item["payload"], validate=True))
    except (KeyError, TypeError, binascii.Error, ValueError) as error:
        raise EventError(f"the item's payload is not base64 of JSON: {error}") from error
    if not isinstance(payload, dict):
        raise EventError("the item's payload is not a JSON object")
    return payload


def _carried(payload: Payload) -> Thing | None:
    if payload["operation"] == "DELETED":
        return None
    return Thing(
        name=payload["thingName"],
        attributes=MappingProxyType({str(name): str(value) for name, value in (payload["attributes"] or {}).items()}),
        type_name=payload["thingTypeName"] or "",
        version=count(payload["versionNumber"]),
        thing_id=str(payload["thingId"]),
    )


def _resource(arn: Any, kind: str) -> str:
    """Return the name at the end of an ARN such as `arn:aws:iot:us-east-1:<account>:thing/pump-17`."""
    found, _, name = Arn.parse(str(arn)).resource.partition("/")
    if found != kind or not name:
        raise ValueError(f"{arn} as the ARN of a {kind}")
    return name


def _membership(payload: Payload) -> Key:
    # The names stand in the ARNs alone.
    return group_membership_key(_resource(payload["groupArn"], "thinggroup"), _resource(payload["thingArn"], "thing"))


def _management(payload: Payload) -> Key:
    """Return what a call of the control plane was about, by CloudTrail's names of its parameters."""
    operation, request = str(payload["operation"]), payload.get("request") or {}
    key_of = _KEY_OF_OPERATION.get(operation)
    if key_of is None:
        raise UnsupportedEvent(f"no branch replicates the operation {operation!r}")
    return key_of({**(payload.get("response") or {}), **request})


def _attachment(parameters: Payload) -> Key:
    """Return what a policy was attached to or detached from."""
    return _key_of_target(str(parameters.get("target") or parameters["principal"]))


def _key_of_target(arn: str) -> Key:
    # A Cognito identity is named by no ARN.
    kind, _, name = Arn.parse(arn).resource.partition("/") if arn.startswith("arn:") else ("", "", "")
    match kind:
        case "cert":
            return certificate_key(name)
        case "thinggroup":
            return thing_group_key(name)
        case _:
            raise UnsupportedEvent(f"no branch replicates policies of {arn}")


def _tagged(parameters: Payload) -> Key:
    """Return what tags were put on, or taken off."""
    arn = str(parameters["resourceArn"])
    kind_of_arn, _, name = Arn.parse(arn).resource.partition("/")
    kind = next((one for one in TAGGED_KINDS if ROW[one].arn_type == kind_of_arn), None)
    if kind is None:
        raise UnsupportedEvent(f"no branch replicates the tags of {arn}")
    if not name:
        raise ValueError(f"{arn} as the ARN of what has tags")
    return Key(kind, name)


def _of(key_of: Callable[[str], Key], parameter: str) -> Callable[[Payload], Key]:
    def key(parameters: Payload) -> Key:
        name = parameters[parameter]
        if not isinstance(name, str) or not name:
            raise ValueError(f"{name!r} as {parameter}")
        return key_of(name)

    return key


_certificate = _of(certificate_key, "certificateId")
_policy = _of(policy_key, "policyName")
_thing = _of(thing_key, "thingName")
_group = _of(thing_group_key, "thingGroupName")
_billing_group = _of(billing_group_key, "billingGroupName")

_KEY_OF_OPERATION: Mapping[str, Callable[[Payload], Key]] = {
    **dict.fromkeys(("UpdateCertificate", "DeleteCertificate"), _certificate),
    **dict.fromkeys(("RegisterCertificate", "RegisterCertificateWithoutCA"), _certificate),
    **dict.fromkeys(("CreateKeysAndCertificate", "CreateCertificateFromCsr"), _certificate),
    **dict.fromkeys(("AttachPolicy", "DetachPolicy", "AttachPrincipalPolicy", "DetachPrincipalPolicy"), _attachment),
    **dict.fromkeys(("AttachThingPrincipal", "DetachThingPrincipal"), _thing),
    **dict.fromkeys(("CreatePolicy", "DeletePolicy", "CreatePolicyVersion", "DeletePolicyVersion"), _policy),
    "SetDefaultPolicyVersion": _policy,
    **dict.fromkeys(("CreateDynamicThingGroup", "UpdateDynamicThingGroup", "DeleteDynamicThingGroup"), _group),
    **dict.fromkeys(("CreateBillingGroup", "UpdateBillingGroup", "DeleteBillingGroup"), _billing_group),
    **dict.fromkeys(("AddThingToBillingGroup", "RemoveThingFromBillingGroup"), _thing),
    "UpdateThingType": _of(thing_type_key, "thingTypeName"),
    **dict.fromkeys(("TagResource", "UntagResource"), _tagged),
}
"""Calls that raise no registry event; CloudTrail records them where a trail exists."""

MANAGEMENT_OPERATIONS = frozenset(_KEY_OF_OPERATION)
"""What the rule on management events asks for."""

_KEY_OF_EVENT_TYPE: Mapping[str, Callable[[Payload], Key]] = {
    "THING_EVENT": _thing,
    "THING_TYPE_EVENT": _of(thing_type_key, "thingTypeName"),
    "THING_GROUP_EVENT": _group,
    "THING_GROUP_MEMBERSHIP_EVENT": _membership,
    "MANAGEMENT_EVENT": _management,
}
