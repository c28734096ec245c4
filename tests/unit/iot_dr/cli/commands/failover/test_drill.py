"""The command as an operator types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.commands.failover import drill as module
from iot_dr.cli.main import cli
from iot_dr.errors import NotReadyYet
from iot_dr.model.drill.orders import DevicePace, DrillFault, DrillOrder
from iot_dr.model.drill.results import DrillResult, Objectives
from iot_dr.ports.progress import DrillObserver
from iot_dr.runtime.commands.drill.bench import DrillEnvironment, ReportPlace
from iot_dr.services.drill.drill import WITHDRAWN
from tests.account import VARIABLES
from tests.unit.iot_dr.model.drill.test_verdicts import WELL

TOOLSRC = {
    **VARIABLES,
    "LOOK_QUEUE_URL": "https://sqs.us-west-2.amazonaws.com/123456789012/requests",
    "DYNAMODB_GLOBAL_TABLE": "events",
    "IOT_ENDPOINT_PRIMARY": "one.iot.us-east-1.amazonaws.com",
    "IOT_ENDPOINT_SECONDARY": "two.iot.us-west-2.amazonaws.com",
    "HOSTED_ZONE_ID": "Z1",
}
DRILL = "iot-dr-canary-20261127-163000-0af3"


class Asked:
    """What the command asked for."""

    environment: DrillEnvironment
    order: DrillOrder
    place: ReportPlace
    profile: str


def run(
    monkeypatch: pytest.MonkeyPatch,
    *arguments: str,
    result: DrillResult = WELL,
    ending: Callable[[DrillObserver], object] = bool,
) -> tuple[Result, Asked]:
    asked = Asked()

    def drill(  # as it is called
        environment: DrillEnvironment,
        order: DrillOrder,
        place: ReportPlace,
        progress: DrillObserver,
        announce: Callable[[str], object],
        profile: str,
    ) -> DrillResult:
        asked.environment, asked.order, asked.place, asked.profile = environment, order, place, profile
        announce(DRILL)
        progress.step("Phase: make")
        progress.begin("Making them", 2)
        progress.advance(1)
        ending(progress)
        return result

    monkeypatch.setattr(module, "drill", drill)
    return CliRunner().invoke(cli, ["drill", *arguments], env=TOOLSRC, prog_name="iot-dr"), asked


@pytest.mark.parametrize(
    ("result", "code", "said"),
    [(WELL, 0, "Objectives met"), (replace(WELL, overwritten=1), 1, "Objectives missed")],
)
def test_the_objectives_decide_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, result: DrillResult, code: int, said: str
) -> None:
    ended, _ = run(monkeypatch, result=result)

    assert ended.exit_code == code
    assert said in ended.stdout
    assert "To us-west-2: RTO median 4.0 s, p95 10.0 s, max 10.0 s" in ended.stdout


def test_what_is_asked_for_is_what_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    words = "--clients 7 --rate 2 --fault unhealthy --rto 60 --rpo 2 --look 3 --within 1 --baseline 4 --stay 6 --ttl 9"
    _, asked = run(monkeypatch, *words.split(), "--timeout", "90", "--profile", "ops")

    pace = DevicePace(rate=2, look=3, within=1)
    assert asked.order == DrillOrder(7, pace, DrillFault.UNWELL, Objectives(60, 2), 4, 6, 9, 90)
    assert asked.profile == "ops"
    assert asked.environment.hosted_zone_id == "Z1"


def test_without_options_it_is_the_drill_that_the_help_describes(monkeypatch: pytest.MonkeyPatch) -> None:
    _, asked = run(monkeypatch)

    assert (asked.order, asked.place) == (DrillOrder(), ReportPlace())


def test_programs_get_the_whole_result_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = run(monkeypatch, "--format", "json")

    assert json.loads(result.stdout)["met"] is True
    assert DRILL in result.stderr.splitlines()[0]


def test_the_page_and_its_json_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    result, asked = run(monkeypatch, "--report", "drill.html", "--against", "old.json")

    assert asked.place == ReportPlace("drill.html", "old.json")
    assert "The report: drill.html, and as JSON drill.html.json" in result.stdout


def test_what_is_left_is_told_with_the_command_that_removes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = run(monkeypatch, result=replace(WELL, drill=DRILL, left=("in us-east-1: thing#x: attached",)))

    assert result.exit_code == 1
    assert f"iot-dr drill --clean {DRILL}" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [("--clients", "0"), ("--clients", "501"), ("--rate", "0"), ("--ttl", "0"), ("--fault", "flood"), ("--rto", "-1")],
)
def test_wrong_use_exits_2(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    assert run(monkeypatch, *arguments)[0].exit_code == 2


def stop(progress: DrillObserver) -> None:
    progress.step("Phase: baseline")
    raise KeyboardInterrupt


def stop_after_removal(progress: DrillObserver) -> None:
    progress.step(WITHDRAWN)
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (stop_after_removal, f"Stopped. {WITHDRAWN}."),
        (stop, f"to remove it, run `iot-dr drill --profile ops --clean {DRILL}`."),
    ],
)
def test_control_c_says_what_is_left(
    monkeypatch: pytest.MonkeyPatch, ending: Callable[[DrillObserver], object], said: str
) -> None:
    result, _ = run(monkeypatch, "--clients", "3", "--report", "a.html", "--profile", "ops", ending=ending)

    assert result.exit_code == 2
    assert result.stderr.rstrip().endswith(said)


def test_stopped_before_anything_was_made_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def drill(*_: object) -> DrillResult:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "drill", drill)
    result = CliRunner().invoke(cli, ["drill"], env=TOOLSRC)

    assert (result.exit_code, result.stderr) == (2, "\nStopped. Nothing was made.\n")


def test_what_a_killed_drill_has_left_is_removed_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def clean(environment: DrillEnvironment, name: str, _progress: DrillObserver, profile: str) -> int:
        asked.append((environment.hosted_zone_id, name, profile))
        return 7

    monkeypatch.setattr(module, "clean", clean)
    words = ["drill", "--clean", DRILL, "--profile", "ops"]
    result = CliRunner().invoke(cli, words, env=TOOLSRC)
    told = CliRunner().invoke(cli, [*words, "--format", "json"], env=TOOLSRC)

    assert (result.exit_code, asked[0]) == (0, ("Z1", DRILL, "ops"))
    assert "7 resources and relations" in result.stdout
    assert json.loads(told.stdout) == {"version": 1, "drill": DRILL, "removed": 7}


def test_what_cannot_be_removed_is_one_line_and_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    def clean(*_: object) -> int:
        raise NotReadyYet("not removed: in us-east-1: certificate#1: attached")

    monkeypatch.setattr(module, "clean", clean)
    result = CliRunner().invoke(cli, ["drill", "--clean", DRILL], env=TOOLSRC)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "error: not removed: in us-east-1" in result.stderr
