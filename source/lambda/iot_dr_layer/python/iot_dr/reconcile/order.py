"""Which change comes before which: what is pointed at before what points, deletes last and the other way round.

Only a relation that goes, or is exclusive no more, comes first, since it makes room for others: AWS admits a thing to
one group of a hierarchy, an exclusive certificate to one thing, and ten policies to a certificate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from iot_dr.model.registry.changes import Action, Change, Create, Delete, Skip, Update
from iot_dr.model.registry.entities import Entity, ThingGroup, ThingPrincipal, ThingType
from iot_dr.model.registry.keys import Kind
from iot_dr.model.registry.kinds import RELATIONS, ROWS

_RANKS = {row.kind: row.rank for row in ROWS} | {Kind.SHADOW: max(row.rank for row in ROWS)}
_LAST_RANK = max(_RANKS.values()) + 1
"""A type is deprecated when the things that need it are there."""

Place = tuple[int, int]


def place(change: Change) -> Place:
    """Return the wave a change belongs to; changes of one wave do not depend on each other."""
    match change:
        case Skip():
            return (-1, 0)
        case Delete() if change.key.kind in RELATIONS:
            return (0, 0)
        case Update(desired=ThingPrincipal(exclusive=False)):
            return (0, 0)
        case Delete(actual=actual):
            return (2 * _LAST_RANK - _RANKS[change.key.kind], -_level(actual))
        case Update(desired=ThingType(deprecated=True)):
            return (_LAST_RANK, 0)
        case Create(desired=desired) | Update(desired=desired):
            return (_RANKS[change.key.kind], _level(desired))


def ordered(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Sort changes into the order in which they can be applied, by key within a wave."""
    return tuple(sorted(changes, key=lambda change: (place(change), change.key)))


def waves(changes: Iterable[Action]) -> Iterator[tuple[Action, ...]]:
    """Group ordered changes into waves that can each be applied at once."""
    for _, wave in groupby(changes, key=place):
        yield tuple(wave)


def _level(entity: Entity) -> int:
    """Return how deep in its tree a group stands: parents come before children."""
    return len(entity.ancestors) if isinstance(entity, ThingGroup) else 0
