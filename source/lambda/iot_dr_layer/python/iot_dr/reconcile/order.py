"""Which change comes before which: what is pointed at before what points, deletes last and the other way round."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from iot_dr.model.changes import Action, Change, Delete, Skip
from iot_dr.model.keys import Key, Kind

_RANKS = {
    # A thing needs its type; nothing needs anything else before the relations.
    Kind.THING_TYPE: 0,
    Kind.POLICY: 0,
    Kind.CERTIFICATE: 0,
    Kind.THING: 1,
    Kind.POLICY_ATTACHMENT: 2,
    Kind.THING_PRINCIPAL: 2,
}


def rank(change: Change) -> int:
    """Return the wave a change belongs to; changes of one wave do not depend on each other."""
    of_kind = _RANKS[change.key.kind]
    match change:
        case Skip():
            return -1
        case Delete():
            return 10 - of_kind
        case _:
            return of_kind


def ordered(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Sort changes into the order in which they can be applied, by key within a wave."""
    return tuple(sorted(changes, key=_place))


def waves(changes: Iterable[Action]) -> Iterator[tuple[Action, ...]]:
    """Group ordered changes into waves that can each be applied at once."""
    for _, wave in groupby(changes, key=rank):
        yield tuple(wave)


def _place(change: Change) -> tuple[int, Key]:
    return rank(change), change.key
