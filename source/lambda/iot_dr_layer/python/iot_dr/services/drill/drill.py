"""A drill from its beginning to its end: make, cross, connect, baseline, fault, move, stay, way back, remove.

Its devices, its name and its control item are its own, so the fleet is never touched. Whatever ends it, what it made
is removed.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from iot_dr.model.drill.results import DrillResult
from iot_dr.ports.drill.canary import CanaryName
from iot_dr.ports.progress import DrillObserver
from iot_dr.services.drill.orders import CanaryOrders
from iot_dr.services.drill.rehearsal import Rehearsal, RehearsalParts
from iot_dr.services.drill.removal import Removal
from iot_dr.services.rounds import Rounds

WITHDRAWN = "What it had made is removed in both Regions"
"""What is told last of a drill that did not come to its end."""

UNTESTED = (
    "The fleet's own name, its domain configurations and their certificates: a drill has a name of its own, which "
    "leads to the Regions' own endpoints.",
    "A Region that is really lost: the primary served its devices until they left it. So a device's RTO counts from "
    "its last acknowledgement before the fault, as if nothing had been acknowledged since.",
    "The fence of the secondary: it follows the orders of the fleet, not of a drill.",
    "Shadows on the way back: what devices wrote in the secondary is brought back by a failback.",
)
"""What no drill of this scope says anything about."""


@dataclass(frozen=True)
class DrillParts:
    """What a drill is made of.

    Attributes:
        rehearsal: its devices.
        orders: the control item.
        name: makes the name.
        removal: removes all of it.
    """

    rehearsal: RehearsalParts
    orders: CanaryOrders
    name: CanaryName
    removal: Removal


class Drill:
    """One drill; the clock of `rounds` tells seconds since it began."""

    def __init__(self, parts: DrillParts, *, rounds: Rounds, progress: DrillObserver) -> None:
        self._parts, self._progress = parts, progress
        self._rehearsal = Rehearsal(parts.rehearsal, rounds=rounds, progress=progress)

    def run(self) -> DrillResult:
        """Rehearse, remove everything, and return what was found.

        Raises:
            ConfigurationError: another drill is under way; nothing was made.
            IotDrError: it cannot be run; what it had made is removed.
        """
        parts, facts = self._parts, self._parts.rehearsal.facts
        with ExitStack() as undo:
            parts.orders.begin()
            undo.callback(self._withdraw)
            self._rehearse()
            quota, lag = facts.quota(), tuple(facts.lag())
            self._rehearsal.phase("remove")
            left = parts.removal.remove()
            undo.pop_all()
        return self._rehearsal.result(quota=quota, lag=lag, left=left)

    def _withdraw(self) -> None:
        self._rehearsal.phase("remove")
        self._parts.removal.withdraw()
        self._progress.step(WITHDRAWN)

    def _rehearse(self) -> None:
        rehearsal, order, orders = self._rehearsal, self._parts.rehearsal.order, self._parts.orders
        records = self._parts.rehearsal.records
        rehearsal.make()
        rehearsal.phase("connect")
        self._parts.name.make(records)
        with rehearsal.connected(rehearsal.watch_name()):
            rehearsal.phase("baseline")
            rehearsal.pause(order.baseline)
            rehearsal.phase("fault")
            rehearsal.make_late()
            rehearsal.move(records.primary, records.secondary, lambda: orders.fail(order.fault))
            rehearsal.phase("way back")
            rehearsal.move(records.secondary, records.primary, orders.bring_back)
            rehearsal.settle()
