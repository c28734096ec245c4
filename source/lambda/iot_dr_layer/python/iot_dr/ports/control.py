"""Which Region serves the devices, and what may be written because of that."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from iot_dr.model.control import Control
from iot_dr.model.registry.keys import Key


class ControlReader(Protocol):
    """Reads the control item."""

    def control(self) -> Control:
        """Return what is in force now."""


class WriteGate(Protocol):
    """Tells whether the target may be written; asked right before the first write."""

    def refusal(self, keys: Collection[Key]) -> str:
        """Return why none of these may be written in the target now; empty if all may.

        Raises:
            RetryableError: that cannot be told now, so nothing may be written.
        """
