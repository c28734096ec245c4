"""Wires the sync: what was read of both Regions, the journal of what has been applied, and the secondary's writer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from iot_dr.aws.failover.leadership import DynamoDbLeadershipReader
from iot_dr.aws.launch.launched_stacks import CloudFormationStackReader
from iot_dr.aws.ledger.ledger import DynamoDbLedger
from iot_dr.aws.ledger.shadow_notes import DynamoDbShadowNotes
from iot_dr.aws.registry.writer import IotRegistryWriter
from iot_dr.aws.request_ids import noting_requests
from iot_dr.errors import ConfigurationError, NotReadyYet
from iot_dr.files.journal import SqliteJournal
from iot_dr.files.run_records import FileChangeRecord
from iot_dr.files.state_folder import StateFolder, default_folder
from iot_dr.model.launch.launched_stacks import LaunchedStack
from iot_dr.model.shadows.shadow import ShadowSelection
from iot_dr.model.sites import Direction, Side
from iot_dr.model.sync.records import RunHeader
from iot_dr.ports.failover import WriteGate
from iot_dr.ports.progress import SyncRunObserver
from iot_dr.reconcile.safety import DEFAULT_LIMITS, Limits
from iot_dr.runtime.account import clients_of
from iot_dr.runtime.clock import now
from iot_dr.runtime.commands.comparison import ComparisonParts, ComparisonSettings, open_comparison
from iot_dr.runtime.commands.history import new_header
from iot_dr.runtime.commands.settings.launch_names import LaunchNames
from iot_dr.services.gate import LeadershipWriteGate, RememberedWriteGate
from iot_dr.services.reading import reading
from iot_dr.services.reading.comparison_reading import part_of
from iot_dr.services.reading.rereading import RegistrySourceReader
from iot_dr.services.shadows.replicate import ShadowReplication
from iot_dr.services.sync import sync
from iot_dr.services.sync.apply_change import ChangeApplier
from iot_dr.services.sync.launched import launched_stack
from iot_dr.services.sync.marking import Marking
from iot_dr.services.sync.pending_changes import PendingChanges
from iot_dr.services.sync.pending_shadows import PendingShadows, Replicate
from iot_dr.services.sync.recorded import RecordedRegistryWriter, RecordedShadowStore, Recording
from iot_dr.services.sync.sync_run import SyncRun

CONNECTIONS = sync.WIDTH * len(sync.ALL_KINDS) + reading.THREADS
"""Threads that may call a Region at the same time."""


@dataclass(frozen=True, kw_only=True)
class RunSettings(LaunchNames):
    """What `toolsrc` says of a launch, and how a run is wanted that writes by what it compared.

    `not_older_than`: milliseconds; what was read no longer ago is not read again. `anew`: drop what an earlier run has
    read and noted. `select`: a query for things; nothing but them and what hangs on them counts. `paced`: keep to the
    account's quotas. `command`: the command as it was given, for the record.
    """

    ledger_table: str
    profile: str = ""
    state: str = ""
    select: str = ""
    not_older_than: int = 0
    anew: bool = False
    paced: bool = True
    command: str = ""


@dataclass(frozen=True, kw_only=True)
class SyncSettings(RunSettings):
    """How a sync is wanted: what was read no longer ago than `not_older_than` is applied as it is.

    `delete_share`: of what the secondary has, at most.
    """

    delete_share: float = DEFAULT_LIMITS.deletes
    command: str = "iot-dr sync"

    @property
    def compared_first(self) -> bool:
        """Tell whether all is compared before anything is applied: what was found is what is applied."""
        return bool(self.select) or self.not_older_than > 0


@contextmanager
def open_sync(settings: SyncSettings, progress: SyncRunObserver) -> Iterator[SyncRun]:
    """Open a sync of two Regions, going on with one that was cut off.

    Raises:
        ConfigurationError: a setting is wrong; the message names the mend.
        RegionUnavailable: neither Region answers.
    """
    regions, launch = settings.regions, settings.launch
    stacks = CloudFormationStackReader(clients_of(settings.profile))
    launched = launched_stack(launch, stacks)
    folder = StateFolder(Path(settings.state) if settings.state else default_folder(regions))
    stop = threading.Event()
    with (
        SqliteJournal(folder.journal(part_of(settings.select))) as journal,
        open_comparison(_compared(settings, launched, journal), progress, stop) as comparison,
        ExitStack() as exits,
    ):
        dynamodb = comparison.access.client_of("dynamodb", regions.secondary, connections=CONNECTIONS)
        ledger = open_ledger(dynamodb, settings.ledger_table, regions.secondary)
        notes = DynamoDbShadowNotes(dynamodb, settings.ledger_table)
        leadership = DynamoDbLeadershipReader(dynamodb, launch.global_table, settings.ledger_table, regions)
        gate = RememberedWriteGate(LeadershipWriteGate(leadership, regions.secondary), now)
        record = exits.enter_context(FileChangeRecord(folder.history, header_of(settings, comparison.direction)))
        recording = Recording(record, noting_requests, now)
        parts = _SyncParts(settings, launched, comparison, journal, ledger, notes, gate, recording)
        yield SyncRun(
            comparison=comparison.reading,
            journal=journal,
            engine=_engine(parts, progress, stop),
            stop=stop,
            uses=comparison.access.uses,
            compared_first=settings.compared_first,
            record=record,
        )


def header_of(settings: RunSettings, direction: Direction) -> RunHeader:
    """Return the header of a run that begins now and writes the target."""
    target, regions = direction.target, (settings.primary_region, settings.secondary_region)
    return new_header(settings.command, regions, writes=target.region, account=target.account)


def compared_for(settings: RunSettings, shadows: ShadowSelection) -> ComparisonSettings:
    """Return what is compared for a run."""
    return ComparisonSettings(
        settings.primary_region,
        settings.secondary_region,
        profile=settings.profile,
        state=settings.state,
        paced=settings.paced,
        anew=settings.anew,
        select=settings.select,
        keep_ended_for=settings.not_older_than,
        replicate_shadows=shadows.mode,
        shadow_name_pattern=shadows.pattern,
    )


def _compared(settings: SyncSettings, launched: LaunchedStack, journal: SqliteJournal) -> ComparisonSettings:
    compared = compared_for(settings, launched.shadows)
    return replace(compared, being_applied=journal.unfinished, connections=CONNECTIONS)


def open_ledger(dynamodb: Any, table: str, region: str) -> DynamoDbLedger:
    """Return the ledger, known to be there before anything is read at length.

    Raises:
        ConfigurationError: there is none of this name.
    """
    ledger = DynamoDbLedger(dynamodb, table)
    try:
        ledger.cursor("thing")
    except NotReadyYet as error:
        raise ConfigurationError(
            f"there is no ledger {table} in {region}; LEDGER_TABLE must be the "
            "output LedgerTableName of the stack IoTDRSecondary<postfix>, as toolsrc has it"
        ) from error
    return ledger


@dataclass(frozen=True)
class _SyncParts:
    """What the engine of a sync is made of."""

    settings: SyncSettings
    launched: LaunchedStack
    comparison: ComparisonParts
    journal: SqliteJournal
    ledger: DynamoDbLedger
    notes: DynamoDbShadowNotes
    gate: WriteGate
    recording: Recording


def _engine(parts: _SyncParts, progress: SyncRunObserver, stop: threading.Event) -> sync.Sync:
    store, direction = parts.comparison.reading.store, parts.comparison.direction
    marks = Marking(parts.ledger, parts.gate, now)
    pending = PendingChanges(
        comparison=store,
        journal=parts.journal,
        direction=direction,
        marks=marks,
        just_in_time=parts.launched.parameters.get("CertificateMode") == "jitr",
    )
    return sync.Sync(
        pending=pending,
        shadows=PendingShadows(
            store, parts.journal, _shadow_check(parts), compared=pending if parts.settings.compared_first else None
        ),
        applier=_applier(parts, marks),
        progress=progress,
        stop=stop,
        limits=Limits(parts.settings.delete_share),
    )


def _applier(parts: _SyncParts, marks: Marking) -> ChangeApplier:
    source, target = (parts.comparison.regions[side] for side in (Side.SOURCE, Side.TARGET))
    return ChangeApplier(
        direction=parts.comparison.direction,
        source=RegistrySourceReader(
            source.registry,
            now,
            few_targets=source.registry.few_targets_of,
            asked_by=parts.comparison.reading.reading.source_asked_by,
        ),
        target=target.registry,
        writer=RecordedRegistryWriter(
            IotRegistryWriter(target.iot, target.site.region, target.site.account), parts.recording
        ),
        marks=marks,
    )


def _shadow_check(parts: _SyncParts) -> Replicate | None:
    """Return what checks one shadow; None if the launch replicates none."""
    selection, regions = parts.launched.shadows, parts.comparison.regions
    if not selection.any:
        return None
    return ShadowReplication(
        source=regions[Side.SOURCE].shadows,
        target=RecordedShadowStore(regions[Side.TARGET].shadows, parts.recording),
        ledger=parts.ledger,
        notes=parts.notes,
        gate=parts.gate,
        clock=now,
        selection=selection,
    ).check
