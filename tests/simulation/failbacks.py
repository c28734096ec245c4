"""Failbacks in a run: an operator plans, applies and switches, is killed at any moment, and runs the command again.

The product's own `Failback` does it. What it keeps on disk is kept in memory, and outlives its process. Of AWS only the
devices are told anew: they go where the name leads, one after the other, and the rest when they are disconnected.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from iot_dr.errors import ConfigurationError
from iot_dr.model.failback.plan import FailbackChoices, FailbackVerdict, LastEqual, Party, PlannedRow, PlanNumbers
from iot_dr.model.failback.steps import APPLYING, FailbackResult
from iot_dr.model.registry.differences import Pair
from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.entity_json import to_json
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.sites import Side
from iot_dr.ports.clock import RegionClock
from iot_dr.ports.failback import BaseStore, HeldResources
from iot_dr.ports.failover import ControlStore, FenceStore, LeadershipReader, WriteGate
from iot_dr.ports.ledger import Ledger
from iot_dr.ports.registry import RegistryReader
from iot_dr.ports.shadows import ShadowReader, ShadowStore
from iot_dr.reconcile.safety import Limits
from iot_dr.services.failback.engine import PartyParts
from iot_dr.services.failback.failback import Failback
from iot_dr.services.failback.lead_back import LeadBack, LeaderWriteGate, NotAgreed, RegionItems
from iot_dr.services.failback.moving import Moved
from iot_dr.services.failback.planned import PlannedWrites
from iot_dr.services.failback.planning import SIDES, Planning
from iot_dr.services.failback.shadows_back import ShadowsBack
from iot_dr.services.failover.follow import NameSeen
from iot_dr.services.gate import LeadershipWriteGate, RememberedWriteGate
from iot_dr.services.reading.rereading import RegistrySourceReader
from iot_dr.services.shadows.replicate import ShadowReplication
from iot_dr.services.snapshots.restore import NoSyncLedger
from iot_dr.services.sync import sync
from tests.builders import PAIR, PRIMARY, REGIONS, SECONDARY
from tests.failback_world import shadow_bases
from tests.fakes import InMemoryLedger, InMemoryRegistry
from tests.shadow_fakes import InMemoryShadowNotes
from tests.simulation.brought_back import BroughtBack, JudgedRegistry, JudgedShadows
from tests.simulation.customers import Operation
from tests.simulation.failovers import Failovers
from tests.simulation.operator_at_work import Compared, KeptJournal, Nobody, Paced, all_of
from tests.simulation.process import Process, SteppingWriter
from tests.simulation.scheduler import Scheduler
from tests.simulation.shadows import ShadowSide

MINUTE = 60_000
FAIL_BACK = "fail back"
FAILBACK_VERBS = (FAIL_BACK,)

AWAITED_FOR = 20 * MINUTE
"""Milliseconds for which an operator waits until the secondary leads."""

AGAIN_AFTER = 20_000
TRIES = 12
"""Commands that an operator gives while all sorts of things fail; the rest when that is over."""

TRIES_IN_CALM = 30
SAME_PLANS = 4
"""Plans that an operator makes whose check finds the same again, before the rest is left to be mended by hand."""

KILLED = 0.4
"""The share of commands that are ended from outside, after a second or after ten minutes."""

PLACES = {Side.SOURCE: ("primary", "primary shadows"), Side.TARGET: ("secondary", "shadow copies")}


# What an operator's disk holds


class KeptReading:
    """What was read of both Regions; a reading that was cut off is gone on with."""

    def __init__(self) -> None:
        self.began, self.ended = 0, False
        self._held: dict[Side, dict[Key, Entity]] = {side: {} for side in Side}
        self._done: set[tuple[Side, Kind]] = set()

    def read(self, since: int, clock: Callable[[], int], ask: Callable[[Side, Kind], dict[Key, Entity]]) -> None:
        """Read what has not been read since, kind by kind."""
        if self.ended or self.began < since:
            self.began, self.ended = clock(), False
            self._held, self._done = {side: {} for side in Side}, set()
        for side in Side:
            for kind in (*sync.ALL_KINDS, Kind.SHADOW):
                if (side, kind) not in self._done:
                    self._held[side] |= ask(side, kind)
                    self._done.add((side, kind))
        self.ended = True

    @property
    def _compared(self) -> Compared:
        return Compared(self._held[Side.SOURCE], self._held[Side.TARGET])

    def pairs(self, kind: Kind, after: Key | None = None, *, differing: bool = False) -> Iterator[Pair]:
        """Yield what either has of a kind, in order."""
        return self._compared.pairs(kind, after, differing=differing)

    def pair(self, key: Key) -> Pair:
        """Return what both have under a key."""
        return self._compared.pair(key)

    def number(self, side: Side, kind: Kind) -> int:
        """Return how many a Region has of a kind."""
        return self._compared.number(side, kind)


@dataclass
class KeptPlan:
    """`ports.FailbackPlan`; `read_at` is when the reading began that its rows are of."""

    reading: KeptReading
    read_at: int = 0
    held: dict[Key, PlannedRow] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)

    def put(self, rows: Iterable[PlannedRow]) -> None:
        """Keep rows."""
        found = {row.key: row for row in rows}
        self.read_at, self.held = self.reading.began, {**self.held, **found}

    def rows(self, kind: Kind, after: Key | None = None) -> Iterator[PlannedRow]:
        """Yield the rows of a kind in order, behind a key."""
        keys = sorted(key for key in self.held if key.kind is kind and (after is None or key > after))
        return iter([self.held[key] for key in keys])

    def row(self, key: Key) -> PlannedRow | None:
        """Return one row; None if there is none."""
        return self.held.get(key)

    def numbers(self) -> PlanNumbers:
        """Count the rows."""
        return PlanNumbers(Counter((key.kind, row.verdict) for key, row in self.held.items()))

    def digest(self) -> str:
        """Return a short text that differs whenever a row does."""
        told = [
            (str(key), row.verdict, row.decision.reason, *(one and to_json(one) for one in (row.leader, row.old)))
            for key, row in sorted(self.held.items())
        ]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]

    def fact(self, name: str) -> str:
        """Return a small fact; empty if it was not set."""
        return self.facts.get(name, "")

    def set_fact(self, name: str, text: str) -> None:
        """Keep a small fact."""
        self.facts[name] = text

    def clear(self) -> None:
        """Drop everything."""
        self.clear_rows()
        self.facts = {}

    def clear_rows(self) -> None:
        """Drop the rows; facts stay."""
        self.held = {}


class KeptRunJournal(KeptJournal):
    """The journal of a run that may be interrupted."""

    unfinished = ""

    def begin(self, comparison: str) -> None:
        """Begin with a comparison; what was in the journal is dropped."""
        self.settled, self.unfinished = {}, comparison

    def finish(self) -> None:
        """Note that the run has come to its end."""
        self.unfinished = ""


class Disk:
    """The folder of a pair's failbacks."""

    def __init__(self) -> None:
        self.reading = KeptReading()
        self.plan, self.check, self.carried = (KeptPlan(self.reading) for _ in range(3))
        self._journals: dict[str, KeptRunJournal] = {}

    def journal(self, name: str) -> KeptRunJournal:
        """Open a journal by its name."""
        return self._journals.setdefault(name, KeptRunJournal())


@dataclass
class Bases:
    """What the ledger knows of the states that both Regions held last; shadows have notes of their own."""

    ledger: InMemoryLedger
    notes: InMemoryShadowNotes

    def bases(self, keys: Collection[Key]) -> Mapping[Key, LastEqual]:
        """Return what is noted of each."""
        ordered = sorted(keys)
        return {**self.ledger.bases(ordered), **shadow_bases(self.notes, ordered)}

    def note_equal(self, digests: Mapping[Key, str], at: int) -> None:
        """Note that both Regions hold these states by now."""
        self.ledger.note_equal(digests, at)


@dataclass(frozen=True)
class PrimaryClock:
    """The primary's own time, in whole seconds."""

    scheduler: Scheduler

    def now(self) -> int:
        """Return it."""
        return self.scheduler.now // 1000 * 1000


# The operator


@dataclass(frozen=True)
class Site:
    """What of a run a failback touches; `told` has the primary's own changes raise events."""

    scheduler: Scheduler
    process: Callable[[str], Process]
    failovers: Failovers
    registries: Mapping[Side, InMemoryRegistry]
    ledger: InMemoryLedger
    shadows: ShadowSide
    rules: BroughtBack
    tell: Callable[[str, tuple[Any, ...]], None]


class Failbacks:
    """The operator who fails back, one command after the other; `running` as long as one is at it.

    `unfinished`: the operator has stopped for now, and goes on when nothing fails any more. `completed`: how often all
    was done. `given_up`: why the rest was left.
    """

    def __init__(self, site: Site, disk: Disk) -> None:
        self.running = self.unfinished = False
        self.completed = 0
        self.given_up = ""
        self._site, self._disk = site, disk
        self._chance = site.scheduler.chance
        self._done: Callable[[], None] = lambda: None
        self.choices = FailbackChoices()
        self._decides = True
        self._switch = self._plans = True
        self._accepted = ""
        self._tries = self._commands = 0
        self._differing: Counter[str] = Counter()
        self._calm = False

    def begin(self, operation: Operation, done: Callable[[], None]) -> None:
        """Have an operator begin, if none is at it, once the secondary leads; `done` when all is done or left."""
        if self.running or self.unfinished:
            done()
            return
        subject, other = operation.subject, operation.other
        self.running, self._done = True, done
        self.choices = FailbackChoices((Party.LEADER, Party.OLD, None)[other % 3], with_deletes=subject % 3 == 0)
        self._decides, self._switch = subject % 4 > 0, other % 4 > 0
        self._plans, self._tries = True, TRIES
        self._differing.clear()
        self._await(self._site.scheduler.now + AWAITED_FOR)

    def _await(self, until: int) -> None:
        if self._site.failovers.led_since is not None:
            self._command()
        elif self._site.scheduler.now > until:
            self._leave("the secondary does not lead")
        else:
            self._site.scheduler.after(10_000, partial(self._await, until))

    def go_on(self) -> None:
        """Go on where the operator stopped, now that nothing fails any more."""
        self._calm = True
        if self.unfinished:
            self.unfinished, self.running, self._tries = False, True, TRIES_IN_CALM
            self._command()

    def _command(self) -> None:
        self._tries -= 1
        self._commands += 1
        process = self._site.process(f"failback {self._commands}")
        failback, answers = self._failback(process), list[FailbackResult | None]()

        def work() -> None:
            if self._plans:
                failback.make_plan()
                self._accepted = failback.shown
                answers.append(None)
            else:
                answers.append(failback.apply(self._accepted, switch=self._switch))

        may_be_killed = not self._calm or self._tries > TRIES_IN_CALM - 4
        longest = 100 * 24 * 60 * MINUTE
        if may_be_killed and self._chance.random() < KILLED:
            longest = int(1_000 * 600 ** self._chance.random())
        process.start(work, partial(self._ended, answers), longest)

    def _ended(self, answers: list[FailbackResult | None], error: BaseException | None) -> None:
        what = "plan" if self._plans else "switch" if self._switch else "apply"
        self._site.tell(f"failback: {what}", (error or self._told(answers[0]),))
        if not isinstance(error, ConfigurationError | NotAgreed | None):
            # A fault, or it was killed: the same command again.
            self._again(AGAIN_AFTER)
        elif isinstance(error, NotAgreed):
            self._not_agreed()
        elif isinstance(error, ConfigurationError):
            self._refused()
        elif (result := answers[0]) is None:
            self._plans = False
            self._again(int(1_000 * 600 ** self._chance.random()))
        else:
            self._applied(result)

    @staticmethod
    def _told(result: FailbackResult | None) -> str:
        if result is None:
            return "planned"
        return "complete" if result.complete else f"{result.stopped}: {result.why}"

    def _not_agreed(self) -> None:
        """Order the failover again where the Regions say otherwise, as the message says; then plan anew."""
        failovers = self._site.failovers
        if failovers.led_since is None:
            self._leave("it does not lead any more")
            return
        self._plans = True
        if failovers.control_there.leader == PRIMARY and not failovers.is_parted:
            failovers.begin("order secondary", 100 + self._commands, lambda: self._again(AGAIN_AFTER))
        else:
            self._again(3 * AGAIN_AFTER)

    def _refused(self) -> None:
        open_rows = any(row.verdict is FailbackVerdict.CONFLICT for row in self._disk.plan.held.values())
        if self.choices.prefer is None and open_rows and self._accepted == self._disk.plan.digest():
            if not self._decides:
                self._leave("conflicts are left undecided")
                return
            self.choices = FailbackChoices(Party.LEADER, self.choices.with_deletes)
        else:
            self._plans = True
        self._again(AGAIN_AFTER)

    def _applied(self, result: FailbackResult) -> None:
        if result.complete and self._switch:
            self.completed += 1
            self._leave("")
        elif result.complete:
            self._switch = True
            self._again(int(30_000 * 60 ** self._chance.random()))
        elif result.stopped in APPLYING:
            self._differing[result.why] += 1
            if self._differing[result.why] > SAME_PLANS and self._calm:
                self._leave(result.why)
                return
            # What failed is tried again first; what differs then is the next plan's.
            self._plans = bool(self._differing[result.why] % 2) or result.checked is not None
            self._again(AGAIN_AFTER)
        else:
            self._again(3 * AGAIN_AFTER)

    def _again(self, pause: int) -> None:
        if self._tries > 0:
            self._site.scheduler.after(pause, self._command)
        elif self._calm:
            self._leave("it does not come to its end")
        else:
            self.unfinished = True
            self._stop()

    def _leave(self, why: str) -> None:
        self.given_up = why
        self._stop()

    def _stop(self) -> None:
        self.running = False
        done, self._done = self._done, lambda: None
        done()

    # How it is wired

    def _failback(self, process: Process) -> Failback:
        disk, scheduler = self._disk, self._site.scheduler
        bases = Bases(self._site.ledger, self._site.shadows.notes)
        ledger = process.port("bases", bases, BaseStore)
        return Failback(
            plan=disk.plan,
            check=disk.check,
            carried=disk.carried,
            planning=Planning(disk.reading, REGIONS, ledger),
            read=lambda since: disk.reading.read(since, scheduler.clock, partial(self._asked, process)),
            lead=LeadBack(PAIR, self._items(process, SECONDARY), self._items(process, PRIMARY), scheduler.clock, "ops"),
            parties={party: self._party(process, party) for party in Party},
            carrier=self._party(process, Party.OLD, carries=True),
            bases=ledger,
            held=process.port("bases", self._site.ledger, HeldResources),
            snapshot=partial(process.call, "primary", "snapshot", lambda: "a folder"),
            moving=self._moved,
            old_clock=process.port("primary", PrimaryClock(scheduler), RegionClock),
            clock=scheduler.clock,
            pause=lambda seconds: scheduler.wait(int(seconds * 1000)),
            step=lambda words: self._site.tell(words, ()),
            choices=self.choices,
            limits=Limits(deletes=1.0),
        )

    def _asked(self, process: Process, side: Side, kind: Kind) -> dict[Key, Entity]:
        registry, shadows = PLACES[side]
        if kind is not Kind.SHADOW:
            found = partial(all_of, self._site.registries[side], kind)
            answer: dict[Key, Entity] = process.call(registry, f"all of {kind}", found)
            return answer
        held = self._site.shadows.primary if side is Side.SOURCE else self._site.shadows.secondary
        all_shadows: dict[Key, Entity] = process.call(
            shadows, "all shadows", lambda: {key: held.shadow(key) for key in held.documents}
        )
        return all_shadows

    def _items(self, process: Process, region: str) -> RegionItems:
        there = " there" if region == PRIMARY else ""
        items = self._site.failovers.items_of_failback(region)
        return RegionItems(
            process.port(f"control{there}", items.reader, LeadershipReader),
            process.port(f"fence{there}", items.fence, FenceStore),
            process.port(f"orders{there}", items.control, ControlStore),
        )

    def _party(self, process: Process, party: Party, *, carries: bool = False) -> PartyParts:
        site, clock = self._site, self._site.scheduler.clock
        target = SIDES[party]
        source = Side.TARGET if target is Side.SOURCE else Side.SOURCE
        old = party is Party.OLD
        region = PRIMARY if old else SECONDARY
        reader = self._items(process, region).reader
        follows = old and not carries
        gate = RememberedWriteGate((LeadershipWriteGate if follows else LeaderWriteGate)(reader, region), clock)
        rows = self._disk.carried if carries else self._disk.plan
        choices = FailbackChoices() if carries else self.choices
        judged = JudgedRegistry(site.rules, party, rows, rows.held, choices, carries=carries)
        return PartyParts(
            source=RegistrySourceReader(
                process.port(PLACES[source][0], site.registries[source], RegistryReader), clock
            ),
            target=process.port(PLACES[target][0], site.registries[target], RegistryReader),
            writer=Paced(SteppingWriter(process, judged, "old primary" if old else "leader"), site.scheduler),
            ledger=NoSyncLedger() if old else process.port("ledger", site.ledger, Ledger),
            gate=gate,
            clock=clock,
            progress=Nobody(),
            stop=threading.Event(),
            shadows=partial(self._shadows, process, gate),
            journals=self._disk.journal,
            limits=Limits(deletes=1.0),
        )

    def _shadows(self, process: Process, gate: WriteGate, writes: PlannedWrites, written_since: int) -> Any:
        side, clock = self._site.shadows, self._site.scheduler.clock
        leader = process.port("shadow copies", side.secondary, ShadowStore)
        if writes.party is Party.OLD:
            judged = JudgedShadows(self._site.rules, with_deletes=writes.choices.with_deletes)
            old = process.port("old shadows", judged, ShadowStore)
            return ShadowsBack(leader, old, writes, gate, clock, written_since).bring
        reader = self._items(process, SECONDARY).reader
        return ShadowReplication(
            source=process.port("primary shadows", side.primary, ShadowReader),
            target=leader,
            ledger=process.port("ledger", self._site.ledger, Ledger),
            notes=side.notes_of(process),
            gate=LeadershipWriteGate(reader, SECONDARY),
            clock=clock,
        ).check

    def _moved(self, _since: int) -> Moved:
        """Wait until the name leads to the old primary, and end what stays connected to the other Region."""
        for _ in range(18):
            if self._site.failovers.sends_back:
                self._site.failovers.disconnect()
                return Moved(NameSeen(seen=True))
            self._site.scheduler.wait(10_000)
        return Moved(NameSeen(), why="the name servers do not all answer with the old primary yet")
