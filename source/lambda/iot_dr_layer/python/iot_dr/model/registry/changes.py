"""What a plan is made of. A change is a value: it can be shown, counted, refused or applied, by different callers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.keys import Key


@dataclass(frozen=True)
class Create:
    """The target lacks what the source has."""

    desired: Entity
    reason: str

    @property
    def key(self) -> Key:
        """Name what is created."""
        return self.desired.key


@dataclass(frozen=True)
class Update:
    """Both have it, with different values."""

    desired: Entity
    actual: Entity
    reason: str

    @property
    def key(self) -> Key:
        """Name what is updated."""
        return self.desired.key


@dataclass(frozen=True)
class Delete:
    """Replication made it in the target and the source has answered that it is gone."""

    actual: Entity
    reason: str

    @property
    def key(self) -> Key:
        """Name what is deleted."""
        return self.actual.key


@dataclass(frozen=True)
class Skip:
    """A difference that stays, and why: it is shown and recorded, never silent."""

    key: Key
    reason: str


Action = Create | Update | Delete
Change = Action | Skip


@dataclass(frozen=True)
class Snapshot:
    """What is known of one registry: what is there, what is known to be absent, and what could not be read.

    A key that stands in none of the three was not checked; a plan treats it like an unreadable one.
    """

    entities: Mapping[Key, Entity] = field(default_factory=dict)
    absent: frozenset[Key] = frozenset()
    unreadable: Mapping[Key, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        doubled = (self.entities.keys() & self.absent) | (self.entities.keys() & self.unreadable.keys())
        if doubled or self.absent & self.unreadable.keys():
            raise ValueError(f"a key is both there and not there: {sorted(map(str, doubled))}")

    @property
    def keys(self) -> frozenset[Key]:
        """Return every key that this snapshot says something about."""
        return frozenset(self.entities) | self.absent | frozenset(self.unreadable)


@dataclass(frozen=True)
class Plan:
    """Changes in the order in which they can be applied."""

    changes: tuple[Change, ...] = ()

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    @property
    def actions(self) -> tuple[Action, ...]:
        """Return what would be written; skips are left out."""
        return tuple(change for change in self.changes if not isinstance(change, Skip))

    @property
    def creates(self) -> tuple[Create, ...]:
        """Return the creations alone, in order."""
        return tuple(change for change in self.changes if isinstance(change, Create))

    @property
    def updates(self) -> tuple[Update, ...]:
        """Return the updates alone, in order."""
        return tuple(change for change in self.changes if isinstance(change, Update))

    @property
    def deletes(self) -> tuple[Delete, ...]:
        """Return the deletions alone, in order."""
        return tuple(change for change in self.changes if isinstance(change, Delete))

    @property
    def skips(self) -> tuple[Skip, ...]:
        """Return the differences that stay."""
        return tuple(change for change in self.changes if isinstance(change, Skip))
