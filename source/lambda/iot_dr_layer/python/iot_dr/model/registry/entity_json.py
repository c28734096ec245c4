"""Entities as JSON and back: one stable form for whatever keeps or compares many of them.

What a Region counts for itself (versions, a thing's ID) stands apart from what is compared, so that two texts are equal
exactly if two entities are. A certificate's PEM is left out: its ID is determined by it, and AWS has it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from iot_dr.model.exact_json import parse, render
from iot_dr.model.registry.entities import (
    CertificateStatus,
    Entity,
    PropagatingAttribute,
)
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.registry.kinds import ROW, ROWS
from iot_dr.model.shadows.shadow import Shadow

_READ: Mapping[str, Callable[[Any], Any]] = {
    "status": CertificateStatus,
    "searchable_attributes": tuple,
    "ancestors": tuple,
    "propagating_attributes": lambda found: tuple(PropagatingAttribute(*one) for one in found),
}


def _fields(*, compared: bool) -> Mapping[type[Any], tuple[tuple[str, Any], ...]]:
    """Return, for every class, the fields beside its key's that are compared or are not, each with its default."""
    return {
        row.entity: tuple(
            (field.name, _default(field))
            for field in dataclasses.fields(row.entity)
            if field.compare is compared and field.name not in (*row.names, "pem")
        )
        for row in ROWS
    }


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


_COMPARED = _fields(compared=True)
_COUNTED = _fields(compared=False)


def to_json(entity: Entity) -> dict[str, Any]:
    """Return what is compared of an entity, without what its key says already and without empty fields."""
    if isinstance(entity, Shadow):
        return {"document": render(entity.document)}
    found = {}
    for name, default in _COMPARED[type(entity)]:
        value = getattr(entity, name)
        if value != default:
            found[name] = _plain(value)
    return found


def counted(entity: Entity) -> dict[str, Any]:
    """Return what the Region counts for itself: what guards a write there."""
    if isinstance(entity, Shadow):
        return {"version": entity.version, "read_at": entity.read_at}
    return {name: value for name, default in _COUNTED[type(entity)] if (value := getattr(entity, name)) != default}


def from_json(key: Key, value: Mapping[str, Any], counts: Mapping[str, Any] | None = None) -> Entity:
    """Read an entity back from what `to_json` and, if it is known, `counted` gave."""
    if key.kind is Kind.SHADOW:
        return Shadow(key, parse(value["document"]), **(counts or {}))
    fields = {name: _READ[name](found) if name in _READ else found for name, found in value.items()}
    row = ROW[key.kind]
    found: Entity = row.entity(*(key.name, key.other)[: len(row.names)], **fields, **(counts or {}))
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(sorted(value.items()))
    if isinstance(value, tuple):
        return [dataclasses.astuple(one) if isinstance(one, PropagatingAttribute) else one for one in value]
    return value
