"""One process at a time works in a state folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.files.state_folder import StateFolder


def test_a_second_process_is_told_that_another_is_at_work(tmp_path: Path) -> None:
    with StateFolder(tmp_path / "a" / "b"), pytest.raises(ConfigurationError, match="another iot-dr is at work"):
        StateFolder(tmp_path / "a" / "b").__enter__()


def test_it_is_free_again_afterwards(tmp_path: Path) -> None:
    with StateFolder(tmp_path):
        pass
    with StateFolder(tmp_path) as folder:
        assert folder.comparison().parent == tmp_path


def test_a_folder_that_cannot_be_written_is_said_with_the_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigurationError, match="give another folder by --state"):
        StateFolder(tmp_path / "file" / "below").__enter__()
