"""Compares what was read of two Regions, key by key, by the same plan as everything else; memory stays the same.

What a plan decides across keys (which changes wait for others, types that are taken back) is the business of whoever
applies it; here each key is checked by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from itertools import islice

from iot_dr.errors import InvalidResource
from iot_dr.model.registry.changes import Change, Create, Snapshot
from iot_dr.model.registry.differences import Difference, Pair, Sigil
from iot_dr.model.registry.entities import Entity, Policy
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.sites import Direction, Side
from iot_dr.ports.fleet import Pairs
from iot_dr.reconcile.plan import deletable, plan
from iot_dr.reconcile.translate import translate

Owned = Callable[[Collection[Key]], frozenset[Key]]
"""Tells which of these replication made; `ports.SyncLedger.owned` is one."""

ONLY_IN_TARGET = "only the secondary has it"

BATCH = 200
"""Differences whose ownership is asked for at once."""


def differences(  # noqa: PLR0913  # every caller wants a few of these, by keyword
    pairs: Pairs,
    direction: Direction,
    *,
    kinds: Iterable[Kind] = tuple(Kind),
    after: Key | None = None,
    owned: Owned | None = None,
    same: bool = False,
) -> Iterator[Difference]:
    """Yield every key in which the Regions differ, kinds in their order, then in order of names.

    Args:
        pairs: what was read.
        regions: where it was read, for translating.
        kinds: of which kinds.
        after: begin behind this key, which is of the first of these kinds.
        owned: asked which resources replication made; without it none counts as made by it.
        same: yield what is the same too.
    """
    for kind in kinds:
        # A policy that reads the same may differ, and one that differs be the same: it names its Region.
        found = pairs.pairs(kind, after, differing=not same and kind is not Kind.POLICY)
        after = None
        while batch := list(islice(found, BATCH)):
            candidates = frozenset(_deletable(batch, direction)) if owned else frozenset()
            made = owned(candidates) if owned and candidates else frozenset()
            for pair in batch:
                difference = compare(pair, direction, owned=made)
                if same or difference.sigil is not Sigil.SAME:
                    yield difference


def compare(pair: Pair, direction: Direction, *, owned: Collection[Key] = frozenset()) -> Difference:
    """Return how the Regions differ in one key."""
    desired, actual = _snapshots(pair, direction)
    change = _change(plan(desired, actual, owned=owned).changes)
    if change is None:
        return Difference(pair.key, Sigil.SAME)
    found = Difference(
        pair.key, Sigil.DIFFERENT, change.reason, change, desired.entities.get(pair.key), actual.entities.get(pair.key)
    )
    if desired.unreadable or actual.unreadable:
        return replace(found, sigil=Sigil.UNREADABLE)
    if pair.source is None:
        return replace(found, sigil=Sigil.SURPLUS, reason=ONLY_IN_TARGET)
    return replace(found, sigil=Sigil.MISSING) if pair.target is None else found


def _change(changes: Collection[Change]) -> Change | None:
    """Return the one change of a key; a deprecated type that is missing has two, of which the first makes it."""
    return next((one for one in changes if isinstance(one, Create)), next(iter(changes), None))


def _deletable(pairs: Iterable[Pair], direction: Direction) -> Iterator[Key]:
    for pair in pairs:
        yield from deletable(*_snapshots(pair, direction))


def _snapshots(pair: Pair, direction: Direction) -> tuple[Snapshot, Snapshot]:
    """Return both sides of a key as snapshots: both lists were read to their end, so what they lack is absent."""
    source, unreadable = pair.source, dict(pair.unreadable)
    if source is not None:
        try:
            source = _translated(source, direction)
        except InvalidResource as error:
            source = None
            unreadable[Side.SOURCE] = str(error)
    return (
        _snapshot(pair.key, source, unreadable.get(Side.SOURCE, "")),
        _snapshot(pair.key, pair.target, unreadable.get(Side.TARGET, "")),
    )


def _snapshot(key: Key, entity: Entity | None, unreadable: str) -> Snapshot:
    if unreadable:
        return Snapshot(unreadable={key: unreadable})
    return Snapshot(absent=frozenset({key})) if entity is None else Snapshot({key: entity})


def _translated(entity: Entity, direction: Direction) -> Entity:
    # Of a policy that only one Region has, the document need not have been read.
    return entity if isinstance(entity, Policy) and not entity.document else translate(entity, direction)
