"""The buildspec as one shell script, run by bash."""

import subprocess
from typing import Any

import pytest

from lab.codebuild import script


def run(phases: dict[str, Any], **sections: Any) -> subprocess.CompletedProcess[str]:
    text = script({"version": 0.2, "phases": phases, **sections})
    return subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=False)


def test_phases_run_in_their_order_in_one_shell() -> None:
    result = run(
        {"build": {"commands": ["echo $ANSWER in ${PWD##*/}"]}, "install": {"commands": ["ANSWER=42", "cd /"]}}
    )
    assert result.returncode == 0
    assert [line for line in result.stdout.splitlines() if not line.startswith("Entering")] == ["42 in"]


def test_a_failed_command_ends_its_phase_and_fails_the_build() -> None:
    result = run({"build": {"commands": ["false", "echo not reached"]}})
    assert result.returncode == 1
    assert "not reached" not in result.stdout
    assert "Phase build failed: false" in result.stderr


def test_a_failed_install_keeps_the_build_phase_from_running() -> None:
    result = run({"install": {"commands": ["false"]}, "build": {"commands": ["echo built"]}})
    assert result.returncode == 1
    assert "built" not in result.stdout


def test_post_build_runs_after_a_failed_build_and_cannot_mend_it() -> None:
    result = run(
        {"build": {"commands": ["false"]}, "post_build": {"commands": ["echo after $CODEBUILD_BUILD_SUCCEEDING"]}}
    )
    assert result.returncode == 1
    assert "after 0" in result.stdout


def test_what_stands_under_finally_runs_whatever_happened() -> None:
    assert "tidied" in run({"build": {"commands": ["false"], "finally": ["echo tidied"]}}).stdout


def test_variables_of_the_buildspec_are_set() -> None:
    result = run({"build": {"commands": ["echo $NAME"]}}, env={"variables": {"NAME": "it's"}})
    assert "it's" in result.stdout


def test_a_buildspec_of_version_0_1_is_refused() -> None:
    with pytest.raises(ValueError, match=r"not 0\.2"):
        script({"version": 0.1, "phases": {}})
