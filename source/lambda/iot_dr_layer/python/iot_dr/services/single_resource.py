"""Reads one resource or relation by itself, whatever its kind, with its tags: to confirm, to copy and to repair it."""

from __future__ import annotations

from iot_dr.model.registry.entities import Entity, GroupMembership, PolicyAttachment
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.registry.kinds import RESOURCE_KINDS, TAGGED_KINDS
from iot_dr.model.registry.tagging import with_tags
from iot_dr.ports.registry import RegistryReader


def read_one(reader: RegistryReader, key: Key) -> Entity | None:
    """Return what a Region has under a key; None if AWS answered that there is nothing.

    Raises:
        ValueError: the key names no entity of the registry.
    """
    match key.kind:
        case Kind.POLICY_ATTACHMENT:
            return PolicyAttachment(key.name, key.other) if key.name in reader.policies_of(key.other) else None
        case Kind.THING_PRINCIPAL:
            principals = reader.principals_of_thing(key.name)
            return next((one for one in principals if one.certificate_id == key.other), None)
        case Kind.GROUP_MEMBERSHIP:
            return _membership(reader, key.name, key.other)
        case kind if kind in TAGGED_KINDS:
            found = reader.resource(key)
            return None if found is None else with_tags(found, reader.tags(key))
        case kind if kind in RESOURCE_KINDS:
            return reader.resource(key)
        case _:
            raise ValueError(f"{key} names no entity of the registry")


def _membership(reader: RegistryReader, group: str, thing: str) -> GroupMembership | None:
    if group not in reader.groups_of_thing(thing):
        return None
    found = reader.thing_group(group)
    # AWS keeps a dynamic group's things by its query; they are no memberships.
    return None if found is None or found.dynamic else GroupMembership(group, thing)
