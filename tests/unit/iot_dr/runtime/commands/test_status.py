"""What the status keeps for a minute, and where it finds the last verification."""

from pathlib import Path

import pytest

from iot_dr.files.last_verification import keep
from iot_dr.model.failover.control import Control, Mode
from iot_dr.model.failover.fence import Fence, Leadership
from iot_dr.model.registry.keys import thing_key
from iot_dr.model.status.status_parts import Drift
from iot_dr.runtime.commands import status
from iot_dr.runtime.commands.status import MINUTE, StatusEnvironment, last_verification, status_of, watched
from tests.account import LAUNCH, LEDGER, Account, served
from tests.builders import PRIMARY, SECONDARY, a_certificate_id
from tests.endpoint import Answer


def test_a_verification_that_ended_is_found_with_what_it_found_by_whoever_may_only_read(tmp_path: Path) -> None:
    path = tmp_path / "last-verify.json"
    keep(path, Drift(1_764_000_000_000, 3))
    tmp_path.chmod(0o500)

    assert last_verification(path) == Drift(1_764_000_000_000, 3)
    assert [one.name for one in tmp_path.iterdir()] == ["last-verify.json"], "nothing is made"


def test_where_nothing_was_ever_verified_there_is_none_and_nothing_is_made(tmp_path: Path) -> None:
    assert last_verification(tmp_path / "elsewhere" / "last-verify.json") is None
    assert last_verification(None) is None
    assert not (tmp_path / "elsewhere").exists()


def test_what_is_slow_is_read_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    time, reads = [0], [0]

    def read() -> int:
        reads[0] += 1
        return reads[0]

    monkeypatch.setattr(status, "now", lambda: time[0])
    kept = status._Kept(read)

    assert [kept(), kept()] == [1, 1]
    time[0] += MINUTE
    assert kept() == 2


def test_a_status_asks_the_launchs_own_tables_and_stacks_each_in_its_region(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account(SweepMinutes="15")
    account.control = {"serving": SECONDARY}
    environment = StatusEnvironment(SECONDARY, LEDGER, PRIMARY, LAUNCH.postfix, LAUNCH.uuid, LAUNCH.global_table)

    with served(account, monkeypatch):
        found = watched(environment, state=str(tmp_path))(lambda _: None)

    pinned = Control(SECONDARY, Mode.PINNED, why=f"serving = {SECONDARY}")
    assert found.leadership == Leadership(pinned, Fence())
    assert {(one.body["TableName"], one.region) for one in account.calls("Query")} == {(LEDGER, SECONDARY)}
    (read,) = account.calls("BatchGetItem")
    assert (read.body["RequestItems"].keys(), read.region) == ({LAUNCH.global_table, LEDGER}, SECONDARY)
    asked = {(one.region, one.body["StackName"]) for one in account.calls("DescribeStacks")}
    assert asked == set(LAUNCH.stacks)


def test_a_device_is_looked_up_in_the_launchs_ledger_and_in_the_secondary(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account()
    item = {"resource": {"S": "thing#pump-1"}, "state": {"S": "in_sync"}}
    account.answering = lambda request: Answer({"Item": item}) if request.operation == "GetItem" else None
    account.put_device(SECONDARY)

    with served(account, monkeypatch):
        found = status_of(thing_key("pump-1"), StatusEnvironment(SECONDARY, LEDGER))

    assert (found.in_sync, found.certificates) == (True, (a_certificate_id("pump-1"),))
    assert {(one.body["TableName"], one.region) for one in account.calls("GetItem")} == {(LEDGER, SECONDARY)}
