"""The buildspec's commands in a plain shell: no network, no pip, the caller's Python left alone."""

import os
import re
import subprocess
import zipfile
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from iot_dr.runtime.commands.launch.launch import LaunchEnvironment

BUILDSPEC = Path(__file__).parents[2] / "source" / "launch-solution.yml"
COMMAND_LINE = "import os, sys; print(sys.argv[1:], os.environ['UUID'], __file__); sys.exit(int(os.environ['STATUS']))"


def run(folder: Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    phases = yaml.safe_load(BUILDSPEC.read_text(encoding="utf-8"))["phases"]
    script = "\n".join(["set -e", *phases["install"]["commands"], *phases["build"]["commands"]])
    environ = {"PATH": os.environ["PATH"], "UUID": "5f0c2a", "STATUS": str(status)}
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "wheels").mkdir()
    with zipfile.ZipFile(tmp_path / "wheels" / "iot_dr-1-py3-none-any.whl", "w") as wheel:
        for path, text in (("__init__", ""), ("cli/__init__", ""), ("cli/__main__", COMMAND_LINE)):
            wheel.writestr(f"iot_dr/{path}.py", text)
    return tmp_path


def test_the_wheels_beside_it_are_all_that_the_launch_needs(source: Path) -> None:
    result = run(source)

    assert result.returncode == 0, result.stderr
    assert result.stdout == f"['launch'] 5f0c2a {source}/site/iot_dr/cli/__main__.py\n"


def test_the_launchs_exit_code_is_the_builds(source: Path) -> None:
    assert run(source, status=1).returncode == 1


def test_a_wheel_that_an_earlier_build_left_is_not_used_again(source: Path) -> None:
    (source / "site").mkdir()
    (source / "site" / "leftover.py").touch()

    run(source)

    assert not (source / "site" / "leftover.py").exists()


def test_a_broken_wheel_ends_the_build_before_the_launch(source: Path) -> None:
    (source / "wheels" / "a-1-py3-none-any.whl").write_bytes(b"not a zip")

    result = run(source)

    assert result.returncode != 0
    assert result.stdout == ""


def test_the_buildspec_names_every_variable_that_the_launch_reads() -> None:
    text = BUILDSPEC.read_text(encoding="utf-8")

    for variable in fields(LaunchEnvironment):
        assert re.search(rf"\b{variable.name.upper()}\b", text), variable.name


def test_the_buildspec_is_of_the_version_in_which_commands_share_a_shell() -> None:
    buildspec = yaml.safe_load(BUILDSPEC.read_text(encoding="utf-8"))

    assert str(buildspec["version"]) == "0.2"
    assert buildspec["phases"]["install"]["runtime-versions"] == {"python": 3.13}
