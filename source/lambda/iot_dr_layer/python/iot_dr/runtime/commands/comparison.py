"""Wires the comparison of two Regions: readers of both, what is kept on disk, and what proves them equal."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from iot_dr.aws import clients
from iot_dr.aws.caller import caller
from iot_dr.aws.pacing import paced
from iot_dr.aws.registry.fleet_reader import IotFleetReader
from iot_dr.aws.registry.reader import IotRegistryReader
from iot_dr.aws.registry.selected_things import SelectedThings, nothing_selected
from iot_dr.aws.shadows.index import IotShadowIndex
from iot_dr.aws.shadows.shadow_store import IotShadowStore
from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.files.state_folder import StateFolder, default_folder
from iot_dr.model.regions import RegionPair
from iot_dr.model.shadows.shadow import ShadowSelection
from iot_dr.model.sites import Direction, Side
from iot_dr.ports.progress import ReadingObserver
from iot_dr.runtime.budgets import budgets_of
from iot_dr.runtime.clock import now
from iot_dr.services.concurrency import on_threads
from iot_dr.services.pacing import RegionCallBudgets
from iot_dr.services.reading.reading import EVERYTHING, NO_SHADOWS, THREADS, CertificateSample, Documents, Reading
from iot_dr.services.reading.selected import SelectedShadows, read_selected
from iot_dr.services.replication.scopes import ScopeReader
from iot_dr.services.shadows.indexed import used_index
from iot_dr.services.verify import Verification

KEPT_FOR = 24 * 3_600_000
"""Milliseconds after which a reading that was cut off is begun anew: too much may have changed since."""


@dataclass(frozen=True)
class ComparisonSettings:
    """What is compared, as whom, how fast, and where it is kept.

    `paced` keeps to the account's quotas, which replication and the customer's own tools need too. `anew` drops what an
    earlier run has read. `certificate_mode` is the launch's own. A reading that has come to its end is kept if it began
    no longer ago than `keep_ended_for`, milliseconds, or if it is the one that began at `being_applied`. `connections`
    is how many threads may call a Region at once. `select` is a query for things; nothing but them and what hangs on
    them is compared. `sample` is of how many certificates the things are read, 0 for all. `by_index`: read shadows by
    the index of things where it holds them, and go on with a reading that does. The last two say which shadows are
    compared.
    """

    primary_region: str
    secondary_region: str
    profile: str = ""
    state: str = ""
    threads: int = THREADS
    paced: bool = True
    anew: bool = False
    certificate_mode: str = "copy"
    keep_ended_for: int = 0
    being_applied: str = ""
    connections: int = 2 * THREADS
    select: str = ""
    sample: int = 0
    by_index: bool = False
    replicate_shadows: str = NO_SHADOWS.mode
    shadow_name_pattern: str = NO_SHADOWS.pattern


@dataclass
class ComparisonRun:
    """A comparison that is open; `resumed` says that it goes on where an earlier one stopped."""

    direction: Direction
    folder: Path
    store: SqliteComparisonStore
    reading: Reading
    verification: Verification
    resumed: bool
    client_of: Callable[..., Any]
    iot: Mapping[Side, Any]
    shadows: Mapping[Side, IotShadowStore]
    selected: Callable[[], int] | None = None
    budgets: dict[Side, RegionCallBudgets] = field(default_factory=dict)

    @property
    def began(self) -> int:
        """Return when the reading began, epoch milliseconds."""
        return int(self.store.fact("began"))

    def read(self, documents: Documents = Documents.SHARED, kinds: Collection[Any] = EVERYTHING) -> None:
        """Read what has not been read; raises what `Reading.read` does."""
        if self.selected:
            if not self.store.fact("ended"):
                self.store.set_fact("selected", str(self.selected()))
        elif not self.reading.read(kinds, documents=documents):
            return
        self.store.set_fact("ended", str(now()))


@contextmanager
def open_comparison(
    settings: ComparisonSettings, progress: ReadingObserver | None = None, stop: threading.Event | None = None
) -> Iterator[ComparisonRun]:
    """Open the comparison of two Regions, going on with what an earlier run has read.

    Raises:
        ConfigurationError: the Regions are one, the credentials are refused, or the folder cannot be used.
        RegionUnavailable: neither Region answers.
    """
    session = clients.session(settings.profile)
    client_of = partial(clients.client, session=session)
    names = RegionPair(settings.primary_region, settings.secondary_region)
    account = caller((names.secondary, names.primary), client_of).account
    direction = names.replication(account)
    folder = StateFolder(Path(settings.state) if settings.state else default_folder(names))
    with ExitStack() as exits:
        exits.enter_context(folder)
        store = exits.enter_context(SqliteComparisonStore(folder.comparison))
        resumed = _begin(store, direction, settings)
        sides = {side: direction.site(side).region for side in Side}
        budgets = {side: budgets_of(client_of, region) for side, region in sides.items()} if settings.paced else {}

        def clients_of(service: str) -> dict[Side, Any]:
            made = partial(client_of, service, connections=settings.connections)
            return {
                side: paced(made(region), budgets[side]) if settings.paced else made(region)
                for side, region in sides.items()
            }

        iot = clients_of("iot")
        together = on_threads(exits.enter_context(ThreadPoolExecutor(settings.threads)))
        readers = {side: IotRegistryReader(iot[side], region, account) for side, region in sides.items()}
        shadows = {side: IotShadowStore(one) for side, one in clients_of("iot-data").items()}
        selection = ShadowSelection(settings.replicate_shadows, settings.shadow_name_pattern)
        indexes = {side: IotShadowIndex(iot[side], region) for side, region in sides.items()}
        yield ComparisonRun(
            direction=direction,
            folder=folder.path,
            store=store,
            reading=Reading(
                store,
                {
                    side: IotFleetReader(iot[side], region, account, shadows[side], indexes[side])
                    for side, region in sides.items()
                },
                threads=settings.threads,
                progress=progress,
                stop=stop,
                # Certificate IDs are hashes: where the sample begins is as good as any other place.
                sample=CertificateSample(settings.sample, secrets.token_hex(32)) if settings.sample else None,
                shadows=selection,
                indexes=indexes if settings.by_index else None,
            ),
            verification=Verification(
                findings=store,
                direction=direction,
                source=readers[Side.SOURCE],
                target=readers[Side.TARGET],
                shadows=shadows,
                just_in_time=settings.certificate_mode == "jitr",
                together=together,
            ),
            resumed=resumed,
            client_of=client_of,
            iot=iot,
            shadows=shadows,
            selected=partial(
                read_selected,
                _selected(settings.select, iot, sides),
                ScopeReader(readers[Side.SOURCE], readers[Side.TARGET], direction),
                store,
                shadows=SelectedShadows(shadows, selection),
                together=together,
                progress=progress,
            )
            if settings.select
            else None,
            budgets=budgets,
        )


def _selected(query: str, iot: Mapping[Side, Any], sides: Mapping[Side, str]) -> Iterator[str]:
    """Yield the things that a query selects in either Region: one that only the secondary has is a difference too."""
    names = chain.from_iterable(SelectedThings(iot[side], region).names(query) for side, region in sides.items())
    selected = dict.fromkeys(names)
    if not selected:
        raise nothing_selected(query, *sides.values())
    yield from selected


def _begin(store: SqliteComparisonStore, direction: Direction, settings: ComparisonSettings) -> bool:
    """Go on with what has been read of the same Regions, or begin anew; return whether it goes on."""
    # What was read in part is no beginning of the whole, nor the other way round.
    part = f"select {settings.select}" if settings.select else "sample" if settings.sample else "all"
    pair, at = f"{direction.source.region} {direction.target.region} {direction.source.account} {part}", now()
    is_kept = not store.fact("ended") or store.fact("began") == settings.being_applied
    kept_for = KEPT_FOR if is_kept else settings.keep_ended_for
    same = store.fact("regions") == pair and not store.fact("applied")
    # A selection has no place where its reading can go on.
    same = same and bool(store.fact("ended") or (not settings.select and _alike(store, settings)))
    if same and not settings.anew and at - int(store.fact("began")) < kept_for:
        return True
    store.clear()
    store.set_fact("regions", pair)
    store.set_fact("began", str(at))
    store.set_fact("shadows", _shadows(settings))
    return False


def _alike(store: SqliteComparisonStore, settings: ComparisonSettings) -> bool:
    """Tell whether what is left to read would be read like the rest: the same shadows, and by the index or not."""
    return store.fact("shadows") == _shadows(settings) and (settings.by_index or not used_index(store))


def _shadows(settings: ComparisonSettings) -> str:
    return f"{settings.replicate_shadows} {settings.shadow_name_pattern}"
