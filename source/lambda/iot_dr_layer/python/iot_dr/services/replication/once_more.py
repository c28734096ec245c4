"""Requests that come soon where the ledger has noted one for later.

The ledger's notes are due after minutes, since whoever they wait for may have died. Mostly nobody has: another worker
has ended a moment later. So whoever notes it sends a request too, which finds out at once and takes the note away. If
it is lost, the note is still there. If another request has found out meanwhile, it is left out (`superseding.py`).
"""

from __future__ import annotations

from collections.abc import Collection

from iot_dr.model.registry.keys import Key
from iot_dr.model.replication.requests import REQUESTS_PER_BATCH, ReconcileRequest

PAUSES = (2, 5, 15)
"""Seconds until the request that finds out, by how many have come to nothing; then the ledger's own has to do."""

FAR_PAUSE = 5
"""Seconds until what hangs on something that was made anew is checked: its own events come first."""

MOST = REQUESTS_PER_BATCH
"""Far ends of one resource that are checked soon; more of them are background work."""


def once_more(request: ReconcileRequest, now: int) -> tuple[ReconcileRequest, ...]:
    """Return the request that finds out how something stands beside which another worker was writing."""
    before = request.checks if request.noted_at else 0
    if before >= len(PAUSES):
        return ()
    due = now + PAUSES[before] * 1000
    return (_noted(request.key, request.event_id, now, due, checks=before + 1),)


def of_far_ends(keys: Collection[Key], event_id: str, now: int) -> tuple[ReconcileRequest, ...]:
    """Return requests for what AWS took away along with something that was made anew; none if they are many."""
    if len(keys) > MOST:
        return ()
    return tuple(_noted(key, event_id, now, now + FAR_PAUSE * 1000) for key in sorted(keys))


def _noted(key: Key, event_id: str, now: int, due: int, checks: int = 0) -> ReconcileRequest:
    return ReconcileRequest(key, event_id=event_id, checks=checks, due=due, noted_at=now, can_wait=True)
