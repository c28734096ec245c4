"""Wires the restore: a snapshot in the primary's place, one Region as the secondary, and the engine of `sync`."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from iot_dr.aws import clients
from iot_dr.aws.caller import caller
from iot_dr.aws.pacing import paced
from iot_dr.aws.registry.fleet_reader import IotFleetReader
from iot_dr.aws.registry.reader import IotRegistryReader
from iot_dr.aws.registry.writer import IotRegistryWriter
from iot_dr.aws.shadows.shadow_store import IotShadowStore
from iot_dr.aws.snapshot_bucket import SnapshotBucket, is_bucket
from iot_dr.errors import ConfigurationError
from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.files.journal import SqliteJournal
from iot_dr.files.snapshot_folder import FolderSnapshotStore, Manifest
from iot_dr.files.state_folder import ROOT, StateFolder
from iot_dr.model.registry.keys import Kind
from iot_dr.model.registry.kinds import REGISTRY_KINDS
from iot_dr.model.shadows.shadow import Shadow
from iot_dr.model.sites import Direction, Side, Site
from iot_dr.model.sync.progress import ChangeResult, Ending, Planned, Step, SyncProgress
from iot_dr.ports.failover import WriteGate
from iot_dr.ports.progress import RestoreObserver
from iot_dr.runtime.budgets import budgets_of
from iot_dr.runtime.clock import now
from iot_dr.services.comparison import differences
from iot_dr.services.concurrency import on_threads
from iot_dr.services.gate import OpenWriteGate
from iot_dr.services.pacing import Use
from iot_dr.services.reading import reading
from iot_dr.services.reading.reading import Documents, Reading
from iot_dr.services.single_resource import read_one
from iot_dr.services.snapshots.restore import engine, of_things, put_back
from iot_dr.services.sync import sync

CONNECTIONS = sync.WIDTH * len(sync.ALL_KINDS) + reading.THREADS
BATCH = 500
"""Entities that are written to disk at once."""


@dataclass(frozen=True)
class RestoreSettings:
    """Which Region is written, what of a snapshot, and whose credentials are used; no things means all there is.

    `sha256`: what the snapshot's last file must have, if it is known.
    """

    region: str
    things: tuple[str, ...] = ()
    shadows: bool = False
    profile: str = ""
    state: str = ""
    paced: bool = True
    sha256: str = ""


class Restoring:
    """A restore that is open: first it plans, then perhaps it applies."""

    taken_up = False
    """Each run reads the Region anew, so what an earlier one has brought back differs no more."""

    def __init__(  # noqa: PLR0913  # the composition root is the only caller, by keyword
        self,
        *,
        manifest: Manifest,
        engine: sync.Sync,
        journal: SqliteJournal,
        read: Callable[[], None],
        tell: Callable[[], None],
        shadows: Callable[[bool], int],
        uses: Callable[[], Mapping[str, tuple[Use, ...]]],
    ) -> None:
        self.manifest = manifest
        self._engine, self._journal, self._shadows = engine, journal, shadows
        self._read_all, self._tell = read, tell
        self.uses = uses

    def plan(self) -> Planned:
        """Read the Region and count what would be done; nothing is changed."""
        self._read()
        planned = self._engine.plan()
        if differing := self._shadows(False):
            planned.steps[Kind.SHADOW, Step.UPDATE] += differing
        return planned

    def apply(self) -> SyncProgress:
        """Bring it back; raises what `Sync.apply` does."""
        self._journal.begin("restore")
        self._read()
        standing = self._engine.apply(self._engine.plan())
        self._journal.finish()
        written = {Kind.SHADOW: self._shadows(True)}
        return replace(standing, planned={**standing.planned, **written}, ended={**standing.ended, **written})

    def _read(self) -> None:
        self._read_all()
        self._tell()

    def problems(self) -> Iterator[ChangeResult]:
        """Yield what failed, then what was left for want of it."""
        yield from self._journal.with_ending(Ending.FAILED)
        yield from self._journal.with_ending(Ending.LEFT)


@contextmanager
def open_restore(settings: RestoreSettings, source: str, progress: RestoreObserver) -> Iterator[Restoring]:
    """Open a snapshot and the Region that it is brought into.

    Raises:
        ConfigurationError: there is no whole snapshot, it is not as it was written, a thing is not in it, or the
            credentials are refused.
        RegionUnavailable: the Region does not answer.
    """
    client_of = partial(clients.client, session=clients.session(settings.profile))
    with ExitStack() as exits:
        folder = exits.enter_context(_read_from(source, client_of))
        manifest = folder.manifest()
        folder.check(manifest, settings.sha256)
        account = caller((settings.region,), client_of).account
        direction = Direction(Site(manifest.region, manifest.account), Site(settings.region, account))
        state = exits.enter_context(StateFolder(Path(settings.state or ROOT) / f"restore-{settings.region}"))
        store = exits.enter_context(SqliteComparisonStore(state.comparison))
        journal = exits.enter_context(SqliteJournal(state.path / "journal.sqlite"))
        store.clear()
        _load(folder, store, settings)
        budgets = budgets_of(client_of, settings.region) if settings.paced else None
        iot = client_of("iot", settings.region, connections=CONNECTIONS)
        data = client_of("iot-data", settings.region)
        if budgets:
            paced(iot, budgets)
            paced(data, budgets)
        target = IotRegistryReader(iot, settings.region, account)
        stop, gate = threading.Event(), OpenWriteGate()
        executor = exits.enter_context(ThreadPoolExecutor(reading.THREADS))
        yield Restoring(
            manifest=manifest,
            engine=engine(
                comparison=store,
                journal=journal,
                direction=direction,
                certificate_of=folder.certificate,
                target=target,
                writer=IotRegistryWriter(iot, settings.region, account),
                gate=gate,
                clock=now,
                progress=progress,
                stop=stop,
            ),
            journal=journal,
            read=partial(_read_things, store, target, executor)
            if settings.things
            else partial(_read_all, store, IotFleetReader(iot, settings.region, account), progress, stop),
            tell=lambda: progress.policies(differences(store, direction, kinds=(Kind.POLICY,))),
            shadows=partial(_shadows, folder, settings, IotShadowStore(data), gate)
            if settings.shadows
            else lambda _: 0,
            uses=lambda: {settings.region: budgets.uses()} if budgets else {},
        )


def _load(folder: FolderSnapshotStore, store: SqliteComparisonStore, settings: RestoreSettings) -> None:
    """Put the snapshot, or what things need of it, in the primary's place."""
    entities = (
        of_things(folder, frozenset(settings.things))
        if settings.things
        else (entity for kind in REGISTRY_KINDS for entity in folder.entities(kind))
    )
    for batch in iter(lambda: list(islice(entities, BATCH)), []):
        store.put(Side.SOURCE, batch)
    found = {pair.key.name for pair in store.pairs(Kind.THING)} if settings.things else frozenset()
    if missing := [name for name in settings.things if name not in found]:
        raise ConfigurationError(f"the snapshot has no thing {', '.join(missing)}; its thing.jsonl names all it has")


def _read_all(
    store: SqliteComparisonStore, reader: IotFleetReader, progress: RestoreObserver, stop: threading.Event
) -> None:
    Reading(store, {Side.TARGET: reader}, progress=progress, stop=stop, threads=reading.THREADS).read(
        REGISTRY_KINDS, documents=Documents.ALL
    )


def _read_things(store: SqliteComparisonStore, target: IotRegistryReader, executor: ThreadPoolExecutor) -> None:
    keys = [pair.key for kind in REGISTRY_KINDS for pair in store.pairs(kind)]
    found = on_threads(executor)(partial(read_one, target), keys)
    store.put(Side.TARGET, [entity for entity in found if entity is not None])


def _shadows(
    folder: FolderSnapshotStore, settings: RestoreSettings, shadows: IotShadowStore, gate: WriteGate, apply: bool
) -> int:
    wanted = (one for one in folder.entities(Kind.SHADOW) if isinstance(one, Shadow))
    chosen = (one for one in wanted if not settings.things or one.key.name in settings.things)
    return sum(put_back(one, shadows, gate, apply=apply) for one in chosen)


@contextmanager
def _read_from(source: str, client_of: Callable[..., Any]) -> Iterator[FolderSnapshotStore]:
    if not is_bucket(source):
        yield FolderSnapshotStore(Path(source))
        return
    bucket = SnapshotBucket.at(client_of("s3", own_buckets=False), source)
    path = Path(tempfile.mkdtemp(prefix="iot-dr-snapshot-"))
    try:
        folder = FolderSnapshotStore(path)
        bucket.download(folder.files)
        yield folder
    finally:
        shutil.rmtree(path)
