"""Writes of thing groups, static and dynamic, of billing groups and of memberships, over an `iot` client."""

from __future__ import annotations

from typing import Any

from iot_dr.aws.errors import call, read
from iot_dr.aws.registry.tag_writes import created_with
from iot_dr.errors import Conflict, InvalidResource
from iot_dr.model.registry.entities import BillingGroup, GroupMembership, ThingGroup

REQUIRED_ACTIONS = frozenset(
    {
        "iot:AddThingToThingGroup",
        "iot:CreateBillingGroup",
        "iot:CreateDynamicThingGroup",
        "iot:CreateThingGroup",
        "iot:DeleteBillingGroup",
        "iot:DeleteDynamicThingGroup",
        "iot:DeleteThingGroup",
        "iot:RemoveThingFromThingGroup",
        "iot:UpdateBillingGroup",
        "iot:UpdateDynamicThingGroup",
        "iot:UpdateThingGroup",
    }
)


def create_thing_group(client: Any, group: ThingGroup) -> None:
    """Make a group under its parent.

    Raises:
        NotReadyYet: the parent is missing.
    """
    if group.dynamic:
        call(client.create_dynamic_thing_group, **_named(group), **_query(group), **created_with(group))
    else:
        parent = {"parentGroupName": group.parent} if group.parent else {}
        call(client.create_thing_group, **_named(group), **parent, **created_with(group))


def update_thing_group(client: Any, group: ThingGroup, found: ThingGroup) -> None:
    """Give a group the desired description, attributes and query.

    Raises:
        Conflict: it was changed since `found` was read.
    """
    version = {"expectedVersion": found.version}
    if group.dynamic:
        call(client.update_dynamic_thing_group, **_named(group), **_query(group), **version)
    else:
        call(client.update_thing_group, **_named(group), **version)


def delete_thing_group(client: Any, group: ThingGroup) -> None:
    """Remove a group; AWS takes its members out of it.

    Raises:
        Conflict: it was changed since it was read, or has a child by now.
    """
    remove = client.delete_dynamic_thing_group if group.dynamic else client.delete_thing_group
    try:
        read(remove, thingGroupName=group.name, expectedVersion=group.version)
    except InvalidResource as error:
        # So AWS says that a group has children. https://docs.aws.amazon.com/iot/latest/apireference/API_DeleteThingGroup.html
        raise Conflict(str(error)) from error


def add_member(client: Any, membership: GroupMembership) -> None:
    """Put a thing into a static group.

    Raises:
        NotReadyYet: thing or group is missing.
    """
    call(client.add_thing_to_thing_group, thingGroupName=membership.group, thingName=membership.thing)


def remove_member(client: Any, membership: GroupMembership) -> None:
    """Take a thing out of a static group."""
    read(client.remove_thing_from_thing_group, thingGroupName=membership.group, thingName=membership.thing)


def create_billing_group(client: Any, group: BillingGroup) -> None:
    """Make a billing group."""
    call(client.create_billing_group, **_billing(group), **created_with(group))


def update_billing_group(client: Any, group: BillingGroup, found: BillingGroup) -> None:
    """Give a billing group the desired description.

    Raises:
        Conflict: it was changed since `found` was read.
    """
    call(client.update_billing_group, **_billing(group), expectedVersion=found.version)


def delete_billing_group(client: Any, group: BillingGroup) -> None:
    """Remove a billing group.

    Raises:
        Conflict: it was changed since it was read.
    """
    read(client.delete_billing_group, billingGroupName=group.name, expectedVersion=group.version)


def _named(group: ThingGroup) -> dict[str, Any]:
    # The map that is sent replaces the one that is there, so removed keys go too. To say so by `merge` is valid for
    # UpdateThingGroup alone. https://docs.aws.amazon.com/iot/latest/apireference/API_AttributePayload.html
    attributes = {"attributes": dict(group.attributes)}
    properties = {"thingGroupDescription": group.description, "attributePayload": attributes}
    return {"thingGroupName": group.name, "thingGroupProperties": properties}


def _query(group: ThingGroup) -> dict[str, str]:
    settings = {"queryString": group.query, "queryVersion": group.query_version, "indexName": group.index_name}
    return {name: value for name, value in settings.items() if value}


def _billing(group: BillingGroup) -> dict[str, Any]:
    return {
        "billingGroupName": group.name,
        "billingGroupProperties": {"billingGroupDescription": group.description},
    }
