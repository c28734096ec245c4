"""One thread that serves many connections: sockets, timers, and what other threads hand over."""

from __future__ import annotations

import heapq
import itertools
import selectors
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

_BEAT = 0.01
"""Seconds after which what was handed over is looked at, at the latest."""

Work = Callable[[], None]


class EventLoop:
    """Does everything in the thread that calls `run`; only `hand_over` and `stop` may be called from others."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Work]] = []
        self._numbers = itertools.count()
        self._handed: SimpleQueue[Work] = SimpleQueue()
        self._ended = False

    def hand_over(self, work: Work) -> None:
        """Have something done soon."""
        self._handed.put(work)

    def after(self, seconds: float, work: Work) -> None:
        """Have something done then."""
        heapq.heappush(self._timers, (self._clock() + seconds, next(self._numbers), work))

    def watch(self, sock: Any, serve: Callable[[int], None], *, write: bool) -> None:
        """Call when a socket can be read, or written if that is wanted."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if write else 0)
        if sock in self._selector.get_map():
            self._selector.modify(sock, events, serve)
        else:
            self._selector.register(sock, events, serve)

    def forget(self, sock: Any) -> None:
        """Call no more for a socket."""
        if sock in self._selector.get_map():
            self._selector.unregister(sock)

    def stop(self) -> None:
        """Have `run` return."""
        self.hand_over(self._end)

    def run(self) -> None:
        """Serve until it is stopped."""
        try:
            while not self._ended:
                self._due()
                for key, events in self._selector.select(_BEAT):
                    key.data(events)
                self._take_over()
        finally:
            self._selector.close()

    def _due(self) -> None:
        now = self._clock()
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()

    def _take_over(self) -> None:
        while True:
            try:
                work = self._handed.get_nowait()
            except Empty:
                return
            work()

    def _end(self) -> None:
        self._ended = True
