"""Every command tells more or less if it is asked to, on standard error and in a log, and never a secret."""

from __future__ import annotations

import logging
import re
import stat
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from iot_dr.aws.request_log import REQUESTS
from iot_dr.cli.command import Command
from iot_dr.cli.main import COMMANDS, cli
from iot_dr.cli.view.texts import say
from tests.unit.iot_dr.cli.commands.failover import test_drill
from tests.unit.iot_dr.cli.view import test_texts as played

arranged = played.arranged

TOLD_ANYHOW = ("error: ", "Following ", "Resuming ", "With --apply this resumes ", "All that is made has a name ")
"""How lines begin that --quiet shows on standard error: what is wrong, and what is needed to go on."""

PACE = re.compile(r"[\d,]+ things/s")


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


@pytest.mark.parametrize("words", played.COMMANDS, ids=lambda words: words[0])
def test_no_command_shows_progress_if_it_is_quiet(arranged: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    told, quiet = (played.run(*words, *more) for more in ((), ("--quiet",)))

    assert [line for line in quiet.stderr.splitlines() if not line.startswith(TOLD_ANYHOW)] == []
    assert quiet.exit_code == told.exit_code
    # What a launch shows as it goes is all that it prints; a pace is never the same twice.
    assert PACE.sub("", quiet.stdout) == ("" if words[0] == "launch" else PACE.sub("", told.stdout))


@pytest.mark.parametrize(("words", "said"), [((), 3), (("--quiet",), 1)])
def test_a_quiet_drill_names_only_what_is_needed_to_remove_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[str, ...], said: int
) -> None:
    result, _ = test_drill.run(monkeypatch, *words)

    lines = result.stderr.splitlines()
    assert lines[0] == f"All that is made has a name that begins with {test_drill.DRILL}"
    assert len(lines) == said


def test_a_log_file_has_the_steps_that_a_quiet_command_does_not_show(
    arranged: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "iot-dr.log"

    assert played.run("failback", "--quiet", "--log-file", str(path)).stderr == ""

    command, step, *_ = texts(path.read_text())
    assert (command, step[:9]) == ("iot-dr failback", played.SHOWN[:9])
