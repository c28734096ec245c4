"""Every command tells more or less if it is asked to, on standard error and in a log, and never a secret."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from iot_dr.aws.request_log import REQUESTS
from iot_dr.cli.command import Command
from iot_dr.cli.main import COMMANDS, cli
from iot_dr.cli.view.texts import say


@click.command("it", cls=Command)
def command() -> None:
    """Make a request and say something."""
    REQUESTS.debug("asked\x1b")
    REQUESTS.info("answered")
    say("said", err=True)
    click.echo("result")


def run(*words: str) -> Result:
    return CliRunner().invoke(command, words, catch_exceptions=False)


def texts(lines: str) -> list[str]:
    return [line.partition("Z ")[2] or line for line in lines.splitlines()]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), ["said"]),
        (("--verbose",), ["answered", "said"]),
        (("--debug",), ["asked\\x1b", "answered", "said"]),
        (("--quiet",), ["said"]),
    ],
)
def test_requests_are_told_on_standard_error_if_asked_for(words: tuple[str, ...], told: list[str]) -> None:
    result = run(*words)

    assert result.stdout == "result\n"
    assert texts(result.stderr) == told


def test_a_log_file_has_requests_and_what_was_said_run_after_run_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "iot-dr.log"

    assert [texts(run("--log-file", str(path)).stderr) for _ in range(2)] == [["said"]] * 2

    assert texts(path.read_text()) == ["it", "asked\\x1b", "answered", "said"] * 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_is_left_behind_of_what_one_command_was_asked_to_tell(tmp_path: Path) -> None:
    run("--debug", "--log-file", str(tmp_path / "log"))

    assert logging.getLogger("iot_dr").handlers == []
    assert not REQUESTS.isEnabledFor(logging.INFO)


def test_a_log_that_cannot_be_written_is_wrong_use(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["doctor", "--log-file", str(tmp_path / "none" / "log")], prog_name="iot-dr")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "give another file by --log-file" in result.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_options(name: str) -> None:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None

    names = {option for one in found.params for option in one.opts}
    assert {"--verbose", "--debug", "--quiet", "--log-file"} <= names
