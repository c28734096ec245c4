"""What a sync would do, how far it is, and how each change ended."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from iot_dr.model.registry.changes import Create, Delete, Update
from iot_dr.model.registry.differences import Difference, Sigil
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.registry.kinds import BY_CERTIFICATE


class Step(enum.StrEnum):
    """What is done about a difference."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    LEAVE = "leave"
    """It stays: replication may not or cannot remove it."""
    UNREADABLE = "unreadable"
    """A Region could not tell, so nothing is done."""


CHANGES = frozenset({Step.CREATE, Step.UPDATE, Step.DELETE})


@dataclass
class Planned:
    """Differences by kind and by what is done about them; `existing` is how many resources the target has."""

    steps: Counter[tuple[Kind, Step]] = field(default_factory=Counter)
    existing: int = 0

    def count(self, difference: Difference) -> None:
        """Add one."""
        self.steps[difference.key.kind, step_of(difference)] += 1

    @property
    def deletes(self) -> int:
        """Return how much would be deleted."""
        return sum(number for (_, step), number in self.steps.items() if step is Step.DELETE)

    def changes(self) -> Counter[Kind]:
        """Return how much would be changed, by kind."""
        counted: Counter[Kind] = Counter()
        for (kind, step), number in self.steps.items():
            if step in CHANGES:
                counted[kind] += number
        return counted


def step_of(difference: Difference) -> Step:
    """Return what is done about a difference."""
    match difference.change:
        case Create():
            return Step.CREATE
        case Update():
            return Step.UPDATE
        case Delete():
            return Step.DELETE
        case _:
            return Step.UNREADABLE if difference.sigil is Sigil.UNREADABLE else Step.LEAVE


class Ending(enum.StrEnum):
    """What became of a change."""

    DONE = "done"
    """Applied, or found done."""
    FAILED = "failed"
    """AWS refuses it; the reason says why."""
    LEFT = "left"
    """It needs something that failed, or that goes first and is made anew by the next run."""
    TAKEN_BACK = "taken_back"
    """A thing type that is deprecated in the source, and takes things until all of them are made."""


@dataclass(frozen=True)
class ChangeResult:
    """One change's end, and why if it is not done."""

    key: Key
    ending: Ending
    reason: str = ""


@dataclass(frozen=True)
class SyncProgress:
    """How far a run is: changes planned and ended, by kind; of those that ended, how many failed or are left."""

    planned: Mapping[Kind, int] = field(default_factory=dict)
    ended: Mapping[Kind, int] = field(default_factory=dict)
    failed: int = 0
    left: int = 0

    @property
    def all_planned(self) -> int:
        """Return how many changes there are."""
        return sum(self.planned.values())

    @property
    def all_ended(self) -> int:
        """Return how many have ended, well or not."""
        return sum(self.ended.values())

    @property
    def complete(self) -> bool:
        """Tell whether everything was done."""
        return not self.failed and not self.left

    def seconds_left(self, earlier: SyncProgress, seconds: float, share_read: float = 1.0) -> float | None:
        """Return how long it takes from here, at the pace since an earlier standing so many seconds ago, or None.

        Kinds go on at the same time, so the one that takes longest decides. Of what hangs on certificates only the
        share that is read is planned yet; the rest is taken to be like it.
        """
        longest = 0.0
        if not share_read:
            return None
        for kind, planned in self.planned.items():
            expected = planned / share_read if kind in BY_CERTIFICATE else planned
            left = expected - self.ended.get(kind, 0)
            done = self.ended.get(kind, 0) - earlier.ended.get(kind, 0)
            if left > 0 and done <= 0:
                return None
            if left > 0:
                longest = max(longest, left * seconds / done)
        return longest
