from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.commands.snapshots import snapshot as module
from iot_dr.cli.main import cli
from iot_dr.errors import AccessDenied
from iot_dr.files.snapshot_folder import Manifest
from iot_dr.runtime.commands.snapshot import SnapshotSettings, TakenSnapshot

TOOLSRC = {"PRIMARY_REGION": "us-east-1", "SECONDARY_REGION": "us-west-2"}
MANIFEST = TakenSnapshot(Manifest("us-east-1", "123456789012", 1, 2, {"thing": 1200, "policy": 1}), "ab12")


def run(
    monkeypatch: pytest.MonkeyPatch, answer: Any, *arguments: str, **environ: str | None
) -> tuple[Result, list[Any]]:
    asked: list[Any] = []

    def take_snapshot(settings: SnapshotSettings, to: str, progress: object) -> Any:
        asked.extend((settings, to))
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr(module, "take_snapshot", take_snapshot)
    return CliRunner().invoke(cli, ["snapshot", *arguments], env={**TOOLSRC, **environ}), asked


def test_a_snapshot_says_what_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    result, asked = run(monkeypatch, MANIFEST, "today")

    assert result.exit_code == 0
    assert asked == [SnapshotSettings("us-east-1"), "today"]
    assert "1,200" in result.stdout
    assert "us-east-1 is written to today.\n" in result.stdout
    assert result.stdout.endswith("for restore --sha256: ab12\n")


def test_either_region_can_be_written_down_and_needs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    result, asked = run(
        monkeypatch,
        MANIFEST,
        "today",
        "--of",
        "secondary",
        "--shadows",
        "none",
        "--profile",
        "ops",
        "--unpaced",
        PRIMARY_REGION=None,
    )

    assert result.exit_code == 0
    assert asked[0] == SnapshotSettings("us-west-2", profile="ops", shadows="none", paced=False)


def test_json_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    told = json.loads(run(monkeypatch, MANIFEST, "today", "--format", "json")[0].stdout)

    assert (told["to"], told["region"], told["numbers"]) == ("today", "us-east-1", {"thing": 1200, "policy": 1})


def test_ctrl_c_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = run(monkeypatch, KeyboardInterrupt(), "today")

    assert result.exit_code == 2
    assert "Stopped. What was read is kept" in result.stderr


def test_what_stands_in_the_way_is_one_line_and_exit_2(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = run(monkeypatch, AccessDenied("you lack iot:ListThings"), "today")

    assert (result.exit_code, result.stdout, result.stderr) == (2, "", "error: you lack iot:ListThings\n")


def test_without_its_region_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    result, asked = run(monkeypatch, MANIFEST, "today", PRIMARY_REGION=None)

    assert (result.exit_code, asked) == (2, [])
    assert result.stderr.startswith("error: missing: PRIMARY_REGION (--primary)")
