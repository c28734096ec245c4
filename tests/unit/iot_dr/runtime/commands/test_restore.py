"""Restores over the wire: what of a snapshot is brought back, and what the Region holds today."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from iot_dr.errors import TargetLeads
from iot_dr.runtime.commands.restore import RestoreSettings, open_restore
from iot_dr.runtime.commands.snapshot import SnapshotSettings, take_snapshot
from tests.account import LAUNCH, LEDGER, Account, Unwatched
from tests.builders import PRIMARY, SECONDARY

NAMES = ("pump-1", "pump-2")


@pytest.fixture
def snapshot(account: Account, tmp_path: Path) -> str:
    """A snapshot of two things, each with a shadow; the shadows have changed since."""
    account.put_things(PRIMARY, *NAMES)
    for name in NAMES:
        account.put_shadow(PRIMARY, name, {"reported": {"t": 1}})
    take_snapshot(SnapshotSettings(PRIMARY, state=str(tmp_path), paced=False), str(tmp_path / "snapshot"), Unwatched())
    for name in NAMES:
        account.put_shadow(PRIMARY, name, {"reported": {"t": 2}})
    account.requests.clear()
    return str(tmp_path / "snapshot")


@pytest.mark.parametrize(
    ("things", "shadows", "written"),
    [((), True, NAMES), (("pump-1",), True, ("pump-1",)), ((), False, ())],
)
def test_shadows_are_brought_back_of_the_things_that_were_named_alone(
    account: Account, snapshot: str, tmp_path: Path, things: tuple[str, ...], shadows: bool, written: tuple[str, ...]
) -> None:
    settings = RestoreSettings(PRIMARY, things, shadows=shadows, state=str(tmp_path), paced=False)

    with open_restore(settings, snapshot, Unwatched()) as restoring:
        restoring.apply()

    assert sorted(account.writes()) == [(f"POST /things/{name}/shadow", PRIMARY) for name in written]


def test_a_restore_asks_and_writes_its_own_region_alone(account: Account, snapshot: str, tmp_path: Path) -> None:
    settings = RestoreSettings(SECONDARY, state=str(tmp_path), paced=False)

    with open_restore(settings, snapshot, Unwatched()) as restoring:
        restoring.apply()

    assert sorted(account.writes()) == [(f"POST /things/{name}", SECONDARY) for name in NAMES]
    assert {request.region for request in account.requests} == {SECONDARY}


def test_into_a_secondary_that_leads_nothing_is_restored(account: Account, snapshot: str, tmp_path: Path) -> None:
    account.control = {"serving": SECONDARY}
    tables: dict[str, Any] = {"ledger_table": LEDGER, "dynamodb_global_table": LAUNCH.global_table}
    settings = RestoreSettings(
        SECONDARY, state=str(tmp_path), paced=False, primary_region=PRIMARY, secondary_region=SECONDARY, **tables
    )

    with (
        open_restore(settings, snapshot, Unwatched()) as restoring,
        pytest.raises(TargetLeads, match="us-west-2 leads"),
    ):
        restoring.apply()

    assert account.writes() == []
