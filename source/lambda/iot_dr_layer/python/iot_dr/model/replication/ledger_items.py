"""One item of the ledger, as an operator reads it: how a resource stands, since when, and why."""

from __future__ import annotations

from dataclasses import dataclass

from iot_dr.model.registry.keys import Key
from iot_dr.model.replication.outcomes import State


@dataclass(frozen=True)
class LedgerItem:
    """What is noted of one resource. Times are epoch milliseconds, None where nothing was noted.

    Attributes:
        key: the resource.
        state: how it stands; None if it was not checked by itself yet, as where it was copied along with another.
        reason: why, if there is more to say.
        since: when it came to this state.
        checked_at: when it was checked last.
        applied_at: when a change of the primary was applied last.
        lag: milliseconds from that change to the moment it was applied.
        attempts: how many requests in a row left it waiting.
        next_attempt: when the schedule checks it again; None if it does not wait.
        event_id: the newest event's ID, which ties the log lines together.
        owned: replication created it in the secondary, so it may delete it there.
    """

    key: Key
    state: State | None
    reason: str = ""
    since: int | None = None
    checked_at: int | None = None
    applied_at: int | None = None
    lag: int | None = None
    attempts: int = 0
    next_attempt: int | None = None
    event_id: str = ""
    owned: bool = False
