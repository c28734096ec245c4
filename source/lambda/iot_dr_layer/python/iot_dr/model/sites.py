"""Sites, and the direction in which one is copied to another; which of them devices use is no matter of these."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Side(enum.StrEnum):
    """Which end of a copy a read or a write concerns."""

    SOURCE = "source"
    TARGET = "target"


@dataclass(frozen=True)
class Site:
    """A registry: one Region of one account; the account is empty where nothing depends on it."""

    region: str
    account: str = ""


@dataclass(frozen=True)
class Direction:
    """What is copied where: failover changes who serves, failback this. A snapshot goes back into its own site too."""

    source: Site
    target: Site

    def site(self, side: Side) -> Site:
        """Return the site at one end."""
        return self.source if side is Side.SOURCE else self.target
