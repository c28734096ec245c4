"""A short text of what is compared of an entity: equal if and only if two entities are, as far as 64 bits tell.

Tags are no part of it, since most readings leave them out. Of a pair of Regions it is always taken of what stands, or
must stand, in the target, so that both sides of a resource give the same: ARNs in policies name the target's Region
there.
"""

from __future__ import annotations

import hashlib
import json

from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.entity_json import to_json
from iot_dr.model.registry.tagging import with_tags
from iot_dr.model.shadows.shadow import Shadow
from iot_dr.model.shadows.shadow import digest as digest_of_document

DIGITS = 16
"""Hexadecimal digits that are kept; those of shadows are as many."""


def digest_of(entity: Entity) -> str:
    """Return the digest of what is compared of an entity, its key left out.

    >>> from iot_dr.model.registry.entities import Thing
    >>> digest_of(Thing("pump-17", version=1)) == digest_of(Thing("pump-18", version=9))
    True
    """
    if isinstance(entity, Shadow):
        return digest_of_document(entity.document)
    text = json.dumps(to_json(with_tags(entity, None)), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
