"""The two Regions of a launch."""

from __future__ import annotations

import difflib
import enum
from collections.abc import Collection
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


def check_region(region: str, known: Collection[str]) -> None:
    """See to it that a Region is one of these, which have AWS IoT Core.

    Raises:
        ConfigurationError: it is none; the message names those that are spelt alike.
    """
    if region in known:
        return
    near = difflib.get_close_matches(region, sorted(known), n=3, cutoff=0.8)
    mend = (
        f"did you mean {' or '.join(sorted(near))}?" if near else "give its name as AWS has it, for example us-east-1"
    )
    raise ConfigurationError(f"{region!r} is not a Region with AWS IoT Core; {mend}")
