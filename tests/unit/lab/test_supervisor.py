"""A pair that runs is used as it is, and one that is being started is not started twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import supervisor
from lab.emulator import LabError


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setattr(supervisor, "LOCK_FILE", tmp_path / "up.lock")
    monkeypatch.setattr(supervisor, "STATE_FILE", tmp_path / "state.json")
    with supervisor.exclusive(tmp_path / "up.lock", "a pair"):
        yield tmp_path / "state.json"


def test_a_pair_that_runs_is_told_again(running: Path) -> None:
    running.write_text(json.dumps({"ready": True, "environ": {"AWS_ENDPOINT_URL": "http://here"}}))
    lines: list[str] = []

    assert supervisor.up(lines.append, build=True)["environ"] == {"AWS_ENDPOINT_URL": "http://here"}
    assert "is used as it is" in lines[0]


def test_a_pair_that_is_being_started_is_not_started_twice(running: Path) -> None:
    running.write_text(json.dumps({"ready": False}))

    with pytest.raises(LabError, match="is being started already"):
        supervisor.up(lambda _: None, build=True)
