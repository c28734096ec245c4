"""The calls that a reading makes in one Region: how many at once, which next, and which again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from iot_dr.errors import RetryableError, Throttled
from iot_dr.model.registry.read_calls import Page, PageRequest
from iot_dr.model.sites import Side
from iot_dr.ports.fleet import FleetReader

PATIENCE = 5
"""How often in a row a Region may fail to answer, after the SDK's own attempts, before the reading is given up."""


UNKEPT_BY_AN_ANSWER = 20
"""What an answer counts for beside its resources, so that at most fifty are asked again after a process was killed."""


@dataclass
class RegionLane:
    """What goes on in one Region: fewer calls at once when AWS throttles, one more for every round that it answers."""

    side: Side
    reader: FleetReader
    calls: Iterator[PageRequest]
    most: int
    waiting: deque[PageRequest] = field(default_factory=deque)
    answers: list[tuple[PageRequest, Page]] = field(default_factory=list)
    unkept: int = 0
    in_flight: int = 0
    failed: int = 0
    kept_at: float = 0.0
    width: float = field(init=False)

    def __post_init__(self) -> None:
        self.width = self.most

    def next_calls(self) -> Iterator[PageRequest]:
        """Yield as many calls as there is room for."""
        while self.in_flight < int(self.width):
            call = self.waiting.popleft() if self.waiting else next(self.calls, None)
            if call is None:
                return
            self.in_flight += 1
            yield call

    def answered(self, call: PageRequest, answer: Page) -> None:
        """Keep an answer, and have the next page asked before anything new is begun."""
        self.failed = 0
        self.width = min(self.most, self.width + 1 / self.width)
        self.answers.append((call, answer))
        self.unkept += UNKEPT_BY_AN_ANSWER + len(answer.entities)
        if answer.token:
            self.waiting.appendleft(PageRequest(call.question, call.subject, answer.token))

    def again(self, call: PageRequest, error: RetryableError) -> None:
        """Have a call made again, more slowly if AWS throttled it; raise the error if it has failed too often."""
        self.failed += 1
        if self.failed > PATIENCE * (self.most if isinstance(error, Throttled) else 1):
            raise error
        if isinstance(error, Throttled):
            self.width = max(1.0, self.width / 2)
        self.waiting.append(call)
