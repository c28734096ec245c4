"""Leaves out late requests whose change a later reading has seen: under a backlog the next change comes before the
request. So it is with requests that are to check once more (`once_more.py`), late or not.

It needs a reading that began after the event and took in as much as the request would. What that reading came to is in
the ledger, with another request noted wherever it was not sure, so nothing is owed to the older request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.replication.outcomes import LastRead
from iot_dr.model.replication.requests import Depth, ReconcileRequest
from iot_dr.ports.ledger import Ledger

BACKLOG = 5000
"""Milliseconds after its event from which a request is late: then another may well have seen its change, and asking the
ledger, which costs one call for all that are handed out together, is worth it.
"""

MARGIN = 1000
"""Milliseconds that the clock of an event and ours may be apart; a trail tells whole seconds only."""

_NEVER = LastRead()


def last_reads(requests: Iterable[ReconcileRequest], ledger: Ledger, now: int) -> Mapping[Key, LastRead]:
    """Ask the ledger when what late requests are for was read last; nothing is asked where none is late."""
    keys = sorted({request.key for request in requests if _is_late(request, now)})
    return ledger.last_reads(keys) if keys else {}


def without_superseded(
    requests: Sequence[ReconcileRequest], read: Mapping[Key, LastRead]
) -> tuple[ReconcileRequest, ...]:
    """Return the requests that are still to be taken, by what `last_reads` returned for them."""
    return tuple(request for request in requests if not _has_been_seen(request, read.get(request.key, _NEVER)))


def _is_late(request: ReconcileRequest, now: int) -> bool:
    return request.noted_at > 0 or (_is_first(request) and now - request.occurred_at > BACKLOG)


def _is_first(request: ReconcileRequest) -> bool:
    """Tell whether it is an event's first request, and not one that waits for attachments, of which no event tells."""
    awaits_attachments = request.created and request.key.kind is Kind.THING
    return request.is_first and not awaits_attachments


def _has_been_seen(request: ReconcileRequest, read: LastRead) -> bool:
    # In doubt this request is as good as the one that is noted, and comes sooner.
    since = request.noted_at or (request.occurred_at if _is_first(request) else 0)
    return since > 0 and not read.doubt and _began(request.depth, read) > since + MARGIN


def _began(depth: Depth, read: LastRead) -> int:
    """Return when the last reading began that took in as much; kinds without depth are read whole each time."""
    match depth:
        case Depth.OWN:
            return read.began
        case Depth.ATTACHMENTS:
            return read.attached_began
        case Depth.EVERYTHING:
            return read.whole_began
