"""Settings come from the command line, else from the file that --settings names, else from the environment."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.commands import status
from iot_dr.cli.main import COMMANDS, cli
from iot_dr.errors import ConfigurationError
from iot_dr.model.launch.toolsrc import FoundSettings
from iot_dr.runtime.commands.settings import launches
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


VARIABLES = {"SECONDARY_REGION": "eu-west-1", "LEDGER_TABLE": "found", "UUID": "found"}


def finding(monkeypatch: pytest.MonkeyPatch, asked: list[tuple[str, str]], **more: str) -> None:
    def find_settings(launch: str, profile: str, wanted: Collection[str]) -> FoundSettings:
        asked.append((launch, profile))
        assert {"LEDGER_TABLE", "SECONDARY_REGION"} <= set(wanted)
        return FoundSettings("launch 1, found by its stacks in eu-west-1", VARIABLES, **more)

    monkeypatch.setattr(launches, "find_settings", find_settings)


def run_alone(monkeypatch: pytest.MonkeyPatch, *words: str, **environ: str) -> tuple[Result, list[tuple[object, ...]]]:
    asked: list[tuple[object, ...]] = []

    def watched(*given: object) -> None:
        asked.append(given)
        raise ConfigurationError("there is no ledger found; LEDGER_TABLE must be another")

    monkeypatch.setattr(status, "watched", watched)
    return CliRunner().invoke(cli, ["status", *words], env=environ, prog_name="iot-dr"), asked


def test_without_settings_the_launch_that_is_found_is_taken_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[tuple[str, str]] = []
    finding(monkeypatch, found)

    result, asked = run_alone(monkeypatch, "--profile", "ops")

    assert found == [("", "ops")]
    assert asked[0][0] == StatusEnvironment("eu-west-1", "found", uuid="found")
    assert result.stderr.splitlines()[0] == "Using launch 1, found by its stacks in eu-west-1."


def test_what_is_given_goes_before_what_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    finding(monkeypatch, [])

    _, asked = run_alone(monkeypatch, "--ledger-table", "given", UUID="of-the-shell")

    assert asked[0][0] == StatusEnvironment("eu-west-1", "given", uuid="of-the-shell")


def test_settings_that_are_complete_let_nothing_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[tuple[str, str]] = []
    finding(monkeypatch, found)

    run_alone(monkeypatch, SECONDARY_REGION="us-west-2", LEDGER_TABLE="ledger")

    assert found == []


def test_a_launch_that_is_named_stands_in_the_place_of_the_shells_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[tuple[str, str]] = []
    finding(monkeypatch, found)

    _, asked = run_alone(monkeypatch, "--launch", "1", SECONDARY_REGION="us-west-2", LEDGER_TABLE="ledger")

    assert found == [("1", "")]
    assert asked[0][0] == StatusEnvironment("eu-west-1", "found", uuid="found")


def test_a_named_launch_may_bring_its_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    finding(monkeypatch, [], profile="operations")

    assert run_alone(monkeypatch, "--launch", "1")[1][0][1] == "operations"
    assert run_alone(monkeypatch, "--profile", "mine")[1][0][1] == "mine"


def test_the_default_of_the_settings_file_is_taken_unless_the_shell_has_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found: list[tuple[str, str]] = []
    finding(monkeypatch, found)
    (tmp_path / "iot-dr").mkdir()
    (tmp_path / "iot-dr" / "settings.toml").write_text("[launch.fleet]\nprofile = 'operations'\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    run_alone(monkeypatch)
    run_alone(monkeypatch, SECONDARY_REGION="us-west-2", LEDGER_TABLE="ledger")

    assert found == [("fleet", "")]


def test_quiet_says_nothing_of_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    finding(monkeypatch, [])

    assert "Using" not in run_alone(monkeypatch, "--quiet")[0].stderr


@pytest.mark.parametrize(
    ("words", "environ", "where"),
    [
        ((), VARIABLES, "LEDGER_TABLE is from the environment"),
        (("--launch", "1"), {}, "LEDGER_TABLE is from launch 1, found by its stacks in eu-west-1"),
        ((), {}, "LEDGER_TABLE is from launch 1, found by its stacks in eu-west-1"),
    ],
)
def test_an_error_says_where_the_setting_is_from_that_it_names(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], environ: dict[str, str], where: str
) -> None:
    finding(monkeypatch, [])

    assert run_alone(monkeypatch, *words, **environ)[0].stderr.endswith(f"must be another ({where})\n")


def test_a_settings_file_and_a_launch_are_not_given_both(monkeypatch: pytest.MonkeyPatch, toolsrc: Path) -> None:
    result, _ = run_alone(monkeypatch, "--settings", str(toolsrc), "--launch", "1")

    assert result.exit_code == 2
    assert "give either --settings or --launch" in result.stderr


def test_what_several_launches_leave_open_is_asked_for_with_exit_2(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_settings(*_: object) -> FoundSettings:
        raise ConfigurationError("2 launches have stacks in us-east-1; choose one with --launch: 1, 2")

    monkeypatch.setattr(launches, "find_settings", find_settings)

    result, asked = run_alone(monkeypatch)

    assert (result.exit_code, asked) == (2, [])
    assert "choose one with --launch: 1, 2" in result.stderr
