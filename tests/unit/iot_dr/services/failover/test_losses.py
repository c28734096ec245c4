"""What may be lost: read at once, never waited for longer than a few seconds, and what cannot be read says why."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from typing import Any

from iot_dr.errors import AccessDenied
from iot_dr.model.registry.keys import Key, thing_key
from iot_dr.model.replication.ledger_items import LedgerItem
from iot_dr.model.replication.outcomes import State
from iot_dr.model.status.fleets import FleetSize
from iot_dr.model.status.status_parts import Drift, Lag, StreamAge, Unread
from iot_dr.services.failover.losses import Losses, LossSources, Waiting, count_waiting, losses
from tests.builders import PRIMARY, SECONDARY

LAG = Lag("thing", 1, 1.0, 2.0, 3.0, 4, 5.0, 6.0)
WELL = LossSources(
    waiting=lambda: Waiting({}, None),
    lags=lambda: [LAG],
    streams=lambda: [StreamAge("StartReplicationFunction", 5.0)],
    drift=lambda: Drift(1, 0),
    connected={PRIMARY: lambda: FleetSize(3), SECONDARY: lambda: FleetSize(0)},
)


class Ledger:
    """A ledger of which these items wait."""

    def __init__(self, *items: LedgerItem) -> None:
        self._items = items

    def item(self, key: Key) -> LedgerItem | None:
        raise NotImplementedError(key)

    def waiting(self) -> Iterator[LedgerItem]:
        return (item for item in self._items if item.state is not State.HELD)

    def held(self) -> Iterator[LedgerItem]:
        return (item for item in self._items if item.state is State.HELD)


def an_item(name: str, state: State, since: int) -> LedgerItem:
    return LedgerItem(thing_key(name), state, since=since)


def failing(*_: object) -> Any:
    message = "you lack a right"
    raise AccessDenied(message)


def read(sources: LossSources, seconds: float = 5.0) -> Losses:
    executor = ThreadPoolExecutor(8)
    try:
        return losses(sources, executor, seconds)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def test_all_of_it_is_told() -> None:
    assert read(WELL) == Losses(
        Waiting({}, None),
        [LAG],
        [StreamAge("StartReplicationFunction", 5.0)],
        Drift(1, 0),
        {PRIMARY: FleetSize(3), SECONDARY: FleetSize(0)},
    )


def test_what_cannot_be_read_says_why_and_the_rest_is_told() -> None:
    found = read(replace(WELL, waiting=failing, connected={PRIMARY: failing}))

    assert found.waiting == Unread("you lack a right")
    assert found.connected == {PRIMARY: Unread("you lack a right")}
    assert found.lags == [LAG]


def test_a_region_that_does_not_answer_is_not_waited_for() -> None:
    away = threading.Event()

    def hanging() -> Any:
        return away.wait(5)

    try:
        found = read(replace(WELL, connected={PRIMARY: hanging}), seconds=0.05)
    finally:
        away.set()

    assert found.connected == {PRIMARY: Unread("no answer within 0.05 s")}
    assert found.drift == Drift(1, 0)


def test_what_waits_is_counted_by_its_state_with_the_oldest() -> None:
    ledger = Ledger(
        an_item("a", State.PENDING, 30),
        an_item("b", State.FAILED, 10),
        an_item("c", State.PENDING, 20),
        an_item("d", State.HELD, 40),
    )

    waiting = count_waiting(ledger, lambda: 0.0)

    assert waiting == Waiting({"pending": 2, "failed": 1, "held": 1}, 10)
    assert waiting.total == 4


def test_counting_stops_when_the_time_is_over_and_says_so() -> None:
    seconds = count()
    ledger = Ledger(*(an_item(f"pump-{number}", State.PENDING, number + 1) for number in range(100)))

    waiting = count_waiting(ledger, lambda: float(next(seconds)), seconds=4)

    assert waiting == Waiting({"pending": 5}, 1, complete=False)
