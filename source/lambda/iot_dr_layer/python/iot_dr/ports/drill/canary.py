"""A drill's own name and control item."""

from __future__ import annotations

from typing import Protocol

from iot_dr.model.drill.orders import CanaryRecords
from iot_dr.ports.failover import ControlStore


class CanaryControl(ControlStore, Protocol):
    """A drill's own control item, by which its health checks are answered, in one Region's replica."""

    def forget(self) -> None:
        """Take it away; that there is none is success."""


class CanaryName(Protocol):
    """Makes a name like the fleet's for one drill, with health checks of its own."""

    def zone(self) -> str:
        """Return the domain name of the hosted zone, without a final dot.

        Raises:
            IotDrError: there is no such zone.
        """

    def make(self, records: CanaryRecords) -> None:
        """Make health checks like the fleet's, and two failover records that depend on them; it can be repeated."""

    def remove(self, drill: str) -> int:
        """Remove all that a drill of this name has in the zone and its health checks; return how much that was."""
