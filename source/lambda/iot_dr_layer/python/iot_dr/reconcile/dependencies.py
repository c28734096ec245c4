"""What a resource needs in order to exist: what it is made in, and the two ends of a relation."""

from __future__ import annotations

from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.keys import Key
from iot_dr.model.registry.kinds import ROW, ends_of


def needs(entity: Entity) -> tuple[Key, ...]:
    """Return what AWS must have before it makes this."""
    row = ROW.get(entity.key.kind)
    return row.needs(entity) if row and row.needs else ends_of(entity.key)
