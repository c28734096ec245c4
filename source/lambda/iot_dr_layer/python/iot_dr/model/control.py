"""The control item: which Region serves the devices, and whether replication is on.

Either Region can read and write it by DynamoDB alone, so that it also works while the other Region does not.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

AUTOMATIC = "automatic"
"""The health checks decide which Region serves."""

HELD_BACK = "held back"
"""How the reason begins of whatever waits for the control item."""


class Replication(enum.StrEnum):
    """Whether the secondary follows the primary."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True)
class Control:
    """What is in force; without an item it is the default."""

    serving: str = AUTOMATIC
    replication: Replication = Replication.ACTIVE

    def holds_back(self, secondary: str) -> str:
        """Return why nothing may be written over what devices write in the secondary Region; empty if all may."""
        if self.serving == secondary:
            return f"{HELD_BACK}: {secondary} serves"
        if self.replication is Replication.SUSPENDED:
            return f"{HELD_BACK}: replication is suspended"
        return ""
