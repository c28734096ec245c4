"""What a failover may lose, told before anything is changed; nobody is waited for longer than a few seconds.

All of it is read in the Region that is to lead. What the other Region knows alone, such as events that have not left
it, cannot be counted here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

from iot_dr.errors import IotDrError
from iot_dr.model.status.checks import error_line
from iot_dr.model.status.fleets import FleetSize
from iot_dr.model.status.status_parts import Drift, Lag, StreamAge, Unread
from iot_dr.ports.ledger import LedgerReader
from iot_dr.services.pacing import Stopwatch

SECONDS = 6.0
"""For all parts together; whoever decides at three in the morning has no more."""

COUNTING_SECONDS = 4.0
"""For counting what waits, so that what was counted until then is told."""

Part = TypeVar("Part")


@dataclass(frozen=True)
class Waiting:
    """How many resources wait, by state, and since when the oldest does, epoch milliseconds.

    `complete` is false where there was no time to count all: there are at least so many.
    """

    states: Mapping[str, int]
    oldest: int | None
    complete: bool = True

    @property
    def total(self) -> int:
        """Return how many wait in any state."""
        return sum(self.states.values())


@dataclass(frozen=True)
class Losses:
    """All of it; what could not be read says why. `connected` is by Region."""

    waiting: Waiting | Unread
    lags: Sequence[Lag] | Unread
    streams: Sequence[StreamAge] | Unread
    drift: Drift | Unread | None
    connected: Mapping[str, FleetSize | Unread]


@dataclass(frozen=True)
class LossSources:
    """Where the parts are read."""

    waiting: Callable[[], Waiting]
    lags: Callable[[], Sequence[Lag]]
    streams: Callable[[], Sequence[StreamAge]]
    drift: Callable[[], Drift | None]
    connected: Mapping[str, Callable[[], FleetSize]]


def count_waiting(ledger: LedgerReader, stopwatch: Stopwatch, seconds: float = COUNTING_SECONDS) -> Waiting:
    """Count what waits for another request or is held, for so many seconds at most; raises what reading meets."""
    until = stopwatch() + seconds
    states: Counter[str] = Counter()
    oldest: int | None = None
    for item in chain(ledger.waiting(), ledger.held()):
        states[str(item.state or "unknown")] += 1
        since = item.since or item.checked_at
        if since is not None:
            oldest = since if oldest is None else min(oldest, since)
        if stopwatch() > until:
            return Waiting(states, oldest, complete=False)
    return Waiting(states, oldest)


def losses(sources: LossSources, executor: Executor, seconds: float = SECONDS) -> Losses:
    """Read all parts at the same time, and leave what does not answer in time."""
    connected = {region: executor.submit(read) for region, read in sources.connected.items()}
    parts = (
        executor.submit(sources.waiting),
        executor.submit(sources.lags),
        executor.submit(sources.streams),
        executor.submit(sources.drift),
    )
    pending: list[Future[Any]] = [*parts, *connected.values()]
    wait(pending, timeout=seconds)
    waiting = found_in_time(parts[0], seconds)
    lags = found_in_time(parts[1], seconds)
    streams = found_in_time(parts[2], seconds)
    drift = found_in_time(parts[3], seconds)
    sizes: dict[str, FleetSize | Unread] = {}
    for region, counting in connected.items():
        size = found_in_time(counting, seconds)
        sizes[region] = size
    return Losses(waiting, lags, streams, drift, sizes)


def found_in_time(future: Future[Part], seconds: float) -> Part | Unread:
    """Return what a reading found, or why it did not; `seconds` is how long it was waited for."""
    if not future.done():
        return Unread(f"no answer within {seconds:g} s")
    try:
        return future.result()
    except IotDrError as error:
        return Unread(error_line(error))
