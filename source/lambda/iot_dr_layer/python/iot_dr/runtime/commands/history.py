"""Wires the history: the records of what was applied, and the snapshot that takes a run back."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from iot_dr import __version__
from iot_dr.aws.request_ids import noting_requests
from iot_dr.files.run_records import FileOrderRecord, FileRunHistory, SqliteFirstStates, new_run_id
from iot_dr.files.snapshot_folder import FolderSnapshotStore, Manifest
from iot_dr.files.state_folder import HISTORY, ROOT, default_folder
from iot_dr.model.regions import RegionPair
from iot_dr.model.sync.records import RunHeader, Undo
from iot_dr.ports.sync import RunHistory
from iot_dr.runtime.clock import now
from iot_dr.services.history import undo
from iot_dr.services.ordered import Ordering, OrderPlace


@dataclass(frozen=True)
class HistorySettings:
    """Where the records are; empty for the folder that commands use by themselves."""

    state: str = ""


def new_header(command: str, regions: tuple[str, str], *, writes: str, account: str = "", name: str = "") -> RunHeader:
    """Return the header of a run that begins now and writes one of a launch's Regions, the primary and the secondary.

    The run is named after its command, if no other name is given.
    """
    begun = now()
    run = new_run_id(begun, name or command.split()[1])
    return RunHeader(run, begun, command, account, writes, *regions, release=__version__)


def ordering(place: OrderPlace, region: str) -> Ordering:
    """Return what notes orders that change this Region; there is no file before the first one."""
    known = place.primary and place.secondary
    folder = default_folder(RegionPair(place.primary, place.secondary)) if known else Path(ROOT)
    header = new_header(place.command, (place.primary, place.secondary), writes=region)
    record = FileOrderRecord((Path(place.state) if place.state else folder) / HISTORY, header)
    return Ordering(record, noting_requests, now, place.say)


def open_history(settings: HistorySettings) -> RunHistory:
    """Open the records of all runs below the state folder."""
    return _history(settings)


def write_undo(settings: HistorySettings, run: str) -> Undo:
    """Write the snapshot that takes a run back, beside its record.

    Raises:
        ConfigurationError: there is no such run, or the folder cannot be written.
    """
    history = _history(settings)
    folder = history.path(run).with_suffix(".undo")
    snapshot = FolderSnapshotStore(folder)

    def complete(header: RunHeader, numbers: Mapping[str, int]) -> str:
        snapshot.complete(Manifest(header.region, header.account, header.began, now(), numbers))
        return str(folder)

    snapshot.begin()
    with tempfile.TemporaryDirectory(prefix="iot-dr-undo-") as path, SqliteFirstStates(Path(path) / "first") as first:
        return undo(history, run, first, snapshot, complete)


def _history(settings: HistorySettings) -> FileRunHistory:
    return FileRunHistory(Path(settings.state or ROOT))
