"""How a drill with the fleet looks: where the fleet stands, who is connected where, and what goes on from there."""

from __future__ import annotations

from collections.abc import Callable

from iot_dr.cli.view.drill import DrillWatch
from iot_dr.model.drill.fleet import FleetStand
from iot_dr.model.failover.devices import DeviceCounts
from iot_dr.model.sync.progress import SyncProgress

_GO_ON = {
    FleetStand.AWAY: (
        "{secondary} may lead the fleet by now, as `iot-dr status` says. Bring it back by `iot-dr failback`, then "
        "`iot-dr failback --apply --switch`"
    ),
    FleetStand.RETURNING: "The failback is under way; go on with it: `iot-dr failback --apply --switch`",
}


class FleetWatch(DrillWatch):
    """Tells of the drill and of the fleet; `hinted` gives the commands in a text what this one was given."""

    def __init__(self, secondary: str, hinted: Callable[[str], str]) -> None:
        super().__init__(lambda name: hinted(f"iot-dr drill --clean {name}"))
        self._secondary, self._hinted = secondary, hinted
        self._stand = FleetStand.HOME
        self._arrived = 0

    def stands(self, where: FleetStand) -> None:
        """Know where the fleet may be."""
        self._stand = where

    def moved(self, counts: DeviceCounts, _per_second: float | None) -> None:
        """Show how many of the fleet's devices have come."""
        self._bar.update(
            self._task,
            description="Devices of the fleet",
            completed=counts.arrived,
            total=counts.arrived + counts.left_behind,
            visible=True,
        )
        if counts.arrived != self._arrived:
            self.step(f"{counts.arrived:,} devices have come, {counts.left_behind:,} are left")
            self._arrived = counts.arrived

    def read(self, stage: str, calls: int) -> None:
        """Begin with a stage of the reading, of which a log is not told."""
        self._bar.reset(self._task, total=calls or None, description=f"Reading {stage}", pace="", visible=True)

    @property
    def homecoming(self) -> str:
        """Return what goes on from where the fleet stands; empty if it is home."""
        if self._stand is FleetStand.HOME:
            return ""
        text = _GO_ON[self._stand].format(secondary=self._secondary)
        return self._hinted(f"{text}. Then remove the drill's devices: `iot-dr drill --clean {self._drill}`.")

    def left(self) -> str:
        """Say where a drill that was stopped leaves the fleet, and its own devices."""
        return self.homecoming or super().left()


class WayBackWatch:
    """Tells a drill's watch of its failback: the steps, and how far the reading is."""

    def __init__(self, watch: FleetWatch) -> None:
        self._watch = watch

    def step(self, text: str) -> None:
        """Say what comes next."""
        self._watch.step(text)

    def begin(self, stage: str, calls: int | None, ahead: int = 0) -> None:
        """Begin with a stage of the reading."""
        self._watch.read(stage, (calls or 0) + ahead)

    def advance(self, calls: int, _found: int) -> None:
        """Say that so many more calls were answered."""
        self._watch.advance(calls)

    def reached(self, progress: SyncProgress) -> None:
        """Leave it: what a drill has to bring is little."""
