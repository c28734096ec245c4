"""Follows the reading of attachments and principals while it goes on, so that what was read is applied meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait

from iot_dr.model.registry.keys import Kind
from iot_dr.model.sites import Side
from iot_dr.services.reading.reading import Reading

PAUSE = 0.25
"""Seconds between two requests for how far the reading is."""


def ready_while_reading(reading: Reading, ended: Future[bool]) -> Callable[[Kind, str], str | None]:
    """Return what tells how far a reading in another thread is, whose end `ended` is; threads may share it.

    It is `services.sync.pending_changes.ReadyBefore`, and raises what ended the reading.
    """

    def ready_before(kind: Kind, seen: str) -> str | None:
        before = _reached(reading, ended, kind)
        if before == seen:
            wait((ended,), timeout=PAUSE)
            before = _reached(reading, ended, kind)
        return None if ended.done() and ended.result() else before

    return ready_before


def _reached(reading: Reading, ended: Future[bool], kind: Kind) -> str:
    sides = (Side.SOURCE, Side.TARGET)
    if all(reading.follows(side, kind) for side in sides):
        return min(reading.reached(side, kind) for side in sides)
    # Read thing by thing, certificates come in no order that could be followed.
    wait((ended,))
    return ""
