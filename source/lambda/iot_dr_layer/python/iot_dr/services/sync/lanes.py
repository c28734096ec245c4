"""Lanes of work that go on at the same time, each with threads of its own that draw from one iterator."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
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
    """An iterator that threads share."""

    def __init__(self, items: Iterator[Item]) -> None:
        self._items = items
        self._lock = threading.Lock()

    def next(self) -> Item | None:
        with self._lock:
            return next(self._items, None)


def run_lanes(
    lanes: Sequence[Iterator[Item]],
    work: Callable[[Item], None],
    *,
    width: int,
    stop: threading.Event,
    tick: Callable[[], None],
) -> None:
    """Do the work of all lanes, each on `width` threads, until all are empty or `stop` is set; the first error ends it.

    What a thread has begun it ends, also after an error or an interruption, so nothing is left half done.
    """
    with ThreadPoolExecutor(max(1, len(lanes) * width), thread_name_prefix="lane") as executor:
        shared = [_Lane(items) for items in lanes]
        pending: set[Future[None]] = {executor.submit(_draw, lane, work, stop) for lane in shared for _ in range(width)}
        try:
            while pending:
                ended, pending = wait(pending, timeout=TICK, return_when=FIRST_EXCEPTION)
                for future in ended:
                    future.result()
                tick()
        finally:
            if pending:
                stop.set()


def _draw(lane: _Lane[Item], work: Callable[[Item], None], stop: threading.Event) -> None:
    while not stop.is_set():
        item = lane.next()
        if item is None:
            return
        work(item)
