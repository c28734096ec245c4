"""When a call may be sent."""

from __future__ import annotations

from typing import Protocol


class CallBudgets(Protocol):
    """Says when a call of a Region may be sent, and hears how it was answered."""

    def begin(self, operation: str) -> int:
        """Wait until a call of this operation may be sent; return what `end` is told."""

    def end(self, operation: str, begun: int, *, refused: bool) -> None:
        """Say how the call was answered: refused for its rate, or not."""
