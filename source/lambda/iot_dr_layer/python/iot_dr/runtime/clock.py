"""The clock of the machine."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> int:
    """Return the time in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def utc_text(milliseconds: int) -> str:
    """Return a time as an operator reads it.

    >>> utc_text(1_764_000_000_000)
    '2025-11-24 16:00:00 UTC'
    """
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
