"""The answers of AWS IoT's registry, read into entities; the same fields come from describing and from listing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from iot_dr.errors import InvalidResource
from iot_dr.model.registry.arns import Arn
from iot_dr.model.registry.differences import Unreadable
from iot_dr.model.registry.documents import canonical
from iot_dr.model.registry.entities import (
    BillingGroup,
    Certificate,
    CertificateStatus,
    Policy,
    PropagatingAttribute,
    Tags,
    Thing,
    ThingGroup,
    ThingType,
)
from iot_dr.model.registry.keys import Key, Kind, certificate_target, thing_group_target
from iot_dr.model.registry.tagging import own_tags

_CERTIFICATES = certificate_target("")
_TARGETS = (_CERTIFICATES, thing_group_target(""))

Listed = TypeVar("Listed")


def tags(entries: Iterable[Mapping[str, Any]]) -> Tags:
    """Read tags, AWS's own left out."""
    return own_tags({entry["Key"]: entry.get("Value") or "" for entry in entries})


def listed(
    kind: Kind, name: str, read: Callable[[Mapping[str, Any]], Listed], entries: Iterable[Mapping[str, Any]]
) -> Iterator[Listed | Unreadable]:
    """Read the entries of a list, which `name` names; one that cannot be read does not keep the others from it."""
    for entry in entries:
        try:
            found: Listed | Unreadable = read(entry)
        except (InvalidResource, LookupError, ValueError) as error:
            found = Unreadable(Key(kind, entry[name]), f"{type(error).__name__}: {error}")
        yield found


def thing(answer: Mapping[str, Any]) -> Thing:
    """Read a thing; only a description names its ID and its billing group."""
    return Thing(
        name=answer["thingName"],
        attributes=_attributes(answer),
        type_name=answer.get("thingTypeName") or "",
        billing_group=answer.get("billingGroupName") or "",
        version=int(answer.get("version", 0)),
        thing_id=answer.get("thingId") or "",
    )


def _attributes(holder: Mapping[str, Any]) -> Mapping[str, str]:
    # An empty value is none: UpdateThing and UpdateThingGroup take away what is given one, so no copy could keep it.
    # https://docs.aws.amazon.com/iot/latest/apireference/API_AttributePayload.html
    return MappingProxyType({name: value for name, value in (holder.get("attributes") or {}).items() if value})


def thing_type(answer: Mapping[str, Any]) -> ThingType:
    """Read a thing type."""
    properties = answer.get("thingTypeProperties") or {}
    return ThingType(
        name=answer["thingTypeName"],
        description=properties.get("thingTypeDescription") or "",
        searchable_attributes=tuple(sorted(properties.get("searchableAttributes") or ())),
        propagating_attributes=_propagating_attributes(properties.get("mqtt5Configuration") or {}),
        deprecated=bool((answer.get("thingTypeMetadata") or {}).get("deprecated")),
    )


def _propagating_attributes(configuration: Mapping[str, Any]) -> tuple[PropagatingAttribute, ...]:
    found = [
        PropagatingAttribute(entry["userPropertyKey"], source, entry[source])
        for entry in configuration.get("propagatingAttributes") or ()
        for source in ("thingAttribute", "connectionAttribute")
        if entry.get(source)
    ]
    return tuple(sorted(found, key=lambda one: (one.user_property, one.source, one.attribute)))


def thing_group(answer: Mapping[str, Any]) -> ThingGroup:
    """Read a thing group, static or dynamic."""
    properties, metadata = answer.get("thingGroupProperties") or {}, answer.get("thingGroupMetadata") or {}
    return ThingGroup(
        name=answer["thingGroupName"],
        description=properties.get("thingGroupDescription") or "",
        attributes=_attributes(properties.get("attributePayload") or {}),
        parent=metadata.get("parentGroupName") or "",
        query=answer.get("queryString") or "",
        query_version=answer.get("queryVersion") or "",
        index_name=answer.get("indexName") or "",
        version=int(answer.get("version", 0)),
        ancestors=tuple(group["groupName"] for group in metadata.get("rootToParentThingGroups") or ()),
    )


def exclusive(entry: Mapping[str, Any]) -> bool:
    """Tell whether an attached certificate can be attached to no other thing."""
    return entry.get("thingPrincipalType") == "EXCLUSIVE_THING"


def certificate_id(principal: str) -> str | None:
    """Return the ID of a principal that is a certificate, and None for any other."""
    if not principal.startswith("arn:"):
        return None
    resource = Arn.parse(principal).resource
    return resource.removeprefix(_CERTIFICATES) if resource.startswith(_CERTIFICATES) else None


def certificate(answer: Mapping[str, Any]) -> Certificate:
    """Read a certificate; only a description has its PEM.

    Raises:
        InvalidResource: this release does not know its status.
    """
    try:
        status = CertificateStatus(answer["status"])
    except ValueError as error:
        raise InvalidResource(f"this release does not know the certificate status {answer['status']!r}") from error
    return Certificate(answer["certificateId"], status, answer.get("certificatePem") or "")


def billing_group(answer: Mapping[str, Any]) -> BillingGroup:
    """Read a billing group."""
    properties = answer.get("billingGroupProperties") or {}
    return BillingGroup(
        name=answer["billingGroupName"],
        description=properties.get("billingGroupDescription") or "",
        version=int(answer.get("version", 0)),
    )


def policy(answer: Mapping[str, Any]) -> Policy:
    """Read a policy's default version.

    Raises:
        InvalidResource: its document is not a JSON object.
    """
    return Policy(answer["policyName"], canonical(answer["policyDocument"]), answer["defaultVersionId"])


def targets(arns: Iterable[str]) -> Iterable[str]:
    """Return the certificates and groups among a policy's targets, as the last fields of their ARNs."""
    resources = (Arn.parse(target).resource for target in arns if target.startswith("arn:"))
    return (resource for resource in resources if resource.startswith(_TARGETS))
