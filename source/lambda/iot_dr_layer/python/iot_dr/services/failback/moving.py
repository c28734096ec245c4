"""Brings the devices back: DNS is followed, and whoever stays connected is disconnected, at a pace that is bearable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from iot_dr.errors import IotDrError
from iot_dr.model.failover.devices import DeviceCounts
from iot_dr.model.status.checks import error_line
from iot_dr.ports.failover import Connections
from iot_dr.ports.progress import FailoverObserver
from iot_dr.services.concurrency import Together, one_by_one
from iot_dr.services.failover.evict import Eviction
from iot_dr.services.failover.failover import SHARE_OF_CONNECTS
from iot_dr.services.failover.follow import Follow, NameSeen
from iot_dr.services.pacing import Wait


@dataclass(frozen=True)
class Moved:
    """What was seen of the devices' way: who could not be moved, and why nobody was, if so."""

    name: NameSeen
    devices: DeviceCounts | None = None
    left_behind: tuple[str, ...] = ()
    why: str = ""

    @property
    def complete(self) -> bool:
        """Tell whether no device is known to be left behind."""
        return not self.why and not self.number_left

    @property
    def number_left(self) -> int:
        """Return how many devices are known to be left behind."""
        return max(0 if self.devices is None else self.devices.left_behind, len(self.left_behind))


@dataclass(frozen=True)
class Moving:
    """Moves devices to the old primary.

    Attributes:
        following: returns what follows DNS and the devices, given since when they are sent there, epoch milliseconds.
        connects: tells the quota of CONNECT requests per second there, and why it is a default, if it is.
        connections: returns the connections of the Region that devices leave, ended at most so many a second.
    """

    following: Callable[[int], Follow]
    connects: Callable[[], tuple[float, str]]
    connections: Callable[[float], Connections]
    progress: FailoverObserver
    pause: Wait
    together: Together = one_by_one

    def move(self, since: int) -> Moved:
        """Wait until the name servers answer with the Region, then end what stays connected, and count."""
        follow = self.following(since)
        name = follow.name_seen()
        if name.unwatched:
            return Moved(name, follow.devices())
        if not name.seen:
            return Moved(name, why=name.unread or "the name servers do not all answer with the old primary yet")
        try:
            left = self._evicted()
        except IotDrError as error:
            return Moved(name, why=f"no connection could be ended: {error_line(error)}")
        return Moved(name, follow.devices(), left)

    def _evicted(self) -> tuple[str, ...]:
        connects, default = self.connects()
        rate = connects * SHARE_OF_CONNECTS
        told = f"AWS's default, as {error_line(default)}" if default else "by Service Quotas"
        self.progress.step(f"Ending connections, {rate:g} a second: half of CONNECT in the old primary, {told}")
        eviction = Eviction(self.connections(rate), self.progress, self.pause, self.together)
        return eviction.run().left
