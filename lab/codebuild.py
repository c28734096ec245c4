"""CodeBuild's container: takes a build that the main stack started and runs its buildspec on this machine.

This is the one thing the lab stands in for. The build's source, buildspec, variables and role are those of the project
in the emulator; the commands run as CodeBuild runs them (version 0.2: all in one shell, phases in their order).
"""

import hashlib
import io
import json
import os
import shlex
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab import processes

PHASES = ("install", "pre_build", "build", "post_build")

# https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details-phases.html: post_build runs even when build
# has failed; a failed earlier phase ends the build.
_SCRIPT_HEAD = """\
export CODEBUILD_BUILD_SUCCEEDING=1
phase_failed() { echo "Phase $1 failed: $2" >&2; CODEBUILD_BUILD_SUCCEEDING=0; }
"""


def script(buildspec: Mapping[str, Any], chosen: Sequence[str] = PHASES) -> str:
    """The commands of a buildspec, or of some phases, as one shell script that ends with the build's status."""
    if str(buildspec.get("version")) != "0.2":
        message = (
            f"buildspec version {buildspec.get('version')} is not 0.2, the only one in which commands share a shell"
        )
        raise ValueError(message)
    lines = [_SCRIPT_HEAD]
    for name, value in ((buildspec.get("env") or {}).get("variables") or {}).items():
        lines.append(f"export {name}={shlex.quote(str(value))}")
    for phase in chosen:
        body = (buildspec.get("phases") or {}).get(phase) or {}
        lines += _phase(phase, body.get("commands") or [], body.get("finally") or [])
    lines.append("[ $CODEBUILD_BUILD_SUCCEEDING = 1 ]")
    return "\n".join(lines) + "\n"


def _phase(phase: str, commands: list[str], always: list[str]) -> Iterator[str]:
    if not commands and not always:
        return
    ends_build = phase != "build"
    if phase != "post_build":
        yield "if [ $CODEBUILD_BUILD_SUCCEEDING = 1 ]; then"
    yield f"echo 'Entering phase {phase.upper()}'"
    # `while` and `break` instead of a subshell: variables and the folder carry over from command to command.
    yield "while :; do"
    for command in commands:
        yield f"eval {shlex.quote(command)} || {{ phase_failed {phase} {shlex.quote(command)}; break; }}"
    yield "break; done"
    yield from (f"eval {shlex.quote(command)}" for command in always)
    if ends_build:
        yield "[ $CODEBUILD_BUILD_SUCCEEDING = 1 ] || exit 1"
    if phase != "post_build":
        yield "fi"


@contextmanager
def _credentials_of(role_arn: str, clients: Callable[[str], Any]) -> Iterator[dict[str, str]]:
    """Credentials of the project's role, so that its own rights are enforced on the build.

    Only CodeBuild may assume it; the lab lets itself in and restores the role afterwards.
    """
    iam, name = clients("iam"), role_arn.rpartition("/")[2]
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    account = role_arn.split(":")[4]
    lab = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"}
    opened = {**trust, "Statement": [*trust["Statement"], lab]}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(opened))
    try:
        keys = clients("sts").assume_role(RoleArn=role_arn, RoleSessionName="AWSCodeBuild-lab")["Credentials"]
    finally:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
    yield {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }


def run_build(
    build_id: str,
    clients: Callable[[str], Any],
    *,
    environ: Mapping[str, str],
    scratch: Path,
    line: Callable[[str], None],
    shared: Path | None = None,
) -> int:
    """Run a build's commands in a folder under `scratch`, with its variables and its role's credentials.

    Builds that have the folder `shared` run the install phase of a source once, and its other phases where that was
    installed: unpacking thousands of files was most of what a launch took of the processor.

    Returns the exit status of the build.
    """
    build = clients("codebuild").batch_get_builds(ids=[build_id])["builds"][0]
    project = clients("codebuild").batch_get_projects(names=[build["projectName"]])["projects"][0]
    bucket, _, key = project["source"]["location"].removeprefix("arn:aws:s3:::").partition("/")
    # Of a build without a version the emulator says that it is of a branch.
    version = {} if build["sourceVersion"].startswith("refs/") else {"VersionId": build["sourceVersion"]}
    archive = clients("s3").get_object(Bucket=bucket, Key=key, **version)["Body"].read()
    variables = {entry["name"]: entry["value"] for entry in build["environment"]["environmentVariables"]}
    with (
        tempfile.TemporaryDirectory(prefix="tmp-codebuild-", dir=scratch) as name,
        _credentials_of(project["serviceRole"], clients) as keys,
    ):
        container = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
        told = {**container, **environ, **variables, **keys, "CODEBUILD_BUILD_ID": build_id}
        source = _Source(archive, project["source"]["buildspec"], told, line)
        if shared is None:
            folder = Path(name)
            source.unpack(folder)
            return source.run(folder, PHASES)
        folder = shared / hashlib.sha256(archive).hexdigest()
        with processes.alone(shared):
            if not folder.exists():
                begun = Path(tempfile.mkdtemp(dir=shared))
                source.unpack(begun)
                if status := source.run(begun, PHASES[:1]):
                    return status
                begun.rename(folder)
        return source.run(folder, PHASES[1:])


@dataclass(frozen=True)
class _Source:
    """What is built, and with what variables."""

    archive: bytes
    buildspec: str
    environ: Mapping[str, str]
    line: Callable[[str], None]

    def unpack(self, folder: Path) -> None:
        """Put the source where it is built."""
        with zipfile.ZipFile(io.BytesIO(self.archive)) as source:
            source.extractall(folder)

    def run(self, folder: Path, phases: Sequence[str]) -> int:
        """Run phases of the buildspec there; the exit status."""
        buildspec = yaml.safe_load((folder / self.buildspec).read_text(encoding="utf-8"))
        return processes.run(
            ["bash", "-c", script(buildspec, phases)],
            environ={
                **self.environ,
                "HOME": str(folder),
                "PYTHONUNBUFFERED": "1",
                "CODEBUILD_SRC_DIR": str(folder),
            },
            folder=folder,
            line=self.line,
        )
