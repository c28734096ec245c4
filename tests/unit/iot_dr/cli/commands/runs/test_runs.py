"""`iot-dr runs` lists syncs in the account, follows one, and stops one with --apply alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.commands import sync_in_cloud as in_cloud
from iot_dr.cli.commands.runs import runs as module
from iot_dr.cli.main import cli
from iot_dr.model.registry.keys import Kind, thing_key
from iot_dr.model.sync.fleet_runs import FailedRequest, FleetRun, ListedRun, RequestsDone, RunState
from tests.account import VARIABLES

TOOLSRC = {**VARIABLES, "LEDGER_TABLE": "ledger"}
BEGAN = 1_764_000_000_000
LISTED = (
    ListedRun("arn:3", "RUNNING", BEGAN + 60_000, None, FleetRun("r3", apply=True, at_once=4)),
    ListedRun("arn:2", "SUCCEEDED", BEGAN, BEGAN + 1000, FleetRun("r2", apply=True, at_once=4, again="r1")),
    ListedRun("arn:1", "FAILED", BEGAN, BEGAN + 1000, FleetRun("r1", apply=False, at_once=4, select="thingName:a*")),
)


@dataclass
class ArrangedRuns:
    """Syncs in the account, of which one may be under way."""

    status: str = "RUNNING"
    stopped: list[str] = field(default_factory=list)
    drawn: int = 0

    def listed(self) -> Iterator[ListedRun]:
        for one in LISTED:
            self.drawn += 1
            yield one

    def running(self) -> str:
        return "arn:3"

    def state(self, arn: str) -> RunState:
        done = {Kind.THING: RequestsDone(1, failed=1)}
        run = FleetRun("r", apply=True, at_once=4, kind=Kind.THING, listed={Kind.THING: 1})
        return RunState(arn, self.status, BEGAN, run, done)

    def failures(self, state: RunState) -> Iterator[FailedRequest]:
        yield FailedRequest(thing_key("pump-17"), "no right")

    def stop(self, arn: str) -> None:
        self.stopped.append(arn)


Arrange = Callable[[ArrangedRuns], ArrangedRuns]


@pytest.fixture
def arranged(monkeypatch: pytest.MonkeyPatch) -> Arrange:
    def arrange(runs: ArrangedRuns) -> ArrangedRuns:
        for one in (module, in_cloud):
            monkeypatch.setattr(one, "open_cloud_sync", lambda *_: runs)
        return runs

    return arrange


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["runs", *words], env=TOOLSRC, prog_name="iot-dr")


def test_runs_are_listed_the_newest_first_with_what_they_do(arranged: Arrange) -> None:
    arranged(ArrangedRuns())

    _, _, *lines = run().stdout.splitlines()
    told = json.loads(run("--format", "json").stdout)["runs"]

    assert lines[0].split()[:2] == ["r3", "RUNNING"]
    assert lines[0].rstrip().endswith("brings across the whole fleet")
    assert "brings across what failed of r1" in lines[1]
    assert "counts only thingName:a*" in lines[2]
    assert [(one["arn"], one["ended"]) for one in told] == [
        ("arn:3", None),
        ("arn:2", "2025-11-24T16:00:01.000Z"),
        ("arn:1", "2025-11-24T16:00:01.000Z"),
    ]


def test_no_more_runs_are_asked_for_than_are_listed(arranged: Arrange) -> None:
    runs = arranged(ArrangedRuns())

    run("--last", "1")

    assert runs.drawn == 1


def test_a_run_is_stopped_with_apply_alone(arranged: Arrange) -> None:
    runs = arranged(ArrangedRuns())

    planned = run("--stop")
    assert (planned.exit_code, runs.stopped) == (0, [])
    assert "To stop arn:3, run `iot-dr runs --stop arn:3 --apply`." in planned.stdout

    stopped = run("--stop", "arn:3", "--apply")
    assert (stopped.exit_code, runs.stopped) == (0, ["arn:3"])
    assert "What it has brought across stays" in stopped.stdout


def test_a_run_that_has_ended_is_not_stopped(arranged: Arrange) -> None:
    runs = arranged(ArrangedRuns("SUCCEEDED"))

    told = json.loads(run("--stop", "arn:2", "--apply", "--format", "json").stdout)

    assert (told, runs.stopped) == ({"version": 1, "arn": "arn:2", "status": "SUCCEEDED", "applied": False}, [])


def test_a_run_is_followed_and_its_hint_is_a_command_of_sync(arranged: Arrange) -> None:
    arranged(ArrangedRuns("SUCCEEDED"))

    result = run("--follow", "--profile", "ops")

    assert result.exit_code == 1
    assert "thing#pump-17" in result.stdout
    (hint,) = [line.strip() for line in result.stdout.splitlines() if "iot-dr sync" in line]
    assert hint.startswith("iot-dr sync ")
    assert {"--redrive", "--apply", "ops", "arn:3"} <= set(hint.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--follow", "--stop"), "give either --follow or --stop"),
        (("--apply",), "--apply is for --stop"),
        (("--stop", ""), "has an empty value"),
    ],
)
def test_what_makes_no_sense_is_wrong_use(arranged: Arrange, words: tuple[str, ...], message: str) -> None:
    arranged(ArrangedRuns())

    result = run(*words)

    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
