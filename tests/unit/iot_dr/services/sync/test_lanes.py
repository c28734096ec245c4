from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from iot_dr.errors import AccessDenied
from iot_dr.services.sync.lanes import Claims, run_lanes

NO_STOP = threading.Event


def nothing() -> None:
    """Tick."""


def test_all_items_of_all_lanes_are_done_once() -> None:
    done: list[int] = []

    run_lanes([iter(range(100)), iter(range(100, 150))], done.append, width=4, stop=NO_STOP(), tick=nothing)

    assert sorted(done) == list(range(150))


def test_lanes_go_on_while_another_waits() -> None:
    freed = threading.Event()

    def work(item: str) -> None:
        if item == "waits":
            assert freed.wait(5)
        else:
            freed.set()

    run_lanes([iter(["waits"]), iter(["frees"])], work, width=1, stop=NO_STOP(), tick=nothing)

    assert freed.is_set()


def test_the_first_error_ends_all_lanes_and_is_raised() -> None:
    done: list[int] = []
    stop = threading.Event()

    def work(item: int) -> None:
        if item == 3:
            raise AccessDenied("no right")
        if item > 3:
            stop.wait(5)
        done.append(item)

    with pytest.raises(AccessDenied):
        run_lanes([iter(range(10_000))], work, width=2, stop=stop, tick=nothing)

    assert stop.is_set()
    assert len(done) < 100


def test_a_lane_that_is_stopped_ends_what_it_has_begun() -> None:
    stop, done = threading.Event(), list[int]()

    def work(item: int) -> None:
        stop.set()
        done.append(item)

    run_lanes([iter(range(100))], work, width=1, stop=stop, tick=nothing)

    assert done == [0]


def test_as_many_work_at_once_as_a_lane_is_wide() -> None:
    all_at_once = threading.Barrier(4)

    def work(_: int) -> None:
        all_at_once.wait(5)

    run_lanes([iter(range(8))], work, width=4, stop=NO_STOP(), tick=nothing)

    assert not all_at_once.broken


def test_no_more_threads_begin_than_find_something_to_do_and_one_that_finds_nothing() -> None:
    seen: set[int] = set()

    def work(_: int) -> None:
        seen.add(threading.active_count())

    before = threading.active_count()
    run_lanes([iter([1, 2])], work, width=50, stop=NO_STOP(), tick=nothing)

    assert max(seen) <= before + 3


def test_a_claim_lets_one_thread_in_and_the_others_wait_for_its_end() -> None:
    claims: Claims[str] = Claims()
    made: list[str] = []
    begun = threading.Barrier(4)

    def make() -> bool:
        begun.wait(5)
        with claims.claim("policy") as mine:
            if mine and not made:
                made.append("policy")
        return bool(made)

    with ThreadPoolExecutor(4) as executor:
        answers = [executor.submit(make) for _ in range(4)]

    assert made == ["policy"]
    assert all(answer.result() for answer in answers)
