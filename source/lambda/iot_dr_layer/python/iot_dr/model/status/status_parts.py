"""What an operator sees at a glance: how far behind the secondary is, and what keeps it there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Lag:
    """How long changes of one kind took to cross, in milliseconds; None where none crossed.

    `median`, `p99`, `longest` and `changes` are of the newest five minutes with changes, not older than ten. Of the
    last hour percentiles cannot be put together from shorter times, so `hour_p99` is that of its worst five minutes.
    """

    kind: str
    changes: int
    median: float | None
    p99: float | None
    longest: float | None
    hour_changes: int
    hour_p99: float | None
    hour_longest: float | None


@dataclass(frozen=True)
class StreamAge:
    """How long the newest handled batch of a stream had waited, in milliseconds; None where there was none."""

    function: str
    milliseconds: float | None


@dataclass(frozen=True)
class Drift:
    """What the last verification on this machine found, and when it ended, epoch milliseconds."""

    verified_at: int
    differing: int


@dataclass(frozen=True)
class Unread:
    """Stands where a part of the overview would, with the reason why it cannot be told."""

    reason: str
