"""Reads what is compared of two Regions into a store, and goes on with an earlier reading where that still serves."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from iot_dr.model.registry.keys import Kind
from iot_dr.model.shadows.shadow import ShadowSelection
from iot_dr.model.sites import Direction
from iot_dr.ports.clock import Clock
from iot_dr.ports.fleet import ComparisonStore, FleetStore
from iot_dr.services.reading.reading import EVERYTHING, Documents, Reading
from iot_dr.services.shadows.indexed import used_index

KEPT_FOR = 24 * 3_600_000
"""Milliseconds after which a reading that was cut off is begun anew: too much may have changed since."""


@dataclass(frozen=True)
class ComparisonScope:
    """What is compared of two Regions, and which earlier reading of it serves.

    `select` is a query for things, `sample` a number of certificates; without them all is compared. `by_index`: shadows
    may be read by the index of things. A reading that has come to its end serves if it began no longer ago than
    `keep_ended_for`, milliseconds, or if it is the one that began at `being_applied`; `anew`: none serves. `exact`: one
    that has ended serves only if it holds these shadows, each read by itself.
    """

    direction: Direction
    shadows: ShadowSelection
    select: str = ""
    sample: int = 0
    by_index: bool = False
    keep_ended_for: int = 0
    being_applied: str = ""
    anew: bool = False
    exact: bool = False


@dataclass(frozen=True)
class ComparisonReading:
    """The reading of one comparison; `resumed` says that it goes on where an earlier one stopped.

    `selected` reads the things of a query, and returns how many there are; None reads all.
    """

    store: ComparisonStore
    reading: Reading
    clock: Clock
    resumed: bool
    selected: Callable[[], int] | None = None

    @property
    def began(self) -> int:
        """Return when the reading began, epoch milliseconds."""
        return int(self.store.fact("began"))

    def read(self, documents: Documents = Documents.SHARED, kinds: Collection[Kind] = EVERYTHING) -> None:
        """Read what has not been read; raises what `Reading.read` does."""
        if self.selected:
            if not self.store.fact("ended"):
                self.store.set_fact("selected", str(self.selected()))
        elif not self.reading.read(kinds, documents=documents):
            return
        self.store.set_fact("ended", str(self.clock()))


def part_of(select: str, sample: int = 0) -> str:
    """Name what part of both Regions is read, nothing for all: of each the last reading is kept by itself."""
    return "selected" if select else "sampled" if sample else ""


def resume_or_begin(store: FleetStore, scope: ComparisonScope, at: int) -> bool:
    """Keep what an earlier run has read if it serves, else empty the store; return whether the reading goes on."""
    source, target = scope.direction.source, scope.direction.target
    # What was read in part is no beginning of the whole, nor the other way round.
    part = f"select {scope.select}" if scope.select else "sample" if scope.sample else "all"
    regions = f"{source.region} {target.region} {source.account} {part}"
    is_kept = not store.fact("ended") or store.fact("began") == scope.being_applied
    kept_for = KEPT_FOR if is_kept else scope.keep_ended_for
    same = store.fact("regions") == regions and not store.fact("applied")
    # A selection has no place where its reading can go on.
    ended = bool(store.fact("ended"))
    same = same and (_alike(store, scope) if scope.exact or not ended else True) and (ended or not scope.select)
    if same and not scope.anew and at - int(store.fact("began")) < kept_for:
        return True
    store.clear()
    store.set_fact("regions", regions)
    store.set_fact("began", str(at))
    store.set_fact("shadows", _shadows(scope))
    return False


def _alike(store: FleetStore, scope: ComparisonScope) -> bool:
    """Tell whether what is left to read would be read like the rest: the same shadows, and by the index or not."""
    return store.fact("shadows") == _shadows(scope) and (scope.by_index or not used_index(store))


def _shadows(scope: ComparisonScope) -> str:
    return f"{scope.shadows.mode} {scope.shadows.pattern}"
