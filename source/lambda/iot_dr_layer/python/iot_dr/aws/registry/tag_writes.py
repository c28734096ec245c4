"""Writes of tags, over an `iot` client: in the call that makes a resource, or by calls of their own."""

from __future__ import annotations

from typing import Any

from iot_dr.aws.errors import call
from iot_dr.model.registry.entities import Entity, Tags
from iot_dr.model.registry.tagging import surplus_tags, tags_differ, tags_of

REQUIRED_ACTIONS = frozenset({"iot:TagResource", "iot:UntagResource"})
"""The first is needed to make something with tags, too."""


def created_with(entity: Entity) -> dict[str, Any]:
    """Return the parameter of the call that makes something with these tags; none without tags."""
    tags = tags_of(entity)
    return {"tags": _listed(tags)} if tags else {}


def put_tags(client: Any, arn: str, entity: Entity, found: Entity) -> None:
    """Give a resource the desired tags, if both are known; what goes makes room first, as AWS admits 50 of one."""
    if not tags_differ(entity, found):
        return
    wanted, there = tags_of(entity) or {}, tags_of(found) or {}
    if gone := surplus_tags(entity, found):
        call(client.untag_resource, resourceArn=arn, tagKeys=sorted(gone))
    if put := {key: value for key, value in wanted.items() if there.get(key) != value}:
        call(client.tag_resource, resourceArn=arn, tags=_listed(put))


def _listed(tags: Tags) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
