"""Wires the snapshot: one Region's readers, a reading that can be taken up, and the folder or bucket it goes to."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from iot_dr.aws.registry.fleet_reader import IotFleetReader
from iot_dr.aws.registry.reader import IotRegistryReader
from iot_dr.aws.shadows.shadow_store import IotShadowStore
from iot_dr.aws.snapshot_bucket import SnapshotBucket, is_bucket
from iot_dr.errors import ConfigurationError
from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.files.snapshot_folder import KINDS, MANIFEST, FolderSnapshotStore, Manifest
from iot_dr.files.state_folder import ROOT, StateFolder
from iot_dr.model.registry.keys import Kind
from iot_dr.model.shadows.shadow import ShadowSelection
from iot_dr.model.sites import Side
from iot_dr.ports.progress import ReadingObserver
from iot_dr.runtime.account import AccountAccess, clients_of, open_account
from iot_dr.runtime.clock import now
from iot_dr.services.concurrency import on_threads
from iot_dr.services.reading import reading
from iot_dr.services.reading.reading import Documents, Reading
from iot_dr.services.snapshots.snapshot import BATCH, resume_or_begin, take

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
    in_bucket, client_of = is_bucket(to), clients_of(settings.profile)
    # Before hours are spent on reading.
    _ensure_ours(to, client_of, in_bucket=in_bucket)
    access = open_account(client_of, settings.region, paced=settings.paced)
    state = StateFolder(Path(settings.state or ROOT) / f"snapshot-{settings.region}")
    with ExitStack() as exits:
        exits.enter_context(state)
        store = exits.enter_context(SqliteComparisonStore(state.comparison()))
        began = resume_or_begin(store, f"{settings.region} {settings.shadows}", now(), anew=settings.anew)
        iot, data = (access.paced(service, settings.region) for service in ("iot", "iot-data"))
        reader = IotFleetReader(iot, settings.region, access.account, IotShadowStore(data))
        selection = ShadowSelection(settings.shadows)
        Reading(store, {SIDE: reader}, progress=progress, shadows=selection).read(documents=Documents.ALL)
        bring, path = exits.enter_context(_written_to(to, access, in_bucket=in_bucket))
        files = FolderSnapshotStore(path)
        files.begin()
        together = on_threads(exits.enter_context(ThreadPoolExecutor(reading.THREADS)))
        registry = IotRegistryReader(iot, settings.region, access.account)
        progress.begin("certificates", None)
        numbers = take(store, SIDE, KINDS, registry.certificate, files, together, partial(_told, progress))
        manifest = files.complete(Manifest(settings.region, access.account, began, now(), numbers))
        taken = TakenSnapshot(manifest, files.digest)
        bring(files)
        store.clear()
        return taken


def _ensure_ours(to: str, client_of: Callable[..., Any], *, in_bucket: bool) -> None:
    """See to it that nothing is overwritten but an earlier snapshot."""
    if not in_bucket:
        FolderSnapshotStore(Path(to)).ensure_ours()
        return
    there = SnapshotBucket.at(client_of("s3", own_buckets=False), to).text(MANIFEST)
    if there is not None:
        with tempfile.TemporaryDirectory(prefix="iot-dr-snapshot-") as path:
            (Path(path) / MANIFEST).write_text(there, encoding="utf-8")
            try:
                FolderSnapshotStore(Path(path)).ensure_ours()
            except ConfigurationError as error:
                raise ConfigurationError(
                    f"{to.rstrip('/')}/{MANIFEST} is there, and no snapshot that this release knows; give another "
                    "place, or remove it"
                ) from error


def _told(progress: ReadingObserver, kind: Kind, _number: int) -> None:
    if kind is Kind.CERTIFICATE:
        progress.advance(BATCH, 0)


@contextmanager
def _written_to(
    to: str, access: AccountAccess, *, in_bucket: bool
) -> Iterator[tuple[Callable[[FolderSnapshotStore], None], Path]]:
    """Return what brings a written folder to its place, and the folder."""
    if not in_bucket:
        yield (lambda _: None), Path(to)
        return
    bucket = SnapshotBucket.at(access.client_of("s3", own_buckets=False), to)
    with tempfile.TemporaryDirectory(prefix="iot-dr-snapshot-") as path:
        yield (lambda files: bucket.upload(files.files)), Path(path)
