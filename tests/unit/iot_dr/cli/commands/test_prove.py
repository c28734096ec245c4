from __future__ import annotations

import json
from collections.abc import Callable

import click
import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.commands import prove as module
from iot_dr.cli.main import cli
from iot_dr.errors import ConfigurationError, NotReadyYet
from iot_dr.model.status.checks import Check, failure, ok
from iot_dr.ports.progress import RoundsObserver
from iot_dr.runtime.commands.prove import Proved, ProvingEnvironment
from iot_dr.services.trial.order import TrialOrder
from tests.account import VARIABLES

TOOLSRC = {
    **VARIABLES,
    "LOOK_QUEUE_URL": "https://sqs.us-west-2.amazonaws.com/123456789012/requests",
    "IOT_ENDPOINT_PRIMARY": "one.iot.us-east-1.amazonaws.com",
    "IOT_ENDPOINT_SECONDARY": "two.iot.us-west-2.amazonaws.com",
}
WELL = ok("devices made", "3 in us-east-1, 0.1 s")
ILL = failure("devices crossed", "0 of 3: " + "a long story " * 20, "run `iot-dr doctor`", ["thing#trial-0001"])

Ending = Callable[[RoundsObserver], object]


class Asked:
    """What the command asked for."""

    environment: ProvingEnvironment
    order: TrialOrder
    profile: str


def run(
    monkeypatch: pytest.MonkeyPatch, *arguments: str, checks: tuple[Check, ...] = (WELL,), ending: Ending = bool
) -> tuple[Result, Asked]:
    asked = Asked()

    def prove(
        environment: ProvingEnvironment,
        order: TrialOrder,
        progress: RoundsObserver,
        announce: Callable[[str], object],
        profile: str,
    ) -> Proved:
        asked.environment, asked.order, asked.profile = environment, order, profile
        announce("trial-x")
        progress.begin("Making them", 2)
        progress.advance(1)
        ending(progress)
        return Proved("trial-x", checks, ("No thing type was made.",))

    monkeypatch.setattr(module, "prove", prove)
    return CliRunner().invoke(cli, ["prove", *arguments], env=TOOLSRC), asked


@pytest.mark.parametrize(("checks", "code"), [((WELL,), 0), ((WELL, ILL), 1)])
def test_one_check_that_fails_is_no_proof(
    monkeypatch: pytest.MonkeyPatch, checks: tuple[Check, ...], code: int
) -> None:
    result, _ = run(monkeypatch, "-n", "3", checks=checks)

    assert result.exit_code == code
    assert ("Not proved with 3 devices" in result.stdout) is bool(code)


def test_the_report_is_a_line_a_check_in_a_hundred_columns_and_says_what_was_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("FORCE_COLOR", "1")
    result, _ = run(monkeypatch, "-n", "3", checks=(WELL, ILL))

    lines = click.unstyle(result.stdout).splitlines()
    assert max(map(len, lines)) <= 100
    assert any(line.split()[:4] == ["ok", "devices", "made", "3"] for line in lines)
    assert "devices crossed: run `iot-dr doctor`" in "\n".join(lines)
    assert "No thing type was made." in "\n".join(lines)


def test_json_has_every_check_and_the_names_of_what_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = run(monkeypatch, "-n", "3", "--format", "json", checks=(WELL, ILL))

    told = json.loads(result.stdout)
    assert (told["trial"], told["devices"], told["level"], told["failure"]) == ("trial-x", 3, "failure", 1)
    assert [check["names"] for check in told["checks"]] == [[], ["thing#trial-0001"]]


def test_it_is_told_what_the_names_begin_with_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = run(monkeypatch, "-n", "3")

    assert result.stderr.splitlines() == ["All that is made has a name that begins with trial-x.", "Making them ..."]


def test_the_settings_are_those_of_toolsrc_and_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    _, asked = run(monkeypatch, "-n", "7", "--with-type", "--timeout", "900", "--profile", "owner")

    assert asked.order == TrialOrder(7, with_type=True, seconds=900)
    assert asked.profile == "owner"
    assert asked.environment == ProvingEnvironment(**{name.lower(): value for name, value in TOOLSRC.items()})


@pytest.mark.parametrize(
    ("done", "said"), [(1, "What begins with trial-x is removed"), (0, "Some of what begins with trial-x is still in")]
)
def test_control_c_says_what_is_left(monkeypatch: pytest.MonkeyPatch, done: int, said: str) -> None:
    def stop(progress: RoundsObserver) -> None:
        progress.begin("Removing them", 1)
        progress.advance(done)
        raise KeyboardInterrupt

    result, _ = run(monkeypatch, "-n", "3", ending=stop)

    assert result.exit_code == 2
    assert said in result.stderr


def test_stopped_before_anything_was_made_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def prove(*_: object) -> Proved:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "prove", prove)
    result = CliRunner().invoke(cli, ["prove", "-n", "1"], env=TOOLSRC)

    assert (result.exit_code, result.stderr) == (2, "\nStopped. Nothing was made.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("-n", "1", "--clean", "trial-x"),
        ("-n", "0"),
        ("-n", "three"),
        ("-n", "1001"),
        ("-n", "3", "--timeout", "0"),
    ],
)
def test_wrong_use_exits_2(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    assert run(monkeypatch, *arguments)[0].exit_code == 2


def test_what_cannot_run_is_one_line_with_its_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: RoundsObserver) -> None:
        raise ConfigurationError("there is no such launch; read the settings of one: . ./toolsrc")

    result, _ = run(monkeypatch, "-n", "3", ending=refuse)

    assert result.exit_code == 2
    assert result.stderr.splitlines()[-2].startswith("Some of what begins with trial-x is still in"), "half way"
    assert result.stderr.splitlines()[-1] == "error: there is no such launch; read the settings of one: . ./toolsrc"


def test_what_is_left_is_told_with_the_command_that_removes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(progress: RoundsObserver) -> None:
        progress.begin("Making them", 2)
        raise KeyboardInterrupt

    result, _ = run(monkeypatch, "-n", "3", "--with-type", "--profile", "ops", ending=stop)

    assert result.stderr.endswith("to remove it, run `cli prove --profile ops --clean trial-x`.\n")


@pytest.mark.parametrize(("number", "said"), [(7, "7 resources"), (0, "Nothing in us-east-1 begins with")])
def test_what_a_killed_run_has_left_is_removed_by_its_name(
    monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    asked: list[object] = []

    def clean(region: str, name: str, _progress: RoundsObserver, profile: str) -> int:
        asked.extend((region, name, profile))
        return number

    monkeypatch.setattr(module, "clean", clean)
    words = ["prove", "--clean", "trial-x", "--primary", "us-east-1", "--profile", "ops"]
    result = CliRunner().invoke(cli, words, env=dict.fromkeys(TOOLSRC))
    told = CliRunner().invoke(cli, [*words, "--format", "json"], env=dict.fromkeys(TOOLSRC))

    assert (result.exit_code, asked[:3]) == (0, ["us-east-1", "trial-x", "ops"])
    assert said in result.stdout
    assert json.loads(told.stdout) == {"version": 1, "trial": "trial-x", "region": "us-east-1", "removed": number}


def test_what_cannot_be_removed_is_one_line_and_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    def clean(*_: object) -> int:
        raise NotReadyYet("not removed from us-east-1: certificate#1: attached")

    monkeypatch.setattr(module, "clean", clean)
    result = CliRunner().invoke(cli, ["prove", "--clean", "trial-x"], env=TOOLSRC)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "error: not removed from us-east-1" in result.stderr
