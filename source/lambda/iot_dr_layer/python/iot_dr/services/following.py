"""Follows the reading of principals while it goes on, so that what has been read can be applied meanwhile."""

from __future__ import annotations

from concurrent.futures import Future, wait

from iot_dr.model.regions import Side
from iot_dr.services.reading import Reading

PAUSE = 0.25
"""Seconds between two looks at how far the reading is."""


class PrincipalsBeingRead:
    """`pending_changes.Following` of a reading in another thread, whose end `ended` is."""

    def __init__(self, reading: Reading, ended: Future[bool]) -> None:
        self._reading = reading
        self._ended = ended
        self._before = ""

    def ready_before(self) -> str | None:
        """Return the certificate before which both Regions' principals have been read; None once all have been.

        Raises:
            IotDrError: what ended the reading.
        """
        before = self._reached()
        if before == self._before:
            wait((self._ended,), timeout=PAUSE)
            before = self._reached()
        self._before = before
        if self._ended.done() and self._ended.result():
            return None
        return before

    def _reached(self) -> str:
        sides = (Side.PRIMARY, Side.SECONDARY)
        if all(map(self._reading.follows, sides)):
            return min(map(self._reading.reached, sides))
        # Read thing by thing, certificates come in no order that could be followed.
        wait((self._ended,))
        return ""
