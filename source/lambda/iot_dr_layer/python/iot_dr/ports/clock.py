"""The time."""

from __future__ import annotations

from collections.abc import Callable

Clock = Callable[[], int]
"""Tells the time in epoch milliseconds."""
