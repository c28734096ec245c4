"""Calls at the same time answer in order, and no error leaves others running behind the caller's back."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from iot_dr.services.concurrency import on_threads, one_by_one


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def test_one_by_one_answers_in_order() -> None:
    assert one_by_one(str, [3, 1, 2]) == ["3", "1", "2"]


def test_together_answers_in_the_order_of_the_items(executor: ThreadPoolExecutor) -> None:
    second_done = threading.Event()

    def first_is_slow(item: int) -> int:
        if item == 1:
            assert second_done.wait(5)
        second_done.set()
        return item

    assert on_threads(executor)(first_is_slow, [1, 2]) == [1, 2]


def test_a_single_item_stays_in_the_callers_thread(executor: ThreadPoolExecutor) -> None:
    assert on_threads(executor)(lambda _: threading.get_ident(), ["x"]) == [threading.get_ident()]


def test_nothing_to_do_is_done(executor: ThreadPoolExecutor) -> None:
    assert on_threads(executor)(str, []) == []


def test_an_error_is_raised_only_when_all_have_ended(executor: ThreadPoolExecutor) -> None:
    failed, ended = threading.Event(), []

    def work(item: str) -> None:
        if item == "fails":
            failed.set()
            raise KeyError(item)
        assert failed.wait(5)
        ended.append(item)

    with pytest.raises(KeyError, match="fails"):
        on_threads(executor)(work, ["fails", "goes on"])

    assert ended == ["goes on"]
