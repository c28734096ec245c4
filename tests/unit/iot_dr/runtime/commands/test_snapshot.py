"""Snapshots over the wire: each tells the Region as it is when it is taken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from iot_dr.model.registry.keys import Kind
from iot_dr.runtime.commands.snapshot import SnapshotSettings, take_snapshot
from tests.account import Account, Unwatched, served
from tests.builders import PRIMARY, SECONDARY


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    with served(Account(), monkeypatch) as found:
        yield found


@pytest.mark.parametrize("region", [PRIMARY, SECONDARY])
def test_a_snapshot_asks_its_region_alone_and_the_next_one_tells_what_has_changed(
    account: Account, region: str, tmp_path: Path
) -> None:
    settings = SnapshotSettings(region, state=str(tmp_path / "state"), paced=False)

    numbers = []
    for names in (("pump-1",), ("pump-1", "pump-2")):
        account.put_things(region, *names)
        numbers.append(take_snapshot(settings, str(tmp_path / "snapshot"), Unwatched()).manifest.numbers[Kind.THING])

    assert numbers == [1, 2]
    assert {request.region for request in account.requests} == {region}
