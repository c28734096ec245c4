"""Wires the snapshot: one Region's readers, a reading that can be taken up, and the folder or bucket it goes to."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from iot_dr.aws import clients
from iot_dr.aws.caller import caller
from iot_dr.aws.pacing import paced
from iot_dr.aws.registry.fleet_reader import IotFleetReader
from iot_dr.aws.registry.reader import IotRegistryReader
from iot_dr.aws.shadows.shadow_store import IotShadowStore
from iot_dr.aws.snapshot_bucket import SnapshotBucket, is_bucket
from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.files.snapshot_folder import KINDS, FolderSnapshotStore, Manifest
from iot_dr.files.state_folder import ROOT, StateFolder
from iot_dr.model.registry.keys import Kind
from iot_dr.model.shadows.shadow import ShadowSelection
from iot_dr.model.sites import Side
from iot_dr.ports.progress import ReadingObserver
from iot_dr.runtime.budgets import budgets_of
from iot_dr.runtime.clock import now
from iot_dr.services.concurrency import on_threads
from iot_dr.services.reading import reading
from iot_dr.services.reading.reading import Documents, Reading
from iot_dr.services.snapshots.snapshot import BATCH, take

KEPT_FOR = 24 * 3_600_000
"""Milliseconds after which a reading that was cut off is begun anew."""

SIDE = Side.SOURCE
"""Under which a Region's registry is kept while it is read; a snapshot has one side only."""


@dataclass(frozen=True)
class SnapshotSettings:
    """Which Region is written down, whose credentials are used, and where it is kept meanwhile."""

    region: str
    profile: str = ""
    state: str = ""
    shadows: str = "all"
    anew: bool = False
    paced: bool = True


@dataclass(frozen=True)
class TakenSnapshot:
    """A snapshot that is whole, and the SHA-256 of the file that has the checksums of all others."""

    manifest: Manifest
    sha256: str


def take_snapshot(settings: SnapshotSettings, to: str, progress: ReadingObserver) -> TakenSnapshot:
    """Read a registry and write it to a folder or `s3://bucket/prefix`.

    Raises:
        ConfigurationError: the credentials are refused, or a folder or bucket cannot be used.
        RetryableError: the Region does not answer; a further run goes on.
        AccessDenied: a right is missing; the message names it.
    """
    in_bucket = is_bucket(to)
    client_of = partial(clients.client, session=clients.session(settings.profile))
    account = caller((settings.region,), client_of).account
    state = StateFolder(Path(settings.state or ROOT) / f"snapshot-{settings.region}")
    with ExitStack() as exits:
        exits.enter_context(state)
        store = exits.enter_context(SqliteComparisonStore(state.comparison))
        began = _begun(store, settings)
        iot, data = (client_of(service, settings.region) for service in ("iot", "iot-data"))
        if settings.paced:
            budgets = budgets_of(client_of, settings.region)
            paced(iot, budgets)
            paced(data, budgets)
        shadows = IotShadowStore(data)
        Reading(
            store,
            {SIDE: IotFleetReader(iot, settings.region, account, shadows)},
            progress=progress,
            shadows=ShadowSelection(settings.shadows),
        ).read(documents=Documents.ALL)
        folder, path = exits.enter_context(_written_to(to, client_of, in_bucket=in_bucket))
        files = FolderSnapshotStore(path)
        files.begin()
        executor = exits.enter_context(ThreadPoolExecutor(reading.THREADS))
        registry = IotRegistryReader(iot, settings.region, account)
        progress.begin("certificates", None)
        numbers = take(store, SIDE, KINDS, registry.certificate, files, on_threads(executor), partial(_told, progress))
        manifest = files.complete(Manifest(settings.region, account, began, now(), numbers))
        taken = TakenSnapshot(manifest, files.digest)
        folder(files)
        store.clear()
        return taken


def _told(progress: ReadingObserver, kind: Kind, _number: int) -> None:
    if kind is Kind.CERTIFICATE:
        progress.advance(BATCH, 0)


def _begun(store: SqliteComparisonStore, settings: SnapshotSettings) -> int:
    """Go on with what has been read of the Region, or begin anew; return when it began."""
    what, at = f"{settings.region} {settings.shadows}", now()
    began = int(store.fact("began") or 0)
    if store.fact("snapshot") == what and at - began < KEPT_FOR and not settings.anew:
        return began
    store.clear()
    store.set_fact("snapshot", what)
    store.set_fact("began", str(at))
    return at


@contextmanager
def _written_to(
    to: str, client_of: Callable[..., Any], *, in_bucket: bool
) -> Iterator[tuple[Callable[[FolderSnapshotStore], None], Path]]:
    """Return the folder that is written, and what brings it to its place."""
    if not in_bucket:
        yield (lambda _: None), Path(to)
        return
    bucket = SnapshotBucket.at(client_of("s3", own_buckets=False), to)
    path = Path(tempfile.mkdtemp(prefix="iot-dr-snapshot-"))
    try:
        yield (lambda files: bucket.upload(files.files)), path
    finally:
        shutil.rmtree(path)
