"""A lane makes as many calls at once as AWS bears, and turns a list over before it begins another."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from iot_dr.errors import RegionUnavailable, Throttled
from iot_dr.model.registry.read_calls import Page, PageRequest, ReadCall
from iot_dr.model.sites import Side
from iot_dr.services.reading.region_lane import PATIENCE, RegionLane
from tests.fakes import InMemoryRegistry
from tests.fleets import InMemoryFleet


def a_lane(*subjects: str, most: int = 4) -> RegionLane:
    calls: Iterator[PageRequest] = (PageRequest(ReadCall.POLICY, subject) for subject in subjects)
    return RegionLane(Side.SOURCE, InMemoryFleet(InMemoryRegistry()), calls, most)


def subjects(lane: RegionLane) -> list[str]:
    return [call.subject + call.token for call in lane.next_calls()]


def test_there_are_never_more_calls_than_there_is_room_for() -> None:
    lane = a_lane(*"abcdef")

    assert subjects(lane) == ["a", "b", "c", "d"]
    assert subjects(lane) == []
    lane.in_flight -= 2
    assert subjects(lane) == ["e", "f"]


def test_the_next_page_comes_before_anything_new() -> None:
    lane = a_lane(*"abc", most=1)
    (call,) = lane.next_calls()
    lane.in_flight -= 1
    lane.answered(call, Page(token="2"))

    assert subjects(lane) == ["a2"]


def test_the_next_page_comes_before_what_failed_too() -> None:
    lane = a_lane(*"ab", most=2)
    first, second = lane.next_calls()
    lane.in_flight = 0
    lane.again(first, RegionUnavailable("503"))
    lane.answered(second, Page(token="2"))

    assert subjects(lane) == ["b2", "a"]


def test_throttling_halves_the_lane_and_answers_widen_it_again() -> None:
    lane = a_lane(*"abcdefgh")
    first, *_ = lane.next_calls()

    lane.again(first, Throttled("slow"))
    assert lane.width == 2
    for _ in range(20):
        lane.answered(first, Page())
    assert lane.width == 4


def test_a_lane_never_closes() -> None:
    lane = a_lane("a", most=1)
    for _ in range(3):
        (call,) = lane.next_calls()
        lane.in_flight -= 1
        lane.again(call, Throttled("slow"))

    assert subjects(lane) == ["a"]


def test_a_failure_that_lasts_is_raised_and_one_that_passes_is_forgotten() -> None:
    lane = a_lane("a")
    (call,) = lane.next_calls()
    for _ in range(3):
        for _ in range(PATIENCE):
            lane.again(call, RegionUnavailable("503"))
        lane.answered(call, Page())

    for _ in range(PATIENCE):
        lane.again(call, RegionUnavailable("503"))
    with pytest.raises(RegionUnavailable):
        lane.again(call, RegionUnavailable("503"))
