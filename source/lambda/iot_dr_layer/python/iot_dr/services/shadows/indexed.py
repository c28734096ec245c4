"""Reads of both Regions' shadows what their indexes of things tell, so that few have to be read one by one.

Searching takes a call for a hundred things. What both indexes show the same counts as the same. Whatever they show
differently, or one of them does not tell, is read by itself in both Regions: an index follows with some delay.

An index need not hold all of a document, and does not say so. So some of what would count as the same is read by itself
first, of each name and in both Regions. If any of it is not what its index shows, all shadows are read one by one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from iot_dr.errors import RetryableError, TerminalError
from iot_dr.model.registry.keys import SEPARATOR, Key
from iot_dr.model.registry.read_calls import PageRequest, ReadCall
from iot_dr.model.shadows.index import IndexCoverage
from iot_dr.model.shadows.shadow import Shadow, ShadowSelection
from iot_dr.model.sites import Side
from iot_dr.ports.fleet import FleetStore
from iot_dr.ports.shadows import ShadowIndex

DRAWN = 100
"""Shadows of each name that are read by themselves in each Region, to see whether its index holds all of them: if it
does of all of these, with 95 % confidence it does not of fewer than 3 in 100."""

Stage = Callable[[str, Mapping[Side, Iterator[PageRequest]], int | None], bool]
"""Makes calls in the Regions and keeps the answers; tells whether it came to the end. `Reading` has one."""

_COVERAGE, _SEARCHED, _NOTE, _CHECKED = (f"shadow index{what}" for what in ("", " searched", " note", " checked"))
_NOT_USED, _EXACT, _INEXACT = "not used", "exact", "inexact"

SAME_BY_INDEX = "Shadows that both indexes show the same were not read one by one; --no-index has all read."
INEXACT = "The indexes do not hold all of the shadows, so all were read one by one."


def used_index(store: FleetStore) -> bool:
    """Tell whether what a comparison has read comes from the index, in part."""
    return store.fact(_COVERAGE) not in ("", _NOT_USED)


def notes_of(store: FleetStore) -> list[str]:
    """Return, in sentences, what a reader of a comparison must know of how its shadows were read."""
    notes = {_EXACT: [SAME_BY_INDEX], _INEXACT: [INEXACT]}.get(store.fact(_CHECKED), [])
    return [*notes, *filter(None, [store.fact(_NOTE)])]


class IndexedShadows:
    """What the indexes of both Regions tell of one comparison's shadows."""

    def __init__(self, store: FleetStore, indexes: Mapping[Side, ShadowIndex], selection: ShadowSelection) -> None:
        self._store = store
        self._indexes = indexes
        self._selection = selection

    @property
    def tell_classic(self) -> bool:
        """Tell whether both indexes can be trusted with which things have no classic shadow."""
        return self._store.fact(_CHECKED) == _EXACT and self._coverage().classic

    def read(self, stage: Stage) -> bool:
        """Take from the indexes what they can be trusted with; return whether it came to the end.

        Comes before all other reading of shadows. An index that cannot be read, or not to its end, is no error: what it
        does not tell is read one by one.
        """
        if not self._indexes or not self._may_be_used() or self._store.fact(_CHECKED):
            return True
        if not self._searched(stage):
            return False
        exact = self._exact(stage)
        if exact is None:
            return False
        if exact:
            self._store.take_indexed_shadows(named=self._all_named)
        self._store.set_fact(_CHECKED, _EXACT if exact else _INEXACT)
        return True

    @property
    def _all_named(self) -> bool:
        """Whether both indexes hold every named shadow that is wanted, so that none has to be listed."""
        return bool(self._selection.names) and self._selection.names == self._coverage().named

    def _may_be_used(self) -> bool:
        """Decide once for a comparison, so that one that is taken up goes on in the same way."""
        if not self._store.fact(_COVERAGE):
            coverage = self._wanted_of(self._found())
            if coverage.why:
                self._store.set_fact(_NOTE, f"Shadows were read one by one: {coverage.why}.")
            told = json.dumps({"classic": coverage.classic, "named": sorted(coverage.named)})
            self._store.set_fact(_COVERAGE, told if coverage.classic or coverage.named else _NOT_USED)
        return used_index(self._store)

    def _found(self) -> IndexCoverage:
        if not (self._selection.classic or self._selection.named):
            return IndexCoverage()
        try:
            first, *others = (index.coverage() for index in self._indexes.values())
        except (RetryableError, TerminalError) as error:
            return IndexCoverage(why=f"the index cannot be read, {error}")
        for other in others:
            first &= other
        return first

    def _wanted_of(self, found: IndexCoverage) -> IndexCoverage:
        named = frozenset(filter(self._selection.selects, found.named))
        return IndexCoverage(found.classic and self._selection.classic, named, found.why)

    def _coverage(self) -> IndexCoverage:
        if not used_index(self._store):
            return IndexCoverage()
        told = json.loads(self._store.fact(_COVERAGE))
        return IndexCoverage(told["classic"], frozenset(told["named"]))

    def _searched(self, stage: Stage) -> bool:
        """Search both indexes; from the start if it was cut off, since it takes minutes and its place does not keep."""
        if self._store.fact(_SEARCHED):
            return True
        self._store.forget_index()
        calls = {side: iter((PageRequest(ReadCall.SHADOW_INDEX),)) for side in self._indexes}
        try:
            if not stage("shadows in the index", calls, None):
                return False
        except (RetryableError, TerminalError) as error:
            self._store.set_fact(_NOTE, f"Some shadows were read one by one: the index cannot be read, {error}.")
        self._store.set_fact(_SEARCHED, "yes")
        return True

    def _exact(self, stage: Stage) -> bool | None:
        """Tell by single reads whether the indexes hold all of shadows; None if that did not come to the end."""
        # By turns, so that none is read in both Regions.
        samples = [(side, keys[at::2]) for keys in self._drawn() for at, side in enumerate(self._indexes)]
        told = [self._held(*sample) for sample in samples]
        calls = {side: _calls(samples, side) for side in self._indexes}
        if not stage("some shadows", calls, sum(len(keys) for _, keys in samples)):
            return None
        read = [self._held(*sample) for sample in samples]
        return all(_proved(zip(one, other, strict=True)) for one, other in zip(told, read, strict=True))

    def _drawn(self) -> Iterator[tuple[Key, ...]]:
        """Draw some of what would count as the same: what both show, and what neither shows and is not asked for."""
        coverage = self._coverage()
        classic = ("",) if coverage.classic else ()
        for name in (*classic, *sorted(coverage.named)):
            yield self._store.draw_alike(name, 2 * DRAWN, shown=True)
        for name in (*classic, *(sorted(coverage.named) if self._all_named else ())):
            yield self._store.draw_alike(name, 2 * DRAWN, shown=False)

    def _held(self, side: Side, keys: Sequence[Key]) -> list[Shadow | None]:
        pairs = map(self._store.pair, keys)
        found = (pair.source if side is Side.SOURCE else pair.target for pair in pairs)
        return [one if isinstance(one, Shadow) else None for one in found]


def _calls(samples: Iterable[tuple[Side, Sequence[Key]]], side: Side) -> Iterator[PageRequest]:
    for at, keys in samples:
        for key in keys if at is side else ():
            yield PageRequest(ReadCall.SHADOW, f"{key.name}{SEPARATOR}{key.other}" if key.other else key.name)


def _proved(told_and_read: Iterable[tuple[Shadow | None, Shadow | None]]) -> bool:
    """Tell whether what was read is what the index had told, and some of it did not change between."""
    sample = list(told_and_read)
    unchanged = [(one, other) for one, other in sample if one is None or (other and one.version == other.version)]
    return all(one == other for one, other in unchanged) and (bool(unchanged) or not sample)
