"""Follows the reading of attachments and principals while it goes on, so that what was read is applied meanwhile."""

from __future__ import annotations

from concurrent.futures import Future, wait

from iot_dr.model.registry.keys import Kind
from iot_dr.model.sites import Side
from iot_dr.services.reading.reading import Reading

PAUSE = 0.25
"""Seconds between two requests for how far the reading is."""


class RelationsBeingRead:
    """`pending_changes.Following` of a reading in another thread, whose end `ended` is; threads may share it."""

    def __init__(self, reading: Reading, ended: Future[bool]) -> None:
        self._reading = reading
        self._ended = ended

    def ready_before(self, kind: Kind, seen: str) -> str | None:
        """Return before which certificate or target both Regions have been read; None once all have been.

        Raises:
            IotDrError: what ended the reading.
        """
        before = self._reached(kind)
        if before == seen:
            wait((self._ended,), timeout=PAUSE)
            before = self._reached(kind)
        if self._ended.done() and self._ended.result():
            return None
        return before

    def _reached(self, kind: Kind) -> str:
        sides = (Side.SOURCE, Side.TARGET)
        if all(self._reading.follows(side, kind) for side in sides):
            return min(self._reading.reached(side, kind) for side in sides)
        # Read thing by thing, certificates come in no order that could be followed.
        wait((self._ended,))
        return ""
