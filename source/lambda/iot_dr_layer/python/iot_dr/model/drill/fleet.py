"""A drill with the fleet itself: where the fleet stands meanwhile, and what became of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class FleetStand(enum.StrEnum):
    """Where the fleet may be, as far as a drill has come; what goes on from there follows from it."""

    HOME = "home"
    """The primary leads, and the secondary follows."""
    AWAY = "away"
    """The failover may be ordered; no plan of the way back is applied."""
    RETURNING = "returning"
    """The plan of the way back is being applied, and the failback goes on with it."""


@dataclass(frozen=True)
class FleetFindings:
    """What a drill with the fleet found beside its own devices.

    Attributes:
        name: the fleet's.
        before: who was connected before it began, as a text.
        moved: what was seen of the failover, as a text; empty if it was not ordered.
        as_asked: whether the failover was all as asked: DNS moved, and nobody was left behind.
        plan: what the failback had to bring, as a text.
        stopped: why the fleet is not back; empty if it is.
    """

    name: str
    before: str = ""
    moved: str = ""
    as_asked: bool = False
    plan: str = ""
    stopped: str = ""
