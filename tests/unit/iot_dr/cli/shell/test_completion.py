"""A shell completes commands, options and names, and asks nobody for them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from iot_dr.cli.main import cli
from iot_dr.files.run_records import FileChangeRecord
from iot_dr.model.sync.records import AppliedChange, ChangeKind, RunHeader, WriteResult
from tests.builders import a_thing


def completed(*words: str, typed: str = "") -> set[str]:
    complete = ShellComplete(cli, {}, "iot-dr", "_IOT_DR_COMPLETE")
    return {one.value for one in complete.get_completions(list(words), typed)}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_that_it_can_read(shell: str) -> None:
    script = CliRunner().invoke(cli, ["completion", shell], prog_name="iot-dr").stdout

    assert "_IOT_DR_COMPLETE" in script
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=script, text=True, check=True, env=os.environ)


def test_another_shell_is_wrong_use() -> None:
    assert CliRunner().invoke(cli, ["completion", "tcsh"], prog_name="iot-dr").exit_code == 2


def test_commands_and_options_are_completed() -> None:
    assert completed(typed="s") == {"snapshot", "status", "sweep", "sync"}
    assert completed("sync", typed="--se") == {"--secondary", "--secondary-region", "--select", "--settings"}
    assert completed("sync", "--format", typed="") == {"table", "json"}


def test_names_of_launches_are_completed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "iot-dr").mkdir()
    (tmp_path / "iot-dr" / "settings.toml").write_text("[launch.fleet]\n[launch.test]\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    assert completed("sync", "--launch", typed="f") == {"fleet"}


def test_a_settings_file_that_cannot_be_read_completes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "iot-dr").mkdir()
    (tmp_path / "iot-dr" / "settings.toml").write_text("[")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    assert completed("sync", "--launch", typed="") == set()


def test_kinds_are_completed() -> None:
    assert completed("status", "--resource", typed="thing_g") == {"thing_group#"}


def test_runs_of_the_history_are_completed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with FileChangeRecord(
        tmp_path / ".iot-dr" / "history", RunHeader("20261128-sync", 1, "iot-dr sync", "", "")
    ) as record:
        record.note(AppliedChange(1, a_thing().key, ChangeKind.CREATE, WriteResult.DONE))

    assert completed("history", typed="2026") == {"20261128-sync"}


def test_while_a_word_is_completed_nothing_is_opened_or_asked(tmp_path: Path) -> None:
    log = tmp_path / "log"

    assert "--apply" in completed("sync", "--launch", "1", "--log-file", str(log), "--state", "", typed="--a")
    assert not log.exists()
    assert click.get_current_context(silent=True) is None
