"""Takes the requests that one invocation of the worker is given, side by side; what one of them meets is its own
affair.

A burst is paid for by the invocation, so a batch shares it. Nothing else is shared: a request that fails is tried again
after a pause of its own, or recorded as failed, and the others of the batch go on. Pauses are returned, never slept:
what is to come again goes back to the queue, and holds no worker until it is due.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from iot_dr.errors import IotDrError, RetryableError
from iot_dr.model.replication.outcomes import Outcome, State
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.ports.clock import Clock
from iot_dr.ports.ledger import Ledger
from iot_dr.services.concurrency import Together, one_by_one
from iot_dr.services.replication.record_failure import record_failure
from iot_dr.services.replication.replicate import ReplicationResult

RETRY_PAUSES = (1, 2, 4, 8, 16, 30)
"""Seconds at most before each repetition of a request that a repetition may mend; after the last the ledger has it."""


@dataclass(frozen=True)
class BatchResult:
    """What became of a batch: requests that ended, failures that were recorded, and requests to come, each when it is
    due.

    `repeated` counts the requests among those to come that met a fault. `pause` is the seconds until the first of those
    to come, 0 if there is none.
    """

    checked: tuple[ReplicationResult, ...] = ()
    failed: tuple[Outcome, ...] = ()
    again: tuple[ReconcileRequest, ...] = ()
    repeated: int = 0
    pause: int = 0


@dataclass(frozen=True)
class _Fault:
    """A request that met a fault."""

    request: ReconcileRequest
    error: IotDrError


def handle_batch(
    requests: Sequence[ReconcileRequest],
    replicate: Callable[[ReconcileRequest, int], ReplicationResult],
    *,
    ledger: Ledger,
    clock: Clock,
    together: Together = one_by_one,
) -> BatchResult:
    """Take the requests that are due; the others of the batch wait on, at no call.

    Args:
        requests: the batch.
        replicate: takes one request; its second argument is how many new resources are checked beside each other.
        ledger: where what fails for good is recorded.
        clock: the time, epoch milliseconds.
        together: takes the requests side by side.

    Raises:
        IotDrError: the ledger could not be told of a failure, so the whole batch is to be taken again.
    """
    begun = clock()
    requests = [_in_time(request, begun) for request in requests]
    due = [request for request in requests if request.due <= begun]
    beside = sum(request.created for request in due)

    def take(request: ReconcileRequest) -> ReplicationResult | _Fault:
        try:
            return replicate(request, beside)
        except IotDrError as error:
            return _Fault(request, error)

    ended = together(take, due)
    now = clock()
    checked = tuple(one for one in ended if isinstance(one, ReplicationResult))
    faults = [one for one in ended if isinstance(one, _Fault)]
    repeated = tuple(_repetition(fault.request, now) for fault in faults if _may_be_mended(fault))
    failed = tuple(
        record_failure(fault.request, type(fault.error).__name__, str(fault.error), ledger=ledger, clock=clock)
        for fault in faults
        if not _may_be_mended(fault)
    )
    # All of one time, so that requests with the same pause come back together.
    settling = (_confirmation(one, now) for one in checked if one.pause)
    waiting = (request for request in requests if request.due > begun)
    further = (request for one in checked for request in one.further)
    again = (*settling, *further, *repeated, *waiting)
    return BatchResult(checked, failed, again, len(repeated), _seconds_until_due(again, now))


def _in_time(request: ReconcileRequest, now: int) -> ReconcileRequest:
    """Return a request whose event is not of the future, where a device would settle for as long."""
    return replace(request, occurred_at=now) if request.occurred_at > now else request


def _may_be_mended(fault: _Fault) -> bool:
    return isinstance(fault.error, RetryableError) and fault.request.tries < len(RETRY_PAUSES)


def _repetition(request: ReconcileRequest, now: int) -> ReconcileRequest:
    longest = RETRY_PAUSES[request.tries]
    # Spread over the pause, so that what was throttled together does not come back together.
    pause = 1 + zlib.crc32(f"{request.key} {request.tries}".encode()) % longest
    return replace(request, due=now + pause * 1000, tries=request.tries + 1)


def _confirmation(taken: ReplicationResult, now: int) -> ReconcileRequest:
    """Return the next request for a device that settles; one that is complete can wait for others."""
    due, complete = now + taken.pause * 1000, taken.outcome.state is State.IN_SYNC
    return replace(taken.next_request, due=due, tries=0, can_wait=complete)


def _seconds_until_due(requests: Sequence[ReconcileRequest], now: int) -> int:
    """Return the whole seconds after which the first is due, at least one; 0 for no requests."""
    return max(1, -((now - min(request.due for request in requests)) // 1000)) if requests else 0
