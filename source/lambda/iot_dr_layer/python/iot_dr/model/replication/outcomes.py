"""What became of a request: the state that the ledger keeps and the operator reads."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from iot_dr.model.registry.keys import Key

NOTHING_EQUAL: Mapping[Key, str] = MappingProxyType({})
"""Digests, by resource, of states that both Regions hold, where none is known."""


class State(enum.StrEnum):
    """How a resource stands in the secondary Region."""

    IN_SYNC = "in_sync"
    PENDING = "pending"
    """A Region, a dependency or AWS's own waiting time stands in the way; the schedule tries again."""
    FAILED = "failed"
    """AWS refuses it; somebody must act. The schedule tries again, ever more rarely."""
    HELD = "held"
    """The target leads and may have changed it, so it is not written. Nothing tries again: a failback decides."""
    UNSUPPORTED = "unsupported"
    """A difference stays that replication may not or cannot remove."""
    ABSENT = "absent"
    """Gone from the primary and not, or no longer, in the secondary: nothing is kept of it."""
    SUPERSEDED = "superseded"
    """Something newer is there, or another worker is writing it: nothing is done and nothing is kept of it."""


@dataclass(frozen=True)
class LastRead:
    """When the last readings of a resource began that were applied, epoch milliseconds; 0 for never.

    `began` is that of any, `attached_began` that of one which took in what is attached to the resource too, and
    `whole_began` that of one which took in everything that hangs on it. In `doubt` the last one was not sure, or
    somebody else has been writing since: another request is noted, but for later.
    """

    began: int = 0
    attached_began: int = 0
    whole_began: int = 0
    doubt: bool = False


@dataclass(frozen=True)
class Outcome:
    """The result of one request. Times are epoch milliseconds; `lag` is None where no event told when it changed.

    `again` asks the schedule for another request, after a pause that grows with every try. A `partial` outcome is of
    the resource's own fields alone, so it says nothing about what stood in the way of the rest. One that is not `whole`
    is of the resource and what is attached to it, so it says nothing about what has events of its own; one that is not
    `attached` is of less than that. `source_id` and `source_version` are the primary's of the thing that was applied.
    `read_at` is when the reading began that found nothing more to do, 0 if there was none. `digest` is of the state in
    which both Regions hold the resource now, empty if that is not known.
    """

    key: Key
    state: State
    reason: str
    at: int
    lag: int | None = None
    event_id: str = ""
    again: bool = False
    partial: bool = False
    whole: bool = True
    attached: bool = True
    source_id: str = ""
    source_version: int = 0
    read_at: int = 0
    digest: str = ""

    def facts(self) -> dict[str, str | int | None]:
        """Return what a log line says of it; nothing here is secret."""
        return {
            "resource": str(self.key),
            "kind": str(self.key.kind),
            "state": str(self.state),
            "reason": self.reason,
            "lag": self.lag,
            "event_id": self.event_id,
        }
