"""The workflow with its functions, and the trigger: a queue of batches, a bounded number of functions, and the rules.

A batch whose function fails is tried again, then each of its requests alone; the request that fails again is recorded.
What comes back after a pause waits in the queue. Nothing that was taken is lost: what cannot even be recorded comes
again.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from iot_dr.model.registry.keys import SHADOW_KINDS, Key
from iot_dr.model.replication.outcomes import Outcome
from iot_dr.model.replication.requests import REQUESTS_PER_BATCH, ReconcileRequest
from iot_dr.services.replication.batch import Taken
from tests.simulation.process import Process
from tests.simulation.scheduler import Scheduler

TRIES = 4
PAUSES = (1_000, 2_000, 4_000)
"""Milliseconds between the tries of a batch whose function fails."""


@dataclass(frozen=True)
class Batch:
    """Requests to be taken by one invocation; with an `error` they are to be recorded as failed."""

    requests: tuple[ReconcileRequest, ...]
    tries: int = 0
    alone: bool = False
    error: str = ""


@dataclass
class Function:
    """One of the functions that may run at once: a process, and how it requests."""

    process: Process
    take: Callable[[Sequence[ReconcileRequest]], Taken]
    record: Callable[[ReconcileRequest, str], Outcome]
    take_shadows: Callable[[Sequence[ReconcileRequest]], Taken] | None = None


class Queue:
    """`ports.Workflow`, and what becomes of what was started."""

    def __init__(self, scheduler: Scheduler, busy: Callable[[int], None]) -> None:
        self.functions: list[Function] = []
        self.waiting: dict[Key, int] = {}
        """How many requests for a resource wait or run that no event asked for."""
        self.started: Counter[Key] = Counter()
        """How often a request was started that no event asked for."""
        self._scheduler, self._busy = scheduler, busy
        self._ready: deque[Batch] = deque()
        self._idle: list[Function] = []

    def add(self, function: Function) -> None:
        """Let one more function run at the same time."""
        self.functions.append(function)
        self._idle.append(function)

    def start(self, requests: Sequence[ReconcileRequest], *, background: bool = False) -> None:
        """Queue requests in batches of one kind; chance alone decides what is in a hurry."""
        by_kind: dict[str, list[ReconcileRequest]] = {}
        self.started.update(request.key for request in requests if not request.occurred_at)
        for request in requests:
            by_kind.setdefault("shadows" if request.key.kind in SHADOW_KINDS else request.key.kind, []).append(request)
        for same in by_kind.values():
            for first in range(0, len(same), REQUESTS_PER_BATCH):
                self.put(Batch(tuple(same[first : first + REQUESTS_PER_BATCH])))

    def put(self, batch: Batch, pause: int = 0) -> None:
        """Have a batch taken after so many milliseconds."""
        self._count(batch, 1)
        self._scheduler.after(pause + self._scheduler.chance.randrange(50), lambda: self._arrived(batch))

    def _count(self, batch: Batch, by: int) -> None:
        self._busy(by)
        for request in batch.requests:
            if request.occurred_at:
                continue
            left = self.waiting.get(request.key, 0) + by
            if left:
                self.waiting[request.key] = left
            else:
                del self.waiting[request.key]

    def _arrived(self, batch: Batch) -> None:
        self._ready.append(batch)
        self._dispatch()

    def _dispatch(self) -> None:
        while self._ready and self._idle:
            self._run(self._idle.pop(self._scheduler.chance.randrange(len(self._idle))), self._ready.popleft())

    def _run(self, function: Function, batch: Batch) -> None:
        taken: list[Taken] = []

        def work() -> None:
            if batch.error:
                for request in batch.requests:
                    function.record(request, batch.error)
            elif batch.requests[0].key.kind in SHADOW_KINDS and function.take_shadows is not None:
                taken.append(function.take_shadows(batch.requests))
            else:
                taken.append(function.take(batch.requests))

        def ended(error: BaseException | None) -> None:
            if error is not None:
                self._failed(batch, type(error).__name__)
            elif taken:
                self._come_again(taken[0].again, alone=batch.alone)
            self._count(batch, -1)
            self._idle.append(function)
            self._dispatch()

        function.process.start(work, ended)

    def _come_again(self, requests: Sequence[ReconcileRequest], *, alone: bool) -> None:
        """Have requests taken each when it is due."""
        for due in dict.fromkeys(request.due for request in requests):
            together = tuple(request for request in requests if request.due == due)
            self.put(Batch(together, alone=alone), max(due - self._scheduler.now, 0))

    def _failed(self, batch: Batch, error: str) -> None:
        tries = batch.tries + 1
        if batch.error or tries < TRIES:
            pause = PAUSES[min(tries, len(PAUSES)) - 1]
            self.put(Batch(batch.requests, tries, batch.alone, batch.error), pause)
        elif batch.alone:
            self.put(Batch(batch.requests, 0, True, error))
        else:
            for request in batch.requests:
                self.put(Batch((request,), 0, True))


def retried(process: Process, work: Callable[[], object], ended: Callable[[], None], scheduler: Scheduler) -> None:
    """Run a process until it has done its work, as the stream hands a batch in again."""

    def again(error: BaseException | None) -> None:
        if error is None:
            ended()
        else:
            scheduler.after(1_000, lambda: process.start(work, again))

    process.start(work, again)
