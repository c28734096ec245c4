"""Tags as a part of what has them, which need not have been read: what is not known is not compared.

No list, no description and no event of the registry tells tags; they take one call a resource. So most readings leave
them out, and an entity without them (None) is equal to one of any tags.
https://docs.aws.amazon.com/iot/latest/developerguide/tagging-iot.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from iot_dr.model.registry.entities import BillingGroup, Entity, Policy, Tags, ThingGroup, ThingType

AnyEntity = TypeVar("AnyEntity", bound=Entity)

OF_AWS = "aws:"
"""How the keys of tags begin that AWS sets by itself and lets nobody write, in any case of letters."""


def tags_of(entity: Entity) -> Tags | None:
    """Return the tags of an entity; None if they were not read, or AWS has none for its kind."""
    return entity.tags if isinstance(entity, ThingType | BillingGroup | Policy | ThingGroup) else None


def with_tags(entity: AnyEntity, tags: Tags | None) -> AnyEntity:
    """Return what has tags with these; everything else as it is, and so what has these already."""
    if isinstance(entity, ThingType | BillingGroup | Policy | ThingGroup) and entity.tags is not tags:
        return replace(entity, tags=tags)
    return entity


def own_tags(tags: Mapping[str, str]) -> Tags:
    """Leave out what AWS itself has set."""
    return {key: value for key, value in sorted(tags.items()) if not key.lower().startswith(OF_AWS)}


def comparable(one: AnyEntity, other: AnyEntity) -> tuple[AnyEntity, AnyEntity]:
    """Return both as they can be compared: without tags, if those of either are not known."""
    if tags_of(one) is None or tags_of(other) is None:
        return with_tags(one, None), with_tags(other, None)
    return one, other


def alike(one: Entity, other: Entity) -> bool:
    """Tell whether two entities are equal as far as both are known."""
    first, second = comparable(one, other)
    return first == second


def tags_differ(one: Entity, other: Entity) -> bool:
    """Tell whether both have tags, and not the same."""
    first, second = tags_of(one), tags_of(other)
    return first is not None and second is not None and first != second


def surplus_tags(wanted: Entity, found: Entity) -> Tags:
    """Return the tags that only the second has; none if those of either are not known."""
    first, second = tags_of(wanted), tags_of(found)
    if first is None or second is None:
        return {}
    return {key: value for key, value in second.items() if key not in first}
