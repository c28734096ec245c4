"""The two Regions of a launch."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from iot_dr.errors import ConfigurationError
from iot_dr.model.sites import Direction, Site


class Role(enum.StrEnum):
    """What a Region is in a launch."""

    PRIMARY = "primary"
    SECONDARY = "secondary"


@dataclass(frozen=True)
class RegionPair:
    """Where the stacks and tables of a launch stand, whichever of them is copied to the other.

    Raises:
        ConfigurationError: both are the same Region.
    """

    primary: str
    secondary: str

    def __post_init__(self) -> None:
        if self.primary == self.secondary:
            raise ConfigurationError(
                f"the primary and the secondary Region are both {self.primary}; choose a different secondary Region"
            )

    def replication(self, account: str = "") -> Direction:
        """Return the direction of replication, from the primary to the secondary Region of an account."""
        return Direction(Site(self.primary, account), Site(self.secondary, account))
