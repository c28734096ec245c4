"""What was found last is kept whole, or the one before stays; what cannot be read is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.files.last_verification import keep, kept
from iot_dr.model.status.status_parts import Drift


def test_the_last_one_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "made" / "last-verify.json"
    keep(path, Drift(1, 2))
    keep(path, Drift(3, 0))

    assert kept(path) == Drift(3, 0)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["last-verify.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"verified_at": "x", "differing": 1}', "null"])
def test_what_is_none_is_told_with_the_mend(tmp_path: Path, text: str) -> None:
    path = tmp_path / "last-verify.json"
    path.write_text(text)

    with pytest.raises(ConfigurationError, match="run `iot-dr verify` again"):
        kept(path)


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigurationError, match=r"last-verify\.json cannot be read: Not a directory"):
        kept(tmp_path / "file" / "last-verify.json")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        keep(tmp_path / "file" / "last-verify.json", Drift(1, 2))
