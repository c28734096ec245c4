"""Wrong use of build-s3-dist.sh is refused in words, exit 2, and never at the cost of an earlier build."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
GOOD = ("my-iot-dr", "disaster-recovery-for-aws-iot", "v1.0.0")
TOOLS = ("bash", "awk", "basename", "cat", "df", "dirname", "env", "mktemp", "rm")
"""What the script runs besides Python."""

OLD = 'case "$*" in *version_info*) exit 1; esac'
"""A Python like that of Amazon Linux 2023, which is 3.9."""
MAKING = (
    f'case "$*" in "-m venv"*) for it; do :; done; echo "$0 makes $it" >&2; exit 7; esac; exec "{sys.executable}" "$@"'
)
"""A Python that does, up to the making of an environment."""


class Checkout:
    """A copy of the scripts with an earlier build beside them, in a machine whose programs a test chooses."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a checkout"
        self.deployment = self.root / "deployment"
        self.programs = folder / "bin"
        left_out = shutil.ignore_patterns("*-assets", ".build.*", "__pycache__")
        shutil.copytree(ROOT / "deployment", self.deployment, ignore=left_out)
        package = Path("source/lambda/iot_dr_layer/python/iot_dr")
        for name in ("__init__.py", "errors.py", "model/__init__.py", "model/launch/distribution.py"):
            (self.root / package / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / package / name, self.root / package / name)
        for name in ("global-s3-assets", "regional-s3-assets"):
            (self.deployment / name).mkdir()
            (self.deployment / name / "earlier").write_text("build")
        self.programs.mkdir()
        for tool in TOOLS:
            (self.programs / tool).symlink_to(shutil.which(tool) or pytest.fail(f"no {tool} on this machine"))
        self.install("python3", f'exec "{sys.executable}" "$@"')

    def install(self, program: str, script: str, folder: Path | None = None) -> Path:
        path = (folder or self.programs) / program
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def build(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.programs / "bash"), str(self.deployment / "build-s3-dist.sh"), *arguments],
            cwd="/",
            env={"PATH": str(self.programs), "HOME": os.devnull, "PYTHON_FOLDERS": "/nowhere"} | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def files(self) -> dict[str, str]:
        return {str(path.relative_to(self.root)): path.read_text() for path in self.root.rglob("*") if path.is_file()}


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    made = Checkout(tmp_path)
    before = made.files()
    yield made
    assert made.files() == before, "the script changed what it was not asked to"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "three arguments are needed, 0 given"),
        (GOOD[:2], "three arguments are needed, 2 given"),
        ((*GOOD, "us-east-1"), "three arguments are needed, 4 given"),
        (("", *GOOD[1:]), "the bucket prefix '' has 0 characters"),
        (("My-IoT-DR", *GOOD[1:]), "lower-case letters"),
        (("my_iot_dr", *GOOD[1:]), "lower-case letters"),
        (("my.iot.dr", *GOOD[1:]), "a dot would break TLS"),
        (("-my-iot-dr", *GOOD[1:]), "beginning and ending with a letter or digit"),
        (("my-iot-dr-", *GOOD[1:]), "beginning and ending with a letter or digit"),
        (("xn--my-iot-dr", *GOOD[1:]), "S3 keeps names that begin with 'xn--'"),
        (("a" * 49, *GOOD[1:]), "leaves 3 to 48 for the prefix"),
        ((GOOD[0], "disaster recovery", GOOD[2]), "the solution name 'disaster recovery' does not do"),
        ((GOOD[0], "../secrets", GOOD[2]), "the solution name '../secrets' does not do"),
        ((*GOOD[:2], "1.0.0"), "not of the form vX.Y.Z"),
        ((*GOOD[:2], "v1.0"), "not of the form vX.Y.Z"),
        ((*GOOD[:2], "v1.0.0-beta"), "not of the form vX.Y.Z"),
        ((*GOOD[:2], "v1.0.0\n"), "not of the form vX.Y.Z"),
    ],
)
def test_bad_arguments_are_refused_with_the_reason_and_the_usage(
    checkout: Checkout, arguments: tuple[str, ...], reason: str
) -> None:
    result = checkout.build(*arguments)

    assert result.returncode == 2
    assert reason in result.stderr
    assert "usage: build-s3-dist.sh BUCKET_NAME_PREFIX SOLUTION_NAME VERSION" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("program", "script", "reason"),
    [
        ("python3", None, "python3 is not installed"),
        ("python3", "exit 1", "older than Python 3.11"),
        ("python3", 'case "$*" in *pip*) exit 1; esac', "has no pip; run: apt-get install python3-pip"),
        ("python3", 'case "$*" in *"import venv"*) exit 1; esac', "has no venv module"),
        ("df", "echo header; echo /dev/vda 100 90 10240 90% /", "has 10 MB free"),
    ],
    ids=["no Python", "an old Python", "no pip", "no venv", "no disk"],
)
def test_a_machine_that_cannot_build_is_named_before_anything_is_touched(
    checkout: Checkout, program: str, script: str | None, reason: str
) -> None:
    (checkout.programs / program).unlink()
    if script is not None:
        checkout.install(program, script)

    result = checkout.build(*GOOD)

    assert result.returncode == 2
    assert reason in result.stderr
    assert "usage:" in result.stderr


@pytest.mark.parametrize(
    ("manager", "mend"),
    [
        ("dnf", "run: sudo dnf install -y python3.11"),
        ("apt-get", "run: sudo apt-get install -y python3 python3-venv"),
        ("none", "install Python 3.11 or newer"),
    ],
)
def test_where_every_python_is_too_old_the_command_that_installs_a_newer_one_is_named(
    checkout: Checkout, manager: str, mend: str
) -> None:
    checkout.install("python3", OLD)
    checkout.install(manager, "exit 1")

    result = checkout.build(*GOOD)

    assert result.returncode == 2
    assert f"{checkout.programs}/python3 is older than Python 3.11, and no newer one was found; {mend}" in result.stderr


@pytest.mark.parametrize("name", ["python3.11", "python3.13"])
def test_an_old_python3_that_comes_first_does_not_hide_a_newer_one(checkout: Checkout, name: str) -> None:
    checkout.install("python3", OLD)
    newer = checkout.install(name, MAKING)

    result = checkout.build(*GOOD)

    assert f"{newer} makes {checkout.root}/.venv-build" in result.stderr


def test_a_newer_python_is_found_outside_of_the_path(checkout: Checkout, tmp_path: Path) -> None:
    checkout.install("python3", OLD)
    newer = checkout.install("python3.12", MAKING, folder=tmp_path / "opt")

    result = checkout.build(*GOOD, PYTHON_FOLDERS=f"/nowhere:{tmp_path / 'opt'}")

    assert f"{newer} makes {checkout.root}/.venv-build" in result.stderr


def test_a_python_that_lacks_pip_is_passed_over_for_one_that_has_it(checkout: Checkout) -> None:
    checkout.install("python3", 'case "$*" in *pip*) exit 1; esac')
    newer = checkout.install("python3.11", MAKING)

    assert f"{newer} makes" in checkout.build(*GOOD).stderr


def test_a_python_that_was_named_and_is_too_old_is_refused_though_a_newer_one_is_there(checkout: Checkout) -> None:
    old = checkout.install("python3.9", OLD)

    result = checkout.build(*GOOD, PYTHON=str(old))

    assert result.returncode == 2
    assert f"PYTHON names {old}, which is older than Python 3.11" in result.stderr


def test_a_folder_that_is_no_virtual_environment_is_refused_and_left_as_it_is(
    checkout: Checkout, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_text("dear")

    result = checkout.build(*GOOD, VENV=str(tmp_path / "mine"))

    assert result.returncode == 2
    assert f"VENV names {tmp_path / 'mine'}, which is no virtual environment" in result.stderr
    assert [one.name for one in (tmp_path / "mine").iterdir()] == ["letter"]


@pytest.mark.parametrize(("marker", "words"), [("pyvenv.cfg", "venv --clear"), ("letter", "venv ")])
def test_only_an_environment_whose_interpreter_is_gone_is_emptied(
    checkout: Checkout, tmp_path: Path, marker: str, words: str
) -> None:
    venv = checkout.root / ".venv-build"
    asked = checkout.install("python", 'case "$*" in *"-m venv"*) echo "$@" >&2; exit 7; esac', folder=tmp_path)
    venv.mkdir()
    (venv / marker).write_text("")

    words_of_venv = [str(checkout.deployment / "venv.sh"), "--small", str(asked), str(venv), "none.txt"]
    result = subprocess.run(words_of_venv, capture_output=True, text=True, check=False)
    (venv / marker).unlink()
    venv.rmdir()

    assert result.returncode == 7
    assert f"-m {words}" in result.stderr
    assert ("--clear" in result.stderr) is (marker == "pyvenv.cfg")


@pytest.mark.parametrize(("free", "builds"), [(179, False), (180, True)])
def test_a_fifth_of_a_gigabyte_is_room_enough(checkout: Checkout, free: int, builds: bool) -> None:
    checkout.install("df", f"echo header; echo /dev/vda 1000 90 {free * 1024} 90% /")
    checkout.install("python3", MAKING)

    result = checkout.build(*GOOD)

    assert (f"{free} MB free, 180 MB are needed" in result.stderr) is not builds
    assert (f" makes {checkout.root}" in result.stderr) is builds


def test_help_is_no_error(checkout: Checkout) -> None:
    result = checkout.build("--help")

    assert result.returncode == 0
    assert "BUCKET_NAME_PREFIX" in result.stderr


@pytest.mark.parametrize("step", ["generate.py", "zips", "replace"])
def test_a_build_that_fails_half_way_leaves_the_earlier_build_whole_and_nothing_beside_it(
    checkout: Checkout, tmp_path: Path, step: str
) -> None:
    venv = tmp_path / "venv"
    checkout.install("python", f'case "$*" in *{step}*) echo "no luck" >&2; exit 7; esac', folder=venv / "bin")

    result = checkout.build(*GOOD, VENV=str(venv))

    assert result.returncode == 7
    assert "no luck" in result.stderr
