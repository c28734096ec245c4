"""What a failback asks and tells the ledger of the Region that has led, and what keeps its plan and its steps."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Protocol

from iot_dr.model.failback.plan import LastEqual, PlannedRow, PlanNumbers
from iot_dr.model.registry.keys import Key, Kind


class BaseStore(Protocol):
    """Knows in which state both Regions last held the same, of any resource."""

    def bases(self, keys: Collection[Key]) -> Mapping[Key, LastEqual]:
        """Return what is noted of each; of what nothing is noted, that nothing is known."""

    def note_equal(self, digests: Mapping[Key, str], at: int) -> None:
        """Note that both Regions hold these states by now, and that replication owns the target's copies."""


class HeldResources(Protocol):
    """What replication has held back while the target led."""

    def held(self) -> Iterator[Key]:
        """Yield all of it."""

    def release(self, keys: Collection[Key], at: int) -> None:
        """Have the schedule check these from then on; what is held no more by then stays as it is."""


class FailbackPlan(Protocol):
    """A failback's plan on disk, in the order of its keys, and small facts about it."""

    def put(self, rows: Iterable[PlannedRow]) -> None:
        """Keep rows."""

    def rows(self, kind: Kind, after: Key | None = None) -> Iterator[PlannedRow]:
        """Yield the rows of a kind in the order of their places, behind a key."""

    def row(self, key: Key) -> PlannedRow | None:
        """Return one row; None if the plan has none."""

    def numbers(self) -> PlanNumbers:
        """Count the rows."""

    def digest(self) -> str:
        """Return a short text that differs whenever a row does."""

    def fact(self, name: str) -> str:
        """Return a small fact; empty if it was not set."""

    def set_fact(self, name: str, text: str) -> None:
        """Keep a small fact."""

    def clear(self) -> None:
        """Drop everything."""

    def clear_rows(self) -> None:
        """Drop the rows; facts stay."""
