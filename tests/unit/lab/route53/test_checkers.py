"""The health checkers, under a clock that the test moves."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from lab.route53.checkers import Answer, HealthCheckers
from lab.route53.health import CHECKER_REGIONS, Endpoint, HealthCheck

WELL = Answer(success=True, status="Success: HTTP Status Code 200, OK")
ILL = Answer(success=False, status="Failure: HTTP Status Code 503, Service Unavailable")
HOST = "api.execute-api.us-east-1.amazonaws.com"
ENDPOINT = Endpoint("HTTPS", HOST, "", 443)
CHECK = HealthCheck("one", ENDPOINT, interval=10)


@dataclass
class Site:
    """An endpoint, and the clock by which it is asked."""

    answer: Answer = WELL
    now: float = 100.0
    asked_at: list[float] = field(default_factory=list)

    def ask(self, _: Endpoint) -> Answer:
        self.asked_at.append(self.now)
        return self.answer

    def checkers(self, *checks: HealthCheck, each_asks: bool = False, scale: float = 0.1) -> HealthCheckers:
        made = HealthCheckers(
            self.ask,
            scale=scale,
            clock=lambda: self.now,
            utc=lambda: f"2026-01-01T00:00:{self.now:.0f}Z",
            each_asks=each_asks,
        )
        made.know(checks)
        return made

    def pass_intervals(self, checkers: HealthCheckers, intervals: int, seconds: float = 1.0) -> None:
        for _ in range(intervals):
            checkers.step()
            self.now += seconds


def test_an_endpoint_is_asked_once_an_interval_times_the_scale() -> None:
    site = Site()
    checkers = site.checkers(CHECK)

    for _ in range(9):
        checkers.step()
        site.now += 0.25

    assert site.asked_at == [100.0, 101.0, 102.0]


def test_the_verdict_changes_with_the_third_failure_and_back_with_the_third_success() -> None:
    site = Site(answer=ILL)
    checkers = site.checkers(CHECK)

    site.pass_intervals(checkers, 2)
    assert checkers.is_healthy("one")
    site.pass_intervals(checkers, 1)
    assert not checkers.is_healthy("one")

    site.answer = WELL
    site.pass_intervals(checkers, 2)
    assert not checkers.is_healthy("one")
    site.pass_intervals(checkers, 1)
    assert checkers.is_healthy("one")


def test_who_was_held_up_asks_once_and_goes_on_at_the_next_beat() -> None:
    site = Site()
    checkers = site.checkers(CHECK)
    checkers.step()

    site.now = 105.5
    checkers.step()
    checkers.step()
    site.now = 105.9
    checkers.step()
    site.now = 106.0
    checkers.step()

    assert site.asked_at == [100.0, 105.5, 106.0]


def test_a_new_check_is_healthy_and_an_inverted_one_is_not_until_there_are_enough_answers() -> None:
    site = Site(answer=ILL)
    checkers = site.checkers(CHECK, replace(CHECK, id="inverted", inverted=True))

    verdicts = [checkers.verdicts()]
    for _ in range(3):
        site.pass_intervals(checkers, 1)
        verdicts.append(checkers.verdicts())

    assert verdicts == [{"one": True, "inverted": False}] * 3 + [{"one": False, "inverted": True}]


def test_a_disabled_check_is_not_asked_and_is_healthy() -> None:
    site = Site(answer=ILL)
    checkers = site.checkers(replace(CHECK, disabled=True))

    site.pass_intervals(checkers, 5)

    assert site.asked_at == []
    assert checkers.is_healthy("one")


@pytest.mark.parametrize(("seeing", "healthy"), [(8, True), (2, True), (1, False), (0, False)])
def test_as_long_as_more_than_18_percent_see_the_endpoint_it_is_healthy(seeing: int, healthy: bool) -> None:
    site = Site()
    checkers = site.checkers(CHECK)
    checkers.hide("us-east-1", CHECKER_REGIONS[seeing:])

    site.pass_intervals(checkers, 3)

    assert checkers.is_healthy("one") is healthy
    assert len(site.asked_at) == (3 if seeing else 0)


def test_checkers_are_blind_to_one_region_and_see_the_other() -> None:
    site = Site()
    other = replace(CHECK, id="other", endpoint=replace(ENDPOINT, host=HOST.replace("east-1", "west-2")))
    checkers = site.checkers(CHECK, other)
    checkers.hide("us-east-1")

    site.pass_intervals(checkers, 3)
    assert checkers.verdicts() == {"one": False, "other": True}

    checkers.show("us-east-1")
    site.pass_intervals(checkers, 3)
    assert checkers.verdicts() == {"one": True, "other": True}


def test_an_endpoint_is_hidden_by_its_host_too() -> None:
    site = Site()
    checkers = site.checkers(CHECK)
    checkers.hide(HOST)

    site.pass_intervals(checkers, 3)

    assert not checkers.is_healthy("one")


def test_one_request_a_round_is_told_to_all_checkers_unless_each_is_to_ask() -> None:
    shared, alone = Site(), Site()

    shared.checkers(CHECK).step()
    alone.checkers(CHECK, each_asks=True).step()

    assert (len(shared.asked_at), len(alone.asked_at)) == (1, len(CHECKER_REGIONS))


def test_a_calculated_check_follows_its_children_at_once() -> None:
    site = Site(answer=ILL)
    parent = HealthCheck("parent", children=("one",), health_threshold=1)
    checkers = site.checkers(CHECK, parent)

    site.pass_intervals(checkers, 2)
    assert checkers.is_healthy("parent")
    site.pass_intervals(checkers, 1)
    assert not checkers.is_healthy("parent")


def test_a_check_that_stays_keeps_its_state_and_one_that_goes_and_comes_begins_anew() -> None:
    site = Site(answer=ILL)
    checkers = site.checkers(CHECK)
    site.pass_intervals(checkers, 3)

    checkers.know([replace(CHECK, failure_threshold=5)])
    assert not checkers.is_healthy("one")

    checkers.know([])
    checkers.know([CHECK])
    assert checkers.is_healthy("one")
    assert checkers.observations() == {"one": {"status": [], "lastfailurereason": []}}


def test_an_answer_to_a_check_that_is_gone_meanwhile_is_dropped() -> None:
    waiting: list[Callable[[], None]] = []
    checkers = HealthCheckers(Site(answer=ILL).ask, clock=lambda: 0.0, run=waiting.append)
    checkers.know([CHECK])
    checkers.step()

    checkers.know([])
    for request in waiting:
        request()

    assert checkers.observations() == {}


def test_each_checker_tells_its_last_answer_and_its_last_failure() -> None:
    site = Site(answer=ILL)
    regions = CHECKER_REGIONS[:3]
    checkers = site.checkers(replace(CHECK, regions=regions))
    checkers.step()
    site.now, site.answer = 101.0, WELL
    checkers.step()

    observed = checkers.observations()["one"]

    assert observed["status"] == [
        {"Region": region, "Status": WELL.status, "CheckedTime": "2026-01-01T00:00:101Z"} for region in regions
    ]
    assert observed["lastfailurereason"] == [
        {"Region": region, "Status": ILL.status, "CheckedTime": "2026-01-01T00:00:100Z"} for region in regions
    ]
