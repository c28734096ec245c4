"""Tells what may be written in the target: whoever writes a registry or shadows asks here right before the first write.

docs/adr/0016-one-write-gate.md says why there is one place.
"""

from __future__ import annotations

from iot_dr.errors import TargetLeads, TerminalError, WriteRefused
from iot_dr.model.failover.fence import HELD_BACK, OPEN, Standing
from iot_dr.ports.clock import Clock
from iot_dr.ports.failover import LeadershipReader, WriteGate
from iot_dr.reconcile.failover import standing

REMEMBERED_FOR = 1_000
"""Milliseconds."""


class LeadershipWriteGate:
    """`ports.WriteGate` that asks a Region's fence and its replica of the control item, by one call each time."""

    def __init__(self, reader: LeadershipReader, region: str) -> None:
        self._reader, self._region = reader, region

    def standing(self) -> Standing:
        """Return what may be written in the Region now.

        Raises:
            RetryableError: the items cannot be read now.
        """
        try:
            return standing(self._region, self._reader.leadership())
        except TerminalError as error:
            # What devices wrote while this Region led must not be overwritten for a right or an item that is wrong.
            return Standing(closed=f"{HELD_BACK}: {error}")


class RememberedWriteGate:
    """`ports.WriteGate` that asks another one once a second: for a command that writes hundreds of times a second."""

    def __init__(self, gate: WriteGate, clock: Clock) -> None:
        self._gate, self._clock = gate, clock
        self._last: tuple[int, Standing] | None = None

    def standing(self) -> Standing:
        """Return what the other gate told no longer than a second ago.

        Raises:
            RetryableError: it cannot tell now.
        """
        now, last = self._clock(), self._last
        if last is None or not 0 <= now - last[0] < REMEMBERED_FOR:
            last = self._last = (now, self._gate.standing())
        return last[1]


class OpenWriteGate:
    """`ports.WriteGate` that admits everything: where nothing depends on which Region leads."""

    def standing(self) -> Standing:
        """Refuse nothing."""
        return OPEN


def ensure_follows(gate: WriteGate) -> None:
    """Ask the gate, for a command that is about to begin.

    Raises:
        TargetLeads: the target leads, or nothing may be written there; nothing was.
        RetryableError: that cannot be told now.
    """
    now = gate.standing()
    if now.closed:
        raise TargetLeads(f"{now.closed}. Nothing was written")
    if now.leads:
        raise TargetLeads(
            f"{now.leads}. Nothing was written: this command would overwrite what devices and operators changed there. "
            "Only a failback brings both Regions together; it shows first what it would do"
        )


def ensure_open(gate: WriteGate) -> None:
    """Ask the gate, for a caller that writes all of what it has to write or nothing.

    Raises:
        WriteRefused: not everything may be written now.
        RetryableError: that cannot be told now.
    """
    if reason := gate.standing().refusal:
        raise WriteRefused(reason)
