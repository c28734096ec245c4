"""How fast an API may be called: a budget per API of one Region that begins at the quota and follows what AWS grants.

A refusal lowers the rate by a tenth, and by more if another comes soon after it. From
there it rises quickly to where it was refused, lingers, and then tries ever higher: the curve of CUBIC
(https://www.rfc-editor.org/rfc/rfc9438), which the SDK's own adaptive retry mode follows too, for a whole client. So
the quota is where a budget begins, not its limit: it falls where others use the same quota, and rises where AWS grants
more. It rises only while callers wait for it, because nothing else shows that more would be granted.

`Budget` is the rule, without clock and threads; `Budgets` has callers wait for it.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

Stopwatch = Callable[[], float]
"""Tells the seconds since some fixed moment; never goes back."""

Wait = Callable[[float], object]
"""Lets so many seconds pass."""

UNKNOWN_QUOTA = 10.0
"""Calls per second of an API whose quota nobody tells: the lowest that AWS IoT has for an API of the registry."""

CUT = 0.9
CUT_AGAIN = 0.8
"""What a refusal leaves of the rate, and what another leaves that comes soon after it."""

SECONDS_BACK = 10.0
"""How long a rate at the quota takes back to where it was refused."""

SOON = 0.25
"""Seconds that a cut has to help: refused again before that many seconds' worth was granted, it was too small."""

CATCH_UP = 0.5
"""Seconds' worth of calls that may be made up for after a pause; AWS lets a whole second's worth come at once."""

HARDLY = 0.5
"""Seconds that all callers together may wait for a budget without its being what limits them."""

LEAST = 0.01
"""Share of the quota below which no refusal brings the rate: a call now and then tells whether more is granted."""

_STEEPNESS = (1 - CUT) / SECONDS_BACK**3


class Budget:
    """One API's rate in one Region, in calls per second, never above `most`. Times are seconds of one stopwatch."""

    def __init__(
        self, quota: float, now: float, most: float = math.inf, least: float = LEAST, catch_up: float = CATCH_UP
    ) -> None:
        self.rate = min(quota, most)
        self._quota = quota
        self._most = most
        self._floor = quota * least
        self._catch_up = catch_up
        self._refused_at_rate = self.rate
        self._rising = 0.0
        self._seconds_back = 0.0
        self._next = now
        self._taken_at = now
        self._round = 0
        self._granted = 0

    def pause(self, now: float) -> float:
        """Return the seconds until a call may be made; 0 if one may be made now."""
        return max(0.0, self._next - now)

    def take(self, asked: float, now: float) -> int:
        """Make a call that was asked for at `asked`; return what tells how it was answered, a round of the budget."""
        if self._next > asked:
            self._rise(now)
        self._taken_at = now
        self._next = max(self._next, now - self._catch_up) + 1 / self.rate
        return self._round

    def grant(self, taken_in: int) -> None:
        """Note that a call was not refused for its rate."""
        if taken_in == self._round:
            self._granted += 1

    def refuse(self, taken_in: int, now: float) -> None:
        """Lower the rate after a refusal; what was sent before an earlier refusal was known says nothing new."""
        if taken_in != self._round:
            return
        again = self._round > 0 and self._granted < self.rate * SOON
        self._refused_at_rate = self.rate
        self.rate = max(self.rate * (CUT_AGAIN if again else CUT), self._floor)
        lost = self._refused_at_rate - self.rate
        self._seconds_back = (lost / (_STEEPNESS * self._quota)) ** (1 / 3)
        self._rising = 0.0
        self._round += 1
        self._granted = 0
        self._taken_at = now
        self._next = now + 1 / self.rate

    def _rise(self, now: float) -> None:
        # What passes between two calls of a rate counts; what passes while nobody calls does not.
        self._rising += min(now - self._taken_at, 1 + 1 / self.rate)
        curve = _STEEPNESS * self._quota * (self._rising - self._seconds_back) ** 3
        self.rate = max(min(self._refused_at_rate + curve, self._most), self._floor)


@dataclass(frozen=True)
class Use:
    """What was made of one API's budget so far; `waited` adds up the seconds that callers waited for it."""

    operation: str
    rate: float
    quota: float
    calls: int = 0
    refused: int = 0
    waited: float = 0.0


class _Turnstile:
    """One API's budget with the callers that queue up for it: the first waits for its turn, the rest for the first."""

    def __init__(self, operation: str, quota: float, budget: Budget, stopwatch: Stopwatch, wait: Wait) -> None:
        self._operation, self._quota = operation, quota
        self._budget = budget
        self._stopwatch, self._wait = stopwatch, wait
        self._turn, self._lock = threading.Lock(), threading.Lock()
        self._calls, self._refused, self._waited = 0, 0, 0.0

    def pass_through(self) -> int:
        asked = self._stopwatch()
        with self._turn:
            while (pause := self._pause()) > 0:
                # A refusal meanwhile may have put the turn off, so it is asked again.
                self._wait(pause)
            with self._lock:
                now = self._stopwatch()
                self._calls += 1
                self._waited += now - asked
                return self._budget.take(asked, now)

    def answered(self, taken_in: int, *, refused: bool) -> None:
        with self._lock:
            if refused:
                self._refused += 1
                self._budget.refuse(taken_in, self._stopwatch())
            else:
                self._budget.grant(taken_in)

    def use(self) -> Use:
        with self._lock:
            rate = self._budget.rate
            return Use(self._operation, rate, self._quota, self._calls, self._refused, self._waited)

    def _pause(self) -> float:
        with self._lock:
            return self._budget.pause(self._stopwatch())


class RegionCallBudgets:
    """The budgets of one Region; any number of threads may call at the same time.

    Args:
        quotas: calls per second by the name of the operation, for example `CreateThing`.
        stopwatch: how time passes.
        wait: how a caller waits.
        most: what of some is taken at most, so that others who share the quota are not refused, such as devices.
        least: share of each quota below which no refusal brings its rate.
        catch_up: seconds' worth of calls that may be made up for after a pause.
    """

    def __init__(  # noqa: PLR0913  # the composition roots are the only callers
        self,
        quotas: Mapping[str, float],
        stopwatch: Stopwatch = time.monotonic,
        wait: Wait = time.sleep,
        *,
        most: Mapping[str, float] = MappingProxyType({}),
        least: float = LEAST,
        catch_up: float = CATCH_UP,
    ) -> None:
        self._quotas, self._most, self._least, self._catch_up = quotas, most, least, catch_up
        self._stopwatch, self._wait = stopwatch, wait
        self._turnstiles: dict[str, _Turnstile] = {}
        self._lock = threading.Lock()

    def begin(self, operation: str) -> int:
        """Wait until a call of this operation may be sent; return what `end` is told."""
        return self._turnstile(operation).pass_through()

    def end(self, operation: str, begun: int, *, refused: bool) -> None:
        """Say how the call was answered: refused for its rate, or not."""
        self._turnstile(operation).answered(begun, refused=refused)

    def uses(self) -> tuple[Use, ...]:
        """Return what was made of each budget so far."""
        with self._lock:
            turnstiles = list(self._turnstiles.values())
        return tuple(turnstile.use() for turnstile in turnstiles)

    def _turnstile(self, operation: str) -> _Turnstile:
        with self._lock:
            if operation not in self._turnstiles:
                quota = self._quotas.get(operation, UNKNOWN_QUOTA)
                most = self._most.get(operation, math.inf)
                budget = Budget(quota, self._stopwatch(), most, self._least, self._catch_up)
                self._turnstiles[operation] = _Turnstile(operation, quota, budget, self._stopwatch, self._wait)
            return self._turnstiles[operation]


def most_waited_for(before: Iterable[Use], after: Iterable[Use]) -> Use | None:
    """Return the budget that callers waited longest for between two requests; None if they hardly waited at all."""
    earlier = {use.operation: use for use in before}

    def waited(use: Use) -> float:
        return use.waited - (earlier[use.operation].waited if use.operation in earlier else 0.0)

    longest = max(after, key=waited, default=None)
    return None if longest is None or waited(longest) < HARDLY else longest
