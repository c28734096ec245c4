"""Failovers in a run: who is ordered to lead, the replicas that carry the order, the watch, and where the name leads.

The product gives the orders, follows them and watches the name. Of AWS two things are told anew: a global table whose
replicas may be parted and in which the last writer wins, and failover records that answer by both Regions' checks.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

from iot_dr.errors import Conflict, IotDrError, RegionUnavailable
from iot_dr.model.failover.control import Control, ReplicationState
from iot_dr.model.failover.fence import Fence, FenceRole, Leadership
from iot_dr.model.failover.names import NameAnswer
from iot_dr.ports.failover import ControlStore, FenceStore, LeadershipReader, NameServers
from iot_dr.reconcile.failover import Endpoint, answered
from iot_dr.services.failback.lead_back import RegionItems
from iot_dr.services.failover.failover import Failover
from iot_dr.services.failover.follow_order import follow_order
from iot_dr.services.failover.take_lead import TakeLead
from iot_dr.services.failover.watch import DomainWatch
from tests.answers import promised
from tests.builders import PAIR, PRIMARY, SECONDARY
from tests.failover_fakes import ENDPOINTS, FLEET, SERVERS, RecordedFailover
from tests.simulation.process import Process
from tests.simulation.scheduler import START, Scheduler
from tests.simulation.workers import retried

MINUTE = 60_000
WATCHED_FOR = 20 * MINUTE
"""Milliseconds after the last trouble for which the watch goes on to look; it finds nothing new after."""

MOVES_SOON = 0.3
"""The share of devices that move before they are disconnected, each time that they send something."""

ORDERED_AGAIN_AFTER = 15_000
ORDERED_AT_MOST = 5
"""Times that an operator gives an order that was stopped halfway."""

FAILOVER_VERBS = (
    "order secondary",
    "order secondary",
    "order primary",
    "part replicas",
    "primary unwell",
    "primary unwell",
    "primary away",
    "secondary unwell",
)

OTHERS = {PRIMARY: SECONDARY, SECONDARY: PRIMARY}

Break = Callable[[str, str], None]
Tell = Callable[[str, tuple[Any, ...]], None]


class Inline(Executor):
    """Does at once what is submitted: a process of a run goes on in one thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Do it."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except IotDrError as error:
            future.set_exception(error)
        return future


@dataclass
class Replica:
    """One Region's replica of the control item; `written` is told of each order that is given here."""

    region: str
    written: Callable[[Replica], None]
    item: Control = field(default_factory=lambda: Control(PRIMARY))
    stamp: tuple[int, int] = (0, 0)

    def control(self) -> Control:
        """Return what is in force here."""
        return self.item

    def order(self, control: Control) -> None:
        """Write an order over a lower one."""
        if control.epoch <= self.item.epoch:
            raise Conflict(f"epoch {self.item.epoch} stands in {self.region}")
        self.item = control
        self.written(self)


@dataclass
class WatchedFence:
    """A Region's fence; `changed` is told of each change, with what stood before."""

    changed: Callable[[Fence, Fence, bool], None]
    item: Fence

    def fence(self) -> Fence:
        """Return what is in force."""
        return self.item

    def change(self, fence: Fence, *, back: bool = False) -> None:
        """Write a fence over one of a lower epoch; `back`: a failback does."""
        if fence.epoch <= self.item.epoch:
            raise Conflict(f"the fence has epoch {self.item.epoch}")
        before, self.item = self.item, replace(fence, elsewhere_at=fence.elsewhere_at or self.item.elsewhere_at)
        self.changed(before, self.item, back)

    def note_elsewhere(self, at: int) -> None:
        """Note when the name was first seen to lead elsewhere."""
        self.item = replace(self.item, elsewhere_at=self.item.elsewhere_at or at)


@dataclass
class FenceOfFailback:
    """A Region's fence as a failback writes it, which alone may have it follow."""

    watched: WatchedFence

    def fence(self) -> Fence:
        """Return what is in force."""
        return self.watched.fence()

    def change(self, fence: Fence) -> None:
        """Write a fence over one of a lower epoch."""
        self.watched.change(fence, back=True)

    def note_elsewhere(self, at: int) -> None:
        """Note when the name was first seen to lead elsewhere."""
        self.watched.note_elsewhere(at)


@dataclass
class KnownLeadership:
    """Both items of a Region; `suspended` holds all replication back."""

    replica: Replica
    fence: WatchedFence
    suspended: bool = False

    def leadership(self) -> Leadership:
        """Return what is in force."""
        state = ReplicationState.SUSPENDED if self.suspended else ReplicationState.ACTIVE
        return Leadership(replace(self.replica.item, replication=state), self.fence.item)


class Failovers:
    """All of it, of one run; `break_rule` ends the run, `tell` writes a line of the story.

    `left` is called when the secondary follows again, `leads_back` when the primary leads again.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        process: Callable[[str], Process],
        break_rule: Break,
        tell: Tell,
    ) -> None:
        self.parted_until = 0
        self.answer = PRIMARY
        self.led_since: int | None = None
        self.takeovers = 0
        self.left: Callable[[], None] = lambda: None
        self.leads_back: Callable[[], None] = lambda: None
        self._back: set[str] = set()
        self._all_back = False
        self._scheduler, self._process, self._break, self._tell = scheduler, process, break_rule, tell
        self._unwell_until = dict.fromkeys(OTHERS, 0)
        self._away_until = dict.fromkeys(OTHERS, 0)
        self._replicas = {region: Replica(region, self._ordered) for region in OTHERS}
        fences = {
            # Long launched, so the watch has seen the name lead elsewhere.
            SECONDARY: WatchedFence(self._fence_changed, Fence(elsewhere_at=START)),
            PRIMARY: WatchedFence(self._primary_changed, Fence(FenceRole.LEADS)),
        }
        self._readers = {region: KnownLeadership(self._replicas[region], fences[region]) for region in OTHERS}
        self._orders: dict[int, str] = {}
        self._stamps = 0
        self._caused = False
        self._watched_until = 0
        self._watching = process("watch")
        self._watch, self._watch_runs = self._domain_watch(self._watching), False
        self._stream, self._stream_runs, self._stream_waits = process("control stream"), False, False

    # What others ask

    @property
    def reader(self) -> KnownLeadership:
        """Both items of the secondary, as its write gate reads them."""
        return self._readers[SECONDARY]

    @property
    def serves_there(self) -> bool:
        """Tell whether devices and operators are in the secondary."""
        return self.answer == SECONDARY or self.led_since is not None

    @property
    def control_there(self) -> Control:
        """Return what the primary's replica of the control item says."""
        return self._replicas[PRIMARY].item

    @property
    def sends_back(self) -> bool:
        """Tell whether the name leads to the primary, and an order sends devices there."""
        return self.answer == PRIMARY and self.control_there.orders(PRIMARY)

    def items_of_failback(self, region: str) -> RegionItems:
        """Return both items of a Region as a failback reads and writes them."""
        reader = self._readers[region]
        return RegionItems(reader, FenceOfFailback(reader.fence), reader.replica)

    def disconnect(self) -> None:
        """End all connections to the secondary."""
        self._all_back = True

    def is_back(self, thing: str) -> bool:
        """Tell whether a device is in the primary again, as it sends something; some move as soon as the name does."""
        if self._all_back:
            return True
        if thing not in self._back and self.sends_back and self._scheduler.chance.random() < MOVES_SOON:
            self._back.add(thing)
        return thing in self._back

    @property
    def is_parted(self) -> bool:
        """Tell whether the replicas do not reach each other."""
        return self.parted_until > self._scheduler.now

    def arrives_in(self, delay: int) -> int:
        """Return in how many milliseconds something of the global tables is in the other Region."""
        return max(delay, self.parted_until - self._scheduler.now + delay)

    # What happens

    def begin(self, verb: str, other: int, done: Callable[[], None]) -> None:
        """Have something happen; `done` is called when an operator has ended, at once if there is none."""
        lasts = int(5_000 * (1 + other) ** 1.5)
        if verb.startswith("order "):
            region = SECONDARY if verb == "order secondary" else PRIMARY
            self._caused = self._caused or region == SECONDARY
            self._order(region, f"operator {other}", done, ORDERED_AT_MOST)
            return
        now = self._scheduler.now
        if verb == "part replicas":
            self.parted_until = max(self.parted_until, now + lasts)
        else:
            region = SECONDARY if verb.startswith("secondary") else PRIMARY
            until = self._away_until if verb.endswith("away") else self._unwell_until
            until[region] = max(until[region], now + 2 * lasts)
            self._look_at_health()
            self._scheduler.after(until[region] - now, self._look_at_health)
        self._tell(verb, (lasts,))
        self._keep_watching()
        done()

    def _order(self, region: str, by: str, done: Callable[[], None], tries: int) -> None:
        process = self._process(f"{by} in {region}")
        failover = self._failover(process, region)

        def work() -> None:
            known = failover.read()
            if not failover.stands(known):
                failover.order(known, by, "an outage", RecordedFailover())

        def ended(error: BaseException | None) -> None:
            self._tell(f"{by} ordered {region}", (error or "",))
            if error is None or tries <= 1:
                done()
                return
            self._scheduler.after(ORDERED_AGAIN_AFTER, partial(self._order, region, by, done, tries - 1))

        self._keep_watching()
        process.start(work, ended)

    def _failover(self, process: Process, region: str) -> Failover:
        there = "orders" if OTHERS[region] == SECONDARY else "orders there"
        return Failover(
            lead=self._lead(process, region),
            other=OTHERS[region],
            controls_there=process.port(there, _Across(self, self._replicas[OTHERS[region]]), ControlStore),
            sources=cast("Any", None),
            following=cast("Any", None),
            connects=cast("Any", None),
            connections_there=cast("Any", None),
            executor=Inline(),
            pause=cast("Any", None),
        )

    def _lead(self, process: Process, region: str) -> TakeLead:
        there = "" if region == SECONDARY else " there"
        reader = self._readers[region]
        return TakeLead(
            region,
            PAIR,
            process.port(f"control{there}", reader, LeadershipReader),
            process.port(f"fence{there}", reader.fence, FenceStore),
            process.port(f"orders{there}", reader.replica, ControlStore),
            self._scheduler.clock,
        )

    # The table's replicas

    def _ordered(self, replica: Replica) -> None:
        """Take an order that was written into a replica to the other one."""
        self._stamps += 1
        replica.stamp = (self._scheduler.now, self._stamps)
        control = replica.item
        if self._orders.setdefault(control.epoch, control.leader) != control.leader:
            self._break("epoch", f"epoch {control.epoch} was given to both Regions")
        delay = self.arrives_in(50 + int(2_000 * self._scheduler.chance.random()))
        self._scheduler.after(delay, partial(self._arrive, OTHERS[replica.region], control, replica.stamp))
        self._changed(replica)

    def _arrive(self, region: str, control: Control, stamp: tuple[int, int]) -> None:
        if self.is_parted:
            delay = self.arrives_in(50 + int(2_000 * self._scheduler.chance.random()))
            self._scheduler.after(delay, partial(self._arrive, region, control, stamp))
            return
        replica = self._replicas[region]
        if stamp > replica.stamp:
            replica.item, replica.stamp = control, stamp
            self._changed(replica)

    def _changed(self, replica: Replica) -> None:
        now = replica.item
        self._tell(f"control item of {replica.region}", (f"{now.leader} {now.mode} {now.epoch}",))
        self._look_at_health()
        if replica.region == SECONDARY:
            self._stream_waits = True
            self._hand_on()

    def _hand_on(self) -> None:
        """Have the stream's function follow, one after the other."""
        if self._stream_runs or not self._stream_waits:
            return
        self._stream_runs, self._stream_waits = True, False
        lead = self._lead(self._stream, SECONDARY)

        def work() -> None:
            follow_order(SECONDARY, lead.reader, lead.fence, lead.control, self._scheduler.clock)

        def ended() -> None:
            self._stream_runs = False
            self._hand_on()

        retried(self._stream, work, ended, self._scheduler)

    def _fence_changed(self, before: Fence, now: Fence, back: bool) -> None:
        self._tell("fence", (f"{now.role} {now.epoch} by {now.by}",))
        if not now.leads:
            self._check_follows(before, now, back=back)
            self.led_since = None
            self.left()
            return
        if not self._caused:
            self._break("follows", f"it leads though nobody ordered it and the name never led there: {now}")
        if self.led_since is None:
            self.led_since = self._scheduler.now
            self.takeovers += 1

    def _primary_changed(self, before: Fence, now: Fence, back: bool) -> None:
        self._tell("fence of the primary", (f"{now.role} {now.epoch} by {now.by}",))
        if not now.leads:
            self._check_follows(before, now, back=back)
        elif not before.leads:
            self.leads_back()

    def _check_follows(self, before: Fence, now: Fence, *, back: bool) -> None:
        if before.leads and not back:
            self._break("follows", f"epoch {now.epoch} by {now.by}")
        if not any(one.fence.item.leads for one in self._readers.values()):
            self._break("follows", f"no Region leads any more: {now}")

    # The name

    def _endpoint(self, region: str) -> Endpoint:
        now = self._scheduler.now
        here = self._away_until[region] <= now
        return Endpoint(region, self._replicas[region].item, here, here and self._unwell_until[region] <= now)

    def _look_at_health(self) -> None:
        """Have Route 53 see it, after some checks in a row."""
        self._scheduler.after(10_000 + int(40_000 * self._scheduler.chance.random()), self._answer_by_health)

    def _answer_by_health(self) -> None:
        primary, secondary = self._endpoint(PRIMARY), self._endpoint(SECONDARY)
        answer = answered(primary, secondary)
        if wrong := [letter for letter, leads_to in promised(primary, secondary) if leads_to != answer]:
            self._break("answer", f"{answer} is answered against {''.join(wrong)}: {primary}, {secondary}")
        if answer != self.answer:
            self._tell("the name", (answer,))
            if answer == SECONDARY:
                self._back, self._all_back = set(), False
            self.answer = answer
            self._caused = self._caused or answer == SECONDARY
        self._keep_watching()

    # The watch

    def _domain_watch(self, process: Process) -> DomainWatch:
        def probe() -> None:
            if not self._endpoint(SECONDARY).probe:
                raise RegionUnavailable("the round trip fails")

        return DomainWatch(
            name=FLEET,
            endpoint=ENDPOINTS[SECONDARY],
            servers=process.port("names", _Names(self), NameServers),
            lead=self._lead(process, SECONDARY),
            probe=probe,
            pause=lambda seconds: self._scheduler.wait(int(seconds * 1000)),
            together=process.together,
        )

    def _keep_watching(self) -> None:
        begins = self._watched_until <= self._scheduler.now
        self._watched_until = self._scheduler.now + WATCHED_FOR
        if begins:
            self._scheduler.after(int(MINUTE * self._scheduler.chance.random()), self._look)

    def _look(self) -> None:
        if self._watched_until > self._scheduler.now:
            self._scheduler.after(MINUTE, self._look)
        if self._watch_runs:
            return

        def ended(error: BaseException | None) -> None:
            self._watch_runs = False
            if error is not None:
                self._tell("watch", (error,))

        self._watch_runs = True
        self._watching.start(self._watch.look, ended)

    # The end

    def check_end(self) -> None:
        """Check that the replicas agree, and that what the fence of the secondary follows is not forgotten."""
        here, there = self._replicas[SECONDARY].item, self._replicas[PRIMARY].item
        fence = self._readers[SECONDARY].fence.item
        if here != there:
            self._break("epoch", f"the replicas differ for ever: {here}, {there}")
        if fence.leads and here.epoch < fence.epoch:
            self._break("epoch", f"the fence follows epoch {fence.epoch}, the replicas have {here.epoch}")
        if here.leader == SECONDARY and not fence.leads:
            self._break("follows", f"{here} is not followed")

    def check_back(self) -> None:
        """Check, all having come to its end after a failback, that the primary alone leads, and health decides."""
        here, there = self._readers[SECONDARY], self._readers[PRIMARY]
        control = there.replica.item
        if here.fence.item.leads or not there.fence.item.leads or control.leader != PRIMARY:
            self._break("follows", f"the primary does not lead alone: {here.fence.item}, {there.fence.item}, {control}")


@dataclass
class _Across:
    """A replica as it is reached from the other Region."""

    failovers: Failovers
    replica: Replica

    def control(self) -> Control:
        """Return what is in force there."""
        self._reach()
        return self.replica.control()

    def order(self, control: Control) -> None:
        """Write an order there."""
        self._reach()
        self.replica.order(control)

    def _reach(self) -> None:
        if self.failovers.is_parted:
            raise RegionUnavailable(f"{self.replica.region} does not answer")


@dataclass
class _Names:
    """The zone's name servers, of which one is silent while the replicas are parted."""

    failovers: Failovers

    def servers(self, _name: str) -> tuple[str, ...]:
        """Return them."""
        return SERVERS

    def answer(self, server: str, _name: str) -> NameAnswer:
        """Answer as the zone does."""
        if server == SERVERS[0] and self.failovers.is_parted:
            raise RegionUnavailable("the server is silent")
        return NameAnswer(ENDPOINTS[self.failovers.answer], 30)
