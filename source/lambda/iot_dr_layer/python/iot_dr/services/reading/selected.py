"""Reads some things alone, each with all that hangs on it, in both Regions; for a query that selects a part of a fleet.

What a thing needs and has attached is the scope that replication checks too, so a part is compared as the whole is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice

from iot_dr.errors import ConfigurationError
from iot_dr.model.registry.keys import shadow_key, thing_key
from iot_dr.model.shadows.shadow import Shadow, ShadowSelection
from iot_dr.model.sites import Side
from iot_dr.ports.fleet import FleetStore
from iot_dr.ports.progress import ReadingObserver
from iot_dr.ports.shadows import ShadowReader
from iot_dr.services.concurrency import Together, one_by_one
from iot_dr.services.reading.reading import Unseen
from iot_dr.services.replication.scopes import Scope, ScopeReader

BATCH = 32
"""Things that are read at the same time."""

SelectedNames = Callable[[str], Iterator[str]]
"""Names the things of one Region that a query selects."""


def selected_in(query: str, names: Mapping[str, SelectedNames]) -> Iterator[str]:
    """Yield the things that a query selects in any of these Regions: one that only one has is a difference too.

    Raises:
        ConfigurationError: it selects none.
    """
    selected = dict.fromkeys(chain.from_iterable(named(query) for named in names.values()))
    if not selected:
        raise nothing_selected(query, *names)
    yield from selected


def nothing_selected(query: str, *regions: str) -> ConfigurationError:
    """Return the error for a query that selects no thing, where an answer about none would be taken for one."""
    return ConfigurationError(
        f"the query {query!r} selects no thing in {' or '.join(regions)}; see how it is written, and note that the "
        "index follows a change by seconds"
    )


@dataclass(frozen=True)
class SelectedShadows:
    """The shadows of both Regions, and which of them are compared."""

    readers: Mapping[Side, ShadowReader]
    selection: ShadowSelection

    def of(self, side: Side, thing: str) -> Iterator[Shadow]:
        """Read a thing's shadows in a Region."""
        reader, selection = self.readers[side], self.selection
        names = {""} if selection.classic else set()
        if selection.named:
            names |= {name for name in reader.shadow_names(thing) if selection.selects(name)}
        for name in sorted(names):
            found = reader.shadow(shadow_key(thing, name))
            if found is not None:
                yield found


def read_selected(  # noqa: PLR0913  # the composition root is the only caller, by keyword
    things: Iterable[str],
    scopes: ScopeReader,
    store: FleetStore,
    *,
    shadows: SelectedShadows,
    together: Together = one_by_one,
    progress: ReadingObserver | None = None,
) -> int:
    """Read the scopes of things into the store; return how many things there were.

    Raises:
        RetryableError: a Region does not answer.
    """
    seen = progress or Unseen()
    seen.begin("selected things", None)

    def scope_of(thing: str) -> tuple[Scope, Mapping[Side, tuple[Shadow, ...]]]:
        return scopes.read(thing_key(thing), needs=True), {side: tuple(shadows.of(side, thing)) for side in Side}

    number, names = 0, iter(things)
    while batch := list(islice(names, BATCH)):
        for scope, found in together(scope_of, batch):
            # Translated already, which changes nothing when it is done again.
            store.put(Side.SOURCE, chain(scope.desired.entities.values(), found[Side.SOURCE]))
            store.put(Side.TARGET, chain(scope.actual.entities.values(), found[Side.TARGET]))
        number += len(batch)
        seen.advance(len(batch), len(batch))
    return number
