"""The control item: which Region should lead, as all Regions are told.

The last writer wins in a global table, so the item only says who *should* lead, and health checks answer by it. What
may be written in a Region is decided by that Region's own fence (`fence`).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Mode(enum.StrEnum):
    """What decides where devices go."""

    AUTOMATIC = "automatic"
    """The Regions' health, with the leader's preferred."""
    PINNED = "pinned"
    """The leader alone, whatever its health."""
    MOVING = "moving"
    """The leader alone, while devices are on their way to it."""


class ReplicationState(enum.StrEnum):
    """Whether replication writes."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True)
class Control:
    """What the item says.

    Attributes:
        leader: the Region that should lead.
        mode: what decides where devices go.
        epoch: the number of the order; the higher one counts. Odd if it was given in the primary Region, even in the
            secondary, so that two Regions that cannot see each other never give the same. 0 before the first.
        replication: whether replication writes at all.
        at: when it was ordered, epoch milliseconds; 0 if nobody has.
        by: who ordered it.
        why: the reason.
        unwell: the Region whose health answer fails while no order decides; a drill's item alone says so.
    """

    leader: str
    mode: Mode = Mode.AUTOMATIC
    epoch: int = 0
    replication: ReplicationState = ReplicationState.ACTIVE
    at: int = 0
    by: str = ""
    why: str = ""
    unwell: str = ""

    def orders(self, region: str) -> bool:
        """Tell whether devices are to go to this Region whatever its health."""
        return self.leader == region and self.mode is not Mode.AUTOMATIC
