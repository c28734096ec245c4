"""Lanes of work that go on at the same time, each with threads of its own that draw from one iterator."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

Item = TypeVar("Item")

TICK = 0.5
"""Seconds between two requests for how far the lanes are."""


class Claims(Generic[Item]):
    """Sees to it that no two threads do the same at the same time."""

    def __init__(self) -> None:
        self._held: dict[Item, threading.Event] = {}
        self._lock = threading.Lock()

    @contextmanager
    def claim(self, item: Item) -> Iterator[bool]:
        """Hold an item for the length of a `with` block and give true; if another has it, await it and give false."""
        with self._lock:
            other = self._held.get(item)
            if other is None:
                self._held[item] = threading.Event()
        if other is not None:
            other.wait()
            yield False
            return
        try:
            yield True
        finally:
            with self._lock:
                self._held.pop(item).set()


class _Lane(Generic[Item]):
    """An iterator that threads share, and for how many more of them there is room."""

    def __init__(self, items: Iterator[Item], width: int) -> None:
        self._items = items
        self._room = width - 1
        self._lock = threading.Lock()

    def next(self) -> Item | None:
        with self._lock:
            return next(self._items, None)

    def enter(self) -> bool:
        """Tell whether there is room for one more thread, and take it."""
        with self._lock:
            self._room -= 1
            return self._room >= 0


def run_lanes(
    lanes: Sequence[Iterator[Item]],
    work: Callable[[Item], None],
    *,
    width: int,
    stop: threading.Event,
    tick: Callable[[], None],
) -> None:
    """Do the work of all lanes, each on `width` threads, until all are empty or `stop` is set; the first error ends it.

    A thread begins when the one before it has found something to do, so little work makes few threads. What a thread
    has begun it ends, also after an error or an interruption, so nothing is left half done.
    """
    told: SimpleQueue[_Lane[Item] | Future[None]] = SimpleQueue()
    with ThreadPoolExecutor(max(1, len(lanes) * width), thread_name_prefix="lane") as executor:
        running = 0

        def begin(lane: _Lane[Item]) -> None:
            nonlocal running
            executor.submit(_draw, lane, work, stop, told.put).add_done_callback(told.put)
            running += 1

        try:
            for items in lanes:
                begin(_Lane(items, width))
            while running:
                each = _next(told)
                if isinstance(each, _Lane):
                    begin(each)
                    continue
                if each is not None:
                    running -= 1
                    each.result()
                tick()
        finally:
            if running:
                stop.set()


def _draw(
    lane: _Lane[Item], work: Callable[[Item], None], stop: threading.Event, more: Callable[[_Lane[Item]], None]
) -> None:
    while not stop.is_set():
        item = lane.next()
        if item is None:
            return
        if lane.enter():
            more(lane)
        work(item)


def _next(told: SimpleQueue[Item]) -> Item | None:
    with suppress(Empty):
        return told.get(timeout=TICK)
    return None
