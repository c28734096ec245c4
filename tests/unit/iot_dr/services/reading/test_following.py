from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import cast

import pytest

from iot_dr.errors import RegionUnavailable
from iot_dr.model.registry.keys import Kind
from iot_dr.model.sites import Side
from iot_dr.services.reading import following
from iot_dr.services.reading.following import ready_while_reading
from iot_dr.services.reading.reading import BEHIND_ALL, Reading


@dataclass
class ArrangedReading:
    """A reading that is as far as a test says."""

    places: dict[Side, str] = field(default_factory=dict)
    by_certificate: bool = True

    def follows(self, _side: Side, _kind: Kind) -> bool:
        return self.by_certificate

    def reached(self, side: Side, _kind: Kind) -> str:
        return self.places[side]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PAUSE", 0.0)


@dataclass
class Follower:
    """Somebody who follows the principals."""

    asks: Callable[[Kind, str], str | None]
    seen: str = ""

    def ready_before(self) -> str | None:
        found = self.asks(Kind.THING_PRINCIPAL, self.seen)
        self.seen = found or self.seen
        return found


def follow(reading: ArrangedReading, ended: Future[bool]) -> Follower:
    return Follower(ready_while_reading(cast(Reading, reading), ended))


def test_what_both_regions_have_been_read_before_is_ready() -> None:
    reading = ArrangedReading({Side.SOURCE: "0b", Side.TARGET: "0a"})
    being_read = follow(reading, Future())

    assert being_read.ready_before() == "0a"
    reading.places[Side.TARGET] = BEHIND_ALL
    assert being_read.ready_before() == "0b"


def test_all_is_ready_once_the_reading_has_ended() -> None:
    ended: Future[bool] = Future()
    being_read = follow(ArrangedReading({Side.SOURCE: BEHIND_ALL, Side.TARGET: BEHIND_ALL}), ended)
    assert being_read.ready_before() == BEHIND_ALL

    ended.set_result(True)

    assert being_read.ready_before() is None


def test_a_reading_that_was_stopped_is_never_taken_for_the_whole() -> None:
    ended: Future[bool] = Future()
    ended.set_result(False)

    assert follow(ArrangedReading({Side.SOURCE: "0b", Side.TARGET: "0a"}), ended).ready_before() == "0a"


def test_what_ends_the_reading_ends_whoever_follows_it() -> None:
    ended: Future[bool] = Future()
    ended.set_exception(RegionUnavailable("gone"))

    with pytest.raises(RegionUnavailable):
        follow(ArrangedReading({Side.SOURCE: "0b", Side.TARGET: "0a"}), ended).ready_before()


def test_a_reading_thing_by_thing_is_awaited() -> None:
    ended: Future[bool] = Future()
    ended.set_result(True)

    assert follow(ArrangedReading(by_certificate=False), ended).ready_before() is None
