"""The clock of the machine."""

from __future__ import annotations

import time


def now() -> int:
    """Return the time in epoch milliseconds."""
    return time.time_ns() // 1_000_000
