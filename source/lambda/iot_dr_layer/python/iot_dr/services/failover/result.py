"""What a failover came to, as the operator is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from iot_dr.model.failover.devices import DeviceCounts
from iot_dr.model.failover.fence import Leadership
from iot_dr.services.failover.evict import Evicted
from iot_dr.services.failover.follow import NameSeen
from iot_dr.services.failover.losses import Losses


@dataclass(frozen=True)
class FailoverResult:
    """What was ordered and what was seen of it.

    Attributes:
        region: the one that leads.
        other: the one that did.
        losses: what may be lost; None where nothing was ordered.
        untold: why the other Region was not told; empty if it was.
        followed: whether it was to be followed; without that, nothing below is known.
        not_evicted: why no connection was ended; empty if that was done, or not asked for.
    """

    region: str
    other: str
    leadership: Leadership
    changed: bool
    losses: Losses | None = None
    untold: str = ""
    followed: bool = False
    name: NameSeen = field(default_factory=NameSeen)
    devices: DeviceCounts | None = None
    evicted: Evicted | None = None
    not_evicted: str = ""
    fenced: bool = False

    @property
    def as_asked(self) -> bool:
        """Tell whether all is as it was asked for; a fleet without a name has no DNS that could be seen."""
        if not self.followed:
            return True
        dns = self.name.seen or self.name.unwatched
        behind = self.devices is not None and self.devices.left_behind > 0
        left = self.evicted is not None and bool(self.evicted.left)
        return dns and not behind and not left and not self.not_evicted
