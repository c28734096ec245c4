"""Settings come from the command line, else from the file that --settings names, else from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.commands import status
from iot_dr.cli.main import cli
from iot_dr.errors import ConfigurationError
from iot_dr.runtime.commands.status import StatusEnvironment

TEXT = "# of a launch\nexport SECONDARY_REGION='eu-west-1'\nexport LEDGER_TABLE=of-the-file\nexport PROFILE=other\n"


@pytest.fixture
def toolsrc(tmp_path: Path) -> Path:
    path = tmp_path / "toolsrc"
    path.write_text(TEXT)
    return path


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[Result, list[StatusEnvironment]]:
    asked: list[StatusEnvironment] = []

    def watched(environment: StatusEnvironment, *_: str) -> None:
        asked.append(environment)
        raise ConfigurationError("enough")

    monkeypatch.setattr(status, "watched", watched)
    environ = {"SECONDARY_REGION": "us-west-2", "LEDGER_TABLE": "of-the-shell", "UUID": "of-the-shell"}
    return CliRunner().invoke(cli, ["status", *words], env=environ, prog_name="iot-dr"), asked


def test_settings_that_are_named_stand_in_the_place_of_the_shells(
    monkeypatch: pytest.MonkeyPatch, toolsrc: Path
) -> None:
    _, asked = run(monkeypatch, "--settings", str(toolsrc))

    assert asked == [StatusEnvironment("eu-west-1", "of-the-file")]


@pytest.mark.parametrize("first", [True, False])
def test_an_option_goes_before_settings(monkeypatch: pytest.MonkeyPatch, toolsrc: Path, first: bool) -> None:
    option, settings = ("--ledger-table", "given"), ("--settings", str(toolsrc))

    _, asked = run(monkeypatch, *((*option, *settings) if first else (*settings, *option)))

    assert asked == [StatusEnvironment("eu-west-1", "given")]


def test_without_settings_the_shells_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch)[1] == [StatusEnvironment("us-west-2", "of-the-shell", uuid="of-the-shell")]


@pytest.mark.parametrize(
    ("text", "reason"), [("rm -rf ~", "toolsrc:1 is none of a toolsrc's lines"), (None, "cannot be read")]
)
def test_settings_that_cannot_be_read_are_one_line(
    monkeypatch: pytest.MonkeyPatch, toolsrc: Path, text: str | None, reason: str
) -> None:
    toolsrc.unlink()
    if text is not None:
        toolsrc.write_text(text)

    result, asked = run(monkeypatch, "--settings", str(toolsrc))

    assert (result.exit_code, result.stderr.count("\n"), asked) == (2, 1, [])
    assert reason in result.stderr
