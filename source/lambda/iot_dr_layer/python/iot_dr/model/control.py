"""The control item: which Region serves the devices, and whether replication is on.

Either Region can read and write it by DynamoDB alone, so that it also works while the other Region does not.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from iot_dr.model.sites import Direction

AUTOMATIC = "automatic"
"""The health checks decide which Region serves."""

HELD_BACK = "held back"
"""How the reason begins of whatever waits for the control item."""


class ReplicationState(enum.StrEnum):
    """Whether the secondary follows the primary."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True)
class Control:
    """What the item says; without an item it is the default. `serving` is text that somebody typed."""

    serving: str = AUTOMATIC
    replication: ReplicationState = ReplicationState.ACTIVE

    def holds_back(self, direction: Direction) -> str:
        """Return why nothing may be written over what devices write in the secondary Region; empty if all may."""
        if self.serving == direction.target.region:
            return f"{HELD_BACK}: {direction.target.region} serves"
        if self.serving not in (AUTOMATIC, direction.source.region):
            # It may be meant for the secondary, and what devices write there would be lost.
            return (
                f'{HELD_BACK}: the control item has "serving" = "{self.serving}"; set it to {AUTOMATIC}, '
                f"{direction.source.region} or {direction.target.region}"
            )
        if self.replication is ReplicationState.SUSPENDED:
            return f"{HELD_BACK}: replication is suspended"
        return ""
