"""What a resource needs in order to exist: what it is made in, and the two ends of a relation."""

from __future__ import annotations

from iot_dr.model.registry.entities import Entity, GroupMembership, PolicyAttachment, Thing, ThingGroup, ThingPrincipal
from iot_dr.model.registry.keys import (
    Key,
    billing_group_key,
    certificate_key,
    key_of_target,
    policy_key,
    thing_group_key,
    thing_key,
    thing_type_key,
)


def needs(entity: Entity) -> tuple[Key, ...]:
    """Return what AWS must have before it makes this."""
    match entity:
        case Thing(type_name=type_name, billing_group=billing_group):
            thing_type = (thing_type_key(type_name),) if type_name else ()
            return (*thing_type, billing_group_key(billing_group)) if billing_group else thing_type
        case ThingGroup(parent=parent):
            return (thing_group_key(parent),) if parent else ()
        case PolicyAttachment(policy=policy, target=target):
            return (policy_key(policy), key_of_target(target))
        case ThingPrincipal(thing=thing, certificate_id=certificate_id):
            return (thing_key(thing), certificate_key(certificate_id))
        case GroupMembership(group=group, thing=thing):
            return (thing_group_key(group), thing_key(thing))
        case _:
            return ()
