"""A folder or file that cannot be used is one line and the exit code 2, whichever command meets it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.main import cli
from tests.account import LAUNCH, Account, served
from tests.unit.iot_dr.cli.test_out_of_reach import LAUNCH as TOOLSRC


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Account]:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("somebody's own")
    with served(Account(ReplicateShadows="none"), monkeypatch) as made:
        yield made


def run(words: str) -> Result:
    environ = {**TOOLSRC, "STACK_POSTFIX": LAUNCH.postfix, "UUID": LAUNCH.uuid}
    return CliRunner().invoke(cli, words.split(), env=environ, prog_name="iot-dr", catch_exceptions=False)


def told(words: str) -> str:
    result = run(words)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1), result.output
    assert Path("file").read_text() == "somebody's own"
    return result.stderr


@pytest.mark.parametrize("state", ["file", "file/below"])
@pytest.mark.parametrize("command", ["verify", "sync", "repair", "snapshot made"])
def test_a_state_folder_that_cannot_be_used_is_told_with_the_mend(account: Account, command: str, state: str) -> None:
    assert "; give another folder by --state" in told(f"{command} --state {state}")
    assert account.writes() == []


def test_status_needs_no_state_folder_and_says_what_it_cannot_read(account: Account) -> None:
    account.answering = lambda _request: None

    result = run("status --device pump-1 --state file")

    assert result.exit_code == 1, result.output


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("snapshot file", "file cannot be written: File exists; give another folder"),
        ("snapshot file/below", "cannot be written: Not a directory; give another folder"),
        ("restore file", "cannot be read"),
        ("restore nowhere", "holds no whole snapshot"),
        ("verify --settings nowhere", "nowhere cannot be read: No such file or directory"),
        ("verify --settings .", "cannot be read: Is a directory"),
    ],
)
def test_a_place_that_cannot_be_used_is_named_with_the_reason(account: Account, words: str, reason: str) -> None:
    assert reason in told(words)


@pytest.mark.parametrize("report", ["file/page.html", "nowhere/page.html"])
def test_a_report_that_could_not_be_written_is_refused_before_anything_is_read(account: Account, report: str) -> None:
    result = run(f"verify --report {report}")

    assert (result.exit_code, account.requests) == (2, [])
    assert "cannot be written; give a file in a folder that is there and yours" in result.stderr
