"""Wires the comparison of two Regions: readers of both, what is kept on disk, and what proves them equal."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from iot_dr.aws.registry.fleet_reader import IotFleetReader
from iot_dr.aws.registry.reader import IotRegistryReader
from iot_dr.aws.registry.selected_things import SelectedThings
from iot_dr.aws.request_ids import note_requests_of
from iot_dr.aws.shadows.index import IotShadowIndex
from iot_dr.aws.shadows.shadow_store import IotShadowStore
from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.files.state_folder import StateFolder, default_folder
from iot_dr.model.regions import RegionPair
from iot_dr.model.shadows.shadow import NO_SHADOWS, ShadowSelection
from iot_dr.model.sites import Direction, Side, Site
from iot_dr.ports.progress import ReadingObserver
from iot_dr.runtime.account import AccountAccess, clients_of, open_account
from iot_dr.runtime.clock import now
from iot_dr.services.concurrency import Together, on_threads
from iot_dr.services.reading.comparison_reading import ComparisonReading, ComparisonScope, part_of, resume_or_begin
from iot_dr.services.reading.reading import THREADS, CertificateSample, Reading
from iot_dr.services.reading.selected import SelectedShadows, read_selected, selected_in
from iot_dr.services.replication.scopes import ScopeReader
from iot_dr.services.verify import Verification


@dataclass(frozen=True)
class ComparisonSettings:
    """What is compared, as whom, how fast, and where it is kept.

    `paced` keeps to the account's quotas, which replication and the customer's own tools need too. `anew` drops what an
    earlier run has read. `certificate_mode` is the launch's own. A reading that has come to its end is kept if it began
    no longer ago than `keep_ended_for`, milliseconds, or if it is the one that began at `being_applied`. `connections`
    is how many threads may call a Region at once. `select` is a query for things; nothing but them and what hangs on
    them is compared. `sample` is of how many certificates the things are read, 0 for all. `by_index`: read shadows by
    the index of things where it holds them, and go on with a reading that does. `exact`: keep no reading that has ended
    unless it holds just these shadows, each read by itself. The last two say which shadows are compared.
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
    exact: bool = False
    replicate_shadows: str = NO_SHADOWS.mode
    shadow_name_pattern: str = NO_SHADOWS.pattern

    @property
    def folder(self) -> StateFolder:
        """Return where it is kept.

        Raises:
            ConfigurationError: both Regions are the same.
        """
        names = RegionPair(self.primary_region, self.secondary_region)
        return StateFolder(Path(self.state) if self.state else default_folder(names))


@dataclass(frozen=True)
class RegionParts:
    """One Region of a comparison: its client of AWS IoT, and what reads it."""

    site: Site
    iot: Any
    registry: IotRegistryReader
    shadows: IotShadowStore


@dataclass(frozen=True)
class ComparisonParts:
    """A comparison that is open, for whoever verifies or syncs by it."""

    direction: Direction
    access: AccountAccess
    regions: Mapping[Side, RegionParts]
    reading: ComparisonReading
    verification: Verification


@contextmanager
def open_comparison(
    settings: ComparisonSettings, progress: ReadingObserver | None = None, stop: threading.Event | None = None
) -> Iterator[ComparisonParts]:
    """Open the comparison of two Regions, going on with what an earlier run has read.

    Raises:
        ConfigurationError: the Regions are one, the credentials are refused, or the folder cannot be used.
        RegionUnavailable: neither Region answers.
    """
    client_of = clients_of(settings.profile)
    names = RegionPair(settings.primary_region, settings.secondary_region)
    access = open_account(client_of, names.secondary, names.primary, paced=settings.paced)
    direction = names.replication(access.account)
    folder = settings.folder
    with ExitStack() as exits:
        exits.enter_context(folder)
        # What a part was read into is not where hours of reading all of it lie.
        store = exits.enter_context(SqliteComparisonStore(folder.comparison(part_of(settings.select, settings.sample))))
        together = on_threads(exits.enter_context(ThreadPoolExecutor(settings.threads)))
        scope = _scope(settings, direction)
        resumed = resume_or_begin(store, scope, now())
        regions = {side: _parts(access, direction.site(side), settings.connections) for side in Side}
        yield ComparisonParts(
            direction=direction,
            access=access,
            regions=regions,
            reading=ComparisonReading(
                store=store,
                reading=_reading(settings, store, regions, progress, stop),
                clock=now,
                resumed=resumed,
                selected=_selected(scope, store, regions, together, progress) if scope.select else None,
            ),
            verification=Verification(
                findings=store,
                direction=direction,
                source=regions[Side.SOURCE].registry,
                target=regions[Side.TARGET].registry,
                shadows={side: one.shadows for side, one in regions.items()},
                just_in_time=settings.certificate_mode == "jitr",
                together=together,
            ),
        )


def _scope(settings: ComparisonSettings, direction: Direction) -> ComparisonScope:
    return ComparisonScope(
        direction,
        ShadowSelection(settings.replicate_shadows, settings.shadow_name_pattern),
        select=settings.select,
        sample=settings.sample,
        by_index=settings.by_index,
        keep_ended_for=settings.keep_ended_for,
        being_applied=settings.being_applied,
        anew=settings.anew,
        exact=settings.exact,
    )


def _parts(access: AccountAccess, site: Site, connections: int) -> RegionParts:
    services = ("iot", "iot-data")
    iot, data = (note_requests_of(access.paced(service, site.region, connections)) for service in services)
    return RegionParts(site, iot, IotRegistryReader(iot, site.region, site.account), IotShadowStore(data))


def _reading(
    settings: ComparisonSettings,
    store: SqliteComparisonStore,
    regions: Mapping[Side, RegionParts],
    progress: ReadingObserver | None,
    stop: threading.Event | None,
) -> Reading:
    indexes = {side: IotShadowIndex(one.iot, one.site.region) for side, one in regions.items()}
    return Reading(
        store,
        {
            side: IotFleetReader(one.iot, one.site.region, one.site.account, one.shadows, indexes[side])
            for side, one in regions.items()
        },
        threads=settings.threads,
        progress=progress,
        stop=stop,
        # Certificate IDs are hashes: where the sample begins is as good as any other place.
        sample=CertificateSample(settings.sample, secrets.token_hex(32)) if settings.sample else None,
        shadows=ShadowSelection(settings.replicate_shadows, settings.shadow_name_pattern),
        indexes=indexes if settings.by_index else None,
    )


def _selected(
    scope: ComparisonScope,
    store: SqliteComparisonStore,
    regions: Mapping[Side, RegionParts],
    together: Together,
    progress: ReadingObserver | None,
) -> partial[int]:
    return partial(
        read_selected,
        selected_in(
            scope.select, {one.site.region: SelectedThings(one.iot, one.site.region).names for one in regions.values()}
        ),
        ScopeReader(regions[Side.SOURCE].registry, regions[Side.TARGET].registry, scope.direction),
        store,
        shadows=SelectedShadows({side: one.shadows for side, one in regions.items()}, scope.shadows),
        together=together,
        progress=progress,
    )
