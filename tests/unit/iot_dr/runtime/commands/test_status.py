"""What the status keeps for a minute, and where it finds the last verification."""

from pathlib import Path

import pytest

from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.model.status.status_parts import Drift
from iot_dr.runtime.commands import status
from iot_dr.runtime.commands.status import MINUTE, last_verification


def test_a_verification_that_ended_is_found_with_what_it_found(tmp_path: Path) -> None:
    with SqliteComparisonStore(tmp_path / "comparison.sqlite") as store:
        store.set_fact("verified", "1764000000000")
        store.set_fact("differing", "3")

    assert last_verification(tmp_path / "comparison.sqlite") == Drift(1_764_000_000_000, 3)


def test_a_verification_that_was_cut_off_or_never_made_is_none(tmp_path: Path) -> None:
    with SqliteComparisonStore(tmp_path / "comparison.sqlite"):
        pass

    assert last_verification(tmp_path / "comparison.sqlite") is None
    assert last_verification(tmp_path / "elsewhere" / "comparison.sqlite") is None
    assert last_verification(None) is None
    assert not (tmp_path / "elsewhere").exists(), "checking makes nothing"


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
