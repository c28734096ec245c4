"""Follows a failover: the fence, the fleet's name at its own servers, the time to live, and the devices.

All of it only looks. What was ordered holds whether or not anybody follows it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from iot_dr.errors import IotDrError, RetryableError
from iot_dr.model.failover.devices import DeviceCounts
from iot_dr.model.failover.names import NameAnswers
from iot_dr.model.status.checks import error_line
from iot_dr.model.status.fleets import FleetSize
from iot_dr.model.status.status_parts import Unread
from iot_dr.ports.clock import Clock
from iot_dr.ports.failover import Connections, NameServers
from iot_dr.ports.progress import FailoverObserver
from iot_dr.services.concurrency import Together, one_by_one
from iot_dr.services.failover.naming import ask_all
from iot_dr.services.pacing import Stopwatch, Wait

WORKER_SECONDS = 45
"""How long a worker may still write by what it read before the fence changed: its function's time-out.

AWS IoT takes no token that would refuse such a write, so nothing counts as fenced before. A test holds it to the
template.
"""

EVERY_SECONDS = 2.0
"""Between two looks at the name servers."""

COUNT_SECONDS = 10.0
"""Between two counts of devices: the index follows by seconds, and each count is a call of a scarce quota."""

STILL = 3
"""Counts in a row in which no device came, after which none is waited for where the other Region does not answer."""


@dataclass(frozen=True)
class NameSeen:
    """What the name servers answered last, and whether they send devices to the Region that leads.

    `unread` says why nobody could be asked; `unwatched` is a fleet without a name.
    """

    answers: NameAnswers = field(default_factory=NameAnswers)
    seen: bool = False
    unread: str = ""
    unwatched: bool = False


@dataclass(frozen=True)
class Follow:
    """Looks after one order, until all is as it should be or the time is over.

    Attributes:
        region: the one that leads.
        endpoint: where its devices connect.
        name: the fleet's; empty if it has none.
        since: when its fence changed, epoch milliseconds.
        here: the connections of the Region that leads.
        there: those of the other.
        seconds: for how long it is looked at most.
    """

    region: str
    endpoint: str
    name: str
    servers: NameServers
    since: int
    here: Connections
    there: Connections
    seconds: float
    clock: Clock
    stopwatch: Stopwatch
    pause: Wait
    progress: FailoverObserver
    together: Together = one_by_one

    def name_seen(self) -> NameSeen:
        """Wait until the name servers answer with the Region's endpoint, and resolvers have forgotten what was."""
        if not self.name:
            self.progress.step("The fleet has no name, so DNS is not watched")
            return NameSeen(unread="the fleet has no name", unwatched=True)
        self.progress.step(f"Asking the name servers of {self.name}")
        until, ttl = self.stopwatch() + self.seconds, 0
        while True:
            found = self._asked()
            ttl = max(ttl, found.answers.ttl)
            if found.seen or self.stopwatch() >= until:
                break
            self.pause(EVERY_SECONDS)
        if found.seen:
            self.progress.step(f"{self.name} leads to {self.region}; resolvers may have the old answer for {ttl} s")
            self.pause(ttl)
        return found

    def devices(self) -> DeviceCounts:
        """Count until nobody is connected to the other Region, or where it does not answer, until no more come."""
        self.progress.step(f"Counting the devices that are connected to {self.region}")
        began = self.stopwatch()
        before, still = -1, 0
        first: int | None = None
        while True:
            counts = DeviceCounts(_number(self.here), _number(self.there))
            took = self.stopwatch() - began
            first = counts.arrived if first is None else first
            self.progress.moved(counts, (counts.arrived - first) / took if took > 0 else None)
            still = still + 1 if counts.arrived == before else 0
            before = counts.arrived
            if counts.is_over or counts.is_unknown or took >= self.seconds:
                return counts
            if isinstance(counts.there, Unread) and still >= STILL:
                return counts
            self.pause(COUNT_SECONDS)

    def fenced(self) -> None:
        """Wait until no worker can still write by what it knew before."""
        left = self.since / 1000 + WORKER_SECONDS - self.clock() / 1000
        if left > 0:
            self.progress.step(f"Waiting {left:.0f} s for workers that began before the fence changed")
            self.pause(left)
        self.progress.step(f"{self.region} is fenced: nothing overwrites what devices write there")

    def _asked(self) -> NameSeen:
        try:
            answers = ask_all(self.servers, self.name, self.together)
        except RetryableError as error:
            return NameSeen(unread=error_line(error))
        return NameSeen(answers, answers.all_say(self.endpoint))


def _number(connections: Connections) -> FleetSize | Unread:
    try:
        return connections.number()
    except IotDrError as error:
        return Unread(error_line(error))


def seconds_left(counts: DeviceCounts, per_second: float | None) -> float | None:
    """Return in how many seconds the rest will have come at this rate; None where nobody can tell."""
    if not per_second or isinstance(counts.there, Unread):
        return None
    return counts.left_behind / per_second
