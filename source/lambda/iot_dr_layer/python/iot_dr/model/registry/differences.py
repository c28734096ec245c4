"""What a comparison of two Regions finds, key by key, in the signs that `rclone check --combined` gave the meaning."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from iot_dr.model.registry.changes import Change
from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.field_changes import FieldChange, field_changes
from iot_dr.model.registry.keys import Key
from iot_dr.model.sites import Side


class Sigil(enum.StrEnum):
    """One character that says how the Regions differ in a resource."""

    SAME = "="
    SURPLUS = "-"
    """Only the target has it."""
    MISSING = "+"
    """Only the source has it."""
    DIFFERENT = "*"
    UNREADABLE = "!"
    """At least one Region could not tell."""


@dataclass(frozen=True)
class Unreadable:
    """An entry of a list that cannot be read, for example because of a value that this release does not know."""

    key: Key
    reason: str


@dataclass(frozen=True)
class Pair:
    """What both Regions hold under one key; None where the Region's lists, read to their end, do not have it."""

    key: Key
    source: Entity | None = None
    target: Entity | None = None
    unreadable: Mapping[Side, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """How the Regions differ in one key, and what a plan would do about it; None where nothing differs.

    `desired` is what the source has, as it must be in the target, and `actual` what the target has, as far as each is
    there and can be read.
    """

    key: Key
    sigil: Sigil
    reason: str = ""
    change: Change | None = None
    desired: Entity | None = None
    actual: Entity | None = None

    @property
    def fields(self) -> tuple[FieldChange, ...]:
        """Return the fields that differ: old is what the target has, new what the source has."""
        return field_changes(self.actual, self.desired)


@dataclass(frozen=True)
class NotedDifference:
    """A difference as it was noted: `fields` are those in which both Regions' values differ."""

    key: Key
    sigil: Sigil
    reason: str = ""
    fields: tuple[FieldChange, ...] = ()


@dataclass(frozen=True)
class Numbers:
    """How a kind stands: what each Region has of it, and of how many keys each sigil is said."""

    source: int = 0
    target: int = 0
    sigils: Mapping[Sigil, int] = field(default_factory=dict)

    @property
    def differing(self) -> int:
        """Return how many keys differ or could not be read."""
        return sum(number for sigil, number in self.sigils.items() if sigil is not Sigil.SAME)
