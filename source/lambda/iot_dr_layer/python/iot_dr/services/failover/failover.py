"""A failover to one Region from its beginning to its end: read, tell what may be lost, order, follow, evict."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, wait
from dataclasses import dataclass, replace

from iot_dr.errors import IotDrError
from iot_dr.model.failover.control import Control, Mode
from iot_dr.model.failover.fence import Leadership
from iot_dr.model.status.checks import error_line
from iot_dr.model.status.status_parts import Unread
from iot_dr.ports.failover import Connections, ControlStore
from iot_dr.ports.progress import FailoverObserver
from iot_dr.services.concurrency import on_threads
from iot_dr.services.failover.evict import Evicted, Eviction
from iot_dr.services.failover.follow import Follow
from iot_dr.services.failover.losses import Losses, LossSources, found_in_time, losses
from iot_dr.services.failover.result import FailoverResult
from iot_dr.services.failover.take_lead import LeadOrder, TakeLead, Told, tell_other
from iot_dr.services.pacing import Wait

OTHER_SECONDS = 3.0
"""For telling the other Region; nothing rests on it."""

SHARE_OF_CONNECTS = 0.5
"""Of the quota of CONNECT requests of the Region that leads, what evicted devices may take: the rest is for those that
come by themselves, and for what is tried again."""


@dataclass(frozen=True)
class Failover:
    """What a failover to one Region asks and changes.

    Attributes:
        lead: orders in the Region that is to lead.
        other: the Region that has led until now.
        controls_there: the other Region's replica of the control item.
        sources: where it is read what may be lost.
        following: returns what looks after an order, given when the fence changed (epoch milliseconds), for how many
            seconds at most, and who watches.
        connects: tells the Region's quota of CONNECT requests per second, and why it is a default, if it is.
        connections_there: returns the connections of the other Region, ended at most so many a second.
    """

    lead: TakeLead
    other: str
    controls_there: ControlStore
    sources: LossSources
    following: Callable[[int, float, FailoverObserver], Follow]
    connects: Callable[[], tuple[float, str]]
    connections_there: Callable[[float], Connections]
    executor: Executor
    pause: Wait

    @property
    def region(self) -> str:
        """Return the Region that is to lead."""
        return self.lead.region

    def read(self) -> Leadership:
        """Return who leads, as the Region knows it; raises what `TakeLead.read` does."""
        return self.lead.read()

    def stands(self, known: Leadership) -> bool:
        """Tell whether the Region leads already, pinned."""
        return self.lead.stands(known, Mode.PINNED)

    def losses(self) -> Losses:
        """Return what may be lost."""
        return losses(self.sources, self.executor)

    def order(self, known: Leadership, by: str, why: str, progress: FailoverObserver) -> FailoverResult:
        """Have the Region lead, pinned, and tell the other one; raises what `TakeLead.take` does.

        An order that the other Region alone has was given without knowledge of this one. Whoever orders now has the
        last word, so it is ordered above that.
        """
        order = LeadOrder(Mode.PINNED, by, why)
        taken = self.lead.take(known, order)
        progress.step(f"{self.region} leads, epoch {taken.epoch}")
        told = self._tell(taken.leadership.control)
        if told.later is not None:
            progress.step(f"In {self.other}, {told.why}; ordering above it")
            taken = self.lead.take(replace(taken.leadership, control=told.later), order)
            told = self._tell(taken.leadership.control)
        return FailoverResult(self.region, self.other, taken.leadership, changed=taken.changed, untold=told.why)

    def follow(
        self, result: FailoverResult, seconds: float, progress: FailoverObserver, *, evict: bool
    ) -> FailoverResult:
        """Look at DNS, end what stays connected if wanted, look at the devices, and wait until the Region is fenced."""
        follow = self.following(result.leadership.fence.since, seconds, progress)
        result = replace(result, followed=True, name=follow.name_seen())
        if evict:
            result = self._evicted(result, progress)
        result = replace(result, devices=follow.devices())
        follow.fenced()
        return replace(result, fenced=True)

    def _tell(self, control: Control) -> Told:
        told = self.executor.submit(tell_other, self.controls_there, control)
        wait([told], timeout=OTHER_SECONDS)
        found = found_in_time(told, OTHER_SECONDS)
        return Told(found.reason) if isinstance(found, Unread) else found

    def _evicted(self, result: FailoverResult, progress: FailoverObserver) -> FailoverResult:
        if not result.name.seen:
            return replace(result, not_evicted="the name servers do not answer with the new Region yet")
        try:
            return replace(result, evicted=self._evict(progress))
        except IotDrError as error:
            return replace(result, not_evicted=error_line(error))

    def _evict(self, progress: FailoverObserver) -> Evicted:
        connects, default = self.connects()
        rate = connects * SHARE_OF_CONNECTS
        read = f"AWS's default, as {error_line(default)}" if default else "by Service Quotas"
        progress.step(
            f"Ending connections to {self.other}, {rate:g} a second: half of CONNECT in {self.region}, {read}"
        )
        connections = self.connections_there(rate)
        return Eviction(connections, progress, self.pause, on_threads(self.executor)).run()
