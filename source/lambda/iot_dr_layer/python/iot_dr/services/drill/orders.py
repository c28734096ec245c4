"""Orders by a drill's own control item: who may begin, what sends devices away, and what brings them back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iot_dr.errors import ConfigurationError, Conflict
from iot_dr.model.drill.orders import DrillFault
from iot_dr.model.failover.control import Control, Mode
from iot_dr.model.regions import RegionPair
from iot_dr.ports.clock import Clock
from iot_dr.ports.drill.canary import CanaryControl
from iot_dr.reconcile.failover import next_epoch

FIRST = 1
"""The epoch with which every drill begins: so an item that is there, whatever its epoch, is another drill's."""


@dataclass(frozen=True)
class CanaryOrders:
    """The item of one drill, by each Region's replica; `now` in epoch milliseconds."""

    drill: str
    regions: RegionPair
    controls: Mapping[str, CanaryControl]
    now: Clock

    def begin(self) -> None:
        """Take the item for this drill.

        Raises:
            ConfigurationError: another drill has it.
        """
        secondary = self.controls[self.regions.secondary]
        try:
            secondary.order(self._control(self.regions.primary, Mode.AUTOMATIC, FIRST))
        except Conflict as error:
            other = secondary.control().by
            raise ConfigurationError(
                f"{other} is under way, or was killed; when you know that nobody runs it, remove what it left: "
                f"`iot-dr drill --clean {other}`; nothing was changed"
            ) from error

    def fail(self, fault: DrillFault) -> str:
        """Have devices leave the primary; return how, in words."""
        primary, secondary = self.regions.primary, self.regions.secondary
        if fault is DrillFault.DRAIN:
            self._order(secondary, secondary, Mode.PINNED)
            return f"an order for {secondary}, as a failover gives it"
        # The primary answers by its own replica.
        self._order(primary, primary, Mode.AUTOMATIC, unwell=primary)
        return f"the health answer of {primary} fails"

    def bring_back(self) -> str:
        """Have devices come back to the primary; return how, in words."""
        primary = self.regions.primary
        self._order(primary, primary, Mode.PINNED)
        return f"an order for {primary}"

    def forget(self) -> None:
        """Take the item away in both Regions, if it is this drill's."""
        for control in self.controls.values():
            if control.control().by == self.drill:
                control.forget()

    def _order(self, at: str, leader: str, mode: Mode, unwell: str = "") -> None:
        control = self.controls[at]
        epoch = next_epoch(control.control().epoch, in_primary=at == self.regions.primary)
        control.order(self._control(leader, mode, epoch, unwell))

    def _control(self, leader: str, mode: Mode, epoch: int, unwell: str = "") -> Control:
        return Control(leader, mode, epoch, at=self.now(), by=self.drill, why="a drill", unwell=unwell)
