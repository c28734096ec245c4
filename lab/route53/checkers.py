"""The health checkers: they ask each endpoint at its interval, from every checker Region of its check."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lab.route53.health import CHECKER_REGIONS, Checker, Endpoint, HealthCheck, is_healthy


@dataclass(frozen=True)
class Answer:
    """What a checker met."""

    success: bool
    status: str
    """In Route 53's words, such as `Success: HTTP Status Code 200, OK`."""


HIDDEN = Answer(success=False, status="Failure: Connection timed out. The endpoint or the internet connection is down.")

Ask = Callable[[Endpoint], Answer]
Run = Callable[[Callable[[], None]], object]


def at_once(request: Callable[[], None]) -> None:
    """Make a request in the thread of the caller."""
    request()


def _utc() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class HealthCheckers:
    """Health checks and what the checkers make of them.

    AWS has several checkers in a Region, and each asks by itself. Here there is one a Region, and one request a round
    is told to all that see the endpoint, because a function behind it takes its share of this machine; with
    `each_asks` every checker makes its own.

    `scale` turns Route 53's seconds into the lab's. `clock` counts the lab's seconds; nothing happens but in `step`.
    """

    def __init__(
        self,
        ask: Ask,
        *,
        scale: float = 0.1,
        clock: Callable[[], float] = time.monotonic,
        utc: Callable[[], str] = _utc,
        run: Run = at_once,
        each_asks: bool = False,
    ) -> None:
        self.scale = scale
        self._ask = ask
        self._clock = clock
        self._utc = utc
        self._run = run
        self._each_asks = each_asks
        self._lock = threading.RLock()
        self._checks: dict[str, HealthCheck] = {}
        self._due: dict[str, float] = {}
        self._checkers: dict[str, dict[str, Checker]] = {}
        self._last: dict[str, dict[str, dict[str, str]]] = {}
        self._last_failures: dict[str, dict[str, dict[str, str]]] = {}
        self._hidden: set[tuple[str, str]] = set()

    def know(self, checks: Iterable[HealthCheck]) -> None:
        """Check these and no others; a new one is asked at the next step, and one that stays keeps its state."""
        with self._lock:
            self._checks = {check.id: check for check in checks}
            for kept in (self._due, self._checkers, self._last, self._last_failures):
                for gone in kept.keys() - self._checks.keys():
                    kept.pop(gone)
            for check in self._checks.values():
                before = self._checkers.get(check.id, {})
                asking = check.regions if check.endpoint else ()
                self._checkers[check.id] = {region: before.get(region, Checker()) for region in asking}

    def hide(self, endpoint: str, checker_regions: Iterable[str] = CHECKER_REGIONS) -> None:
        """Make the checkers of these Regions blind to endpoints in a Region, or with a host name."""
        with self._lock:
            self._hidden |= {(region, endpoint) for region in checker_regions}

    def show(self, endpoint: str) -> None:
        """Let every checker see these endpoints again."""
        with self._lock:
            self._hidden = {(region, hidden) for region, hidden in self._hidden if hidden != endpoint}

    def step(self) -> None:
        """Ask what is due by the clock; who was held up asks once, and goes on at the next beat."""
        now = self._clock()
        with self._lock:
            due = [check for check in self._checks.values() if self._is_due(check, now)]
            for check in due:
                self._due[check.id] = self._next(check, now)
        for check in due:
            for seeing in self._rounds(check):
                self._send(check, seeing)

    def is_healthy(self, check_id: str | None) -> bool:
        """Whether what depends on a health check may be answered."""
        with self._lock:
            return is_healthy(check_id, self._checks, self._values())

    def verdicts(self) -> dict[str, bool]:
        """Whether each check is healthy, all of one moment."""
        with self._lock:
            checkers = self._values()
            return {check_id: is_healthy(check_id, self._checks, checkers) for check_id in self._checks}

    def observations(self) -> dict[str, dict[str, Any]]:
        """What each checker last met, and its last failure: what GetHealthCheckStatus tells, by check."""
        with self._lock:
            return {
                check_id: {
                    "status": list(self._last.get(check_id, {}).values()),
                    "lastfailurereason": list(self._last_failures.get(check_id, {}).values()),
                }
                for check_id in self._checks
            }

    def _values(self) -> Mapping[str, list[Checker]]:
        return {check_id: list(checkers.values()) for check_id, checkers in self._checkers.items()}

    def _is_due(self, check: HealthCheck, now: float) -> bool:
        return check.endpoint is not None and not check.disabled and self._due.get(check.id, now) <= now

    def _next(self, check: HealthCheck, now: float) -> float:
        interval = check.interval * self.scale
        last = self._due.get(check.id, now)
        return last + interval * ((now - last) // interval + 1)

    def _rounds(self, check: HealthCheck) -> list[list[str]]:
        """The checkers that share a request; those that are blind make none."""
        with self._lock:
            blind = [region for region in check.regions if self._is_hidden(region, check.endpoint)]
        seeing = [region for region in check.regions if region not in blind]
        self._note(check, blind, HIDDEN)
        if self._each_asks:
            return [[region] for region in seeing]
        return [seeing] if seeing else []

    def _is_hidden(self, checker_region: str, endpoint: Endpoint | None) -> bool:
        assert endpoint is not None
        return bool({(checker_region, endpoint.host), (checker_region, endpoint.region)} & self._hidden)

    def _send(self, check: HealthCheck, regions: list[str]) -> None:
        endpoint = check.endpoint
        assert endpoint is not None
        self._run(lambda: self._note(check, regions, self._ask(endpoint)))

    def _note(self, check: HealthCheck, regions: Iterable[str], answer: Answer) -> None:
        with self._lock:
            checkers = self._checkers.get(check.id, {})
            # The check may be gone, or be asked from other Regions, since the request was sent.
            for region in [region for region in regions if region in checkers]:
                checkers[region] = checkers[region].saw(success=answer.success, threshold=check.failure_threshold)
                told = {"Region": region, "Status": answer.status, "CheckedTime": self._utc()}
                self._last.setdefault(check.id, {})[region] = told
                if not answer.success:
                    self._last_failures.setdefault(check.id, {})[region] = told
