"""Removes all that a drill has made; it can be repeated, and cut off anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from iot_dr.errors import IotDrError, NotReadyYet
from iot_dr.model.drill.orders import CanaryRecords
from iot_dr.model.status.checks import error_line
from iot_dr.ports.drill.canary import CanaryName
from iot_dr.ports.shadows import ShadowWriter
from iot_dr.services.drill.orders import CanaryOrders
from iot_dr.services.trial.crossing import Crossing
from iot_dr.services.trial.fleet import TrialFleet, reasons_text


class NoCanaryName:
    """`ports.CanaryName` of a drill whose devices go by the fleet's own name, of which nothing is to be removed."""

    def zone(self) -> str:
        """Return that there is none."""
        return ""

    def make(self, records: CanaryRecords) -> None:
        """Leave the fleet's name as it is."""

    def remove(self, drill: str) -> int:  # noqa: ARG002  # the port's
        """Return that nothing was there."""
        return 0


@dataclass(frozen=True)
class Removal:
    """What is removed: a name with its health checks, devices, what those wrote in the secondary, and an item.

    Attributes:
        drill: its name.
        name: removes the records and health checks.
        fleet: has everything that the primary holds.
        shadows_there: the secondary's shadows. What devices wrote there, replication would keep.
        crossing: waits until the secondary has nothing left.
        orders: the control item, which goes last: while it is there, no other drill begins.
    """

    drill: str
    name: CanaryName
    fleet: TrialFleet
    shadows_there: ShadowWriter
    crossing: Crossing
    orders: CanaryOrders

    def remove(self) -> tuple[str, ...]:
        """Remove everything; return what stays, and why. The item stays as long as anything else does."""
        left = [*self._tried("its name and health checks", lambda: self.name.remove(self.drill))]
        # First, or the deletion of the primary's shadow would wait until nobody has written the copy for a while.
        left += self._tried("what its devices wrote", self._remove_written)
        staying = self.fleet.remove()
        if staying:
            left.append(f"in {self.fleet.region}: {reasons_text(staying)}")
        followed = self.crossing.followed(staying)
        if followed.left:
            left.append(f"in the secondary Region: {reasons_text(followed.left)}")
        if not left:
            left += self._tried("its control item", self.orders.forget)
        return tuple(left)

    def withdraw(self) -> None:
        """Remove what a drill has made that did not come to its end.

        Raises:
            NotReadyYet: something stays; the message names it.
        """
        if left := self.remove():
            raise NotReadyYet(f"not removed: {'; '.join(left)}; run `iot-dr drill --clean {self.drill}`")

    def _remove_written(self) -> None:
        for key in self.fleet.trial.shadows:
            self.shadows_there.delete(key)

    @staticmethod
    def _tried(what: str, remove: Callable[[], object]) -> Iterator[str]:
        try:
            remove()
        except IotDrError as error:
            yield f"{what}: {error_line(error)}"
