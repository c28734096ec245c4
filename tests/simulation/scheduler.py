"""Owns time, order and chance: actors are greenlets, and one of them runs until it waits.

Nothing here is parallel, so a run follows from its seed alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random

from greenlet import getcurrent, greenlet

START = 1_700_000_000_000
"""Epoch milliseconds at which every run begins."""

Job = Callable[[], object]


class Scheduler:
    """A clock that jumps to what happens next, and whatever happens then.

    Of what happens at the same millisecond chance decides the order.
    """

    def __init__(self, chance: Random) -> None:
        self.now = START
        self.chance = chance
        self.switches = 0
        self._heap: list[tuple[int, float, int, Job]] = []
        self._count = 0
        self._hub = getcurrent()

    def clock(self) -> int:
        """Tell the time in epoch milliseconds."""
        return self.now

    def after(self, milliseconds: int, job: Job) -> None:
        """Have a job done by the scheduler itself; it must not wait."""
        self._count += 1
        heapq.heappush(self._heap, (self.now + milliseconds, self.chance.random(), self._count, job))

    def spawn(self, work: Job, milliseconds: int = 0) -> greenlet:
        """Start an actor, which may wait."""
        actor = greenlet(work, self._hub)
        self.after(milliseconds, actor.switch)
        return actor

    def wait(self, milliseconds: int) -> None:
        """Let time pass for the actor that calls."""
        self.after(milliseconds, getcurrent().switch)
        self._hub.switch()

    def park(self) -> None:
        """Wait until somebody wakes the actor that calls."""
        self._hub.switch()

    @property
    def next_at(self) -> int | None:
        """Return when something happens next; None if nothing does."""
        return self._heap[0][0] if self._heap else None

    def step(self) -> None:
        """Do what happens next."""
        self.now, _, _, job = heapq.heappop(self._heap)
        self.switches += 1
        job()
