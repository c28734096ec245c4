"""What commands order beside their own writes, noted as it is ordered: for `iot-dr history`.

An order that cannot be written down is given all the same, and that it could not be is said: a full disk on an
operator's machine keeps no Region from taking over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from iot_dr.errors import ConfigurationError, Conflict, IotDrError
from iot_dr.model.failover.control import Control
from iot_dr.model.failover.fence import Fence
from iot_dr.model.launch.launches import StackEvent
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.model.status.checks import error_line
from iot_dr.model.sync.fleet_runs import FleetRun, ListedRun, RunState
from iot_dr.model.sync.records import GivenOrder, OrderKind, WriteResult
from iot_dr.ports.clock import Clock
from iot_dr.ports.events import EventTable
from iot_dr.ports.failover import ControlStore, FenceStore
from iot_dr.ports.launch import LaunchRemover
from iot_dr.ports.replication import SweepFunction, Workflow
from iot_dr.ports.sync import FleetRuns, OrderRecord

Result = TypeVar("Result")


@dataclass(frozen=True)
class OrderPlace:
    """Where orders of a command are written down: the command as it was given, both Regions, and the state folder.

    `say` is told what could not be written down.
    """

    command: str
    primary: str
    secondary: str
    say: Callable[[str], object]
    state: str = ""


@dataclass(frozen=True)
class Ordering:
    """Where orders are noted; `noting` collects their requests, `say` tells that one could not be written down."""

    record: OrderRecord
    noting: Callable[[], AbstractContextManager[list[str]]]
    clock: Clock
    say: Callable[[str], object]

    def given(self, order: OrderKind, of: Sequence[str], give: Callable[[], Result]) -> Result:
        """Give an order of one or of several things, and note what came of it; raises what `give` does.

        One that somebody else's order has overtaken changed nothing, and is no line.
        """
        with self.noting() as requests:
            try:
                result = give()
            except Conflict:
                raise
            except IotDrError as error:
                self._note(order, of, WriteResult.REFUSED, error_line(error), requests)
                raise
            self._note(order, of, WriteResult.DONE, "", requests)
            return result

    def _note(self, order: OrderKind, of: Sequence[str], result: WriteResult, reason: str, requests: list[str]) -> None:
        try:
            for one in of:
                self.record.order(GivenOrder(self.clock(), order, one, result, reason, tuple(requests)))
        except ConfigurationError as error:
            self.say(f"Not written down for iot-dr history: {order} {', '.join(of)}: {error}")


@dataclass(frozen=True)
class RecordedWorkflow:
    """`ports.Workflow` that notes which checks are asked for."""

    workflow: Workflow
    ordering: Ordering

    def start(self, requests: Sequence[ReconcileRequest], *, background: bool = False) -> None:
        """Have these requests taken; raises what the other workflow does."""
        keys = [str(request.key) for request in requests]
        self.ordering.given(OrderKind.CHECK, keys, lambda: self.workflow.start(requests, background=background))


@dataclass(frozen=True)
class RecordedSweepFunction:
    """`ports.SweepFunction` that notes that it is run."""

    function: SweepFunction
    ordering: Ordering
    region: str

    def run(self, delete_share: float) -> Mapping[str, Any]:
        """Run it; raises what the other function does."""
        of = f"{self.region}, at most {delete_share:g} of it deleted"
        return self.ordering.given(OrderKind.SWEEP, [of], lambda: self.function.run(delete_share))


@dataclass(frozen=True)
class RecordedEventTable:
    """`ports.EventTable` that notes which events are brought in."""

    table: EventTable
    ordering: Ordering

    def put(self, item: Mapping[str, str | int]) -> None:
        """Write one event."""
        of = f"{item.get('resource', '')}, event {item.get('event_id', '')}"
        self.ordering.given(OrderKind.REPLAY, [of], lambda: self.table.put(item))


@dataclass(frozen=True)
class RecordedFleetRuns:
    """`ports.FleetRuns` that notes which runs are started, taken up and stopped; one that only counts is no order."""

    runs: FleetRuns
    ordering: Ordering

    def start(self, run: FleetRun) -> str:
        """Start a run and return its execution's ARN."""
        if not run.apply:
            return self.runs.start(run)
        of = f"{run.run}: {f'what failed of {run.again}' if run.again else run.select or 'all'}"
        return self.ordering.given(OrderKind.START, [of], lambda: self.runs.start(run))

    def redrive(self, arn: str) -> None:
        """Take up a run where it failed."""
        self.ordering.given(OrderKind.RESUME, [arn], lambda: self.runs.redrive(arn))

    def stop(self, arn: str) -> None:
        """Stop a run."""
        self.ordering.given(OrderKind.STOP, [arn], lambda: self.runs.stop(arn))

    def newest(self, status: str = "") -> str | None:
        """Return the execution that was started last, perhaps of one status."""
        return self.runs.newest(status)

    def newest_applied(self) -> str | None:
        """Return the execution that was started last of those that were to bring something across."""
        return self.runs.newest_applied()

    def state(self, arn: str) -> RunState:
        """Return how a run stands."""
        return self.runs.state(arn)

    def listed(self) -> Iterator[ListedRun]:
        """Yield all runs, those that were started last first."""
        return self.runs.listed()


@dataclass(frozen=True)
class RecordedFenceStore:
    """`ports.FenceStore` that notes how a Region's fence is changed."""

    fences: FenceStore
    ordering: Ordering
    region: str

    def fence(self) -> Fence:
        """Return what is in force now."""
        return self.fences.fence()

    def change(self, fence: Fence) -> None:
        """Write a fence; raises what the other store does."""
        of = f"{self.region} {fence.role}, epoch {fence.epoch}"
        self.ordering.given(OrderKind.FENCE, [of], lambda: self.fences.change(fence))

    def note_elsewhere(self, at: int) -> None:
        """Note that the fleet's name led to another Region."""
        self.fences.note_elsewhere(at)


@dataclass(frozen=True)
class RecordedControlStore:
    """`ports.ControlStore` that notes which orders are written into a Region's replica."""

    controls: ControlStore
    ordering: Ordering
    region: str

    def control(self) -> Control:
        """Return what is in force now."""
        return self.controls.control()

    def order(self, control: Control) -> None:
        """Write an order; raises what the other store does."""
        of = f"{control.leader} {control.mode}, epoch {control.epoch}, told in {self.region}"
        self.ordering.given(OrderKind.LEAD, [of], lambda: self.controls.order(control))


@dataclass(frozen=True)
class RecordedLaunchRemover:
    """`ports.LaunchRemover` that notes what is removed."""

    remover: LaunchRemover
    ordering: Ordering

    def take_down(self, region: str, name: str, report: Callable[[StackEvent], None]) -> None:
        """Delete a stack; raises what the other remover does."""
        of = f"stack {name} in {region}"
        self.ordering.given(OrderKind.REMOVE, [of], lambda: self.remover.take_down(region, name, report))

    def unprotect(self, table: str, region: str) -> bool:
        """Let AWS delete a table; it goes with its stack, which is noted."""
        return self.remover.unprotect(table, region)

    def remove_table(self, table: str, region: str) -> None:
        """Delete a table; raises what the other remover does."""
        of = f"table {table} in {region}"
        self.ordering.given(OrderKind.REMOVE, [of], lambda: self.remover.remove_table(table, region))

    def remove_bucket(self, bucket: str, region: str) -> int:
        """Empty and delete a bucket; raises what the other remover does."""
        of = f"bucket {bucket} in {region}"
        return self.ordering.given(OrderKind.REMOVE, [of], lambda: self.remover.remove_bucket(bucket, region))
