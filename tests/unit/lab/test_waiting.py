from __future__ import annotations

import itertools
import time

from lab.waiting import until


def test_the_first_true_answer_is_given() -> None:
    answers = iter((0, 0, 3, 4))

    assert until(lambda: next(answers), 10) == 3


def test_the_last_request_is_made_when_the_time_is_over() -> None:
    began, asked = time.monotonic(), list[float]()

    def never() -> bool:
        asked.append(time.monotonic() - began)
        return False

    assert until(never, 0.3) is False
    assert asked[-1] >= 0.3


def test_who_waits_for_costly_answers_asks_seldom() -> None:
    asked = list[float]()

    def costly() -> bool:
        asked.append(time.monotonic())
        time.sleep(0.05)
        return len(asked) == 3

    assert until(costly, 10)
    assert all(then - now >= 0.05 + 4 * 0.05 for now, then in itertools.pairwise(asked))
