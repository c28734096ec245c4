"""A sync in the account over the wire: which Region, state machine, bucket and table are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from iot_dr.model.sync.fleet_runs import THING_STAGES, FleetRun, RunState
from iot_dr.runtime.commands.sync import SyncSettings
from iot_dr.runtime.commands.sync_in_cloud import open_cloud_sync
from iot_dr.services.ordered import OrderPlace
from iot_dr.services.sync.cloud_sync import CloudSync
from tests.account import LEDGER, NAMES, Account, served
from tests.builders import PRIMARY, SECONDARY
from tests.endpoint import Answer, Request

MACHINE = f"arn:aws:states:{SECONDARY}:123456789012:stateMachine:sync"
Opened = Callable[[SyncSettings], CloudSync]
ENDED = RunState(f"{MACHINE}:run", "SUCCEEDED", 0, FleetRun("run", apply=True, at_once=1))


def answering(request: Request) -> Answer | None:
    match request.operation:
        case "ListExecutions":
            return Answer({"executions": []})
        case "StartExecution":
            return Answer({"executionArn": ENDED.arn, "startDate": 0})
        case operation if operation.startswith("GET /work"):
            return Answer(xml="<ListBucketResult/>")
        case _:
            return None


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    made = Account(ReplicateShadows="none")
    made.outputs = {"FleetSyncStateMachineArn": MACHINE, "WorkBucketName": "work", "LedgerTableName": LEDGER}
    made.answering = answering
    with served(made, monkeypatch) as found:
        yield found


def settings(select: str = "") -> SyncSettings:
    return SyncSettings(**NAMES, ledger_table="another table", select=select)


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    place = OrderPlace("iot-dr sync --apply", PRIMARY, SECONDARY, print, str(tmp_path))
    return lambda wanted: open_cloud_sync(wanted, place)


def test_a_run_is_started_in_the_secondary_after_the_primary_has_named_its_things(
    account: Account, opened: Opened
) -> None:
    account.put_things(PRIMARY, "pump-1")
    account.held[PRIMARY, "/indexing/config"] = {"thingIndexingConfiguration": {"thingIndexingMode": "OFF"}}

    assert opened(settings("thingName:pump*")).start(apply=True, at_once=3) == ENDED.arn

    (started,) = account.calls("StartExecution")
    assert (started.region, started.body["stateMachineArn"]) == (SECONDARY, MACHINE)
    assert f'"kinds": ["{THING_STAGES[0]}"]' in started.body["input"]
    assert {one.region for one in account.calls("GET /things")} == {PRIMARY}


def test_the_pace_rests_on_the_quotas_of_both_regions(account: Account, opened: Opened) -> None:
    opened(settings()).pace()

    assert [one.region for one in account.calls("ListServiceQuotas")] == [PRIMARY, SECONDARY]


def test_failures_are_read_from_the_launchs_own_ledger_and_work_bucket(account: Account, opened: Opened) -> None:
    assert list(opened(settings()).failures(ENDED)) == []

    assert {(one.region, one.body["TableName"]) for one in account.calls("Query")} == {(SECONDARY, LEDGER)}
    assert [one.region for one in account.requests if one.operation.startswith("GET /work")] == [SECONDARY]
