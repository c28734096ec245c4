"""The buildspec as one shell script, run by bash."""

import io
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lab.codebuild import run_build, script


class Account:
    """As much of CodeBuild, S3, IAM and STS as a build's container asks: one build of one source."""

    role = "arn:aws:iam::000000000000:role/launcher"

    def __init__(self, buildspec: str) -> None:
        self.buildspec = buildspec

    def batch_get_builds(self, ids: list[str]) -> dict[str, Any]:
        """The build."""
        variables = [{"name": "WHO", "value": ids[0]}]
        return {
            "builds": [{"projectName": "p", "sourceVersion": "1", "environment": {"environmentVariables": variables}}]
        }

    def batch_get_projects(self, names: list[str]) -> dict[str, Any]:
        """Its project."""
        assert names == ["p"]
        source = {"location": "arn:aws:s3:::bucket/source.zip", "buildspec": "spec.yml"}
        return {"projects": [{"source": source, "serviceRole": self.role}]}

    def get_object(self, **_: str) -> dict[str, Any]:
        """Its source."""
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr(zipfile.ZipInfo("spec.yml"), self.buildspec)
        return {"Body": io.BytesIO(content.getvalue())}

    def get_role(self, **_: str) -> dict[str, Any]:
        """Whom the role trusts."""
        return {"Role": {"AssumeRolePolicyDocument": {"Statement": []}}}

    def update_assume_role_policy(self, **_: str) -> None:
        """Trust somebody else."""

    def assume_role(self, **_: str) -> dict[str, Any]:
        """Keys of the role."""
        return {"Credentials": dict.fromkeys(("AccessKeyId", "SecretAccessKey", "SessionToken"), "test")}

    def build(self, build: str, scratch: Path, shared: Path | None) -> tuple[int, list[str]]:
        """Run it; its exit status, and what its commands said."""
        said: list[str] = []
        status = run_build(build, lambda _: self, environ={}, scratch=scratch, line=said.append, shared=shared)
        return status, [line for line in said if not line.startswith("Entering")]


INSTALLS = """
version: 0.2
phases:
  install: {commands: [echo installing, echo kept > installed]}
  build: {commands: [echo $WHO has $(cat installed) in $CODEBUILD_SRC_DIR]}
"""


def test_builds_that_share_a_folder_install_a_source_once_and_run_the_rest_each(tmp_path: Path) -> None:
    account, shared = Account(INSTALLS), tmp_path / "shared"
    first, second = (account.build(build, tmp_path, shared) for build in ("one", "two"))
    (folder,) = [path for path in shared.iterdir() if path.is_dir()]
    assert first == (0, ["installing", f"one has kept in {folder}"])
    assert second == (0, [f"two has kept in {folder}"])


def test_another_source_is_installed_for_itself(tmp_path: Path) -> None:
    assert "installing" in Account(INSTALLS).build("one", tmp_path, tmp_path / "shared")[1]
    assert "installing" in Account(f"{INSTALLS}# changed").build("two", tmp_path, tmp_path / "shared")[1]


def test_an_install_phase_that_failed_fails_every_build_and_is_tried_anew(tmp_path: Path) -> None:
    account = Account(INSTALLS.replace("echo kept > installed", "test -e nothing"))
    for build in ("one", "two"):
        status, said = account.build(build, tmp_path, tmp_path / "shared")
        assert (status, said[0]) == (1, "installing")


def test_a_build_that_shares_nothing_leaves_nothing(tmp_path: Path) -> None:
    assert Account(INSTALLS).build("one", tmp_path, None)[0] == 0
    assert not list(tmp_path.iterdir())


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
