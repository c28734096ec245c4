"""`iot-dr-run-tests.sh` finds the release that it came with, and leaves the rest to it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "source" / "tools" / "iot-dr-run-tests.sh"
MAIN = """
import sys
print(*sys.argv[1:])
sys.exit(1)
"""


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """What an operator has of iot-dr-solution.zip, with a wheel that tells what it was called with."""
    folder = tmp_path / "iot dr"
    (folder / "wheels").mkdir(parents=True)
    (folder / "tools").mkdir()
    shutil.copy(SCRIPT, folder / "tools")
    with zipfile.ZipFile(folder / "wheels" / "iot_dr-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("iot_dr/__init__.py", "")
        wheel.writestr("iot_dr/cli/__init__.py", "")
        wheel.writestr("iot_dr/cli/__main__.py", MAIN)
    return folder


def run(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    script = folder / "tools" / SCRIPT.name
    path = {"PATH": "/usr/bin:/bin", "PYTHON": sys.executable, **environ}
    return subprocess.run([str(script), *arguments], env=path, capture_output=True, text=True, check=False, cwd="/")


def test_the_wheels_beside_it_are_used_and_their_answer_is_its_own(unpacked: Path) -> None:
    for _ in range(2):
        result = run(unpacked, "-n", "3", "--format", "json")

        assert (result.stdout, result.returncode, result.stderr) == ("prove -n 3 --format json\n", 1, "")
    assert sorted(path.name for path in unpacked.iterdir()) == ["site", "tools", "wheels"]


def test_wheels_that_cannot_be_unpacked_leave_nothing_that_would_be_used_next_time(unpacked: Path) -> None:
    (unpacked / "wheels" / "zz-1-py3-none-any.whl").write_text("no zip")

    assert run(unpacked, "-n", "3").returncode == 2
    assert not (unpacked / "site").exists()


def test_where_no_release_is_an_installed_one_serves(unpacked: Path, tmp_path: Path) -> None:
    shutil.rmtree(unpacked / "wheels")
    installed = tmp_path / "bin" / "iot-dr"
    installed.parent.mkdir()
    installed.write_text('#!/bin/sh\necho installed "$@"\n')
    installed.chmod(0o755)

    result = run(unpacked, "-n", "3", PATH=f"{installed.parent}:/usr/bin:/bin")

    assert (result.stdout, result.returncode) == ("installed prove -n 3\n", 0)


@pytest.mark.parametrize(
    ("arguments", "environ", "said"),
    [
        ((), {}, "say how many devices: -n NUMBER"),
        (("-n", "3"), {"PYTHON": "/nowhere/python3"}, "name a newer one, PYTHON="),
    ],
)
def test_what_keeps_it_from_running_is_told_with_the_mend(
    unpacked: Path, arguments: tuple[str, ...], environ: dict[str, str], said: str
) -> None:
    result = run(unpacked, *arguments, **environ)

    assert (result.returncode, result.stdout) == (2, "")
    assert said in result.stderr
    assert "usage: . ./toolsrc && iot-dr-run-tests.sh -n NUMBER" in result.stderr


def test_without_any_release_it_says_where_one_is(unpacked: Path) -> None:
    shutil.rmtree(unpacked / "wheels")

    result = run(unpacked, "-n", "3")

    assert result.returncode == 2
    assert "run this where iot-dr-solution.zip is unpacked" in result.stderr
