"""Whatever the quota and whatever is really granted, a budget uses what there is and hardly asks for more."""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from iot_dr.services.pacing import Budget

RATES = st.sampled_from([5.0, 10.0, 15.0, 25.0, 60.0, 100.0, 350.0])


@dataclass
class Service:
    """AWS's side: a bucket that holds a second's worth of calls."""

    rate: float
    tokens: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.rate

    def grants(self, now: float) -> bool:
        self.tokens = min(self.rate, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def change(self, rate: float, now: float) -> None:
        self.grants(now)
        self.rate, self.tokens = rate, min(self.tokens, rate)


@dataclass
class Answers:
    """When calls were granted, and when refused."""

    granted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def share(self, of: float, begin: float, end: float) -> float:
        return sum(begin <= at < end for at in self.granted) / (of * (end - begin))

    def refusals(self, begin: float, end: float) -> float:
        asked = [at for at in (*self.granted, *self.refused) if begin <= at < end]
        return sum(begin <= at < end for at in self.refused) / max(1, len(asked))


@dataclass
class Simulation:
    """Callers that call as often as a budget lets them, in simulated time."""

    budget: Budget
    service: Service
    latency: float
    chance: random.Random
    answers: Answers = field(default_factory=Answers)
    _queue: deque[float] = field(default_factory=deque)
    _events: list[tuple[float, int, Callable[[float], None]]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    def later(self, at: float, event: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (at, next(self._numbers), event))

    def run(self, seconds: float) -> None:
        while self._events and self._events[0][0] <= seconds:
            now, _, event = heapq.heappop(self._events)
            event(now)

    def ask(self, now: float) -> None:
        self._queue.append(now)
        if len(self._queue) == 1:
            self.later(now + self.budget.pause(now), self._turn)

    def _turn(self, now: float) -> None:
        if (pause := self.budget.pause(now)) > 1e-9:
            self.later(now + pause, self._turn)
            return
        taken_in = self.budget.take(self._queue.popleft(), now)
        self.later(now + self.latency * self.chance.random(), lambda at: self._arrive(at, taken_in))
        if self._queue:
            self.later(now + self.budget.pause(now), self._turn)

    def _arrive(self, now: float, taken_in: int) -> None:
        if self.service.grants(now):
            self.answers.granted.append(now)
            self.budget.grant(taken_in)
            self.later(now + self.latency * self.chance.random(), self.ask)
        else:
            self.answers.refused.append(now)
            self.budget.refuse(taken_in, now)
            self.later(now + self.chance.random(), self.ask)


def simulated(
    quota: float, *, granted: Sequence[tuple[float, float]], seconds: float, callers: int, latency: float, seed: int
) -> Answers:
    """Let callers call; `granted` are times and the rates that AWS grants from then on."""
    service = Service(granted[0][1])
    simulation = Simulation(Budget(quota, 0.0), service, latency, random.Random(seed))
    for at, rate in granted[1:]:
        simulation.later(at, partial(service.change, rate))
    for _ in range(callers):
        simulation.later(0.0, simulation.ask)
    simulation.run(seconds)
    return simulation.answers


@settings(max_examples=15, deadline=None)
@given(rate=RATES, latency=st.floats(0.005, 0.12), seed=st.integers(0, 1000))
def test_at_the_quota_a_budget_uses_more_than_95_percent_of_it_and_is_hardly_refused(
    rate: float, latency: float, seed: int
) -> None:
    callers = int(rate * latency * 2) + 8

    answers = simulated(rate, granted=[(0, rate)], seconds=120, callers=callers, latency=latency, seed=seed)

    assert answers.share(rate, 0, 120) >= 0.95
    assert answers.refusals(0, 120) <= 0.03


@settings(max_examples=15, deadline=None)
@given(quota=RATES, less=st.floats(0.2, 0.9), seed=st.integers(0, 1000))
def test_where_others_use_the_quota_too_it_finds_what_is_left(quota: float, less: float, seed: int) -> None:
    left = max(quota * less, 2.0)

    answers = simulated(quota, granted=[(0, left)], seconds=120, callers=48, latency=0.05, seed=seed)

    assert answers.share(left, 20, 120) >= 0.9
    assert answers.refusals(20, 120) <= 0.12


@settings(max_examples=15, deadline=None)
@given(quota=RATES, more=st.floats(1.5, 4.0), seed=st.integers(0, 1000))
def test_where_more_is_granted_than_the_quota_says_it_rises(quota: float, more: float, seed: int) -> None:
    granted = quota * more

    answers = simulated(quota, granted=[(0, granted)], seconds=90, callers=400, latency=0.02, seed=seed)

    assert answers.share(granted, 60, 90) >= 0.9


@settings(max_examples=20, deadline=None)
@given(quota=st.sampled_from([10.0, 100.0]), seed=st.integers(0, 1000))
def test_it_falls_at_once_when_less_is_granted_and_finds_its_way_up_again(quota: float, seed: int) -> None:
    changes = [(0.0, quota), (30.0, quota / 5), (60.0, quota)]

    answers = simulated(quota, granted=changes, seconds=120, callers=32, latency=0.05, seed=seed)

    assert sum(30 <= at < 60 for at in answers.refused) <= 0.35 * quota * 30 / 5 + 10
    assert answers.share(quota / 5, 40, 60) >= 0.85
    assert answers.share(quota, 100, 120) >= 0.9
