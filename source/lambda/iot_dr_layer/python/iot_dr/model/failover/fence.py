"""The fence: what may be written in one Region, decided in that Region alone."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from iot_dr.model.failover.control import Control, Mode


class FenceRole(enum.StrEnum):
    """What a Region's fence says of it."""

    FOLLOWS = "follows"
    """It is kept equal to the other Region."""
    LEADS = "leads"
    """Devices write here: replication fills in what is missing, and overwrites nothing."""


@dataclass(frozen=True)
class Fence:
    """What the item says.

    Attributes:
        role: what may be written.
        epoch: the number of the order that it follows; 0 before the first.
        mode: how that order sends devices, to tell it again where a replica has lost it.
        since: when it was followed, epoch milliseconds.
        by: who ordered it.
        why: the reason.
        elsewhere_at: when the fleet's name was first seen to lead to another Region, epoch milliseconds; 0 if never.
    """

    role: FenceRole = FenceRole.FOLLOWS
    epoch: int = 0
    mode: Mode = Mode.PINNED
    since: int = 0
    by: str = ""
    why: str = ""
    elsewhere_at: int = 0

    @property
    def leads(self) -> bool:
        """Tell whether its Region leads."""
        return self.role is FenceRole.LEADS


@dataclass(frozen=True)
class Standing:
    """What may be written in a Region now.

    Attributes:
        closed: why nothing may be written; empty if something may.
        leads: why what is there may not be overwritten; empty if it may.
    """

    closed: str = ""
    leads: str = ""

    @property
    def refusal(self) -> str:
        """Return why not everything may be written; empty if all may."""
        return self.closed or self.leads


OPEN = Standing()
"""Everything may be written."""

HELD_BACK = "held back"
"""How the reason begins of whatever waits because of who leads."""


@dataclass(frozen=True)
class Leadership:
    """What one Region knows of who leads: its replica of the control item, and its own fence."""

    control: Control
    fence: Fence
