"""Settings come from the command line, else from the file that --settings names, else from the environment."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.commands import status
from iot_dr.cli.main import COMMANDS, cli
from iot_dr.errors import ConfigurationError
from iot_dr.runtime.commands.status import StatusEnvironment
from tests.unit.iot_dr.cli.test_out_of_reach import LAUNCH

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


REGIONS_OF = [
    (name, option.opts[0])
    for name in COMMANDS
    for option in cli.get_command(click.Context(cli), name).params  # type: ignore[union-attr]  # all are there
    # A failover is to a Region of the launch, and no list may stand in its way; publish has a test of its own.
    if option.opts[0].endswith("-region") and name not in {"failover", "publish"}
]
ARGUMENTS = {"snapshot": ["today"], "restore": ["today"], "reconcile": ["thing#a"], "prove": ["-n", "1"]}


@pytest.mark.parametrize(("command", "option"), REGIONS_OF)
@pytest.mark.parametrize("by_variable", [True, False], ids=["variable", "option"])
def test_a_region_that_does_not_exist_is_refused_before_the_first_call(
    command: str, option: str, by_variable: bool
) -> None:
    variable = option.removeprefix("--").replace("-", "_").upper()
    given = {} if by_variable else {option: "us-east-9"}
    environ = {**LAUNCH, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", **({variable: "us-east-9"} if by_variable else {})}
    words = [command, *ARGUMENTS.get(command, []), *(word for pair in given.items() for word in pair)]

    result = CliRunner().invoke(cli, words, env=environ, prog_name="iot-dr")

    assert result.exit_code == 2
    assert result.stderr.startswith("error: 'us-east-9' is not a Region with AWS IoT Core; did you mean us-east-")
    assert result.stderr.count("\n") == 1
