"""Two Regions in memory after a failover: who leads, what the ledger knows, and a failback between them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.files.failback_plan import SqliteFailbackPlan
from iot_dr.files.journal import SqliteJournal
from iot_dr.model.failback.plan import FailbackChoices, LastEqual, Party
from iot_dr.model.failback.steps import FailbackResult
from iot_dr.model.failover.control import Control, Mode
from iot_dr.model.failover.fence import Fence, FenceRole
from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.keys import Key, Kind, thing_shadows_key
from iot_dr.model.shadows.shadow import Document, ShadowSelection
from iot_dr.model.sites import Side
from iot_dr.model.sync.progress import SyncProgress
from iot_dr.reconcile.safety import Limits
from iot_dr.services.failback.engine import PartyParts
from iot_dr.services.failback.failback import Failback
from iot_dr.services.failback.lead_back import LeadBack, LeaderWriteGate, RegionItems
from iot_dr.services.failback.moving import Moved
from iot_dr.services.failback.planned import PlannedWrites
from iot_dr.services.failback.planning import Planning
from iot_dr.services.failback.shadows_back import ShadowsBack
from iot_dr.services.failover.follow import NameSeen
from iot_dr.services.failover.take_lead import LeadOrder, TakeLead
from iot_dr.services.gate import LeadershipWriteGate
from iot_dr.services.reading.comparison_reading import ComparisonScope, resume_or_begin
from iot_dr.services.reading.reading import Documents, Reading
from iot_dr.services.reading.rereading import RegistrySourceReader
from iot_dr.services.shadows.replicate import ShadowReplication
from iot_dr.services.snapshots.restore import NoSyncLedger
from tests.builders import PAIR, PRIMARY, REGIONS, SECONDARY
from tests.failover_fakes import InMemoryControlStore, InMemoryFenceStore, InMemoryLeadershipReader
from tests.fakes import Calls, Port
from tests.fleets import InMemoryFleet
from tests.shadow_fakes import InMemoryShadowNotes, InMemoryShadows
from tests.world import ANY_SHARE, World, sweep_until_quiet

ALL = Limits(deletes=1.0)
SHADOWS = ShadowSelection("all")


@dataclass
class InMemoryBaseStore:
    """The ledger and the notes of shadows, which stand in one table."""

    world: FailbackWorld

    def bases(self, keys: Collection[Key]) -> Mapping[Key, LastEqual]:
        """Return what is noted of each."""
        return {**self.world.base.ledger.bases(keys), **shadow_bases(self.world.notes, keys)}

    def note_equal(self, digests: Mapping[Key, str], at: int) -> None:
        """Note that both Regions hold these states."""
        self.world.base.ledger.note_equal(digests, at)


def shadow_bases(notes: InMemoryShadowNotes, keys: Collection[Key]) -> dict[Key, LastEqual]:
    """Return what is noted of those that are shadows."""
    found = {key: notes.read(key) for key in keys if key.kind is Kind.SHADOW}
    return {key: LastEqual(bool(note.digest), note.digest, version=note.copy_version) for key, note in found.items()}


@dataclass
class FixedRegionClock:
    """The time of the world, in whole seconds."""

    world: FailbackWorld

    def now(self) -> int:
        """Return it."""
        return self.world.clock() // 1000 * 1000


@dataclass
class FailbackWorld:
    """All of it; `folder` is the operator's disk, and `calls` sees every call that a failback makes."""

    folder: Path
    base: World = field(default_factory=lambda: World(limits=ANY_SHARE))
    calls: Calls = field(default_factory=Calls)
    steps: list[str] = field(default_factory=list)
    snapshots: list[dict[Key, Entity]] = field(default_factory=list)
    moved: Callable[[], Moved] = lambda: Moved(NameSeen(seen=True))

    def __post_init__(self) -> None:
        self.clock = self.base.clock
        self.primary, self.secondary = InMemoryShadows(self.clock), InMemoryShadows(self.clock)
        self.notes = InMemoryShadowNotes(self.base.ledger)
        self.controls = {region: InMemoryControlStore(Control(PRIMARY)) for region in (PRIMARY, SECONDARY)}
        self.fences = {
            PRIMARY: InMemoryFenceStore(Fence(FenceRole.LEADS)),
            SECONDARY: InMemoryFenceStore(Fence()),
        }

    # What a test arranges

    @property
    def old(self) -> Any:
        """The registry of the old primary."""
        return self.base.primary

    @property
    def leader(self) -> Any:
        """The registry of the Region that leads after the failover."""
        return self.base.secondary

    def cross(self, *entities: Entity, shadows: Mapping[Key, Document] | None = None) -> None:
        """Have the primary hold these, and replication bring them across."""
        self.base.customer.put(*entities)
        self.base.deliver(self.base.customer.take_events())
        sweep_until_quiet(self.base)
        assert self.leader.entities == self.base.wanted
        for key, document in (shadows or {}).items():
            self.primary.put(key, document)
        self.check_shadows()

    def check_shadows(self) -> None:
        """Have replication check all shadows."""
        names = {key.name for key in (*self.primary.documents, *self.secondary.documents)}
        self.replication(self.reader(SECONDARY)).check(map(thing_shadows_key, sorted(names)))

    def fail_over(self) -> None:
        """Have the secondary lead, pinned, and both Regions know it."""
        known = self.reader(SECONDARY).leadership()
        fences, controls = self.fences[SECONDARY], self.controls[SECONDARY]
        taking = TakeLead(SECONDARY, PAIR, self.reader(SECONDARY), fences, controls, self.clock)
        taken = taking.take(known, LeadOrder(Mode.PINNED, "a test", "an outage"))
        self.controls[PRIMARY].item = taken.leadership.control
        self.base.gate.leads = "the secondary leads"

    def reader(self, region: str) -> InMemoryLeadershipReader:
        """Both items of a Region."""
        return InMemoryLeadershipReader(self.controls[region], self.fences[region])

    def replication(self, reader: InMemoryLeadershipReader) -> ShadowReplication:
        """The replication of shadows, behind the gate of the secondary."""
        return ShadowReplication(
            source=self.primary,
            target=self.secondary,
            ledger=self.base.ledger,
            notes=self.notes,
            gate=LeadershipWriteGate(reader, SECONDARY),
            clock=self.clock,
            selection=SHADOWS,
        )

    # The failback

    def run(self, *, accept: str = "", switch: bool = False, **choices: Any) -> FailbackResult:
        """Apply the plan, as one process does."""
        with self.opened(**choices) as failback:
            return failback.apply(accept, switch=switch)

    def plan(self) -> dict[str, str]:
        """Make the plan; what becomes of each resource."""
        with self.opened() as failback:
            failback.make_plan()
            return {str(row.key): str(row.verdict) for kind in Kind for row in failback.plan.rows(kind)}

    @contextmanager
    def opened(self, *, limits: Limits = ALL, leave_behind: bool = False, **choices: Any) -> Iterator[Failback]:
        """One process of a failback, with its files."""
        with ExitStack() as exits:
            store = exits.enter_context(SqliteComparisonStore(self.folder / "comparison.sqlite"))
            plan, check, carried = (
                exits.enter_context(SqliteFailbackPlan(self.folder / f"{name}.sqlite"))
                for name in ("plan", "check", "carried")
            )
            journals = {
                name: exits.enter_context(SqliteJournal(self.folder / f"{name}.sqlite"))
                for name in ("old-plan", "leader-plan", "old-check", "leader-check", "old-carry")
            }
            parties = {party: self._party(party, journals) for party in Party}
            yield Failback(
                plan,
                check,
                carried,
                planning=Planning(store, REGIONS, self._through("bases", InMemoryBaseStore(self))),
                read=lambda since: self._read(store, since),
                lead=LeadBack(PAIR, self._items(SECONDARY), self._items(PRIMARY), self.clock, "a test"),
                parties=parties,
                carrier=self._party(Party.OLD, journals, carries=True),
                bases=self._through("bases", InMemoryBaseStore(self)),
                held=self._through("held", self.base.ledger),
                snapshot=self._snapshot,
                moving=lambda _since: self.moved(),
                old_clock=FixedRegionClock(self),
                clock=self.clock,
                pause=self.clock.advance,
                step=self.steps.append,
                choices=FailbackChoices(**choices),
                limits=limits,
                leave_behind=leave_behind,
            )

    def _through(self, name: str, port: Port) -> Port:
        return self.calls.through(name, port)

    def _items(self, region: str) -> RegionItems:
        name = "old" if region == PRIMARY else "leader"
        return RegionItems(
            self.reader(region),
            self._through(f"{name} fence", self.fences[region]),
            self._through(f"{name} control", self.controls[region]),
        )

    def _snapshot(self) -> str:
        self.snapshots.append(dict(self.old.entities))
        return "a folder"

    def _read(self, store: SqliteComparisonStore, since: int) -> None:
        anew = bool(store.fact("ended")) or int(store.fact("began") or 0) < since
        scope = ComparisonScope(REGIONS, SHADOWS, anew=anew, keep_ended_for=10**12)
        resume_or_begin(store, scope, self.clock())
        fleets = {
            Side.SOURCE: InMemoryFleet(self.old, 3, self.primary),
            Side.TARGET: InMemoryFleet(self.leader, 3, self.secondary),
        }
        assert Reading(store, fleets, threads=1, shadows=SHADOWS).read(documents=Documents.ALL)
        store.set_fact("ended", str(self.clock()))

    def _party(self, party: Party, journals: Mapping[str, SqliteJournal], *, carries: bool = False) -> PartyParts:
        old = party is Party.OLD
        target, source = (self.old, self.leader) if old else (self.leader, self.old)
        leads = LeaderWriteGate(self.reader(PRIMARY if old else SECONDARY), PRIMARY if old else SECONDARY)
        gate = LeadershipWriteGate(self.reader(PRIMARY), PRIMARY) if old and not carries else leads
        return PartyParts(
            source=RegistrySourceReader(source, self.clock),
            target=target,
            writer=self._through(party, target),
            ledger=NoSyncLedger() if old else self.base.ledger,
            gate=gate,
            clock=self.clock,
            progress=self,
            stop=threading.Event(),
            shadows=lambda writes, since: self._shadows(writes, since, gate),
            journals=journals.__getitem__,
            limits=ALL,
            width=1,
        )

    def _shadows(self, writes: PlannedWrites, since: int, gate: Any) -> Any:
        if writes.party is Party.LEADER:
            return self.replication(self.reader(SECONDARY)).check
        old = self._through("old shadows", self.primary)
        return ShadowsBack(self.secondary, old, writes, gate, self.clock, since).bring

    def reached(self, progress: SyncProgress) -> None:
        """See nothing."""

    # What a test asks

    @property
    def equal(self) -> bool:
        """Tell whether both Regions hold the same."""
        return bool(self.leader.entities == self.base.wanted) and self.primary.documents == self.secondary.documents

    def writes(self) -> list[str]:
        """The calls that wrote anything."""
        verbs = ("create", "update", "delete", "make", "change", "order", "note_equal", "release")
        return [call for call in self.calls.made if call.partition(".")[2] in verbs]

    def forget(self, *keys: Key) -> None:
        """Have the ledger know nothing of these, as of what was there before it."""
        for key in keys:
            self.base.ledger.notes.pop(key, None)

    def forget_digest(self, key: Key) -> None:
        """Have the ledger know a resource without its state, as an older release has noted it."""
        note = self.base.ledger.notes[key]
        self.base.ledger.notes[key] = replace(note, digest="")
