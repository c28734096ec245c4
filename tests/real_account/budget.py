"""Counts the requests of a run, and ends it when it has made as many as it may."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class BudgetUsedUpError(Exception):
    """The run has made as many requests as it was allowed."""


class CallBudget:
    """How many requests a run may make, repeated ones included. What removes is counted, and never refused."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._removing = False
        self._lock = threading.Lock()

    def watch(self, client: Any) -> None:
        """Count every request that this client of boto3 sends."""
        client.meta.events.register("before-send", self._count)

    @contextmanager
    def removing(self) -> Iterator[None]:
        """Within this block nothing is refused: what was made costs more than the requests that remove it."""
        self._removing = True
        try:
            yield
        finally:
            self._removing = False

    def _count(self, **_event: Any) -> None:
        with self._lock:
            if self.used >= self.limit and not self._removing:
                raise BudgetUsedUpError(f"{self.limit} requests were allowed and are made")
            self.used += 1
