"""What a sync writes down, on the operator's disk or in the work bucket."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Protocol

from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.sync.fleet_runs import FleetRun, ListedRun, RunState
from iot_dr.model.sync.progress import ChangeResult, Ending
from iot_dr.model.sync.records import AppliedChange, GivenOrder, RunEnd, RunHeader, RunSummary


class Journal(Protocol):
    """What has been settled of this comparison."""

    def settle(self, settled: ChangeResult) -> None:
        """Write how a change ended."""

    def ending(self, key: Key) -> Ending | None:
        """Return how a change ended; None if it has not."""

    def endings(self, keys: Collection[Key]) -> dict[Key, Ending]:
        """Return how those of these changes ended that have."""

    def with_ending(self, ending: Ending) -> Iterator[ChangeResult]:
        """Yield what ended so."""

    def forget(self, ending: Ending) -> None:
        """Take what ended so as not yet begun."""

    def numbers(self, ending: Ending) -> Counter[Kind]:
        """Return how many ended so, by kind."""


class RunJournal(Journal, Protocol):
    """The journal of a run that may be interrupted."""

    @property
    def unfinished(self) -> str:
        """Return which comparison is being applied; empty if none is, or it has come to its end."""

    def begin(self, comparison: str) -> None:
        """Begin with a comparison; what was in the journal is dropped."""

    def finish(self) -> None:
        """Note that the run has come to its end."""


class Inventory(Protocol):
    """Keeps inventories, part by part."""

    def begin(self, name: str) -> str:
        """Begin to upload an object, and return the upload's ID."""

    def put_part(self, name: str, upload: str, number: int, data: bytes) -> str:
        """Upload a part, from 1, or once more; return its tag."""

    def complete(self, name: str, upload: str, tags: Collection[str]) -> None:
        """Make the object of its parts."""


class FleetRuns(Protocol):
    """The syncs in the account of one launch."""

    def start(self, run: FleetRun) -> str:
        """Start a run and return its execution's ARN."""

    def newest(self, status: str = "") -> str | None:
        """Return the execution that was started last, perhaps of one status; None if there is none."""

    def newest_applied(self) -> str | None:
        """Return the execution that was started last of those that were to bring something across; None if none was."""

    def state(self, arn: str) -> RunState:
        """Return how a run stands; raises `ConfigurationError` if there is no such run."""

    def listed(self) -> Iterator[ListedRun]:
        """Yield all runs, those that were started last first."""

    def stop(self, arn: str) -> None:
        """Stop a run; what it has brought across stays."""

    def redrive(self, arn: str) -> None:
        """Take up a run where it failed: batches that succeeded are not repeated."""


class ChangeRecord(Protocol):
    """The record of one run; threads share it."""

    def note(self, change: AppliedChange) -> None:
        """Write a change down before the next one is made by that thread."""

    def end(self, end: RunEnd) -> None:
        """Say that the run has come to its end."""


class OrderRecord(Protocol):
    """The record of what one run orders; threads share it."""

    def order(self, order: GivenOrder) -> None:
        """Write an order down.

        Raises:
            ConfigurationError: the disk refuses it.
        """


class RunHistory(Protocol):
    """The records of all runs."""

    def runs(self) -> Iterable[RunSummary]:
        """Return all runs, the newest first."""

    def header(self, run: str) -> RunHeader:
        """Return what a run was.

        Raises:
            ConfigurationError: there is no such run, or its record cannot be read.
        """

    def changes(self, run: str) -> Iterator[AppliedChange]:
        """Yield what a run wrote, in the order in which it did; raises as `header` does."""

    def orders(self, run: str) -> Iterator[GivenOrder]:
        """Yield what a run ordered; raises as `header` does."""


class FirstStates(Protocol):
    """What was there before a run, each resource as it was before the run's first write of it."""

    def keep(self, change: AppliedChange) -> None:
        """Keep it, unless an earlier change of this resource was kept."""

    def before(self, kind: Kind) -> Iterator[Entity]:
        """Yield what is known of a kind, in the order of a snapshot's lines."""

    def created(self) -> int:
        """Return how many resources were not there before."""

    def unknown(self) -> int:
        """Return of how many it is not known what was there."""
