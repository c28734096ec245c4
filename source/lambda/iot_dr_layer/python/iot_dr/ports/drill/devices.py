"""A drill's devices, and the resolver of each."""

from __future__ import annotations

from typing import Protocol

from iot_dr.model.drill.traces import DrillRecords


class NameLookup(Protocol):
    """The resolver of one device."""

    def target(self) -> str | None:
        """Return where the name leads, as the resolver says; None if it does not say."""


class DrillDevices(Protocol):
    """Devices that go where their name leads, and publish all the time; nothing waits for them."""

    def start(self) -> None:
        """Have all of them connect, and observers in both Regions."""

    def stop(self) -> None:
        """Disconnect all; safe to call twice.

        Raises:
            IotDrError: they could not do what they had to.
        """

    def fall_silent(self) -> None:
        """Have devices publish nothing new; what is under way goes on."""

    def unacknowledged(self) -> int:
        """Count the messages that are sent, or to be sent, and not acknowledged yet."""

    def served(self, region: str, since: float) -> int:
        """Count those whose last acknowledgement came from a Region, at this second of the drill or later."""

    def observed(self) -> bool:
        """Tell whether all observers are subscribed."""

    def records(self) -> DrillRecords:
        """Return what they met until now."""
