"""How many devices are connected to which Region."""

from __future__ import annotations

from dataclasses import dataclass

from iot_dr.model.status.fleets import FleetSize
from iot_dr.model.status.status_parts import Unread


@dataclass(frozen=True)
class DeviceCounts:
    """Devices that are connected to the Region that leads (`here`), and to the other (`there`)."""

    here: FleetSize | Unread
    there: FleetSize | Unread

    @property
    def left_behind(self) -> int:
        """Return how many are known to be connected to the other Region."""
        return 0 if isinstance(self.there, Unread) else self.there.things

    @property
    def arrived(self) -> int:
        """Return how many are known to be connected to the Region that leads."""
        return 0 if isinstance(self.here, Unread) else self.here.things

    @property
    def is_over(self) -> bool:
        """Tell whether the other Region says that nobody is connected to it."""
        return not isinstance(self.there, Unread) and self.there.things == 0

    @property
    def is_unknown(self) -> bool:
        """Tell whether neither Region says anything."""
        return isinstance(self.here, Unread) and isinstance(self.there, Unread)
