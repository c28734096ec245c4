"""Admits or refuses writes to the target: whoever writes a registry or shadows asks here right before the first write.

docs/adr/0016-one-write-gate.md says why there is one place.
"""

from __future__ import annotations

from collections.abc import Collection

from iot_dr.errors import TerminalError, WriteRefused
from iot_dr.model.control import HELD_BACK
from iot_dr.model.registry.keys import SHADOW_KINDS, Key
from iot_dr.model.sites import Direction
from iot_dr.ports.control import ControlReader, WriteGate


class ControlItemWriteGate:
    """`ports.WriteGate` that admits the registry without a call, and shadows if the control item holds nothing back."""

    def __init__(self, control: ControlReader, direction: Direction) -> None:
        self._control, self._direction = control, direction

    def refusal(self, keys: Collection[Key]) -> str:
        """Read the control item once if there are shadows among these.

        Raises:
            RetryableError: the control item cannot be read now.
        """
        if all(key.kind not in SHADOW_KINDS for key in keys):
            return ""
        try:
            return self._control.control().holds_back(self._direction)
        except TerminalError as error:
            # What devices wrote while this Region served must not be overwritten for a right or an item that is wrong.
            return f"{HELD_BACK}: {error}"


class OpenWriteGate:
    """`ports.WriteGate` that admits everything: where nothing depends on which Region serves."""

    def refusal(self, keys: Collection[Key]) -> str:  # noqa: ARG002  # the port's
        """Refuse nothing."""
        return ""


def ensure_admitted(gate: WriteGate, keys: Collection[Key]) -> None:
    """Ask the gate.

    Raises:
        WriteRefused: these may not be written now.
        RetryableError: that cannot be told now.
    """
    if reason := gate.refusal(keys):
        raise WriteRefused(reason)
