"""The two Regions, seen from the direction of replication."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from iot_dr.errors import ConfigurationError


class Side(enum.StrEnum):
    """Which end of the replication a read or a write concerns."""

    PRIMARY = "primary"
    SECONDARY = "secondary"


@dataclass(frozen=True)
class RegionPair:
    """The Region that serves (primary), the one that follows (secondary), and whose account each belongs to.

    Raises:
        ConfigurationError: both are the same Region.
    """

    primary: str
    secondary: str
    primary_account: str = ""
    secondary_account: str = ""

    def __post_init__(self) -> None:
        if self.primary == self.secondary:
            raise ConfigurationError(
                f"the primary and the secondary Region are both {self.primary}; choose a different secondary Region"
            )

    def reversed(self) -> RegionPair:
        """Return the pair for failback, where the old secondary is the source."""
        return RegionPair(self.secondary, self.primary, self.secondary_account, self.primary_account)
