"""Keeps in the ledger what the workflow could not do, so that it is tried again and can be seen."""

from __future__ import annotations

from iot_dr.errors import RetryableError
from iot_dr.model.replication.outcomes import Outcome, State
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.ports.clock import Clock
from iot_dr.ports.ledger import Ledger

UNFINISHED = "Unfinished"
"""The error of requests whose message was never handled to its end."""

_PASSES = frozenset({UNFINISHED, *(kind.__name__ for kind in RetryableError.__subclasses__())})
"""Errors that pass by themselves. Step Functions names a function's error by its class."""

LONGEST_REASON = 500
"""Characters; a reason is for reading, the log has the rest."""


def record_failure(request: ReconcileRequest, error: str, cause: str, *, ledger: Ledger, clock: Clock) -> Outcome:
    """Record a request that failed after all of the workflow's retries, to be tried again by the schedule.

    What a retry can mend is pending; what somebody must check has failed.
    """
    reason = f"{error}: {cause}"[:LONGEST_REASON]
    state = State.PENDING if error in _PASSES else State.FAILED
    outcome = Outcome(
        request.key, state, reason, at=clock(), event_id=request.event_id, again=True, whole=request.whole
    )
    ledger.record(outcome)
    return outcome
