"""What a sync in the account prints, and how its command ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.commands import sync_in_cloud as in_cloud
from iot_dr.cli.main import cli
from iot_dr.errors import ConfigurationError, RegionUnavailable
from iot_dr.model.registry.keys import Kind, thing_key
from iot_dr.model.sync.fleet_runs import FailedRequest, FleetRun, RequestsDone, RunState
from iot_dr.runtime.commands.sync import SyncSettings
from iot_dr.services.sync.cloud_sync import CloudSync, Pace
from tests.account import VARIABLES

TOOLSRC = {**VARIABLES, "LEDGER_TABLE": "ledger"}
ARN = "arn:aws:states:us-west-2:123456789012:execution:IoTDRSecondary20261124120000-fleet-sync:r"
LISTING = FleetRun("r", apply=True, at_once=4, kind=Kind.THING, listed={Kind.POLICY: 2})
LISTED = FleetRun("r", apply=True, at_once=4, kind=Kind.THING, listed={Kind.POLICY: 2, Kind.THING: 36_000})
COUNTED = FleetRun("r", apply=False, at_once=4, kind=Kind.THING, listed=LISTED.listed)
DONE = {Kind.POLICY: RequestsDone(2, succeeded=2), Kind.THING: RequestsDone(36_000, succeeded=36_000)}
ENDED = RunState(ARN, "SUCCEEDED", 0, LISTED, DONE)
PACE = Pace(10, (("us-east-1", "GetPolicy"), ("us-west-2", "RegisterCertificateWithoutCA")))


@dataclass
class ArrangedSync:
    """A sync in the account that stands as a test says, one look after the other, and remembers what it was asked."""

    states: list[RunState | BaseException]
    failed: tuple[FailedRequest, ...] = ()
    limit: Pace = PACE
    asked: list[object] = field(default_factory=list)
    settings: SyncSettings | None = None
    before: Mapping[Kind, int] | BaseException = field(default_factory=dict)

    def pace(self) -> Pace:
        return self.limit

    def start(self, *, apply: bool, at_once: int = 0, again: str = "") -> str:
        self.asked.append(("start", apply, at_once, again))
        return ARN

    def again(self, arn: str) -> str | None:
        self.asked.append(("again", arn))
        return arn if self.states else None

    def listed_before(self, run: FleetRun) -> Mapping[Kind, int]:
        assert run.run
        if isinstance(self.before, BaseException):
            raise self.before
        return self.before

    def running(self) -> str:
        return f"{ARN}-running"

    def newest(self) -> str:
        return f"{ARN}-newest"

    def state(self, arn: str) -> RunState:
        self.asked.append(("state", arn))
        found = self.states.pop(0)
        if isinstance(found, BaseException):
            raise found
        return found

    def ended(self, arn: str) -> RunState:
        self.asked.append(("ended", arn))
        return self.state(arn)

    def failures(self, state: RunState) -> Iterator[FailedRequest]:
        assert state.ended
        return iter(self.failed)


Arrange = Callable[[ArrangedSync], ArrangedSync]


@pytest.fixture
def arranged(monkeypatch: pytest.MonkeyPatch) -> Arrange:
    def arrange(sync: ArrangedSync) -> ArrangedSync:
        def opened(settings: SyncSettings, _place: object) -> ArrangedSync:
            sync.settings = settings
            return sync

        monkeypatch.setattr(in_cloud, "open_cloud_sync", opened)
        monkeypatch.setattr(in_cloud, "POLL", 0)
        monkeypatch.setattr(in_cloud, "LINE_EVERY", 0)
        return sync

    return arrange


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["sync", *arguments], env=TOOLSRC, prog_name="iot-dr")


def test_a_dry_run_counts_by_kind_and_says_how_long_it_takes_and_what_limits_it(arranged: Arrange) -> None:
    sync = arranged(ArrangedSync([RunState(ARN, "SUCCEEDED", 0, COUNTED)]))

    result = run("--in-cloud")

    assert (result.exit_code, sync.asked[0]) == (0, ("start", False, 0, ""))
    assert "policies" in result.stdout
    assert "36000" in result.stdout
    assert "it takes at least 1 h, at 10 a second" in result.stdout
    assert "us-west-2: RegisterCertificateWithoutCA" in result.stdout
    assert "`iot-dr sync --in-cloud --apply`" in result.stdout


def test_quotas_that_could_not_be_read_are_said_to_be_assumed(arranged: Arrange) -> None:
    arranged(ArrangedSync([RunState(ARN, "SUCCEEDED", 0, COUNTED)], limit=Pace(10, PACE.limits, "not allowed")))

    assert "Could not read your quotas, so AWS's defaults are assumed: not allowed" in run("--in-cloud").stdout


def test_a_dry_run_is_told_to_scripts_too(arranged: Arrange) -> None:
    arranged(ArrangedSync([RunState(ARN, "SUCCEEDED", 0, COUNTED)]))

    answer = json.loads(run("--in-cloud", "--format", "json").stdout)

    assert (answer["applied"], answer["listed"]) == (False, {"policy": 2, "thing": 36_000})
    assert (answer["hours_if_all_are_new"], answer["limit"]["per_second"]) == (1.0, 10)
    assert answer["limit"]["apis"][0] == {"region": "us-east-1", "operation": "GetPolicy"}


def test_a_run_is_watched_to_its_end(arranged: Arrange) -> None:
    under_way = RunState(
        ARN, "RUNNING", 0, LISTED, {Kind.THING: RequestsDone(36_000, running=40, succeeded=90, failed=10)}
    )
    sync = arranged(ArrangedSync([RunState(ARN, "RUNNING", 0, LISTING), under_way, ENDED]))

    result = run("--in-cloud", "--apply", "--at-once", "7", "--select", "thingName:a*")

    assert (result.exit_code, sync.asked[0]) == (0, ("start", True, 7, ""))
    assert sync.settings is not None
    assert sync.settings.select == "thingName:a*"
    assert f"Following {ARN}" in result.stderr
    assert "Listing things: 0" in result.stderr
    assert "Checking things: 100 of 36000, 40 under way, 10 failed" in result.stderr
    assert "nothing failed" in result.stdout


def test_what_failed_is_told_with_its_reason_and_how_to_run_it_again(arranged: Arrange) -> None:
    failed = tuple(FailedRequest(thing_key(f"pump-{number}"), "not [today]") for number in range(25))
    arranged(ArrangedSync([ENDED], failed))

    result = run("--in-cloud", "--apply")

    assert result.exit_code == 1
    assert "25 resources could not be copied" in result.stdout
    assert "not [today]" in result.stdout
    assert "and 5 more" in result.stdout
    assert f"\n  iot-dr sync --apply --follow {ARN} --redrive\n" in result.stdout


def test_every_failure_is_told_to_scripts(arranged: Arrange) -> None:
    failed = tuple(FailedRequest(thing_key(f"pump-{number}"), "not today") for number in range(25))
    arranged(ArrangedSync([ENDED], failed))

    result = run("--in-cloud", "--apply", "--format", "json")

    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["arn"], answer["status"]) == (1, ARN, "SUCCEEDED")
    assert len(answer["failures"]) == 25
    assert answer["failures"][0] == {"resource": "thing#pump-0", "reason": "not today"}
    assert answer["looks"]["thing"] == {"total": 36_000, "failed": 0}


def test_a_run_that_failed_says_why_and_exits_1(arranged: Arrange) -> None:
    arranged(ArrangedSync([RunState(ARN, "FAILED", 0, LISTED, DONE, "States.Timeout: too long")]))

    result = run("--follow", ARN)

    assert result.exit_code == 1
    assert "It ended as FAILED: States.Timeout: too long" in result.stdout


def test_a_dry_run_that_failed_is_no_estimate(arranged: Arrange) -> None:
    arranged(ArrangedSync([RunState(ARN, "FAILED", 0, COUNTED, reason="AccessDenied: no")]))

    result = run("--in-cloud")

    assert result.exit_code == 1
    assert "AccessDenied: no" in result.stdout
    assert "hours" not in result.stdout


def test_ctrl_c_leaves_it_running_and_says_how_to_follow_and_how_to_stop_it(arranged: Arrange) -> None:
    arranged(ArrangedSync([RunState(ARN, "RUNNING", 0, LISTING), KeyboardInterrupt()]))

    result = run("--in-cloud", "--apply")

    assert result.exit_code == 2
    assert f"iot-dr sync --follow {ARN}" in result.stderr
    assert f"stop-execution --execution-arn {ARN} --region us-west-2" in result.stderr


def test_a_moments_fault_does_not_end_the_watching(arranged: Arrange) -> None:
    arranged(ArrangedSync([RegionUnavailable("no answer"), ENDED]))

    result = run("--follow", ARN)

    assert result.exit_code == 0
    assert "Not seen just now: no answer" in result.stderr


def test_following_starts_nothing(arranged: Arrange) -> None:
    sync = arranged(ArrangedSync([ENDED]))

    assert run("--follow", ARN).exit_code == 0
    assert sync.asked == [("state", ARN)]


@pytest.mark.parametrize(("given", "arn"), [((), f"{ARN}-newest"), (("--follow", ARN), ARN)])
def test_a_redrive_is_of_the_last_run_or_of_the_one_that_is_named(
    given: tuple[str, ...], arn: str, arranged: Arrange
) -> None:
    sync = arranged(ArrangedSync([ENDED]))

    assert run("--redrive", "--apply", *given).exit_code == 0
    assert sync.asked[0] == ("again", arn)


@pytest.mark.parametrize("given", [("--redrive",), ("--redrive", "--dry-run"), ("--redrive", "--apply", "--dry-run")])
def test_a_redrive_without_apply_runs_nothing_again_and_says_what_would_be(
    given: tuple[str, ...], arranged: Arrange
) -> None:
    sync = arranged(ArrangedSync([ENDED], (FailedRequest(thing_key("pump-1"), "not today"),)))

    result = run(*given, "--profile", "ops")

    assert (result.exit_code, sync.asked) == (1, [("ended", f"{ARN}-newest"), ("state", f"{ARN}-newest")])
    assert "thing#pump-1" in result.stdout
    again = f"iot-dr sync --profile ops --apply --follow {ARN}-newest --redrive"
    assert f"Nothing was changed. To run again what failed, run `{again}`." in result.stdout


def test_a_redrive_of_a_run_of_which_nothing_failed_has_nothing_to_do(arranged: Arrange) -> None:
    arranged(ArrangedSync([ENDED]))

    result = run("--redrive")

    assert (result.exit_code, "Nothing of it failed." in result.stdout) == (0, True)


def test_a_redrive_of_it_with_apply_starts_nothing_and_says_so(arranged: Arrange) -> None:
    sync = arranged(ArrangedSync([]))

    result = run("--redrive", "--apply")

    assert (result.exit_code, sync.asked) == (0, [("again", f"{ARN}-newest")])
    assert result.stdout == f"Nothing of the run {ARN}-newest failed, so nothing is run again.\n"
    told = json.loads(run("--redrive", "--apply", "--format", "json").stdout)
    assert (told["arn"], told["applied"], told["failures"]) == (f"{ARN}-newest", False, [])


@pytest.mark.parametrize(
    ("before", "left"),
    [
        # 300 things at 10 a second; then 300 for their shadows and 100 certificates, at the 10 of the quotas.
        ({Kind.THING: 7, Kind.CERTIFICATE: 100}, "about 1 min left in all"),
        ({}, "about 30 s left of this kind"),
        (RegionUnavailable("no answer"), "about 30 s left of this kind"),
    ],
)
def test_how_long_all_stages_take_is_told_by_what_an_earlier_run_listed(
    before: Mapping[Kind, int] | BaseException, left: str
) -> None:
    clock = iter((0.0, 1.0, 11.0))
    watch = in_cloud.CloudRunWatch(
        in_cloud.Outlook(cast("CloudSync", ArrangedSync([], before=before))), lambda: next(clock)
    )
    stage = FleetRun(
        "r",
        apply=True,
        at_once=4,
        kind=Kind.THING,
        kinds=(Kind.CERTIFICATE, Kind.THING_SHADOWS),
        listed={Kind.THING: 400},
    )
    for ended in (0, 100):
        done = RequestsDone(400, running=40, succeeded=ended)
        watch.show(RunState(ARN, "RUNNING", 0, stage, {Kind.THING: done}))

    assert watch.line() == f"Checking things: 100 of 400 40 under way, 10.0/s, {left}"


def test_what_a_redrive_would_run_again_is_told_to_scripts(arranged: Arrange) -> None:
    arranged(ArrangedSync([ENDED], (FailedRequest(thing_key("pump-1"), "not today"),)))

    told = json.loads(run("--redrive", "--format", "json").stdout)

    assert told["applied"] is False
    assert told["failures"] == [{"resource": "thing#pump-1", "reason": "not today"}]


def test_a_hint_is_the_command_that_was_given_with_what_changes(arranged: Arrange) -> None:
    given = ("--in-cloud", "--select", "thingName:a b*", "--profile", "ops")
    arranged(ArrangedSync([RunState(ARN, "SUCCEEDED", 0, COUNTED)]))
    planned = run(*given)
    arranged(ArrangedSync([RunState(ARN, "RUNNING", 0, LISTING), KeyboardInterrupt()]))
    stopped = run(*given, "--apply")

    assert "run `iot-dr sync --select 'thingName:a b*' --profile ops --in-cloud --apply`" in planned.stdout
    assert f"To watch it again: iot-dr sync --profile ops --follow {ARN}\n" in stopped.stderr
    assert stopped.stderr.endswith(f"--execution-arn {ARN} --region us-west-2 --profile ops\n")


def test_batches_at_once_are_the_accounts_affair(arranged: Arrange) -> None:
    sync = arranged(ArrangedSync([ENDED]))

    result = run("--apply", "--at-once", "7")

    assert (result.exit_code, sync.asked) == (2, [])
    assert "--in-cloud" in result.stderr


@pytest.mark.parametrize("where", [("--in-cloud",), ("--follow", ARN), ("--redrive",)])
@pytest.mark.parametrize("option", ["--unpaced", "--anew", "--delete-share=0.5", "--state=here"])
def test_what_would_be_ignored_in_silence_is_refused(arranged: Arrange, where: tuple[str, ...], option: str) -> None:
    sync = arranged(ArrangedSync([ENDED]))

    result = run(*where, option)

    assert (result.exit_code, sync.asked) == (2, [])
    assert f"{option.partition('=')[0]} has no effect in the account: it is for a sync from this" in result.stderr


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--follow", ARN, "--select", "thingName:a"), "--select has no effect"),
        (("--redrive", "--at-once", "3"), "--at-once has no effect"),
        (("--follow", ARN, "--apply"), "--follow only watches"),
    ],
)
def test_what_a_started_run_has_of_its_own_is_refused(arranged: Arrange, words: tuple[str, ...], named: str) -> None:
    sync = arranged(ArrangedSync([ENDED]))

    result = run(*words)

    assert (result.exit_code, sync.asked) == (2, [])
    assert named in result.stderr


@pytest.mark.parametrize(
    ("devices", "told"),
    [(1, "If the device is new, it takes at least 1 s"), (30, "If all 30 devices are new, it takes at least 3 s")],
)
def test_a_small_fleet_takes_no_zero_hours(arranged: Arrange, devices: int, told: str) -> None:
    counted = replace(COUNTED, listed={Kind.THING: devices})
    arranged(ArrangedSync([RunState(ARN, "SUCCEEDED", 0, counted)]))

    assert told in run("--in-cloud").stdout


def test_a_run_that_nobody_started_is_wrong_use(arranged: Arrange) -> None:
    arranged(ArrangedSync([ConfigurationError("there is no sync in the account with the ARN x")]))

    result = run("--follow", "x")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "there is no sync in the account" in result.stderr


def test_without_an_arn_the_run_that_is_under_way_is_followed(arranged: Arrange) -> None:
    sync = arranged(ArrangedSync([ENDED]))

    result = run("--follow", "--format", "json")

    assert (result.exit_code, sync.asked) == (0, [("state", f"{ARN}-running")])
