from __future__ import annotations

import json

import click
import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.commands import doctor as module
from iot_dr.cli.main import cli
from iot_dr.errors import ConfigurationError
from iot_dr.model.status.checks import Check, failure, ok, warning
from iot_dr.runtime.commands.doctor import DoctorEnvironment, DoctorSettings
from tests.account import VARIABLES

LONG_MEND = "aws iot update-event-configurations --region us-east-1 --event-configurations " + "x" * 200
WELL = ok("clock", "within 0 s of AWS")
WARNED = warning("quotas", "1 device/s: " + "a long story " * 20, "request a higher quota")
FAILED = failure("registry events", "off in us-east-1 for THING", LONG_MEND, ["THING"])


class Asked:
    """What the command asked of the doctor."""

    environment: DoctorEnvironment
    reading: DoctorSettings
    profile: str


def run(
    monkeypatch: pytest.MonkeyPatch, answer: list[Check] | Exception, *arguments: str, **environ: str
) -> tuple[Result, Asked]:
    asked = Asked()

    def consult(environment: DoctorEnvironment, reading: DoctorSettings, profile: str) -> tuple[Check, ...]:
        asked.environment, asked.reading, asked.profile = environment, reading, profile
        if isinstance(answer, Exception):
            raise answer
        return tuple(answer)

    monkeypatch.setattr(module, "consult", consult)
    return CliRunner().invoke(cli, ["doctor", *arguments], env={**VARIABLES, **environ}), asked


@pytest.mark.parametrize(("checks", "code"), [([WELL], 0), ([WELL, WARNED], 0), ([WARNED, FAILED], 1)])
def test_a_failure_exits_1_and_a_warning_does_not(
    monkeypatch: pytest.MonkeyPatch, checks: list[Check], code: int
) -> None:
    assert run(monkeypatch, checks)[0].exit_code == code


def test_the_table_fits_a_hundred_columns_and_a_mend_can_be_copied_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = run(monkeypatch, [WELL, WARNED, FAILED], COLUMNS="100", FORCE_COLOR="1")

    answers, _, mends = click.unstyle(result.stdout).partition("What to do:")
    assert max(map(len, answers.splitlines())) <= 100
    assert f"  registry events: {LONG_MEND}\n" in mends
    assert mends.index("registry events") < mends.index("quotas"), "failures first"
    assert result.stdout.endswith("1 ok, 1 warning, 1 failure\n")


def test_the_same_mend_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = run(monkeypatch, [FAILED, FAILED])

    assert result.stdout.count(LONG_MEND) == 1


def test_where_all_is_well_there_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "What to do" not in run(monkeypatch, [WELL])[0].stdout


def test_json_has_every_answer_with_all_names(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = run(monkeypatch, [WELL, FAILED], "--format", "json")

    told = json.loads(result.stdout)
    assert (told["level"], told["ok"], told["warning"], told["failure"]) == ("failure", 1, 0, 1)
    assert told["checks"][1] == {
        "name": "registry events",
        "level": "failure",
        "found": "off in us-east-1 for THING",
        "mend": LONG_MEND,
        "names": ["THING"],
    }


def test_a_launch_is_named_by_the_settings_and_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    _, asked = run(monkeypatch, [WELL], "--certificates", "7", "--policies", "8", "--unpaced", "--profile", "ops")
    assert asked.profile == "ops"
    assert asked.environment == DoctorEnvironment("us-east-1", "us-west-2", "20261124120000", "5f0c2a")
    assert asked.reading == DoctorSettings(7, 8, paced=False)

    _, asked = run(monkeypatch, [WELL], STACK_POSTFIX="", UUID="")
    assert asked.environment == DoctorEnvironment("us-east-1", "us-west-2")


def test_what_keeps_it_from_running_exits_2_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = run(monkeypatch, ConfigurationError("AWS refused the credentials"))

    assert (result.exit_code, result.stdout, result.stderr) == (2, "", "error: AWS refused the credentials\n")
