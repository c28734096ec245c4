"""Writes of things and thing types: one function an intent, over an `iot` client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from iot_dr.aws.errors import call, converted, read
from iot_dr.aws.registry import answers as registry_answers
from iot_dr.aws.registry.tag_writes import created_with
from iot_dr.errors import Conflict, InvalidResource, NotReadyYet
from iot_dr.model.registry.entities import PropagatingAttribute, Thing, ThingType

REQUIRED_ACTIONS = frozenset(
    {
        "iot:AddThingToBillingGroup",
        "iot:CreateThing",
        "iot:CreateThingType",
        "iot:DeleteThing",
        "iot:DeleteThingType",
        "iot:DeprecateThingType",
        "iot:DescribeThingType",
        "iot:ListThings",
        "iot:RemoveThingFromBillingGroup",
        "iot:UpdateThing",
        "iot:UpdateThingType",
    }
)

PAGE_SIZE = 250
"""The most things that ListThings returns at once."""


def create_thing(client: Any, thing: Thing) -> None:
    """Make a thing in its type and billing group.

    Raises:
        NotReadyYet: its type or billing group is missing, or the type is deprecated.
    """
    parameters: dict[str, Any] = {"thingName": thing.name}
    if thing.type_name:
        parameters["thingTypeName"] = thing.type_name
    if thing.billing_group:
        parameters["billingGroupName"] = thing.billing_group
    if thing.attributes:
        parameters["attributePayload"] = {"attributes": dict(thing.attributes)}
    with _entering(client, thing.type_name):
        call(client.create_thing, **parameters)


def update_thing(client: Any, thing: Thing, found: Thing) -> None:
    """Give a thing the desired attributes, type and billing group.

    Raises:
        Conflict: it was changed since `found` was read.
        NotReadyYet: a type or billing group that it is to enter is missing, or the type is deprecated.
    """
    if (thing.attributes, thing.type_name) != (found.attributes, found.type_name):
        entered = thing.type_name if thing.type_name != found.type_name else ""
        # Without merge the map that is sent replaces the one that is there, so removed keys go too.
        payload = {"attributes": dict(thing.attributes), "merge": False}
        with _entering(client, entered):
            call(
                client.update_thing,
                thingName=thing.name,
                attributePayload=payload,
                expectedVersion=found.version,
                **_change_of_type(thing, found),
            )
    if thing.billing_group != found.billing_group:
        _move_to_billing_group(client, thing.name, found.billing_group, thing.billing_group)


def _change_of_type(thing: Thing, found: Thing) -> dict[str, Any]:
    """Return the parameters that change the type; none if it stays, for AWS puts no thing into a deprecated one.

    https://docs.aws.amazon.com/iot/latest/developerguide/thing-types.html
    """
    if thing.type_name == found.type_name:
        return {}
    return {"thingTypeName": thing.type_name} if thing.type_name else {"removeThingType": True}


@contextmanager
def _entering(client: Any, thing_type: str) -> Iterator[None]:
    """Tell a deprecated type, which another worker may have deprecated a moment ago, from what is wrong for good."""
    try:
        yield
    except InvalidResource as error:
        # AWS says both by the same code.
        if thing_type and _deprecated(client, thing_type):
            raise NotReadyYet(f"thing type {thing_type} is deprecated: {error}") from error
        raise


def _deprecated(client: Any, thing_type: str) -> bool:
    answer = read(client.describe_thing_type, thingTypeName=thing_type)
    return answer is not None and registry_answers.thing_type(answer).deprecated


def _move_to_billing_group(client: Any, thing: str, old: str, new: str) -> None:
    # A thing is in one billing group at most. https://docs.aws.amazon.com/iot/latest/developerguide/tagging-iot-billing-groups.html
    if old:
        read(client.remove_thing_from_billing_group, billingGroupName=old, thingName=thing)
    if new:
        call(client.add_thing_to_billing_group, billingGroupName=new, thingName=thing)


def delete_thing(client: Any, thing: Thing) -> None:
    """Remove a thing.

    Raises:
        Conflict: it was changed, or a certificate was attached to it, since it was read.
    """
    try:
        read(client.delete_thing, thingName=thing.name, expectedVersion=thing.version)
    except InvalidResource as error:
        # So AWS says that a certificate has been attached to it since it was read.
        # https://docs.aws.amazon.com/iot/latest/apireference/API_DeleteThing.html
        raise Conflict(str(error)) from error


def create_thing_type(client: Any, thing_type: ThingType) -> None:
    """Make a thing type, not deprecated: a plan deprecates it when the things that need it are there."""
    properties: dict[str, Any] = {}
    if thing_type.description:
        properties["thingTypeDescription"] = thing_type.description
    if thing_type.searchable_attributes:
        properties["searchableAttributes"] = list(thing_type.searchable_attributes)
    if thing_type.propagating_attributes:
        properties["mqtt5Configuration"] = _mqtt5_configuration(thing_type.propagating_attributes)
    call(
        client.create_thing_type,
        thingTypeName=thing_type.name,
        thingTypeProperties=properties,
        **created_with(thing_type),
    )


def update_thing_type(client: Any, thing_type: ThingType, found: ThingType) -> None:
    """Change what AWS lets change of a thing type."""
    if thing_type.propagating_attributes != found.propagating_attributes:
        configuration = _mqtt5_configuration(thing_type.propagating_attributes)
        call(
            client.update_thing_type,
            thingTypeName=thing_type.name,
            thingTypeProperties={"mqtt5Configuration": configuration},
        )
    if thing_type.deprecated != found.deprecated:
        call(client.deprecate_thing_type, thingTypeName=thing_type.name, undoDeprecate=not thing_type.deprecated)


def delete_thing_type(client: Any, thing_type: ThingType) -> None:
    """Deprecate a thing type that no thing uses, and remove it once AWS lets it go.

    One that is in use stays as it is: deprecated, it could not go either, and would take no new things.

    Raises:
        NotReadyYet: AWS wants five minutes between deprecation and deletion, and no thing that still uses the type.
            https://docs.aws.amazon.com/iot/latest/developerguide/thing-types.html
    """
    if not thing_type.deprecated:
        if _in_use(client, thing_type.name):
            raise NotReadyYet(f"thing type {thing_type.name} is in use")
        read(client.deprecate_thing_type, thingTypeName=thing_type.name)
    try:
        read(client.delete_thing_type, thingTypeName=thing_type.name)
    except InvalidResource as error:
        raise NotReadyYet(str(error)) from error


def _in_use(client: Any, thing_type: str) -> bool:
    # A page may be empty and have another after it, so only the last page tells that there is no thing.
    pages = client.get_paginator("list_things").paginate(
        thingTypeName=thing_type, PaginationConfig={"PageSize": PAGE_SIZE}
    )
    with converted():
        return any(page["things"] for page in pages)


def _mqtt5_configuration(attributes: Iterable[PropagatingAttribute]) -> dict[str, Any]:
    return {
        "propagatingAttributes": [
            {"userPropertyKey": one.user_property, one.source: one.attribute} for one in attributes
        ]
    }
