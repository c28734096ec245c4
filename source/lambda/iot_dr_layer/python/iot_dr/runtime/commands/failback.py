"""Wires the failback: both Regions to be read and written, the plan on disk, who leads, and the devices' way back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from iot_dr.aws.failover.connections import connects_per_second
from iot_dr.aws.failover.control import DynamoDbControlStore
from iot_dr.aws.failover.fence import DynamoDbFenceStore
from iot_dr.aws.failover.leadership import DynamoDbLeadershipReader
from iot_dr.aws.failover.primary import DynamoDbPrimaryFenceStore, DynamoDbPrimaryLeadershipReader
from iot_dr.aws.failover.region_clock import IotRegionClock
from iot_dr.aws.launch.launched_stacks import CloudFormationStackReader
from iot_dr.aws.ledger.bases import DynamoDbBaseStore, DynamoDbHeldResources
from iot_dr.aws.ledger.ledger import DynamoDbLedger
from iot_dr.aws.ledger.shadow_notes import DynamoDbShadowNotes
from iot_dr.aws.registry.writer import IotRegistryWriter
from iot_dr.aws.request_ids import note_requests_of, noting_requests
from iot_dr.files.failback_plan import SqliteFailbackPlan
from iot_dr.files.journal import SqliteJournal
from iot_dr.files.run_records import FileChangeRecord
from iot_dr.files.state_folder import HISTORY, default_folder
from iot_dr.model.failback.plan import FailbackChoices, Party
from iot_dr.model.launch.launched_stacks import LaunchedStack
from iot_dr.model.shadows.shadow import ShadowSelection
from iot_dr.model.sites import Side
from iot_dr.ports.failover import WriteGate
from iot_dr.ports.progress import FailbackObserver, FailoverObserver
from iot_dr.reconcile.safety import DEFAULT_LIMITS, Limits
from iot_dr.runtime.account import clients_of
from iot_dr.runtime.clock import now
from iot_dr.runtime.commands.comparison import ComparisonParts, ComparisonSettings, open_comparison
from iot_dr.runtime.commands.failover import THREADS, FleetEnvironment, follow_to, operator, paced_connections
from iot_dr.runtime.commands.history import new_header
from iot_dr.runtime.commands.snapshot import SnapshotSettings, take_snapshot
from iot_dr.runtime.commands.sync import CONNECTIONS
from iot_dr.services.concurrency import on_threads
from iot_dr.services.failback.engine import PartyParts
from iot_dr.services.failback.failback import KEPT_FOR, Failback
from iot_dr.services.failback.lead_back import LeadBack, LeaderWriteGate, RegionItems
from iot_dr.services.failback.moving import Moving
from iot_dr.services.failback.planned import PlannedWrites
from iot_dr.services.failback.planning import SIDES, Planning, read_since
from iot_dr.services.failback.shadows_back import ShadowsBack
from iot_dr.services.gate import LeadershipWriteGate, RememberedWriteGate
from iot_dr.services.ordered import Ordering, OrderPlace, RecordedControlStore, RecordedFenceStore
from iot_dr.services.pacing import Wait
from iot_dr.services.reading.comparison_reading import ComparisonScope
from iot_dr.services.reading.rereading import RegistrySourceReader
from iot_dr.services.shadows.replicate import ShadowReplication
from iot_dr.services.snapshots.restore import NoSyncLedger
from iot_dr.services.sync.launched import launched_stack
from iot_dr.services.sync.pending_shadows import Replicate
from iot_dr.services.sync.recorded import RecordedRegistryWriter, RecordedShadowStore, Recording

MINUTE = 60.0
"""Seconds."""

FOLDER = "failback"
"""Of the state of a pair, what a failback keeps."""


@dataclass(frozen=True, kw_only=True)
class FailbackEnvironment(FleetEnvironment):
    """The variables of `toolsrc` that a failback needs: its launch must be known, too."""

    stack_postfix: str = field()
    uuid: str = field()


@dataclass(frozen=True)
class FailbackSettings:
    """How a failback is wanted, as whom, and where it is kept.

    `delete_share`: of what a Region has, at most. `leave_behind`: go on without devices that stay. `minutes`: for how
    long DNS is followed, and then the devices. `by_index`: read shadows by the index of things where it holds them.
    `paced`: keep to the account's quotas.
    """

    environment: FleetEnvironment
    choices: FailbackChoices
    profile: str = ""
    state: str = ""
    delete_share: float = DEFAULT_LIMITS.deletes
    leave_behind: bool = False
    minutes: float = 15.0
    by_index: bool = False
    paced: bool = True

    @property
    def folder(self) -> Path:
        """Return where all of it is kept."""
        return (Path(self.state) if self.state else default_folder(self.environment.regions)) / FOLDER


@dataclass(frozen=True)
class _FailbackParts:
    """What the steps of a failback are made of."""

    settings: FailbackSettings
    launched: LaunchedStack
    comparison: ComparisonParts
    exits: ExitStack
    executor: Executor
    stop: threading.Event
    watch: FailbackObserver
    way: FailoverObserver
    records: Mapping[Party, FileChangeRecord]
    say: Callable[[str], object]
    pause: Wait

    @property
    def orders(self) -> Ordering:
        """Return what notes orders, beside what is written into the old primary."""
        return Ordering(self.records[Party.OLD], noting_requests, now, self.say)

    @property
    def selection(self) -> ShadowSelection:
        """Return which shadows are replicated."""
        return self.launched.shadows


@contextmanager
def open_failback(
    settings: FailbackSettings,
    place: OrderPlace,
    watch: FailbackObserver,
    way: FailoverObserver,
    pause: Wait = time.sleep,
) -> Iterator[Failback]:
    """Open a failback, going on with one that was cut off; `way` is told of the devices, `pause` lets seconds pass.

    Raises:
        ConfigurationError: a setting is wrong; the message names the mend.
        RegionUnavailable: neither Region answers.
    """
    environment, stop = settings.environment, threading.Event()
    launched = launched_stack(environment.launch, CloudFormationStackReader(clients_of(settings.profile)))
    with ExitStack() as exits:
        comparison = exits.enter_context(open_comparison(_compared(settings, launched), watch, stop))
        executor = exits.enter_context(ThreadPoolExecutor(THREADS, thread_name_prefix="failback"))
        old = exits.enter_context(_record(settings, place, comparison, Party.OLD, "failback"))
        leader = exits.enter_context(_record(settings, place, comparison, Party.LEADER, "failback-late"))
        records = {Party.OLD: old, Party.LEADER: leader}
        yield _failback(
            _FailbackParts(settings, launched, comparison, exits, executor, stop, watch, way, records, place.say, pause)
        )
        old.end_as_noted(now())
        leader.end_as_noted(now())


def _record(
    settings: FailbackSettings, place: OrderPlace, comparison: ComparisonParts, party: Party, name: str
) -> FileChangeRecord:
    """Return the record of what is written into one Region."""
    site, regions = comparison.regions[SIDES[party]].site, settings.environment.regions
    both = (regions.primary, regions.secondary)
    header = new_header(place.command, both, writes=site.region, account=site.account, name=name)
    return FileChangeRecord(settings.folder.parent / HISTORY, header)


def _compared(settings: FailbackSettings, launched: LaunchedStack) -> ComparisonSettings:
    shadows, environment = launched.shadows, settings.environment
    return ComparisonSettings(
        environment.primary_region,
        environment.secondary_region,
        profile=settings.profile,
        state=str(settings.folder),
        paced=settings.paced,
        # What a plan was made of serves while it is applied.
        keep_ended_for=KEPT_FOR,
        connections=CONNECTIONS,
        by_index=settings.by_index,
        replicate_shadows=shadows.mode,
        shadow_name_pattern=shadows.pattern,
    )


def _failback(parts: _FailbackParts) -> Failback:
    settings, comparison = parts.settings, parts.comparison
    environment, folder = settings.environment, settings.folder
    plan, check, carried = (
        parts.exits.enter_context(SqliteFailbackPlan(folder / f"{name}.sqlite"))
        for name in ("plan", "check", "carried")
    )
    dynamodb = comparison.access.client_of("dynamodb", environment.secondary_region, connections=CONNECTIONS)
    bases = DynamoDbBaseStore(dynamodb, environment.ledger_table)
    jitr = parts.launched.parameters.get("CertificateMode") == "jitr"
    scope = ComparisonScope(comparison.direction, parts.selection, by_index=settings.by_index, keep_ended_for=KEPT_FOR)
    return Failback(
        plan=plan,
        check=check,
        carried=carried,
        planning=Planning(comparison.reading.store, comparison.direction, bases, just_in_time=jitr),
        read=partial(read_since, comparison.reading, scope),
        lead=LeadBack(environment.regions, items_of(parts, Party.LEADER), items_of(parts, Party.OLD), now, operator()),
        parties={party: _party(parts, party) for party in Party},
        carrier=_party(parts, Party.OLD, carries=True),
        bases=bases,
        held=DynamoDbHeldResources(dynamodb, environment.ledger_table),
        snapshot=partial(_written_down, parts),
        moving=_moving(parts).move,
        old_clock=IotRegionClock(comparison.regions[Side.SOURCE].iot),
        clock=now,
        pause=parts.pause,
        step=parts.watch.step,
        choices=settings.choices,
        uses=comparison.access.uses,
        limits=Limits(settings.delete_share),
        leave_behind=settings.leave_behind,
    )


def items_of(parts: _FailbackParts, party: Party) -> RegionItems:
    """Return both items of a Region."""
    environment, client_of = parts.settings.environment, parts.comparison.access.client_of
    table, ledger, regions = environment.dynamodb_global_table, environment.ledger_table, environment.regions
    if party is Party.OLD:
        dynamodb = note_requests_of(client_of("dynamodb", regions.primary))
        return RegionItems(
            DynamoDbPrimaryLeadershipReader(dynamodb, table, regions),
            RecordedFenceStore(DynamoDbPrimaryFenceStore(dynamodb, table), parts.orders, regions.primary),
            RecordedControlStore(DynamoDbControlStore(dynamodb, table, regions), parts.orders, regions.primary),
        )
    dynamodb = note_requests_of(client_of("dynamodb", regions.secondary))
    return RegionItems(
        DynamoDbLeadershipReader(dynamodb, table, ledger, regions),
        RecordedFenceStore(DynamoDbFenceStore(dynamodb, ledger), parts.orders, regions.secondary),
        RecordedControlStore(DynamoDbControlStore(dynamodb, table, regions), parts.orders, regions.secondary),
    )


def _party(parts: _FailbackParts, party: Party, *, carries: bool = False) -> PartyParts:
    settings, regions = parts.settings, parts.comparison.regions
    side = SIDES[party]
    target, source = regions[side], regions[Side.TARGET if side is Side.SOURCE else Side.SOURCE]
    gate = _gate(parts, party, carries=carries)
    dynamodb = parts.comparison.access.client_of(
        "dynamodb", settings.environment.secondary_region, connections=CONNECTIONS
    )
    return PartyParts(
        source=RegistrySourceReader(source.registry, now),
        target=target.registry,
        writer=RecordedRegistryWriter(
            IotRegistryWriter(target.iot, target.site.region, target.site.account), _recording(parts, party)
        ),
        ledger=NoSyncLedger() if party is Party.OLD else DynamoDbLedger(dynamodb, settings.environment.ledger_table),
        gate=gate,
        clock=now,
        progress=parts.watch,
        stop=parts.stop,
        shadows=partial(_shadows, parts, gate),
        journals=partial(_journal, parts),
        limits=Limits(settings.delete_share),
    )


def _recording(parts: _FailbackParts, party: Party) -> Recording:
    return Recording(parts.records[party], noting_requests, now)


def _gate(parts: _FailbackParts, party: Party, *, carries: bool) -> WriteGate:
    """Return what tells whether a Region may be written: the old primary while it follows, a leader while it leads."""
    environment, reader = parts.settings.environment, items_of(parts, party).reader
    region = environment.primary_region if party is Party.OLD else environment.secondary_region
    follows = party is Party.OLD and not carries
    return RememberedWriteGate((LeadershipWriteGate if follows else LeaderWriteGate)(reader, region), now)


def _journal(parts: _FailbackParts, name: str) -> SqliteJournal:
    return parts.exits.enter_context(SqliteJournal(parts.settings.folder / f"{name}-journal.sqlite"))


def _shadows(parts: _FailbackParts, gate: WriteGate, writes: PlannedWrites, written_since: int) -> Replicate | None:
    """Return what brings shadows into a Region; None if the launch replicates none."""
    environment, regions = parts.settings.environment, parts.comparison.regions
    old, leader = regions[Side.SOURCE].shadows, regions[Side.TARGET].shadows
    if not parts.selection.any:
        return None
    if writes.party is Party.OLD:
        noted = RecordedShadowStore(old, _recording(parts, Party.OLD))
        return ShadowsBack(leader, noted, writes, gate, now, written_since).bring
    dynamodb = parts.comparison.access.client_of("dynamodb", environment.secondary_region)
    return ShadowReplication(
        source=old,
        target=RecordedShadowStore(leader, _recording(parts, Party.LEADER)),
        ledger=DynamoDbLedger(dynamodb, environment.ledger_table),
        notes=DynamoDbShadowNotes(dynamodb, environment.ledger_table),
        # As for late events: what nobody else has written in the leader, and nothing besides.
        gate=LeadershipWriteGate(items_of(parts, Party.LEADER).reader, environment.secondary_region),
        clock=now,
        selection=parts.selection,
    ).check


def _written_down(parts: _FailbackParts) -> str:
    settings = parts.settings
    to = settings.folder / f"old-primary-{now()}"
    what = SnapshotSettings(
        settings.environment.primary_region,
        profile=settings.profile,
        state=str(settings.folder),
        paced=settings.paced,
    )
    take_snapshot(what, str(to), parts.watch)
    return str(to)


def _moving(parts: _FailbackParts) -> Moving:
    client_of, environment = parts.comparison.access.client_of, parts.settings.environment
    seconds = parts.settings.minutes * MINUTE
    return Moving(
        following=lambda since: follow_to(
            environment.primary_region, environment, client_of, parts.executor, parts.pause, since, seconds, parts.way
        ),
        connects=lambda: connects_per_second(client_of("service-quotas", environment.primary_region)),
        connections=partial(paced_connections, client_of, environment.secondary_region),
        progress=parts.way,
        pause=parts.pause,
        together=on_threads(parts.executor),
    )
