"""What `sync` and `repair` ask of the runtime, what they print, and how they end."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.main import cli
from iot_dr.cli.view import applying, bars
from iot_dr.errors import RegionUnavailable, UnsafePlan
from iot_dr.model.registry.changes import Create
from iot_dr.model.registry.differences import Difference, Sigil
from iot_dr.model.registry.keys import Kind, certificate_key, thing_key
from iot_dr.model.sync.progress import ChangeResult, Ending, Planned, Step, SyncProgress
from iot_dr.ports.progress import SyncRunObserver
from iot_dr.runtime.commands.sync import SyncSettings
from iot_dr.services.pacing import Use
from tests.account import VARIABLES
from tests.builders import a_thing

TOOLSRC = {**VARIABLES, "LEDGER_TABLE": "ledger"}
PLANNED = Planned(Counter({(Kind.THING, Step.CREATE): 3, (Kind.CERTIFICATE, Step.LEAVE): 1}), existing=10)
USES: dict[str, tuple[Use, ...]] = {"us-west-2": (Use("CreateThing", 99.5, 100.0, calls=3, refused=1),)}


@dataclass
class ArrangedSync:
    """A sync that answers what a test says, and remembers what it was asked."""

    planned: Planned = field(default_factory=Planned)
    found: tuple[Difference, ...] = ()
    standing: SyncProgress | BaseException = field(default_factory=SyncProgress)
    problem_list: tuple[ChangeResult, ...] = ()
    taken_up: bool = False
    asked: list[SyncSettings] = field(default_factory=list)
    applied: int = 0
    progress: SyncRunObserver | None = None

    def plan(self) -> Planned:
        return self.planned

    def apply(self) -> SyncProgress:
        self.applied += 1
        assert self.progress is not None
        self.progress.begin("lists", 3)
        self.progress.advance(1, 250)
        self.progress.reached(SyncProgress({Kind.THING: 10}, {Kind.THING: 4}))
        if isinstance(self.standing, BaseException):
            raise self.standing
        return self.standing

    def differences(self) -> Iterator[Difference]:
        return iter(self.found)

    def problems(self) -> Iterator[ChangeResult]:
        return iter(self.problem_list)

    def uses(self) -> dict[str, tuple[Use, ...]]:
        return USES


Arrange = Callable[..., ArrangedSync]


@pytest.fixture
def arranged(monkeypatch: pytest.MonkeyPatch) -> Arrange:
    def arrange(sync: ArrangedSync) -> ArrangedSync:
        @contextmanager
        def open_sync(settings: SyncSettings, progress: SyncRunObserver) -> Iterator[ArrangedSync]:
            sync.asked.append(settings)
            sync.progress = progress
            yield sync

        monkeypatch.setattr(applying, "open_sync", open_sync)
        return sync

    return arrange


def run(*arguments: str, **environ: str | None) -> Result:
    return CliRunner().invoke(cli, list(arguments), env={**TOOLSRC, **environ}, prog_name="iot-dr")


def test_a_dry_run_shows_what_would_be_done_by_kind_and_exits_1(arranged: Arrange) -> None:
    sync = arranged(ArrangedSync(PLANNED))

    result = run("sync")

    assert (result.exit_code, sync.applied) == (1, 0)
    assert "thing " in result.stdout
    assert "To make 3 changes, run `iot-dr sync --apply`" in result.stdout
    assert "What stays is not changed" in result.stdout


def test_a_dry_run_names_each_resource_with_its_fields_before_the_counts(arranged: Arrange) -> None:
    thing = a_thing("pump-17", {"site": "north"})
    arranged(ArrangedSync(PLANNED, (Difference(thing.key, Sigil.MISSING, "", Create(thing, ""), thing),)))

    lines = run("sync").stdout.splitlines()

    assert lines[:3] == ["Things: 3 create", "  create thing#pump-17", '      attributes.site: "north"']


def test_nothing_to_do_exits_0(arranged: Arrange) -> None:
    arranged(ArrangedSync())

    result = run("sync")

    assert (result.exit_code, result.stdout) == (0, "Nothing differs.\n")


def test_a_plan_is_told_to_scripts_too(arranged: Arrange) -> None:
    things = [a_thing(name, {"site": "north"}) for name in ("pump-17", "pump-18")]
    found = [Difference(one.key, Sigil.MISSING, "missing", Create(one, "missing"), one) for one in things]
    arranged(ArrangedSync(PLANNED, tuple(found)))

    answer = json.loads(run("sync", "--format", "json").stdout)

    assert answer == {
        "version": 1,
        "applied": False,
        "plan": [
            {"kind": "thing", "step": "create", "number": 3},
            {"kind": "certificate", "step": "leave", "number": 1},
        ],
        "changes": 3,
        "existing": 10,
        "resources": [
            {
                "resource": f"thing#{name}",
                "kind": "thing",
                "name": name,
                "other": "",
                "step": "create",
                "reason": "missing",
                "fields": [{"field": "attributes.site", "old": None, "new": "north"}],
            }
            for name in ("pump-17", "pump-18")
        ],
    }


def test_what_was_applied_is_counted_and_exits_0(arranged: Arrange) -> None:
    sync = arranged(ArrangedSync(standing=SyncProgress({Kind.THING: 3}, {Kind.THING: 3})))

    result = run("sync", "--apply")

    assert (result.exit_code, sync.applied) == (0, 1)
    assert "3 changes are done, 0 failed, 0 not tried." in result.stdout


def test_what_failed_is_listed_with_its_reason_and_exits_1(arranged: Arrange) -> None:
    problems = (
        ChangeResult(certificate_key("0af3"), Ending.FAILED, "not today"),
        ChangeResult(thing_key("pump-17"), Ending.LEFT, "it needs [bold]something[/bold]"),
    )
    arranged(ArrangedSync(standing=SyncProgress({Kind.THING: 3}, {Kind.THING: 3}, 1, 1), problem_list=problems))

    result = run("sync", "--apply")
    answer = json.loads(run("sync", "--apply", "--format", "json").stdout)

    assert result.exit_code == 1
    assert "not today" in result.stdout
    assert "[bold]something[/bold]" in result.stdout
    assert answer["problems"][0] == {"resource": "certificate#0af3", "result": "failed", "reason": "not today"}
    assert (answer["done"], answer["failed"], answer["left"]) == (1, 1, 1)
    assert answer["calls"]["us-west-2"]["CreateThing"] == {"calls": 3, "refused": 1, "rate": 99.5}


def test_control_c_says_how_to_go_on(arranged: Arrange) -> None:
    arranged(ArrangedSync(standing=KeyboardInterrupt()))

    result = run("sync", "--apply")

    assert result.exit_code == 2
    assert "4 of 10 changes are done and noted; run `iot-dr sync --apply` again" in result.stderr


def test_the_hints_have_every_option_that_was_given(arranged: Arrange) -> None:
    given = ("--select", "thingName:a*", "--state", "there", "--anew")
    arranged(ArrangedSync(PLANNED))
    planned = run("sync", *given)
    arranged(ArrangedSync(standing=KeyboardInterrupt()))
    stopped = run("sync", "--apply", *given)

    command = "iot-dr sync --select 'thingName:a*' --state there --anew --apply"
    assert f"To make 3 changes, run `{command}`." in planned.stdout
    assert "run `iot-dr sync --apply --select 'thingName:a*' --state there` again" in stopped.stderr


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (("sync",), "What was read is kept; run `iot-dr sync` again to continue from there."),
        (("repair", "--max-age", "2"), "What was read is kept; run `iot-dr repair --max-age 2.0` again"),
        (("sync", "--select", "thingName:a"), "Stopped. Run `iot-dr sync --select thingName:a` again."),
    ],
)
def test_a_dry_run_that_is_stopped_goes_on_as_a_dry_run(
    arranged: Arrange, monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...], hint: str
) -> None:
    def stopped(_: ArrangedSync) -> Planned:
        raise KeyboardInterrupt

    monkeypatch.setattr(ArrangedSync, "plan", stopped)
    arranged(ArrangedSync())

    assert hint in run(*given).stderr


def test_a_region_that_is_gone_says_how_to_go_on_and_exits_2(arranged: Arrange) -> None:
    arranged(ArrangedSync(standing=RegionUnavailable("us-west-2 does not answer")))

    result = run("sync", "--apply")

    assert result.exit_code == 2
    assert "again to continue from there" in result.stderr
    assert "error: us-west-2 does not answer" in result.stderr


def test_a_plan_that_deletes_too_much_exits_2(arranged: Arrange) -> None:
    arranged(ArrangedSync(standing=UnsafePlan("over the limit; raise the limit with --delete-share")))

    result = run("sync", "--apply")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "--delete-share" in result.stderr


def test_a_run_that_was_cut_off_is_said_to_be_taken_up(arranged: Arrange) -> None:
    arranged(ArrangedSync(taken_up=True))

    assert "Resuming the interrupted run; --anew starts again from the beginning." in run("sync", "--apply").stderr


def test_the_last_of_apply_and_dry_run_counts(arranged: Arrange) -> None:
    sync = arranged(ArrangedSync(PLANNED))

    run("sync", "--apply", "--dry-run")
    assert sync.applied == 0
    run("sync", "--dry-run", "--apply")
    assert sync.applied == 1


def test_the_options_reach_the_sync(arranged: Arrange) -> None:
    sync = arranged(ArrangedSync())

    given = ("--delete-share", "0.5", "--state", "there", "--profile", "ops", "--select", "thingName:a*", "--unpaced")
    run("sync", "--anew", *given)
    run("repair", "--unpaced")

    expected = SyncSettings(
        primary_region="us-east-1",
        secondary_region="us-west-2",
        ledger_table="ledger",
        stack_postfix="20261124120000",
        uuid="5f0c2a",
        profile="ops",
        state="there",
        select="thingName:a*",
        delete_share=0.5,
        anew=True,
        paced=False,
        command="iot-dr sync --select 'thingName:a*' --delete-share 0.5 --profile ops --state there --unpaced --anew",
    )
    assert sync.asked[0] == expected
    assert not sync.asked[1].paced


def test_repair_takes_what_was_read_within_the_hour(arranged: Arrange) -> None:
    sync = arranged(ArrangedSync(PLANNED))

    default, longer = run("repair"), run("repair", "--apply", "--max-age", "24")

    assert "run `iot-dr repair --apply`" in default.stdout
    assert [settings.not_older_than for settings in sync.asked] == [3_600_000, 24 * 3_600_000]
    assert longer.exit_code == 0
    assert sync.applied == 1


def test_missing_settings_are_all_named(arranged: Arrange) -> None:
    arranged(ArrangedSync())

    result = run("sync", LEDGER_TABLE=None, UUID=None)

    assert result.exit_code == 2
    assert "UUID (--uuid), LEDGER_TABLE (--ledger-table)" in result.stderr


def test_a_log_without_a_terminal_gets_a_line_now_and_then(arranged: Arrange, monkeypatch: pytest.MonkeyPatch) -> None:
    said = threading.Event()
    monkeypatch.setattr(bars, "LINE_EVERY", 0.001)
    monkeypatch.setattr(bars, "say", lambda *_, **__: said.set())
    sync = arranged(ArrangedSync())
    apply = sync.apply

    def waiting() -> SyncProgress:
        standing = apply()
        assert said.wait(10)
        return standing

    monkeypatch.setattr(sync, "apply", waiting)

    assert run("sync", "--apply").exit_code == 0


def test_the_line_has_what_the_bars_would_show() -> None:
    watch = applying.SyncWatch()
    watch.begin("lists", None)
    watch.advance(1, 250)
    assert watch.line() == "Reading lists: 1 calls"

    watch.begin("attachments", 3, 7)
    watch.reached(SyncProgress({Kind.THING: 10}, {Kind.THING: 4}))
    assert watch.line() == "Reading attachments: 0 of 3 calls; Applying: 4 of 10 changes"


def test_there_is_one_time_left_of_the_reading_and_then_of_reading_and_applying_together() -> None:
    now = [0.0]
    watch = applying.SyncWatch(lambda: now[0])
    watch.begin("attachments", 1000)
    now[0] = 10.0
    watch.advance(100, 0)
    assert watch.line() == "Reading attachments: 100 of 1,000 calls, 10/s, about 1 min left to read"

    # A tenth is read, so of what hangs on certificates ten times as much is to come as is planned.
    planned = {Kind.THING: 100, Kind.POLICY_ATTACHMENT: 100}
    watch.reached(SyncProgress(planned, {Kind.THING: 10, Kind.POLICY_ATTACHMENT: 10}))
    now[0] = 20.0
    watch.advance(100, 0)
    watch.reached(SyncProgress(planned, {Kind.THING: 60, Kind.POLICY_ATTACHMENT: 20}))
    reading, writing = watch.line().split("; ")
    assert reading == "Reading attachments: 200 of 1,000 calls, 10/s"
    # 500 attachments at 1/s take longer than 800 calls at 10/s.
    assert writing == "Applying: 80 of 200 changes, 6.0/s, about 8 min left in all"

    watch.reached(SyncProgress(planned, {Kind.THING: 100, Kind.POLICY_ATTACHMENT: 99}))
    assert "left in all" in watch.line()


def test_a_reading_that_takes_longer_than_the_applying_decides() -> None:
    now = [0.0]
    watch = applying.SyncWatch(lambda: now[0])
    watch.begin("attachments", 1000)
    watch.reached(SyncProgress({Kind.THING: 20}, {Kind.THING: 0}))
    now[0] = 10.0
    watch.advance(100, 0)
    watch.reached(SyncProgress({Kind.THING: 20}, {Kind.THING: 10}))

    assert watch.line().endswith("Applying: 10 of 20 changes, 1.0/s, about 1 min left in all")


def test_checks_of_shadows_are_not_counted_as_changes_without_a_word(
    arranged: Arrange, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = arranged(ArrangedSync())
    both = SyncProgress({Kind.THING: 13, Kind.THING_SHADOWS: 3}, {Kind.THING: 13, Kind.THING_SHADOWS: 3})
    monkeypatch.setattr(sync, "apply", lambda: both)

    assert run("sync", "--apply").stdout == "16 changes and checks of shadows are done, 0 failed, 0 not tried.\n"
