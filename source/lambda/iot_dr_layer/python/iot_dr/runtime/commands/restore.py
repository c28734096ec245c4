"""Wires the restore: a snapshot in the primary's place, one Region as the secondary, and the engine of `sync`."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iot_dr.aws.failover.leadership import DynamoDbLeadershipReader
from iot_dr.aws.registry.fleet_reader import IotFleetReader
from iot_dr.aws.registry.reader import IotRegistryReader
from iot_dr.aws.registry.writer import IotRegistryWriter
from iot_dr.aws.request_ids import note_requests_of, noting_requests
from iot_dr.aws.shadows.shadow_store import IotShadowStore
from iot_dr.aws.snapshot_bucket import SnapshotBucket, is_bucket
from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.files.journal import SqliteJournal
from iot_dr.files.run_records import FileChangeRecord
from iot_dr.files.snapshot_folder import FolderSnapshotStore
from iot_dr.files.state_folder import ROOT, StateFolder
from iot_dr.model.regions import RegionPair
from iot_dr.model.sites import Direction, Site
from iot_dr.model.sync.records import RunHeader
from iot_dr.ports.failover import WriteGate
from iot_dr.ports.progress import RestoreObserver
from iot_dr.runtime.account import AccountAccess, clients_of, open_account
from iot_dr.runtime.clock import now
from iot_dr.runtime.commands.history import new_header
from iot_dr.services.concurrency import on_threads
from iot_dr.services.gate import LeadershipWriteGate, OpenWriteGate, RememberedWriteGate
from iot_dr.services.reading import reading
from iot_dr.services.snapshots.restore_run import RestoreRun, load
from iot_dr.services.sync import sync
from iot_dr.services.sync.recorded import RecordedRegistryWriter, RecordedShadowStore, Recording

CONNECTIONS = sync.WIDTH * len(sync.ALL_KINDS) + reading.THREADS


@dataclass(frozen=True)
class RestoreSettings:
    """Which Region is written, what of a snapshot, and whose credentials are used; no things means all there is.

    `sha256`: what the snapshot's last file must have, if it is known. The Regions and tables tell where the launch
    notes who leads; without them nobody is asked. `command`: the command as it was given, for the record.
    """

    region: str
    things: tuple[str, ...] = ()
    shadows: bool = False
    profile: str = ""
    state: str = ""
    paced: bool = True
    sha256: str = ""
    primary_region: str = ""
    secondary_region: str = ""
    ledger_table: str = ""
    dynamodb_global_table: str = ""
    command: str = "iot-dr restore"


@contextmanager
def open_restore(settings: RestoreSettings, source: str, progress: RestoreObserver) -> Iterator[RestoreRun]:
    """Open a snapshot and the Region that it is brought into.

    Raises:
        ConfigurationError: there is no whole snapshot, it is not as it was written, a thing is not in it, or the
            credentials are refused.
        RegionUnavailable: the Region does not answer.
    """
    client_of = clients_of(settings.profile)
    with ExitStack() as exits:
        snapshot = exits.enter_context(_read_from(source, client_of))
        manifest = snapshot.manifest()
        snapshot.check(manifest, settings.sha256)
        access = open_account(client_of, settings.region, paced=settings.paced)
        direction = Direction(Site(manifest.region, manifest.account), Site(settings.region, access.account))
        state = exits.enter_context(StateFolder(Path(settings.state or ROOT) / f"restore-{settings.region}"))
        store = exits.enter_context(SqliteComparisonStore(state.comparison()))
        journal = exits.enter_context(SqliteJournal(state.journal()))
        load(snapshot, store, settings.things)
        iot = note_requests_of(access.paced("iot", settings.region, CONNECTIONS))
        gate = _gate(settings, client_of)
        record = exits.enter_context(FileChangeRecord(state.history, _header(settings, access.account)))
        recording = Recording(record, noting_requests, now)
        yield RestoreRun(
            snapshot=snapshot,
            store=store,
            journal=journal,
            direction=direction,
            fleet=IotFleetReader(iot, settings.region, access.account),
            target=IotRegistryReader(iot, settings.region, access.account),
            writer=RecordedRegistryWriter(IotRegistryWriter(iot, settings.region, access.account), recording),
            gate=gate,
            clock=now,
            progress=progress,
            stop=threading.Event(),
            together=on_threads(exits.enter_context(ThreadPoolExecutor(reading.THREADS))),
            uses=access.uses,
            things=settings.things,
            shadows=_shadows(settings, access, recording) if settings.shadows else None,
            record=record,
        )


def _header(settings: RestoreSettings, account: str) -> RunHeader:
    regions = (settings.primary_region, settings.secondary_region)
    return new_header(settings.command, regions, writes=settings.region, account=account)


def _shadows(settings: RestoreSettings, access: AccountAccess, recording: Recording) -> RecordedShadowStore:
    client = note_requests_of(access.paced("iot-data", settings.region))
    return RecordedShadowStore(IotShadowStore(client), recording)


def _gate(settings: RestoreSettings, client_of: Callable[..., Any]) -> WriteGate:
    """Return what tells whether a Region leads: only the secondary has a fence."""
    region, tables = settings.region, (settings.dynamodb_global_table, settings.ledger_table)
    if region != settings.secondary_region or not all((settings.primary_region, *tables)):
        return OpenWriteGate()
    reader = DynamoDbLeadershipReader(
        client_of("dynamodb", region), *tables, RegionPair(settings.primary_region, region)
    )
    return RememberedWriteGate(LeadershipWriteGate(reader, region), now)


@contextmanager
def _read_from(source: str, client_of: Callable[..., Any]) -> Iterator[FolderSnapshotStore]:
    if not is_bucket(source):
        yield FolderSnapshotStore(Path(source))
        return
    bucket = SnapshotBucket.at(client_of("s3", own_buckets=False), source)
    with tempfile.TemporaryDirectory(prefix="iot-dr-snapshot-") as path:
        folder = FolderSnapshotStore(Path(path))
        bucket.download(folder.files)
        yield folder
