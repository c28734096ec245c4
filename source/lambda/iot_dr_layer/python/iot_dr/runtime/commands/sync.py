"""Wires the sync: what was read of both Regions, the journal of what has been applied, and the secondary's writer."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from iot_dr.aws import clients
from iot_dr.aws.failover.leadership import DynamoDbLeadershipReader
from iot_dr.aws.launch.launched_stacks import CloudFormationStackReader
from iot_dr.aws.ledger.ledger import DynamoDbLedger
from iot_dr.aws.ledger.shadow_notes import DynamoDbShadowNotes
from iot_dr.aws.registry.reader import IotRegistryReader
from iot_dr.aws.registry.writer import IotRegistryWriter
from iot_dr.errors import ConfigurationError, NotReadyYet
from iot_dr.files.journal import SqliteJournal
from iot_dr.files.state_folder import default_folder
from iot_dr.model.launch.launches import Launch
from iot_dr.model.regions import RegionPair
from iot_dr.model.registry.keys import Kind
from iot_dr.model.registry.read_calls import ReadCall
from iot_dr.model.shadows.shadow import ShadowSelection
from iot_dr.model.sites import Direction, Side
from iot_dr.model.sync.progress import ChangeResult, Ending, Planned, SyncProgress
from iot_dr.ports.failover import WriteGate
from iot_dr.ports.progress import SyncRunObserver
from iot_dr.reconcile.safety import DEFAULT_LIMITS, Limits
from iot_dr.runtime.clock import now
from iot_dr.runtime.commands.comparison import ComparisonRun, ComparisonSettings, open_comparison
from iot_dr.services.gate import LeadershipWriteGate, RememberedWriteGate
from iot_dr.services.pacing import Use
from iot_dr.services.reading import reading
from iot_dr.services.reading.following import ready_while_reading
from iot_dr.services.reading.rereading import RegistrySourceReader
from iot_dr.services.shadows.replicate import ShadowReplication
from iot_dr.services.sync import sync
from iot_dr.services.sync.apply_change import ChangeApplier
from iot_dr.services.sync.marking import Marking
from iot_dr.services.sync.pending_changes import PendingChanges
from iot_dr.services.sync.pending_shadows import PendingShadows

NO_SHADOWS = "none"
"""What the stack's parameter says where shadows are not replicated."""

CONNECTIONS = sync.WIDTH * len(sync.ALL_KINDS) + reading.THREADS
"""Threads that may call a Region at the same time."""


@dataclass(frozen=True)
class SyncSettings:
    """What `toolsrc` says of a launch, and how a run is wanted.

    `not_older_than`: milliseconds; what was read no longer ago is applied as it is, else both Regions are read anew.
    `anew`: drop what an earlier run has read and noted. `delete_share`: of what the secondary has, at most. `select`: a
    query for things; nothing but them and what hangs on them is brought across. `paced`: keep to the account's quotas.
    """

    primary_region: str
    secondary_region: str
    ledger_table: str
    stack_postfix: str
    uuid: str
    profile: str = ""
    state: str = ""
    select: str = ""
    delete_share: float = DEFAULT_LIMITS.deletes
    not_older_than: int = 0
    anew: bool = False
    paced: bool = True

    @property
    def compared_first(self) -> bool:
        """Tell whether all is compared before anything is applied: what was found is what is applied."""
        return bool(self.select) or self.not_older_than > 0


class Syncing:
    """A sync that is open: first it plans, then perhaps it applies."""

    def __init__(
        self,
        comparison: ComparisonRun,
        journal: SqliteJournal,
        syncs: sync.Sync,
        stop: threading.Event,
        *,
        compared_first: bool,
    ) -> None:
        self.taken_up = journal.unfinished == str(comparison.began)
        """Whether it goes on with what an earlier run began to apply."""
        self._comparison, self._journal, self._sync, self._stop = comparison, journal, syncs, stop
        self._compared_first = compared_first

    @property
    def direction(self) -> Direction:
        """Return the Regions."""
        return self._comparison.direction

    @property
    def read_at(self) -> int:
        """Return when the reading began, epoch milliseconds."""
        return self._comparison.began

    def plan(self) -> Planned:
        """Read what has not been read yet, and count what would be done; nothing is changed."""
        self._comparison.read()
        return self._sync.plan()

    def apply(self) -> SyncProgress:
        """Read what has not been read yet and apply it.

        What only creates begins while the reading goes on, unless what has been compared is to be applied exactly.

        Raises:
            UnsafePlan: too much would be deleted; nothing of that was done.
            RetryableError, AccessDenied: as `Sync.apply` and `Reading.read`; a further run goes on.
        """
        if not self.taken_up:
            self._journal.begin(str(self._comparison.began))
        standing = self._sync.apply(self.plan()) if self._compared_first else self._applied_while_reading()
        if not self._stop.is_set():
            self._journal.finish()
            # What was read is no longer what the Regions hold, so nothing is applied from it once more.
            self._comparison.store.set_fact("applied", str(now()))
        return standing

    def problems(self) -> Iterator[ChangeResult]:
        """Yield what failed, then what was left for want of it."""
        yield from self._journal.with_ending(Ending.FAILED)
        yield from self._journal.with_ending(Ending.LEFT)

    def uses(self) -> Mapping[str, tuple[Use, ...]]:
        """Return what was made of the APIs' budgets so far, by Region."""
        return {self.direction.site(side).region: budgets.uses() for side, budgets in self._comparison.budgets.items()}

    def _read_registry(self) -> bool:
        # Of shadows nothing: all of them are checked as they are applied.
        self._comparison.read(kinds=sync.ALL_KINDS)
        return not self._stop.is_set()

    def _applied_while_reading(self) -> SyncProgress:
        self._comparison.reading.read(sync.KINDS)
        planned = self._sync.plan(sync.KINDS)
        if planned.deletes:
            # Nothing is deleted before all has been read.
            self._read_registry()
            return self._sync.apply(self._sync.plan())
        with ThreadPoolExecutor(1, thread_name_prefix="relations") as executor:
            ended = executor.submit(self._read_registry)
            try:
                return self._sync.apply(planned, ready_while_reading(self._comparison.reading, ended))
            finally:
                if not ended.done():
                    self._stop.set()


@contextmanager
def open_sync(settings: SyncSettings, progress: SyncRunObserver) -> Iterator[Syncing]:
    """Open a sync of two Regions, going on with one that was cut off.

    Raises:
        ConfigurationError: a setting is wrong; the message names the mend.
        RegionUnavailable: neither Region answers.
    """
    regions = RegionPair(settings.primary_region, settings.secondary_region)
    launched = _launched(regions, settings)
    folder = Path(settings.state) if settings.state else default_folder(regions)
    stop = threading.Event()
    with SqliteJournal(folder / "journal.sqlite") as journal:
        wanted = ComparisonSettings(
            settings.primary_region,
            settings.secondary_region,
            profile=settings.profile,
            state=settings.state,
            paced=settings.paced,
            anew=settings.anew,
            select=settings.select,
            keep_ended_for=settings.not_older_than,
            being_applied=journal.unfinished,
            connections=CONNECTIONS,
            replicate_shadows=launched.shadows.mode,
            shadow_name_pattern=launched.shadows.pattern,
        )
        with open_comparison(wanted, progress, stop) as comparison:
            wiring = _Wiring(comparison, journal, settings, launched)
            syncs = wiring.sync(progress, stop)
            yield Syncing(comparison, journal, syncs, stop, compared_first=settings.compared_first)


@dataclass(frozen=True)
class _LaunchSettings:
    """How the launch replicates, by the parameters of its stack in the secondary Region."""

    control_table: str
    just_in_time: bool
    shadows: ShadowSelection


def _launched(regions: RegionPair, settings: SyncSettings) -> _LaunchSettings:
    launch = Launch(regions, settings.stack_postfix, settings.uuid)
    client_of = partial(clients.client, session=clients.session(settings.profile))
    stack = CloudFormationStackReader(client_of).read(regions.secondary, launch.secondary_stack)
    if stack is None:
        raise ConfigurationError(
            f"there is no stack {launch.secondary_stack} in {regions.secondary}; launch it first, or read the settings "
            "of the launch: . ./toolsrc"
        )
    told = stack.parameters
    return _LaunchSettings(
        control_table=launch.global_table,
        just_in_time=told.get("CertificateMode") == "jitr",
        shadows=ShadowSelection(
            told.get("ReplicateShadows", NO_SHADOWS), told.get("ShadowNamePattern", ShadowSelection.pattern)
        ),
    )


@dataclass(frozen=True)
class _Wiring:
    """What the services are wired from."""

    comparison: ComparisonRun
    journal: SqliteJournal
    settings: SyncSettings
    launched: _LaunchSettings

    def sync(self, progress: SyncRunObserver, stop: threading.Event) -> sync.Sync:
        """Wire the sync of what is compared."""
        comparison, direction, iot = self.comparison, self.comparison.direction, self.comparison.iot
        dynamodb = comparison.client_of("dynamodb", direction.target.region, connections=CONNECTIONS)
        ledger = _checked(DynamoDbLedger(dynamodb, self.settings.ledger_table), self.settings)
        gate = self._gate(dynamodb)
        marks = Marking(ledger, gate, now)
        pending = PendingChanges(
            comparison=comparison.store,
            journal=self.journal,
            direction=direction,
            ledger=ledger,
            marks=marks,
            just_in_time=self.launched.just_in_time,
        )
        replicated = self.launched.shadows.mode != NO_SHADOWS
        replicate = self._shadow_replication(dynamodb, ledger, gate).check if replicated else None
        return sync.Sync(
            comparison=comparison.store,
            journal=self.journal,
            direction=direction,
            pending=pending,
            shadows=PendingShadows(
                comparison.store,
                self.journal,
                replicate,
                compared=pending if self.settings.compared_first else None,
            ),
            applier=ChangeApplier(
                direction=direction,
                source=self._primary(),
                target=IotRegistryReader(iot[Side.TARGET], direction.target.region, direction.target.account),
                writer=IotRegistryWriter(iot[Side.TARGET], direction.target.region, direction.target.account),
                ledger=ledger,
                marks=marks,
                gate=gate,
                clock=now,
            ),
            progress=progress,
            stop=stop,
            limits=Limits(self.settings.delete_share),
        )

    def _gate(self, dynamodb: Any) -> WriteGate:
        pair = RegionPair(self.settings.primary_region, self.settings.secondary_region)
        tables = self.launched.control_table, self.settings.ledger_table
        reader = DynamoDbLeadershipReader(dynamodb, *tables, pair)
        return RememberedWriteGate(LeadershipWriteGate(reader, pair.secondary), now)

    def _primary(self) -> RegistrySourceReader:
        comparison, source = self.comparison, self.comparison.direction.source
        reader = IotRegistryReader(comparison.iot[Side.SOURCE], source.region, source.account)

        def asked_by(kind: Kind) -> ReadCall:
            by = (
                comparison.reading.attachments_by
                if kind is Kind.POLICY_ATTACHMENT
                else comparison.reading.principals_by
            )
            return by(Side.SOURCE)

        return RegistrySourceReader(reader, now, few_targets=reader.few_targets_of, asked_by=asked_by)

    def _shadow_replication(self, dynamodb: Any, ledger: DynamoDbLedger, gate: WriteGate) -> ShadowReplication:
        comparison = self.comparison
        return ShadowReplication(
            source=comparison.shadows[Side.SOURCE],
            target=comparison.shadows[Side.TARGET],
            ledger=ledger,
            notes=DynamoDbShadowNotes(dynamodb, self.settings.ledger_table),
            gate=gate,
            clock=now,
            selection=self.launched.shadows,
        )


def _checked(ledger: DynamoDbLedger, settings: SyncSettings) -> DynamoDbLedger:
    """Return the ledger, known to be there before anything is read at length."""
    try:
        ledger.cursor("thing")
    except NotReadyYet as error:
        raise ConfigurationError(
            f"there is no ledger {settings.ledger_table} in {settings.secondary_region}; LEDGER_TABLE must be the "
            "output LedgerTableName of the stack IoTDRSecondary<postfix>, as toolsrc has it"
        ) from error
    return ledger
