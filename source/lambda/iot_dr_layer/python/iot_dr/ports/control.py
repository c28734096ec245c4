"""Which Region serves the devices."""

from __future__ import annotations

from typing import Protocol

from iot_dr.model.control import Control


class ControlReader(Protocol):
    """Reads the control item."""

    def control(self) -> Control:
        """Return what is in force now."""
