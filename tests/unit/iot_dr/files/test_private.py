"""What is written of a fleet is for its owner alone, whatever was there before."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from iot_dr.files.private import make_file, opened_to_write


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def open_to_all(tmp_path: Path) -> Path:
    path = tmp_path / "page"
    path.write_text("what was there before", encoding="utf-8")
    path.chmod(0o644)
    return path


def test_a_file_that_others_could_read_is_theirs_no_more_before_it_is_written(open_to_all: Path) -> None:
    with opened_to_write(open_to_all) as file:
        assert mode_of(open_to_all) == 0o600
        file.write("new")

    assert open_to_all.read_text(encoding="utf-8") == "new"


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    opened_to_write(tmp_path / "new").close()
    make_file(tmp_path / "empty")

    assert (mode_of(tmp_path / "new"), mode_of(tmp_path / "empty")) == (0o600, 0o600)


def test_a_file_that_is_made_keeps_what_it_holds(open_to_all: Path) -> None:
    make_file(open_to_all)

    assert mode_of(open_to_all) == 0o600
    assert open_to_all.read_text(encoding="utf-8") == "what was there before"


def test_a_file_of_somebody_else_keeps_its_mode(open_to_all: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = open_to_all.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)

    opened_to_write(open_to_all).close()

    assert mode_of(open_to_all) == 0o644


def test_a_device_stays_as_it_is() -> None:
    before = mode_of(Path(os.devnull))

    opened_to_write(Path(os.devnull)).close()

    assert mode_of(Path(os.devnull)) == before
