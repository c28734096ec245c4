"""What commands order is noted with what came of it; that it cannot be written down keeps nothing from being done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from iot_dr.errors import Conflict, RegionUnavailable
from iot_dr.model.failover.control import Control, Mode
from iot_dr.model.failover.fence import Fence, FenceRole
from iot_dr.model.launch.launches import StackEvent
from iot_dr.model.registry.keys import policy_key, thing_key
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.model.sync.fleet_runs import FleetRun
from iot_dr.model.sync.records import GivenOrder, OrderKind, WriteResult
from iot_dr.services.ordered import (
    RecordedControlStore,
    RecordedEventTable,
    RecordedFenceStore,
    RecordedFleetRuns,
    RecordedLaunchRemover,
    RecordedSweepFunction,
    RecordedWorkflow,
)
from tests.noted_orders import NOW, NotedOrders
from tests.unit.iot_dr.services.sync.test_cloud_sync import Account as CloudAccount

FENCE, CONTROL = Fence(FenceRole.LEADS, 2), Control("us-west-2", Mode.PINNED, 2)


class Places:
    """Plays what orders are given to, and remembers them."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.given: list[object] = []
        self._refusal = refusal

    def _take(self, *order: object) -> None:
        if self._refusal is not None:
            raise self._refusal
        self.given.append(order)

    def start(self, requests: Sequence[ReconcileRequest], *, background: bool = False) -> None:
        self._take(tuple(requests), background)

    def run(self, delete_share: float) -> Mapping[str, Any]:
        self._take(delete_share)
        return {"drift": 3}

    def put(self, item: Mapping[str, str | int]) -> None:
        self._take(item)

    def fence(self) -> Fence:
        return FENCE

    def change(self, fence: Fence) -> None:
        self._take(fence)

    def note_elsewhere(self, at: int) -> None:
        self._take("elsewhere", at)

    def control(self) -> Control:
        return CONTROL

    def order(self, control: Control) -> None:
        self._take(control)

    def take_down(self, region: str, name: str, report: Callable[[StackEvent], None]) -> None:
        self._take(region, name)

    def unprotect(self, table: str, region: str) -> bool:
        self._take(table, region)
        return True

    def remove_table(self, table: str, region: str) -> None:
        self._take(table, region)

    def remove_bucket(self, bucket: str, region: str) -> int:
        self._take(bucket, region)
        return 7


def give_all(places: Places, record: NotedOrders) -> None:
    """Give one order of each kind that is no sync in the account."""
    to = record.ordering()
    requests = [ReconcileRequest(thing_key("pump-1")), ReconcileRequest(policy_key("pumps"))]
    RecordedWorkflow(places, to).start(requests, background=True)
    assert RecordedSweepFunction(places, to, "us-west-2").run(0.3) == {"drift": 3}
    RecordedEventTable(places, to).put({"resource": "pump-1", "event_id": "m-1"})
    RecordedFenceStore(places, to, "us-west-2").change(FENCE)
    RecordedControlStore(places, to, "us-east-1").order(CONTROL)
    remover = RecordedLaunchRemover(places, to)
    remover.take_down("us-west-2", "IoTDRSecondary1", lambda _: None)
    remover.remove_table("shadows", "us-east-1")
    assert remover.remove_bucket("work", "us-west-2") == 7


def test_each_order_is_given_and_noted_with_what_it_is_about() -> None:
    places, record = Places(), NotedOrders()

    give_all(places, record)

    assert [(one.order, one.of) for one in record.orders] == [
        (OrderKind.CHECK, "thing#pump-1"),
        (OrderKind.CHECK, "policy#pumps"),
        (OrderKind.SWEEP, "us-west-2, at most 0.3 of it deleted"),
        (OrderKind.REPLAY, "pump-1, event m-1"),
        (OrderKind.FENCE, "us-west-2 leads, epoch 2"),
        (OrderKind.LEAD, "us-west-2 pinned, epoch 2, told in us-east-1"),
        (OrderKind.REMOVE, "stack IoTDRSecondary1 in us-west-2"),
        (OrderKind.REMOVE, "table shadows in us-east-1"),
        (OrderKind.REMOVE, "bucket work in us-west-2"),
    ]
    assert {(one.at, one.result) for one in record.orders} == {(NOW, WriteResult.DONE)}
    assert len(places.given) == 8


def test_what_only_reads_or_has_no_right_to_be_called_an_order_is_passed_on_and_not_noted() -> None:
    places, record = Places(), NotedOrders()
    fences = RecordedFenceStore(places, record.ordering(), "us-west-2")
    controls = RecordedControlStore(places, record.ordering(), "us-west-2")

    assert (fences.fence(), controls.control()) == (FENCE, CONTROL)
    fences.note_elsewhere(5)
    assert RecordedLaunchRemover(places, record.ordering()).unprotect("events", "us-east-1")

    assert record.orders == []
    assert places.given == [("elsewhere", 5), ("events", "us-east-1")]


def test_an_order_that_is_refused_is_noted_with_the_reason_and_refused() -> None:
    record = NotedOrders()

    with pytest.raises(RegionUnavailable):
        RecordedFenceStore(Places(RegionUnavailable("no answer")), record.ordering(), "us-west-2").change(FENCE)

    refused = GivenOrder(NOW, OrderKind.FENCE, "us-west-2 leads, epoch 2", WriteResult.REFUSED, "no answer")
    assert record.orders == [refused]


def test_an_order_that_another_one_has_overtaken_is_no_line() -> None:
    record = NotedOrders()

    with pytest.raises(Conflict):
        RecordedControlStore(Places(Conflict("a higher epoch stands")), record.ordering(), "us-east-1").order(CONTROL)

    assert record.orders == []


def test_a_full_disk_is_told_and_keeps_no_order_from_being_given() -> None:
    places, record = Places(), NotedOrders(full=True)

    give_all(places, record)

    assert len(places.given) == 8
    assert record.said[3] == "Not written down for iot-dr history: fence us-west-2 leads, epoch 2: no space left"


def test_a_full_disk_hides_no_refusal() -> None:
    record = NotedOrders(full=True)

    with pytest.raises(RegionUnavailable):
        RecordedWorkflow(Places(RegionUnavailable("no answer")), record.ordering()).start([])


def test_of_syncs_in_the_account_those_are_noted_that_bring_something_across() -> None:
    account, record = CloudAccount(running="arn:running"), NotedOrders()
    runs = RecordedFleetRuns(account, record.ordering())

    runs.start(FleetRun("r1", apply=False, at_once=1))
    runs.start(FleetRun("r2", apply=True, at_once=1))
    runs.start(FleetRun("r3", apply=True, at_once=1, select="thingName:a*"))
    runs.start(FleetRun("r4", apply=True, at_once=1, again="r2"))
    runs.redrive("arn:run")
    runs.stop("arn:running")

    assert [one.run for one in account.started] == ["r1", "r2", "r3", "r4"]
    assert [(one.order, one.of) for one in record.orders] == [
        (OrderKind.START, "r2: all"),
        (OrderKind.START, "r3: thingName:a*"),
        (OrderKind.START, "r4: what failed of r2"),
        (OrderKind.RESUME, "arn:run"),
        (OrderKind.STOP, "arn:running"),
    ]
    assert (runs.newest("RUNNING"), runs.newest(), runs.newest_applied()) == ("arn:running", "arn:run", "arn:run")
    assert [one.arn for one in runs.listed()] == [runs.state("arn:run").arn]
