"""The names of a launch, as every command that works on one is told them."""

from __future__ import annotations

from dataclasses import dataclass

from iot_dr.model.launch.launches import Launch
from iot_dr.model.regions import RegionPair


@dataclass(frozen=True, kw_only=True)
class LaunchNames:
    """The variables of `toolsrc` that name a launch."""

    primary_region: str
    secondary_region: str
    stack_postfix: str
    uuid: str

    @property
    def regions(self) -> RegionPair:
        """Return both Regions.

        Raises:
            ConfigurationError: they are one.
        """
        return RegionPair(self.primary_region, self.secondary_region)

    @property
    def launch(self) -> Launch:
        """Return the launch that these variables name.

        Raises:
            ConfigurationError: Regions, postfix or UUID cannot be.
        """
        return Launch(self.regions, self.stack_postfix, self.uuid)
