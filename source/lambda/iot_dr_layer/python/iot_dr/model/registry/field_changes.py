"""What an update changes in a resource, field by field, for whoever shows or records it.

A certificate's PEM is no field here, and a value whose name says that it is a secret is hidden: what is shown ends in
terminals, logs and tickets.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from iot_dr.model.exact_json import loads, render
from iot_dr.model.registry.entities import Entity, Policy
from iot_dr.model.registry.entity_json import to_json
from iot_dr.model.registry.tagging import comparable
from iot_dr.model.shadows.shadow import Shadow

HIDDEN = '"(hidden)"'
"""Stands for a value that is a secret by its name."""

DOCUMENT = "document"
"""The field of a policy that is shown as a diff."""

_SECRET = re.compile(r"passw|passphrase|pwd|secret|token|credential|private.?key|api.?key", re.IGNORECASE)


@dataclass(frozen=True)
class FieldChange:
    """One field with its old and its new value, each as JSON text; None where there is no such field.

    A field within a field has both names: `attributes.site`, `reported.temperature`.
    """

    name: str
    old: str | None
    new: str | None


def field_changes(old: Entity | None, new: Entity | None) -> tuple[FieldChange, ...]:
    """Return the fields in which two states of a resource differ, in order of their names; None is no resource."""
    if old is not None and new is not None:
        old, new = comparable(old, new)
    before, after = (dict(_fields(one)) if one is not None else {} for one in (old, new))
    return tuple(
        FieldChange(name, _shown(name, before.get(name)), _shown(name, after.get(name)))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


def document_diff(change: FieldChange, old_name: str = "old", new_name: str = "new") -> tuple[str, ...]:
    """Return how a document changes, as a unified diff of its indented JSON."""
    before, after = (_indented(text) for text in (change.old, change.new))
    return tuple(difflib.unified_diff(before, after, old_name, new_name, lineterm=""))


def _indented(text: str | None) -> list[str]:
    if text is None:
        return []
    return json.dumps(loads(text), indent=2, sort_keys=True, ensure_ascii=False).splitlines()


def _shown(name: str, text: str | None) -> str | None:
    hidden = text is not None and _SECRET.search(name.rpartition(".")[2])
    return HIDDEN if hidden else text


def _fields(entity: Entity) -> Iterator[tuple[str, str]]:
    if isinstance(entity, Shadow):
        yield from _leaves("", entity.document)
        return
    if isinstance(entity, Policy):
        # Of a policy that only one Region has, the document need not have been read.
        if entity.document:
            yield DOCUMENT, entity.document
        for key, value in (entity.tags or {}).items():
            yield f"tags.{key}", render(value)
        return
    for name, value in to_json(entity).items():
        if isinstance(value, dict):
            yield from ((f"{name}.{one}", render(held)) for one, held in value.items())
        else:
            yield name, render(value)


def _leaves(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict) or not value:
        yield name, render(value)
        return
    for one, held in value.items():
        yield from _leaves(f"{name}.{one}" if name else one, held)
