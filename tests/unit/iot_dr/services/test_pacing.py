from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from iot_dr.services.pacing import CUT, CUT_AGAIN, LEAST, UNKNOWN_QUOTA, Budget, RegionCallBudgets, Use, most_waited_for


class Time:
    """A stopwatch that goes on only while somebody waits, for threads too."""

    def __init__(self) -> None:
        self.now = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        with self._lock:
            return self.now

    def wait(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


def test_calls_go_at_the_quota_from_the_first_one_on(time: Time) -> None:
    budgets = RegionCallBudgets({"CreateThing": 10.0}, time, time.wait)

    for _ in range(21):
        budgets.begin("CreateThing")

    assert time.now == pytest.approx(2.0, abs=0.05)


def test_after_a_pause_half_a_second_is_made_up_for_and_no_more(time: Time) -> None:
    budgets = RegionCallBudgets({"CreateThing": 10.0}, time, time.wait)
    budgets.begin("CreateThing")
    time.now = 60.0

    for _ in range(16):
        budgets.begin("CreateThing")

    assert time.now == pytest.approx(60 + 1.0, abs=0.05)


def test_each_api_has_a_budget_of_its_own(time: Time) -> None:
    budgets = RegionCallBudgets({"CreateThing": 1.0, "AttachPolicy": 1.0}, time, time.wait)

    budgets.begin("CreateThing")
    budgets.begin("AttachPolicy")

    assert time.now == 0


def test_an_api_whose_quota_nobody_tells_begins_at_the_lowest_that_there_is(time: Time) -> None:
    budgets = RegionCallBudgets({}, time, time.wait)

    budgets.begin("NewApi")

    assert [use.quota for use in budgets.uses()] == [UNKNOWN_QUOTA]


def test_what_is_shared_with_others_never_takes_more_than_its_part() -> None:
    budget = Budget(100.0, 0.0, most=50.0)
    assert budget.rate == 50
    budget.refuse(budget.take(0.0, 0.0), 0.1)
    assert budget.rate == pytest.approx(50 * CUT)

    rates = []
    for number in range(10_000):
        budget.grant(budget.take(0.0, number / 50))
        rates.append(budget.rate)

    assert max(rates) == rates[-1] == 50


def test_a_budget_tells_its_whole_quota_and_the_rate_that_it_keeps(time: Time) -> None:
    budgets = RegionCallBudgets({"Shadows": 400.0}, time, time.wait, most={"Shadows": 200.0})

    budgets.begin("Shadows")

    assert [(use.quota, use.rate) for use in budgets.uses()] == [(400, 200)]


def test_a_refusal_lowers_the_rate_by_a_tenth() -> None:
    budget = Budget(100.0, 0.0)
    taken = budget.take(0.0, 0.0)

    budget.refuse(taken, 0.1)

    assert budget.rate == pytest.approx(100 * CUT)


def test_refusals_of_calls_that_were_under_way_lower_it_once() -> None:
    budget = Budget(100.0, 0.0)
    taken = [budget.take(0.0, 0.0) for _ in range(20)]

    for each in taken:
        budget.refuse(each, 0.1)

    assert budget.rate == pytest.approx(100 * CUT)


def test_another_refusal_right_after_a_cut_lowers_it_by_more() -> None:
    budget = Budget(100.0, 0.0)
    budget.refuse(budget.take(0.0, 0.0), 0.1)

    budget.refuse(budget.take(0.2, 0.2), 0.3)

    assert budget.rate == pytest.approx(100 * CUT * CUT_AGAIN)


def test_a_refusal_after_much_was_granted_lowers_it_by_a_tenth_again() -> None:
    budget = Budget(10.0, 0.0)
    budget.refuse(budget.take(0.0, 0.0), 0.0)
    for number in range(10):
        budget.grant(budget.take(float(number + 1), float(number + 1)))

    budget.refuse(budget.take(20.0, 20.0), 20.0)

    assert budget.rate == pytest.approx(10 * CUT * CUT)


def test_no_refusal_stops_an_api_for_good() -> None:
    budget = Budget(10.0, 0.0)

    for number in range(1000):
        budget.refuse(budget.take(0.0, float(number)), float(number))

    assert budget.rate == pytest.approx(10 * LEAST)


def test_the_rate_stays_while_nobody_waits_for_it() -> None:
    budget = Budget(10.0, 0.0)

    for number in range(100):
        budget.grant(budget.take(float(number), float(number)))

    assert budget.rate == 10


def test_what_was_made_of_a_budget_is_told(time: Time) -> None:
    budgets = RegionCallBudgets({"CreateThing": 10.0}, time, time.wait)
    for _ in range(20):
        budgets.end("CreateThing", budgets.begin("CreateThing"), refused=False)
    budgets.end("CreateThing", budgets.begin("CreateThing"), refused=True)

    (use,) = budgets.uses()

    assert (use.operation, use.quota, use.calls, use.refused) == ("CreateThing", 10, 21, 1)
    assert use.waited == pytest.approx(2.0, abs=0.1)
    assert use.rate < 10.2


def test_threads_that_call_at_once_keep_to_one_budget(time: Time) -> None:
    budgets = RegionCallBudgets({"CreateThing": 50.0}, time, time.wait)

    with ThreadPoolExecutor(16) as executor:
        list(executor.map(lambda _: budgets.begin("CreateThing"), range(500)))

    assert time.now == pytest.approx(500 / 50, rel=0.05)
    assert budgets.uses()[0].calls == 500


def test_the_budget_that_callers_wait_for_is_what_limits_them() -> None:
    before = (Use("CreateThing", 100, 100, waited=50.0), Use("GetPolicy", 10, 10, waited=1.0))
    after = (Use("CreateThing", 100, 100, waited=50.1), Use("GetPolicy", 10, 10, waited=4.0), Use("New", 1, 1))

    assert most_waited_for(before, after) == after[1]
    assert most_waited_for(after, after) is None
    assert most_waited_for((), ()) is None


def test_no_refusal_brings_a_rate_below_its_least_share() -> None:
    budget = Budget(10.0, 0.0, least=0.25)

    for number in range(50):
        budget.refuse(number, float(number))

    assert budget.rate == 2.5


def test_what_was_not_used_in_a_pause_may_be_made_up_for_as_far_as_is_said() -> None:
    budget = Budget(1.0, 0.0, catch_up=4.0)

    at_once = 0
    while budget.pause(100.0) == 0:
        budget.take(100.0, 100.0)
        at_once += 1

    assert at_once == 5
