"""Has what failed, was left unfinished or was held back checked again, once its time has come."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from iot_dr.errors import RetryableError
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.ports.clock import Clock
from iot_dr.ports.failback import HeldResources
from iot_dr.ports.failover import WriteGate
from iot_dr.ports.ledger import Ledger
from iot_dr.ports.replication import Workflow
from iot_dr.services.concurrency import Together, one_by_one

RETRIES = 500
"""Requests that one retry starts at most; what has waited longest comes first."""


@dataclass(frozen=True)
class Retried:
    """What a retry did: requests that it started, and entries that wait whose kind this release does not know."""

    requests: int
    unknown: tuple[str, ...]


class Retry:
    """The use case, over ports; it applies nothing itself."""

    def __init__(  # noqa: PLR0913  # the composition root is the only caller, by keyword
        self,
        *,
        ledger: Ledger,
        held: HeldResources,
        workflow: Workflow,
        gate: WriteGate,
        clock: Clock,
        together: Together = one_by_one,
    ) -> None:
        self._ledger = ledger
        self._held = held
        self._workflow = workflow
        self._gate = gate
        self._clock = clock
        self._together = together

    def start(self) -> Retried:
        """Start what is due, and return what was started."""
        now = self._clock()
        unknown: list[str] = []
        due = list(islice(self._ledger.due(now, unknown.append), RETRIES))
        # Put off first: what is started and not yet ended, or started for nothing, is not started again each minute.
        put_off = self._together(lambda key: self._ledger.postpone(key, now), due)
        # New, as far as settling goes: what was left without its certificate stays on the list until it has one.
        requests = [ReconcileRequest(key, created=True) for key, waits in zip(due, put_off, strict=True) if waits]
        self._workflow.start(requests, background=True)
        self._release(now)
        return Retried(len(requests), tuple(unknown))

    def _release(self, now: int) -> None:
        """Have what is held be due where nothing holds it back any more.

        A failback releases what is held. But a worker that was told before it that the target leads may note it later.
        """
        held = list(islice(self._held.held(), RETRIES))
        if not held:
            return
        try:
            standing = self._gate.standing()
        except RetryableError:
            # The next retry, a minute later, asks again.
            return
        if not standing.refusal:
            self._held.release(held, now)
