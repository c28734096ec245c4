"""A command refuses what would be taken for something else, and its hints are what was given, whole."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from iot_dr.cli.command import Command, command_line
from iot_dr.cli.commands import doctor
from iot_dr.cli.main import COMMANDS, cli
from iot_dr.errors import ConfigurationError
from iot_dr.model.status.checks import Check, failure

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(str.strip)
SETTINGS = {"PRIMARY_REGION": "us-east-1", "SECONDARY_REGION": "us-west-2", "LEDGER_TABLE": "ledger"}


@click.command(
    "it",
    cls=Command,
    params=[
        click.Argument(["source"]),
        click.Option(["--apply/--dry-run"], default=False),
        click.Option(["--name"], default=""),
        click.Option(["--thing", "things"], multiple=True),
        click.Option(["-n", "--number"], type=int),
        click.Option(["--anew"], is_flag=True),
    ],
)
@click.pass_context
def command(context: click.Context, /, **_given: object) -> None:
    """Print itself three times."""
    for line in (command_line(context), command_line(context, apply=True), command_line(context, anew=None)):
        click.echo(line.encode().hex())


def told(*words: str) -> list[list[str]]:
    result = CliRunner().invoke(command, words, prog_name="do it")
    assert result.exit_code == 0, result.output
    return [shlex.split(bytes.fromhex(line).decode()) for line in result.stdout.splitlines()]


def test_a_command_line_has_what_was_given_and_no_default() -> None:
    assert told("here", "-n", "3")[0] == ["do", "it", "here", "--number", "3"]


def test_what_changes_replaces_what_was_given_and_none_leaves_it_out() -> None:
    _, applied, kept = told("here", "--dry-run", "--anew", "--thing", "a", "--thing", "b")

    assert applied == ["do", "it", "here", "--thing", "a", "--thing", "b", "--anew", "--apply"]
    assert kept == ["do", "it", "here", "--dry-run", "--thing", "a", "--thing", "b"]


@given(source=TEXTS, name=TEXTS, things=st.lists(TEXTS, max_size=3))
def test_a_command_line_means_the_same_when_it_is_given_again(source: str, name: str, things: list[str]) -> None:
    words = [f"--name={name}", *(f"--thing={thing}" for thing in things), "--", source]

    again = told(*words)[0]

    assert told(*again[2:])[0] == again
    assert {name, *things} <= {one.partition("=")[2] if one.startswith("--") else one for one in again} | set(again)


@pytest.mark.parametrize(
    ("given", "text", "told"),
    [
        ([], "iot-dr replay", "iot-dr replay"),
        (
            ["--profile", "my ops", "--primary", "eu-west-1"],
            "run `iot-dr replay --apply` now",
            "run `iot-dr replay --primary-region eu-west-1 --profile 'my ops' --apply` now",
        ),
        (
            ["--settings", "my/toolsrc"],
            "launch again: iot-dr doctor",
            "launch again: iot-dr doctor --settings my/toolsrc",
        ),
        (["--ledger-table", "x"], "iot-dr replay", "iot-dr replay"),
        (["--certificates", "5"], "iot-dr doctor", "iot-dr doctor"),
        (["--profile", "ops"], "iot-dr mend", "iot-dr mend"),
        (["--profile", "ops"], "what iot-dr verify wrote", "what iot-dr verify wrote"),
    ],
)
def test_a_hint_at_another_command_has_the_same_launch_and_credentials(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: list[str], text: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my").mkdir()
    Path("my/toolsrc").write_text("export PRIMARY_REGION=us-east-1\nexport SECONDARY_REGION=us-west-2\n")

    def consult(*_: object) -> tuple[Check, ...]:
        return (failure("it", "is ill", text),)

    monkeypatch.setattr(doctor, "consult", consult)

    result = run("doctor", *given)

    assert f"it: {told}\n" in result.stdout, result.stderr


def test_a_hint_of_an_error_has_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def consult(*_: object) -> None:
        raise ConfigurationError("do it: iot-dr replay")

    monkeypatch.setattr(doctor, "consult", consult)

    assert run("doctor", "--profile", "ops").stderr == "error: do it: iot-dr replay --profile ops\n"


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, words, env=SETTINGS, prog_name="iot-dr")


@pytest.mark.parametrize(
    "words",
    [
        ("sync", "--select", ""),
        ("sync", "--select", " "),
        ("sync", "--apply", "--select="),
        ("repair", "--select", ""),
        ("verify", "--select", ""),
        ("sync", "--follow", ""),
        ("status", "--device", ""),
        ("restore", "today", "--thing", "pump-1", "--thing", ""),
        ("restore", ""),
        ("snapshot", ""),
        ("snapshot", "today", "--state", ""),
        ("doctor", "--primary", ""),
        ("prove", "-n", "1", "--profile", ""),
        ("replay", "--secondary-bucket", ""),
        ("launch", "--uuid", ""),
        ("publish", "--bucket-prefix", ""),
    ],
)
def test_an_empty_value_as_of_a_variable_that_is_not_set_is_refused(words: tuple[str, ...]) -> None:
    result = run(*words)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "has an empty value" in result.stderr or "Missing option" in result.stderr


@pytest.mark.parametrize("name", ["sync", "verify", "repair"])
def test_a_selection_that_is_there_twice_is_refused(name: str) -> None:
    result = run(name, "--select", "thingName:a", "--select", "thingName:b")

    assert result.exit_code == 2
    assert "--select is given twice; give it once" in result.stderr


def test_a_device_that_is_there_twice_is_refused_under_whatever_name_of_the_option() -> None:
    assert "--primary-region is given twice" in run("status", "--primary", "a", "--primary-region", "b").stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_refuses_the_same(name: str) -> None:
    assert isinstance(cli.get_command(click.Context(cli), name), Command)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("status", "--device", "a", "--thing", "b"), "--thing is given twice"),
        (("restore", "today", "--shadows", "--thing", ""), "--thing has an empty value"),
        (("publish", "--format", "text"), "Missing option"),
        (("publish", "--primary", "us-east-1", "--profile", "ops"), "Missing option"),
    ],
)
def test_an_old_name_of_an_option_means_the_new_one(words: tuple[str, ...], shown: str) -> None:
    assert shown in run(*words).stderr


def test_help_does_not_show_old_names() -> None:
    assert "--device" not in run("status", "--help").stdout
    assert "--thing" in run("status", "--help").stdout
