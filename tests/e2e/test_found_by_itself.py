"""Without settings an operator's command finds the launch; what a restore changed is recorded, and taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.operators import operator_environ, toolsrc
from lab.pair import Pair
from tests.e2e.commands import asked, iot_dr


@pytest.fixture
def alone(pair: Pair, tmp_path: Path) -> dict[str, str]:
    """The environment of a shell that has read no settings."""
    of_the_launch = toolsrc(pair)
    environ = {name: value for name, value in operator_environ(pair).items() if name not in of_the_launch}
    return {**environ, "XDG_CONFIG_HOME": str(tmp_path), "AWS_DEFAULT_REGION": pair.secondary}


def a_document(action: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}


def test_a_command_without_settings_finds_the_launch_by_its_stacks(pair: Pair, alone: dict[str, str]) -> None:
    result = iot_dr(pair, "status", "--device", "nobody", "--format", "json", environ=alone)

    assert result.returncode == 1, result.stderr
    assert json.loads(result.stdout)["state"] == "unknown"
    postfix = pair.outputs["StackPostfix"]
    assert result.stderr.startswith(f"Using launch {postfix} of {pair.primary} and {pair.secondary}, found by its")


def test_a_policy_that_a_restore_changed_is_named_recorded_and_taken_back(
    pair: Pair, primary: Any, name: str, alone: dict[str, str], tmp_path: Path
) -> None:
    primary.create_policy(policyName=name, policyDocument=json.dumps(a_document("iot:Connect")))
    run = ("--state", str(tmp_path / "state"), "--unpaced")

    code, _ = asked(pair, "snapshot", str(tmp_path / "now"), *run, environ=alone)
    assert code == 0
    primary.create_policy_version(
        policyName=name, policyDocument=json.dumps(a_document("iot:Publish")), setAsDefault=True
    )
    _, planned = asked(pair, "restore", str(tmp_path / "now"), *run, environ=alone)
    (found,) = [one for one in planned["resources"] if one["resource"] == f"policy#{name}"]
    assert found["fields"][0]["new"]["Statement"][0]["Action"] == "iot:Connect"
    asked(pair, "restore", str(tmp_path / "now"), *run, "--apply", environ=alone)
    assert default_action(primary, name) == "iot:Connect"

    _, history = asked(pair, "history", *run[:2], environ=alone)
    told = history["runs"][0]["run"]
    _, record = asked(pair, "history", told, *run[:2], environ=alone)
    (change,) = [one for one in record["changes"] if one["resource"] == f"policy#{name}"]
    assert (change["change"], change["result"]) == ("update", "done")
    assert change["requests"][0].startswith("CreatePolicyVersion ")
    _, undo = asked(pair, "history", told, "--undo-plan", *run[:2], environ=alone)
    again = undo["commands"][1].split()[1:]
    asked(pair, *again, *run, environ=alone)

    assert default_action(primary, name) == "iot:Publish"


def default_action(iot: Any, name: str) -> str:
    action: str = json.loads(iot.get_policy(policyName=name)["policyDocument"])["Statement"][0]["Action"]
    return action
