"""One run: two Regions, customers, delivery, functions, schedule and operator under one scheduler, and the checks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from types import MappingProxyType
from typing import Any

from iot_dr.errors import InvalidResource, IotDrError, UnsafePlan
from iot_dr.model.events.registry_events import RegistryEvent
from iot_dr.model.registry.changes import Create, Delete, Update
from iot_dr.model.registry.entities import Thing, ThingGroup, ThingType
from iot_dr.model.registry.keys import Key, Kind, policy_key, thing_group_key, thing_key, thing_type_key
from iot_dr.model.replication.outcomes import State
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.model.shadows.shadow import ShadowEvent, decode_shadow_event
from iot_dr.model.sites import Side
from iot_dr.ports.failback import HeldResources
from iot_dr.ports.failover import LeadershipReader, WriteGate
from iot_dr.ports.ledger import Ledger
from iot_dr.ports.registry import RegistryLister, RegistryReader
from iot_dr.ports.replication import Workflow
from iot_dr.reconcile.plan import fixed_fields
from iot_dr.reconcile.safety import DEFAULT_LIMITS, Limits
from iot_dr.services.events.start_replication import start_replication
from iot_dr.services.gate import LeadershipWriteGate
from iot_dr.services.replication.batch import BatchResult, handle_batch
from iot_dr.services.replication.confirm import Confirmation
from iot_dr.services.replication.record_failure import record_failure
from iot_dr.services.replication.replicate import Replication
from iot_dr.services.replication.retry import Retry
from iot_dr.services.replication.scopes import ScopeReader
from iot_dr.services.replication.settling import DEFAULT_SETTLING
from iot_dr.services.replication.shared_answers import SharedAnswers
from iot_dr.services.shadows.replicate import KEPT_FOR
from iot_dr.services.sweep import Sweep
from templates.request_queues import BACKGROUND_WORKERS
from tests.builders import REGIONS
from tests.fakes import FixedWriteGate, InMemoryLedger, InMemoryRegistry
from tests.simulation import checks
from tests.simulation.brought_back import BroughtBack
from tests.simulation.checks import Broken, Violation
from tests.simulation.customers import REFUSED, VERBS, Customer, Fleet, Operation, Told, operations
from tests.simulation.failbacks import FAIL_BACK, FAILBACK_VERBS, Disk, Failbacks, Site
from tests.simulation.failovers import FAILOVER_VERBS, Failovers
from tests.simulation.leading import DEVICE_DELETES, DEVICE_WRITES, SERVED_WITHIN, THERE, THERE_VERBS, Led
from tests.simulation.operator_at_work import Operator, one_after_the_other
from tests.simulation.process import Faults, Process, SteppingWriter
from tests.simulation.scheduler import START, Scheduler
from tests.simulation.shadows import KEYS, SHADOW_VERBS, ShadowSide, ShadowStream, made_changes
from tests.simulation.workers import Function, Queue, retried

MINUTE = 60_000
SWEEP_EVERY = 15 * MINUTE
SETTLED_AFTER = 60 * MINUTE
"""Milliseconds after the last change and fault by which events and retries must have made the Regions equal."""

SETTLED_BY_ROUND_AFTER = 75 * MINUTE
"""The same where events were lost or are not raised, so that lists and the round must find it."""

FOR_EVER = 30 * 60 * MINUTE
"""Longer than any pause of the schedule."""

MOST_TRIES = 130
"""Requests that the schedule may start at one resource in that time: what is pending is checked each quarter of an
hour.
"""

TROUBLE_LASTS = 2 * 60 * MINUTE
"""Milliseconds after the last change after which nothing fails any more, though another change comes days later: what
has failed for long is tried once a day.
"""

_MOST_OF_A_KIND = 3
"""Things, certificates and groups in a run."""

MOST_STARTS = 8
"""Checks of one resource that may wait in the queue at once, besides those of its events.

Each of so many events in a row may leave one that checks once more, and the schedule adds one of its own.
"""

MOST_COPIES = 100
"""The same where answers are lost: what was sent comes again with the message that it was sent for."""

FAILING = 0.15
"""The share of runs with a failover."""

BACK = 0.6
"""The share of these with a failback."""

UNDOUBTED = frozenset({"throttled", "unavailable", "refused"})
"""Faults of which the caller knows that nothing has been done."""


@dataclass(frozen=True)
class Scenario:
    """All that decides a run."""

    seed: int
    operations: tuple[Operation, ...]
    fault_rate: float = 0.0
    kills: bool = True
    late: bool = True
    kinds: tuple[str, ...] = ()
    """The only faults; all if none is named."""
    trail: bool = True
    implicit: bool = True
    lost: float = 0.0
    doubled: float = 0.1
    slow_events: float = 0.05
    functions: int = 4
    parallel: bool = True
    sweeps: bool = False
    slice_size: int = 200
    replicated: bool = True
    refuses: bool = False
    """The secondary refuses a policy."""
    careful: bool = False
    """A sweep that would delete much is refused, until the operator allows it at the end."""
    shadows: bool = False
    syncs: tuple[int, ...] = ()
    """When the operator begins with a sync, milliseconds from the beginning."""
    once_more: bool = True
    """Requests that check once more arrive; if not, what the ledger has noted has to do alone."""
    failover: bool = False
    """Regions fail, operators order who leads, and others write in the secondary once it serves."""

    @property
    def strict(self) -> bool:
        """Tell whether events alone must make the Regions equal."""
        return self.trail and not self.lost


def scenario(
    seed: int, number: int = 40, verbs: Sequence[str] = (), fixed: Mapping[str, Any] = MappingProxyType({})
) -> Scenario:
    """Draw a scenario, of these verbs alone if there are some, with what is fixed."""
    chance = Random(seed)
    trail = chance.random() < 0.7
    lost = chance.choice((0.0, 0.0, 0.0, 0.1))
    about = chance.choices((sorted(VERBS), SHADOW_VERBS, (*sorted(VERBS), *SHADOW_VERBS)), (70, 20, 10))[0]
    about = tuple(verbs) or about
    told = operations(chance, chance.randint(3, number), about)
    if not verbs and fixed.get("failover", Random(f"failover {seed}").random() < FAILING):
        told = _with_failover(told, Random(f"failover of {seed}"))
        if fixed.get("failback", Random(f"failback {seed}").random() < BACK):
            told = _with_failback(told, about, Random(f"failback of {seed}"))
    fixed = {name: value for name, value in fixed.items() if name != "failback"}
    told_verbs = {one.verb for one in told} | {*about}
    drawn = Scenario(
        seed=seed,
        operations=told,
        shadows=bool(told_verbs & {*SHADOW_VERBS, DEVICE_WRITES, DEVICE_DELETES}),
        failover=bool(told_verbs & {*FAILOVER_VERBS, *FAILBACK_VERBS, *THERE_VERBS}),
        once_more=Random(f"once more {seed}").random() < 0.5,
        fault_rate=chance.choice((0.0, 0.01, 0.05, 0.3)),
        kills=chance.random() < 0.7,
        late=chance.random() < 0.3,
        trail=trail,
        implicit=chance.random() < 0.5,
        lost=lost,
        doubled=chance.choice((0.0, 0.1, 0.5)),
        slow_events=chance.choice((0.0, 0.05, 0.3)),
        functions=chance.choice((1, 2, 4, 8)),
        parallel=chance.random() < 0.5,
        sweeps=chance.random() < (0.3 if trail and not lost else 0.8),
        slice_size=chance.choice((1, 200)),
        replicated=chance.random() < 0.8,
        syncs=tuple(chance.randrange(300_000) for _ in range(chance.choice((0, 0, 0, 0, 1, 2)))),
        refuses=chance.random() < 0.2,
        careful=chance.random() < 0.2,
    )
    return replace(drawn, **fixed)


def _with_failover(told: Sequence[Operation], chance: Random) -> tuple[Operation, ...]:
    """Add what has the secondary serve, and what is done there then."""
    last = max(one.at for one in told)
    causes = operations(chance, chance.randint(1, 4), FAILOVER_VERBS)
    there = operations(chance, chance.randint(1, 12), THERE_VERBS)
    begins = int(last * chance.random())
    later = (replace(one, at=begins + one.at) for one in (*causes, *there))
    return tuple(sorted((*told, *later), key=lambda one: one.at))


def _with_failback(told: Sequence[Operation], about: Sequence[str], chance: Random) -> tuple[Operation, ...]:
    """Add an operator who fails back, and what customers and devices do meanwhile in both Regions."""
    led = next((one.at for one in told if one.verb in FAILOVER_VERBS), 0)
    begins = led + chance.choice((60_000, 200_000, 600_000))
    ordered = [Operation(led, "order secondary", 0, 0, 1)] if chance.random() < 0.7 else []
    back = Operation(begins, FAIL_BACK, chance.randrange(12), chance.randrange(12), 1)
    meanwhile = operations(chance, chance.randint(1, 16), (*THERE_VERBS, *[DEVICE_WRITES] * 4, *about))
    later = (replace(one, at=begins + one.at) for one in meanwhile)
    return tuple(sorted((*told, *ordered, back, *later), key=lambda one: one.at))


@dataclass(frozen=True)
class Line:
    """One line of a story."""

    at: int
    who: str
    what: str
    about: tuple[Any, ...]
    answer: Any


@dataclass(frozen=True)
class _Untold:
    """When something changed that no event tells of: after so many sweeps, and at what time."""

    sweeps: int
    at: int


class Run:
    """A scenario under way."""

    def __init__(self, drawn: Scenario, *, ignore: frozenset[str] = frozenset(), tell: bool = False) -> None:
        self.scenario = drawn
        self.ignore = ignore
        self.story: list[Line] = []
        self.violation: Violation | None = None
        self.busy = 0
        self.faults = Faults(drawn.fault_rate, kills=drawn.kills, late=drawn.late, kinds=drawn.kinds)
        self.scheduler = Scheduler(Random(drawn.seed + 1))
        self._tell = tell
        self._changed = False
        self._last_change = START
        self._sweeps = 0
        self._sweeping, self._careful = drawn.sweeps, drawn.careful
        self._made: dict[Key, int] = {}
        self._disowned: dict[Key, int] = {}
        self._read_up_to: dict[Key, int] = {}
        self._recorded_up_to: dict[Key, int] = {}
        self._untold: dict[Key, _Untold] = {}
        self._far: set[Key] = set()
        self._gone: set[Key] = set()
        self._valid_since: dict[Key, int] = {}
        self._stream: list[RegistryEvent] = []
        self._wire()

    def _wire(self) -> None:
        drawn, scheduler = self.scenario, self.scheduler
        self.primary, self.secondary = InMemoryRegistry(scheduler.clock), InMemoryRegistry(scheduler.clock)
        self.ledger = InMemoryLedger()
        self.fleet = Fleet(self.primary, scheduler, trail=drawn.trail, implicit=drawn.implicit)
        self.failovers = Failovers(scheduler, self._process, self._break_order, self._led)
        reader = (self.failovers.reader, KEPT_FOR) if drawn.failover else ()
        self.shadows = ShadowSide(scheduler, self.ledger, *reader)
        self.there = Led(
            scheduler, self.failovers, self.secondary, self.fleet, self.shadows, self._break, bool(drawn.syncs)
        )
        self._wire_failbacks()
        self._shadow_stream = ShadowStream(self.shadows, self._process("shadows"), self._busy, self._tell_of)
        self.queue = Queue(scheduler, self._busy, self._deleted_untaken, drawn.doubled / 10)
        # One more than wait for them at the same time: now and then there is no room for background work.
        for number in range(drawn.functions + 1):
            self.queue.add_function(self._function(f"function {number + 1}"))
        for background, runners in ((False, drawn.functions), (True, BACKGROUND_WORKERS)):
            for number in range(runners):
                process = self._process(f"{'background' if background else 'runner'} {number + 1}")
                ledger = process.port("ledger", self.ledger, Ledger)
                primary = process.port("primary", self.primary, RegistryReader)
                confirmation = Confirmation(primary, self.scheduler.clock, DEFAULT_SETTLING, process.together)
                self.queue.add_runner(process, ledger, confirmation.confirm, background=background)
        self._trigger = self._process("trigger")
        self._trigger_runs = False
        self._schedule = self._process("schedule")
        self._retry = Retry(
            ledger=self._schedule.port("ledger", self.ledger, Ledger),
            held=self._schedule.port("ledger", self.ledger, HeldResources),
            workflow=self._schedule.port("workflow", self.queue, Workflow),
            gate=self._gate(self._schedule),
            clock=scheduler.clock,
        )
        self._sweep = Sweep(
            source=self._schedule.port("primary", self.primary, RegistryLister),
            target=self._schedule.port("secondary", self.secondary, RegistryLister),
            direction=REGIONS,
            ledger=self._schedule.port("ledger", self.ledger, Ledger),
            workflow=self._schedule.port("workflow", self.queue, Workflow),
            gate=self._gate(self._schedule),
            clock=scheduler.clock,
            slice_size=drawn.slice_size,
            shadows=drawn.shadows,
        )

    def _wire_failbacks(self) -> None:
        disk = Disk()
        self.rules = BroughtBack(
            scheduler=self.scheduler,
            primary=self.fleet,
            there=self.there,
            shadows=self.shadows,
            disk=disk,
            raise_told=self._raise,
            shadow_told=self._told_of_shadow,
            break_rule=self._break,
        )
        self.there.wrote = self.rules.device_wrote
        registries = {Side.SOURCE: self.primary, Side.TARGET: self.secondary}
        site = Site(
            self.scheduler,
            self._process,
            self.failovers,
            registries,
            self.ledger,
            self.shadows,
            self.rules,
            self._led,
        )
        self.failbacks = Failbacks(site, disk)
        self.failovers.left = self._left
        self.failovers.leads_back = self.rules.leads_back

    def _left(self) -> None:
        """Take what differs from now on for what replication must mend, but for what a failback leaves to it."""
        self.rules.left()
        mended = self.rules.left_to_mend(self.failbacks.choices)
        self._untold |= dict.fromkeys(mended, _Untold(self._sweeps, self.scheduler.now))
        self.there.left(self.rules.disk.carried.read_at, mended)
        self._last_change = self.scheduler.now

    def _process(self, name: str) -> Process:
        made = Process(name, self.scheduler, self.faults, self._seen, self._told)
        made.parallel = self.scenario.parallel
        return made

    def _function(self, name: str) -> Function:
        process = self._process(name)
        ledger = process.port("ledger", self.ledger, Ledger)
        replication = self._replication(process, ledger)
        clock = self.scheduler.clock

        def take(requests: Sequence[ReconcileRequest]) -> BatchResult:
            # A process goes on in one thread, so nobody may wait for a lock.
            replicate = partial(replication.replicate, shared=SharedAnswers(clock(), nullcontext))
            taken = handle_batch(requests, replicate, ledger=ledger, clock=clock, together=process.together)
            if self.scenario.once_more:
                return taken
            return replace(taken, again=tuple(request for request in taken.again if not request.noted_at))

        record = partial(record_failure, cause="", ledger=ledger, clock=clock)
        return Function(process, take, record, self.shadows.looker(process) if self.scenario.shadows else None)

    def _replication(self, process: Process, ledger: Any) -> Replication:
        primary = process.port("primary", self.primary, RegistryReader)
        secondary = process.port("secondary", self.secondary, RegistryReader)
        return Replication(
            scopes=ScopeReader(primary, secondary, REGIONS, process.together),
            source=primary,
            target=secondary,
            writer=SteppingWriter(process, self.secondary),
            ledger=ledger,
            gate=self._gate(process),
            clock=self.scheduler.clock,
            together=process.together,
        )

    def _gate(self, process: Process) -> WriteGate:
        if not self.scenario.failover:
            return FixedWriteGate()
        reader = process.port("control", self.failovers.reader, LeadershipReader)
        return LeadershipWriteGate(reader, REGIONS.target.region)

    # The run

    def run(self) -> Violation | None:
        """Run to the end; return the first rule that is broken."""
        try:
            self._arrange()
            for operation in self.scenario.operations:
                self._busy(1)
                self.scheduler.after(operation.at, partial(self._begin, operation))
            for at in self.scenario.syncs:
                self._busy(1)
                self._coming += 1
                self.scheduler.after(at, self._begin_sync)
            with one_after_the_other(self.scheduler):
                self._go_on(lambda: not self._coming)
                self.faults.over = True
                self._calm()
        except Broken as broken:
            self.violation = broken.violation
        except (IotDrError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            self.violation = Violation("bug", (), f"{type(error).__name__}: {error}")
        return self.violation

    def _arrange(self) -> None:
        """Begin with a fleet that has crossed, or with nothing."""
        self._coming = len(self.scenario.operations)
        if not self.scenario.replicated:
            return
        chance = self.scheduler.chance
        arranged = Customer(
            self.fleet, lambda name, change: self.fleet.call(name, change) is not None, lambda _=0: None
        )
        for verb, subjects in _BEGINNING:
            for subject in range(subjects):
                arranged.do(Operation(0, verb, subject, chance.choice((1, 4, 7)), 0))
        plain = Replication(
            scopes=ScopeReader(self.primary, self.secondary, REGIONS),
            source=self.primary,
            target=self.secondary,
            writer=self.secondary,
            ledger=self.ledger,
            gate=FixedWriteGate(),
            clock=self.scheduler.clock,
        )
        for key in sorted(self.primary.entities):
            if key.kind in _ARRANGED:
                plain.replicate(ReconcileRequest(key))
        self.fleet.calls = 0
        self.scheduler.now += 10 * MINUTE

    def _begin(self, operation: Operation) -> None:
        def rest(least: int = 0) -> None:
            self.scheduler.wait(least + 1 + int(operation.pace * 2 * self.scheduler.chance.random()))

        def call(name: str, change: Create | Update | Delete) -> bool:
            answer = self.fleet.call(name, change)
            self._tell_of("customer", operation.verb, (change,), "" if answer else "refused")
            if answer is not None:
                self._last_change = self.scheduler.now
                told, changed = answer
                self.rules.customers_changed(changed)
                self._raise(told, changed)
            return answer is not None

        def done() -> None:
            self._coming -= 1
            self._busy(-1)

        if operation.verb in (FAIL_BACK, *FAILOVER_VERBS):
            self._order(operation, done)
            return

        def work() -> None:
            if operation.verb in THERE_VERBS:
                self._do_there(operation, rest)
            elif operation.verb in SHADOW_VERBS:
                changes = made_changes(self.shadows, operation.verb, operation.subject, operation.other, rest)
                for event in filter(None, changes):
                    self._shadow_changed(operation.verb, event)
            else:
                Customer(self.fleet, call, rest).do(operation)
            done()

        self.scheduler.spawn(work)

    def _order(self, operation: Operation, done: Callable[[], None]) -> None:
        if operation.verb == FAIL_BACK:
            self.failbacks.begin(operation, done)
        else:
            self.failovers.begin(operation.verb, operation.other, done)

    def _do_there(self, operation: Operation, rest: Callable[..., None]) -> None:
        """Wait until the secondary serves, and do it there; nobody is told."""
        until = self.scheduler.now + SERVED_WITHIN
        device = operation.verb in (DEVICE_WRITES, DEVICE_DELETES)
        while not self.failovers.serves_there:
            if self.scheduler.now > until:
                return
            if device and self.failovers.takeovers:
                break
            rest(10_000)
        if device and self.failovers.is_back(KEYS[operation.subject % len(KEYS)].name):
            verb = "write shadow" if operation.verb == DEVICE_WRITES else "delete shadow"
            for event in filter(None, made_changes(self.shadows, verb, operation.subject, operation.other, rest)):
                self._shadow_changed(operation.verb, event)
            return
        if device:
            key = self.there.device(operation.verb, operation.subject, operation.other)
            self._tell_of("device there", operation.verb, (key, operation.other), "")
            return

        def call(name: str, change: Create | Update | Delete) -> bool:
            done = self.there.call(name, change)
            self._tell_of("customer there", operation.verb, (change,), "" if done else "refused")
            return done

        Customer(self.there.fleet, call, rest).do(replace(operation, verb=operation.verb.removesuffix(THERE)))

    def _begin_sync(self) -> None:
        registries = {Side.SOURCE: self.primary, Side.TARGET: self.secondary}
        process = self._process("operator")
        operator = Operator(process, self.scheduler, registries, self.ledger, self._gate(process))

        def ended(error: BaseException | None) -> None:
            self._tell_of("operator", "ended", (), error)
            self._coming -= 1
            self._busy(-1)

        operator.process.start(operator.sync, ended, longest=FOR_EVER)

    def _go_on(self, done: Callable[[], bool], until: int | None = None) -> None:
        """Let the world go on, with its schedule, until that is so or so late."""
        scheduler = self.scheduler
        while not done():
            ticks = self._next_tick()
            if until is not None and min(ticks, scheduler.next_at or ticks) > until:
                scheduler.now = max(until, scheduler.now)
                return
            if scheduler.next_at is None or ticks < scheduler.next_at:
                scheduler.now = max(scheduler.now, ticks)
                self._tick()
            else:
                scheduler.step()
            if self._changed and self.busy == 0:
                self._changed = False
                self._idle()

    # Events

    def _raise(self, told: list[Told], changed: frozenset[Key]) -> None:
        self._untold |= dict.fromkeys(changed, _Untold(self._sweeps, self.scheduler.now))
        self._far -= changed
        for one in told:
            # Of a group's tags its own event does not tell.
            untold = {key for key in one.keys if one.event.updated and self._tags_differ(key)}
            self._send(one.event, one.keys - untold, self._delivered)

    def _tags_differ(self, key: Key) -> bool:
        return self.primary.tags(key) != self.secondary.tags(key)

    def _told_of_shadow(self, key: Key, operation: str) -> None:
        event = decode_shadow_event(self.shadows.primary.told(key, operation))
        self._send(event, frozenset({key}), self._shadow_stream.arrived)

    def _shadow_changed(self, verb: str, event: ShadowEvent) -> None:
        self._tell_of("app", verb, (event,), "")
        self.fleet.calls += 1
        self._last_change = self.scheduler.now
        self.rules.shadow_changed(event.key)
        self._send(event, frozenset({event.key}), self._shadow_stream.arrived)

    def _send(self, event: Any, keys: frozenset[Key], arrived: Callable[[Any], None]) -> None:
        """Have an event delivered: soon or late, once or twice, or never."""
        chance, drawn = self.scheduler.chance, self.scenario
        if chance.random() < drawn.lost:
            self._tell_of("delivery", "lost", (event,), "")
            self._untold |= dict.fromkeys(keys, _Untold(self._sweeps, self.scheduler.now))
            return
        for key in keys:
            self._untold.pop(key, None)
        for _ in range(1 + (chance.random() < drawn.doubled)):
            delay = int(50 * 10 ** chance.random())
            if chance.random() < drawn.slow_events:
                delay = int(1_000 * 120 ** chance.random())
            self._busy(1)
            self.scheduler.after(self.failovers.arrives_in(delay), partial(arrived, event))

    def _delivered(self, event: RegistryEvent) -> None:
        self._stream.append(event)
        if not self._trigger_runs:
            self._trigger_runs = True
            self.scheduler.after(20, self._take_stream)

    def _take_stream(self) -> None:
        taken, self._stream = self._stream, []
        workflow = self._trigger.port("workflow", self.queue, Workflow)

        def work() -> None:
            self._tell_of("trigger", "takes", tuple(taken), "")
            start_replication(taken, workflow)

        def ended() -> None:
            self._busy(-len(taken))
            self._trigger_runs = bool(self._stream)
            if self._stream:
                self.scheduler.after(20, self._take_stream)

        retried(self._trigger, work, ended, self.scheduler)

    # Schedule

    _ticked = START
    _schedule_runs = False

    @property
    def _every(self) -> int:
        """Return the time between two sweeps; seldom when nothing has changed for hours, which only takes time."""
        return SWEEP_EVERY if self.scheduler.now - self._last_change < 8 * SWEEP_EVERY else 24 * SWEEP_EVERY

    def _next_tick(self) -> int:
        """Return the next minute in which the schedule has something to do."""
        waiting = [note.next_attempt for note in self.ledger.notes.values() if note.next_attempt is not None]
        first = min(waiting, default=self.scheduler.now + FOR_EVER)
        if self._sweeping:
            first = min(first, (self._ticked // self._every + 1) * self._every)
        return max(-(-first // MINUTE), self._ticked // MINUTE + 1) * MINUTE

    def _tick(self) -> None:
        self._ticked = now = self.scheduler.now
        self.faults.over = self.faults.over or now - self._last_change > TROUBLE_LASTS
        if self._schedule_runs:
            return
        sweeping = self._sweeping and now % self._every == 0
        swept = False

        def work() -> None:
            nonlocal swept
            self._retry.start()
            if sweeping:
                swept = True
                with suppress(UnsafePlan):
                    found = self._sweep.sweep(DEFAULT_LIMITS if self._careful else Limits(deletes=1.0))
                    swept = not found.held_back

        def ended(error: BaseException | None) -> None:
            self._schedule_runs = False
            self._sweeps += error is None and swept
            self._busy(-1)
            self._check_storm()

        self._schedule_runs = True
        self._busy(1)
        self._schedule.start(work, ended)

    def _check_storm(self) -> None:
        most = max(self.queue.waiting_requests.items(), key=lambda item: item[1], default=None)
        drawn = self.scenario
        copies = drawn.doubled or (drawn.fault_rate and not (drawn.kinds and {*drawn.kinds} <= UNDOUBTED))
        if most and most[1] > (MOST_COPIES if copies else MOST_STARTS):
            self._break("storm", [most[0]], f"{most[1]} checks {most[0]} wait at once")

    def _deleted_untaken(self, request: ReconcileRequest, since: int) -> None:
        """Check that the change which a request was to see has been seen, as its message is deleted."""
        if request.key not in self.ledger.notes:
            # Seen to be gone, and forgotten since.
            seen = request.key not in self.primary.entities and request.key not in self.secondary.entities
        else:
            # Not the times that the ledger has: those of an older request that ended late may stand there by now.
            last = self._read_up_to.get(request.key, 0)
            seen = self._recorded_up_to.get(request.key, 0) >= since or last > request.occurred_at
        if not seen:
            self._break("lost", [request.key], str(request.key))

    # What is always checked

    def _busy(self, by: int) -> None:
        self.busy += by
        self._changed = True

    def _tell_of(self, who: str, what: str, about: tuple[Any, ...], answer: Any) -> None:
        if self._tell:
            self.story.append(Line(self.scheduler.now, who, what, about, answer))

    def _told(self, process: Process, what: str, about: tuple[Any, ...], answer: Any) -> None:
        self._tell_of(process.name, what, about, answer)

    def _seen(
        self, began: int, side: str, operation: str, arguments: tuple[Any, ...], effect: Callable[[], Any]
    ) -> Any:
        """Make a call's effect, and check what it did."""
        self._changed = True
        if side == "writer":
            effect = partial(self.there.by_registry, began, arguments[0], effect)
            return self._written(began, operation, arguments[0], effect)
        if side == "shadow copies" and operation in ("make", "update", "delete"):
            effect = partial(self.there.by_shadows, began, operation, arguments[0], effect)
        if side == "shadow copies" and operation == "delete" and not self.shadows.lacked_since(arguments[0], began):
            self._break("evidence", arguments, f"{arguments[0]} is deleted, which the primary has had all the time")
        if side == "ledger" and operation == "record":
            outcome = arguments[0]
            for times, at in ((self._read_up_to, outcome.read_at), (self._recorded_up_to, outcome.at)):
                times[outcome.key] = max(at, times.get(outcome.key, 0))
        if side == "ledger" and operation in ("forget", "record"):
            keys = arguments[0] if operation == "forget" else [arguments[0].key]
            owned = self.ledger.owned(keys)
            answer = effect()
            for key in owned - self.ledger.owned(keys):
                self._disowned[key] = self.scheduler.now
            return answer
        return effect()

    def _written(self, began: int, operation: str, change: Create | Update | Delete, effect: Callable[[], Any]) -> Any:
        key = change.key
        there = key in self.secondary.entities
        if operation == "delete" and there:
            owned = bool(self.ledger.owned([key])) or self._disowned.get(key, -1) >= began
            if not owned:
                self._break("evidence", [key], f"{key} is deleted, which nobody owns")
            present = self.primary.entities.get(key)
            anew = present is not None and fixed_fields(present) != fixed_fields(self.secondary.entities[key])
            # Made since it checked, it is another one than the one that it found.
            anew = anew or self._made.get(key, -1) >= began
            if not anew and not self.fleet.lacked_since(key, began):
                self._break("evidence", [key], f"{key} is deleted, which the primary has had all the time")
        if operation == "create" and self.scenario.refuses and key == policy_key(REFUSED):
            raise InvalidResource("MalformedPolicyException")
        gone = key in self._gone
        answer = effect()
        if operation == "delete" and there:
            self._gone.add(key)
        if operation == "create" and not there:
            self._made[key] = self.scheduler.now
            # If it was there before, what hung on it is a reason to check more, though no event told of that.
            self._far |= {one for one in checks.hung_on(key, self._untold) if self._untold[one].at < began and gone}
        return answer

    def _break_order(self, rule: str, text: str) -> None:
        self._break(rule, (), text)

    def _led(self, what: str, about: tuple[Any, ...]) -> None:
        self._tell_of("leadership", what, about, "")

    def _break(self, rule: str, keys: Collection[Key], text: str) -> None:
        if rule not in self.ignore:
            violation = Violation(rule, tuple(keys), text)
            self.violation = self.violation or violation
            raise Broken(violation)

    def _idle(self) -> None:
        """Check what must hold when no event, request or function is under way."""
        primary, secondary = self.primary.entities, self.secondary.entities
        differing = checks.differing(primary, secondary)
        self._untold = {key: at for key, at in self._untold.items() if key in differing or key.kind is Kind.SHADOW}
        self._far &= {*differing}
        for key in differing:
            roots = checks.roots(key, primary, secondary)
            if checks.noted(self.ledger, roots, self.scheduler.now) or self.there.explains(roots):
                continue
            if not self._excused(key):
                self._break("lie", [key], f"{key} differs")
            elif key in self._far:
                self._break("far", [key], f"{key} differs, and what it hangs on was made since")
        if self.scenario.shadows:
            self._check_shadows()
        self._made = {key: at for key, at in self._made.items() if key in secondary}
        for key in self._made.keys() - self.ledger.owned(self._made.keys()) - self.there.ever_touched:
            self._break("orphan", [key], f"{key} was made by replication")
        if self.failovers.led_since is None:
            self._check_validity(differing)
        self._check_notes()

    def _check_notes(self) -> None:
        for key, note in self.ledger.notes.items():
            state = note.outcome.state if note.outcome is not None else None
            if note.waiting and state is State.IN_SYNC:
                self._break("waits", [key], str(key))
            if note.held and (state is not State.HELD or note.next_attempt is not None):
                self._break("held", [key], f"{key} is held, its state is {state}, it is due at {note.next_attempt}")

    def _check_shadows(self) -> None:
        differing = self.shadows.differing()
        self._untold = {key: at for key, at in self._untold.items() if key in differing or key.kind is not Kind.SHADOW}
        for key in differing:
            roots = self.shadows.roots(key)
            if self._excused(key) or self.there.explains(roots):
                continue
            if not checks.noted(self.ledger, roots, self.scheduler.now):
                self._break("lie", [key], f"{key} differs")

    def _excused(self, key: Key) -> bool:
        """Tell whether no event told of a change, and the round has not come to it since."""
        if self.scenario.refuses and key.name == REFUSED:
            return True
        since = self._untold.get(key)
        if since is not None and key.kind is Kind.SHADOW and thing_key(key.name) not in self.primary.entities:
            return True  # no list and no round comes to a shadow without a thing
        if since is not None and self._careful and key not in self.primary.entities:
            return True  # it is the operator's to allow
        rounds = 2 + _MOST_OF_A_KIND // self.scenario.slice_size
        return since is not None and self._sweeps <= since.sweeps + rounds

    def _check_validity(self, differing: Sequence[Key]) -> None:
        primary, secondary, now = self.primary.entities, self.secondary.entities, self.scheduler.now
        valid = [key for key in differing if checks.more_valid(key, primary, secondary)]
        if self._careful:
            # What is to be deleted stays until the operator allows it.
            valid = [key for key in valid if key in primary]
        self._valid_since = {key: self._valid_since.get(key, now) for key in valid}
        long = [key for key, since in self._valid_since.items() if now - since > 2 * SWEEP_EVERY + 5 * MINUTE]
        if long and not self.scenario.fault_rate and self._sweeping:
            self._break("valid", long, checks.told_of(long))

    # Calm

    def _calm(self) -> None:
        """Let all come to its end, and check that it did."""
        self.failbacks.go_on()
        self._go_on(lambda: not self.failbacks.running)
        if self._careful:
            # An alarm tells of the sweep that was refused; the operator needs a while to see and to allow it.
            self._go_on(lambda: False, self.scheduler.now + 4 * SWEEP_EVERY)
            self._careful = False
        self._go_on(
            lambda: False, self.scheduler.now + (SETTLED_AFTER if self.scenario.strict else SETTLED_BY_ROUND_AFTER)
        )
        differing = checks.differing(self.primary.entities, self.secondary.entities) + self.shadows.differing()
        self._sweeps += (_MOST_OF_A_KIND + 3) * (self._sweeping and self.failovers.led_since is None)
        differing = [key for key in differing if not (self._excused(key) or self._stands_for_its_things(key))]
        if self.scenario.failover:
            self.failovers.check_end()
            if self.failbacks.completed and self.failovers.led_since is None:
                self.failovers.check_back()
            differing = [key for key in differing if not self._explained(key)]
        if differing and (self.scenario.strict or self._sweeping):
            self._break("different", differing, checks.told_of(differing))
        self._sweeping = False
        self.queue.started.clear()
        if "restless" in self.ignore and "pending" in self.ignore and "leak" in self.ignore:
            return
        self._go_on(lambda: self._restless() is not None, self.scheduler.now + FOR_EVER)
        if key := self._restless():
            self._break("restless", [key], f"{key} was checked {MOST_TRIES} times within {FOR_EVER // 60 // MINUTE} h")
        pending = [
            key
            for key, note in self.ledger.notes.items()
            if note.next_attempt is not None and note.outcome and note.outcome.state is State.PENDING
            if not (self._kept_by_untold(key) or self._stands_for_its_things(key) or self._explained(key))
        ]
        if pending:
            self._break("pending", pending, checks.told_of(pending))
        self._check_held()
        gone = [
            key
            for key in self.ledger.owned(list(self.ledger.notes))
            if key.kind is not Kind.SHADOW
            # Of a sync that was killed its marks still stand: nobody can tell whether it had made them.
            if not self.ledger.notes[key].marks
            if key not in self.primary.entities and key not in self.secondary.entities
            if key not in self.there.ever_touched
        ]
        if gone and self.failovers.led_since is None:
            self._break("leak", gone, checks.told_of(gone))

    def _check_held(self) -> None:
        """Check that the schedule does not try what is held, and that after a failback nothing is held any more."""
        back = bool(self.failbacks.completed) and self.failovers.led_since is None
        held = [
            key
            for key, note in self.ledger.notes.items()
            if (back and note.held)
            or (note.next_attempt is not None and note.outcome and note.outcome.state is State.HELD)
        ]
        if held:
            self._break("held", held, checks.told_of(held))

    def _explained(self, key: Key) -> bool:
        """Tell whether the Regions may go on to differ in it: others changed it or are in the way, or it is held."""
        roots = checks.roots(key, self.primary.entities, self.secondary.entities) | self.shadows.roots(key)
        return self.there.explains(roots) or self._is_told_of(roots)

    def _is_told_of(self, keys: Iterable[Key]) -> bool:
        found = [self.ledger.notes[key].outcome for key in keys if key in self.ledger.notes]
        states = (State.HELD, State.UNSUPPORTED, State.FAILED)
        return any(one is not None and one.state in states for one in found)

    def _kept_by_untold(self, key: Key) -> bool:
        """Tell whether it cannot go before something else does, whose end no event told of and no sweep has found."""
        return any(
            one.key in self._untold
            for one in self.secondary.entities.values()
            if (isinstance(one, ThingGroup) and thing_group_key(one.parent) == key)
            or (isinstance(one, Thing) and thing_type_key(one.type_name) == key)
        )

    def _stands_for_its_things(self, key: Key) -> bool:
        """Tell whether it is a type that was made anew and cannot be here, for things have the old one by its name."""
        wanted, found = self.primary.entities.get(key), self.secondary.entities.get(key)
        if not isinstance(wanted, ThingType) or found is None or fixed_fields(wanted) == fixed_fields(found):
            return False
        return any(isinstance(one, Thing) and one.type_name == key.name for one in self.secondary.entities.values())

    def _restless(self) -> Key | None:
        key, starts = max(self.queue.started.items(), key=lambda item: item[1], default=(None, 0))
        return key if starts >= MOST_TRIES else None


_BEGINNING = (
    ("change type", 1),
    ("change billing group", 2),
    ("provision", 2),
    ("change group", 3),
    ("move member", 2),
)
_ARRANGED = frozenset(
    {
        Kind.THING_TYPE,
        Kind.BILLING_GROUP,
        Kind.POLICY,
        Kind.CERTIFICATE,
        Kind.THING_GROUP,
        Kind.THING,
        Kind.GROUP_MEMBERSHIP,
    }
)
