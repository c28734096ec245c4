"""Marks: what a writer leaves in the ledger before it writes, so that nobody takes an unfinished write for none.

docs/adr/0015-marks-before-writes.md says what they guarantee, and why.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from dataclasses import dataclass

from iot_dr.model.registry.keys import Key

MARK_LIFETIME = 150_000
"""Milliseconds after which a writer that has not taken its mark off has died, and nothing that it sent arrives any
more: a function's longest time, and the time-outs of its last call."""

_SEPARATOR = "-"


@dataclass(frozen=True)
class Mark:
    """One writer's mark: its token, which no other has, and the resources at which it stands."""

    token: str
    keys: frozenset[Key]

    @property
    def at(self) -> int:
        """Return when it was made, epoch milliseconds."""
        return made_at(self.token)


def new_token(at: int, unique: str) -> str:
    """Return a token that tells when it was made; `unique` is a text that no other writer has at that time.

    >>> new_token(1000000, "a1")
    '1000000-a1'
    """
    return f"{at}{_SEPARATOR}{unique}"


def made_at(token: str) -> int:
    """Return when a mark was made, epoch milliseconds."""
    return int(token.partition(_SEPARATOR)[0])


def dead(tokens: Collection[str], began: int) -> frozenset[str]:
    """Return the marks of writers that had died when a reading began: whatever they wrote, the reading saw."""
    return frozenset(token for token in tokens if made_at(token) + MARK_LIFETIME <= began)


class Certainty(enum.Enum):
    """How far a request may conclude from what it read, seen what the ledger says when it is about to record."""

    SURE = "sure"
    """Nobody else wrote since the reading began."""
    UNSURE = "unsure"
    """Somebody else was writing, or may be: what was read need not stay so, so another request has to come."""
    OVERTAKEN = "overtaken"
    """Something waits that this request cannot have seen: it was noted since, or is more than the request took in."""


@dataclass(frozen=True)
class OtherWriters:
    """What the ledger says of other writers and checks one resource. Times are epoch milliseconds, 0 for never.

    Attributes:
        open: tokens of the marks that stand there.
        noted_at: when it was last noted that something waits.
        closed_at: when a mark was last taken off.
        checked_at: when a request was last recorded.
        noted_whole: what waits was noted by a request for everything, so only another such can tell that it is over.
    """

    open: frozenset[str] = frozenset()
    noted_at: int = 0
    closed_at: int = 0
    checked_at: int = 0
    noted_whole: bool = False

    def certainty(self, began: int, own: str = "", *, whole: bool = True) -> Certainty:
        """Tell how far a request may conclude whose reading began then, and whose own mark is `own`."""
        if self.noted_at >= began or (self.noted_whole and not whole):
            return Certainty.OVERTAKEN
        others = self.open - {own} - dead(self.open, began)
        return Certainty.UNSURE if others or self.closed_at >= began else Certainty.SURE
