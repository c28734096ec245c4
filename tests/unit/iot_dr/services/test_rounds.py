from __future__ import annotations

import pytest

from iot_dr.errors import AccessDenied, Throttled
from iot_dr.model.registry.keys import Key, thing_key
from iot_dr.services.rounds import FIRST_PAUSE, LONGEST_PAUSE, Rounds
from tests.trial_fakes import Seen

KEYS = [thing_key("a"), thing_key("b")]


class Time:
    """A clock that only pauses move on."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return sum(self.pauses)


def rounds() -> tuple[Rounds, Time, Seen]:
    time, seen = Time(), Seen()
    return Rounds(time, time.pauses.append, seen), time, seen


def test_what_is_as_it_should_be_is_not_checked_again() -> None:
    waiting, time, seen = rounds()
    checked: list[Key] = []

    def request(key: Key) -> str:
        checked.append(key)
        return "not yet" if checked.count(key) < 3 and key == KEYS[1] else ""

    assert waiting.until_all(KEYS, request, 60) == {}
    assert checked == [KEYS[0], *[KEYS[1]] * 3]
    assert time.pauses == [FIRST_PAUSE, 1.5 * FIRST_PAUSE]
    assert seen.done == len(KEYS)


def test_after_its_time_it_says_what_is_left_and_why() -> None:
    waiting, time, seen = rounds()

    left = waiting.until_all(KEYS, lambda key: "" if key == KEYS[0] else "still there", 60)

    assert left == {KEYS[1]: "still there"}
    assert 60 <= time() < 60 + LONGEST_PAUSE
    assert max(time.pauses) == LONGEST_PAUSE
    assert seen.done == 1


def test_it_requests_once_even_without_time() -> None:
    waiting, time, _ = rounds()

    assert waiting.until_all(KEYS, lambda key: "", 0) == {}
    assert time.pauses == []


def test_what_a_region_does_not_answer_is_checked_again() -> None:
    waiting, _, _ = rounds()
    answers = iter([Throttled("Rate exceeded"), None])

    def request(_: Key) -> str:
        if error := next(answers):
            raise error
        return ""

    assert waiting.until_all(KEYS[:1], request, 60) == {}


def test_what_is_refused_for_good_is_raised() -> None:
    def request(_: Key) -> str:
        raise AccessDenied("not you")

    with pytest.raises(AccessDenied):
        rounds()[0].until_all(KEYS, request, 60)


def test_one_that_is_hopeless_is_not_checked_again_and_does_not_keep_the_others() -> None:
    waiting, _, seen = rounds()
    checked: list[Key] = []

    def request(key: Key) -> str:
        checked.append(key)
        if key == KEYS[0]:
            raise AccessDenied("not you")
        return "not yet" if checked.count(key) < 2 else ""

    assert waiting.until_all(KEYS, request, 60, hopeless=(AccessDenied,)) == {KEYS[0]: "not you"}
    assert checked == [*KEYS, KEYS[1]]
    assert seen.done == 1, "it is not done"


def test_each_is_checked_once_and_counted() -> None:
    waiting, _, seen = rounds()

    assert waiting.each(str.upper, ["a", "b"]) == ["A", "B"]
    assert seen.done == 2
