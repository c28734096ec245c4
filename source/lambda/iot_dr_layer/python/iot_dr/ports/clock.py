"""The time, and when a call may be sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Clock = Callable[[], int]
"""Tells the time in epoch milliseconds."""


class RegionClock(Protocol):
    """Tells a Region's own time."""

    def now(self) -> int:
        """Return it, epoch milliseconds of a whole second.

        Raises:
            IotDrError: the Region does not tell.
        """


class CallBudgets(Protocol):
    """Says when a call of a Region may be sent, and hears how it was answered."""

    def begin(self, operation: str) -> int:
        """Wait until a call of this operation may be sent; return what `end` is told."""

    def end(self, operation: str, begun: int, *, refused: bool) -> None:
        """Say how the call was answered: refused for its rate, or not."""
