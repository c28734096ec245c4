"""Independent calls at the same time, bounded, with the first error raised after all have ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, wait
from contextvars import copy_context
from typing import Protocol, TypeVar

Given = TypeVar("Given")
Result = TypeVar("Result")


class Together(Protocol):
    """Applies a function to each item, perhaps at the same time, and returns the results in the items' order."""

    def __call__(self, function: Callable[[Given], Result], items: Iterable[Given]) -> list[Result]:
        """Apply it."""


def one_by_one(function: Callable[[Given], Result], items: Iterable[Given]) -> list[Result]:
    """Apply in order, in the caller's thread."""
    return [function(item) for item in items]


def on_threads(executor: Executor) -> Together:
    """Return a `Together` that uses an executor; a single item stays in the caller's thread."""

    def together(function: Callable[[Given], Result], items: Iterable[Given]) -> list[Result]:
        listed = list(items)
        if len(listed) < 2:
            return one_by_one(function, listed)
        # Each in a copy of the caller's context: what the caller notes there, those who work for it note too.
        futures: list[Future[Result]] = [executor.submit(copy_context().run, function, item) for item in listed]
        # Waiting for all keeps a failed write from leaving others running behind the caller's back.
        wait(futures)
        return [future.result() for future in futures]

    return together
