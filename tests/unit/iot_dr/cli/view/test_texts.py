"""Whatever stands in a name, a reason or a place, a command shows it, and the terminal does nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import StringIO
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import example, given
from hypothesis import strategies as st

from iot_dr.cli.commands import adopt, doctor, prove, replay, status, verify
from iot_dr.cli.commands import sync_in_cloud as in_cloud
from iot_dr.cli.commands.failover import failback, failover
from iot_dr.cli.commands.launch import launch, publish
from iot_dr.cli.commands.snapshots import restore, snapshot
from iot_dr.cli.main import cli
from iot_dr.cli.view import applying
from iot_dr.cli.view.tables import Screen, table
from iot_dr.cli.view.texts import visible
from iot_dr.errors import ConfigurationError, IotDrError
from iot_dr.files.snapshot_folder import Manifest
from iot_dr.model.events.dead_letters import DeadLetterSource
from iot_dr.model.failback.plan import Decision, FailbackVerdict, PlannedRow, PlanNumbers
from iot_dr.model.failback.steps import Checked, FailbackResult, FailbackStep
from iot_dr.model.failover.control import Control
from iot_dr.model.failover.devices import DeviceCounts
from iot_dr.model.failover.fence import Fence, Leadership
from iot_dr.model.failover.names import FleetDomain, NameAnswer, NameAnswers
from iot_dr.model.launch.distribution import Bucket
from iot_dr.model.launch.launched_stacks import LaunchedStack
from iot_dr.model.launch.launches import StackEvent
from iot_dr.model.registry.differences import Difference, Numbers, Sigil
from iot_dr.model.registry.entities import Thing
from iot_dr.model.registry.keys import Kind, group_membership_key, thing_key
from iot_dr.model.replication.ledger_items import LedgerItem
from iot_dr.model.replication.outcomes import State
from iot_dr.model.status.checks import failure, warning
from iot_dr.model.status.status_parts import Unread
from iot_dr.model.sync.adoption import (
    AdoptionChoice,
    AdoptionPlan,
    AdoptionResult,
    AdoptionRow,
    AdoptionStanding,
)
from iot_dr.model.sync.fleet_runs import FailedRequest, FleetRun, RequestsDone, RunState
from iot_dr.model.sync.progress import ChangeResult, Ending, Planned, Step, SyncProgress
from iot_dr.runtime.commands.prove import Proved
from iot_dr.runtime.commands.snapshot import TakenSnapshot
from iot_dr.services.events.replay import Letter
from iot_dr.services.failover.evict import Evicted
from iot_dr.services.failover.follow import NameSeen
from iot_dr.services.failover.losses import Losses
from iot_dr.services.failover.result import FailoverResult
from iot_dr.services.launch.publish import Publication
from iot_dr.services.status.status import Backlog, Group
from iot_dr.services.status.status import ResourceStatus as DeviceStanding
from iot_dr.services.status.status_view import StatusView
from iot_dr.services.sync.cloud_sync import Pace
from tests.builders import a_thing

ILL = "x[/]y[red]z:smile:\x1b[31m\x9b1m\x07\r\u202e\udc80."
"""Markup that closes nothing, a colour, a smiley, ESC, C1, a bell, a return, a turn of direction, half of a pair."""
SHOWN = "x[/]y[red]z:smile:\\x1b[31m\\x9b1m\\x07\\x0d\\u202e\\udc80."

SETTINGS = {
    "PRIMARY_REGION": ILL,
    "SECONDARY_REGION": f"{ILL}2",
    "STACK_POSTFIX": "1",
    "UUID": "5f0c2a",
    "LEDGER_TABLE": ILL,
    "LOOK_QUEUE_URL": ILL,
    "IOT_ENDPOINT_PRIMARY": ILL,
    "IOT_ENDPOINT_SECONDARY": ILL,
    "DYNAMODB_GLOBAL_TABLE": ILL,
    "DYNAMODB_SHADOW_TABLE": ILL,
    "RULE_ERROR_QUEUE_URL": ILL,
    "SHADOW_RULE_ERROR_QUEUE_URL": ILL,
    "SECONDARY_BUCKET": ILL,
}
CHECKS = (failure(ILL, ILL, ILL, [ILL]), warning(ILL, ILL, ILL))
RUN = FleetRun(ILL, apply=True, at_once=1, kind=Kind.THING, listed={Kind.THING: 1})
STATE = RunState(ILL, "FAILED", 0, RUN, {Kind.THING: RequestsDone(1, failed=1)}, ILL)
DRY = RunState(ILL, "SUCCEEDED", 0, FleetRun(ILL, apply=False, at_once=1, listed={Kind.THING: 1}))


@dataclass
class Engine:
    """Plays a sync, a restore and a verification."""

    taken_up = resumed = True
    differing = 2

    def plan(self) -> Planned:
        return Planned(Counter({(Kind.THING, Step.CREATE): 1, (Kind.THING, Step.LEAVE): 1}))

    def apply(self) -> SyncProgress:
        return SyncProgress({Kind.THING: 1}, {Kind.THING: 1}, failed=1)

    def problems(self) -> Iterator[ChangeResult]:
        yield ChangeResult(thing_key(ILL), Ending.FAILED, ILL)

    def uses(self) -> Mapping[str, Any]:
        return {}

    @property
    def calls(self) -> Mapping[str, Mapping[str, int]]:
        return {ILL: {ILL: 1}}

    def read(self) -> None: ...

    def differences(self, *, same: bool = False) -> Iterator[Difference]:
        yield Difference(thing_key(ILL), Sigil.DIFFERENT, ILL, desired=a_thing(ILL, {ILL: ILL}), actual=a_thing(ILL))
        yield Difference(group_membership_key(ILL, ILL), Sigil.UNREADABLE, ILL)

    def numbers(self) -> Mapping[Kind, Numbers]:
        return {Kind.THING: Numbers(1, 1, {Sigil.DIFFERENT: 1})}

    def notes(self) -> list[str]:
        return [ILL]


@dataclass
class Cloud:
    """Plays a sync in the account."""

    told: RunState

    def start(self, **_: object) -> str:
        return ILL

    def state(self, _: str) -> RunState:
        return self.told

    ended = state

    def newest(self) -> str:
        return ILL

    def failures(self, _: RunState) -> Iterator[FailedRequest]:
        yield FailedRequest(thing_key(ILL), ILL)

    def pace(self) -> Pace:
        return Pace(10, ((ILL, ILL),), ILL)


ITEM = LedgerItem(thing_key(ILL), State.FAILED, ILL, since=0)
LEADERSHIP = Leadership(Control(ILL, by=ILL, why=ILL), Fence(by=ILL, why=ILL))
NAMES = NameAnswers({ILL: NameAnswer(ILL, 1), f"{ILL}2": Unread(ILL)})
OVERVIEW = StatusView(
    at=1,
    backlog=Backlog(2, (Group(ILL, ILL, 1),), (ITEM,)),
    leadership=LEADERSHIP,
    stacks=(LaunchedStack(ILL, ILL, ILL, {"SolutionVersion": ILL}),),
    lags=Unread(ILL),
    streams=Unread(ILL),
    requests={ILL: 1},
    queues={ILL: 1},
    drift=Unread(ILL),
    names=NAMES,
    domains={ILL: FleetDomain(ILL, enabled=True)},
)


class OrderedFailover:
    """A failover of which everything is told in the same text."""

    region = other = ILL

    def read(self) -> Leadership:
        return LEADERSHIP

    def stands(self, _: Leadership) -> bool:
        return False

    def losses(self) -> Losses:
        return Losses(Unread(ILL), Unread(ILL), Unread(ILL), Unread(ILL), {ILL: Unread(ILL)})

    def order(self, _known: Leadership, _by: str, _why: str, progress: Any) -> FailoverResult:
        progress.step(ILL)
        return FailoverResult(ILL, ILL, LEADERSHIP, changed=True, untold=ILL)

    def follow(self, result: FailoverResult, _seconds: float, progress: Any, *, evict: bool) -> FailoverResult:
        assert evict
        progress.begin(ILL, 2)
        progress.advance(1)
        counts = DeviceCounts(Unread(ILL), Unread(ILL))
        progress.moved(counts, 1.0)
        return replace(
            result,
            followed=True,
            name=NameSeen(NAMES),
            devices=counts,
            evicted=Evicted(1, 1, (ILL,)),
            not_evicted=ILL,
            fenced=True,
        )


class PlannedFailback:
    """A failback of which everything is told in the same text."""

    shown = ILL
    uses = dict

    def make_plan(self) -> PlanNumbers:
        return PlanNumbers(Counter({(Kind.THING, FailbackVerdict.CONFLICT): 1}))

    def rows(self) -> Iterator[PlannedRow]:
        found = (Thing(ILL, {ILL: ILL}), Thing(ILL, {ILL: "other"}))
        yield PlannedRow(thing_key(ILL), Decision(FailbackVerdict.CONFLICT, ILL), found[0], found[1], found[1])

    open_rows = rows

    def apply(self, _accept: str, *, switch: bool) -> FailbackResult:
        assert not switch
        problems = (ChangeResult(thing_key(ILL), Ending.FAILED, ILL),)
        checked = Checked(((thing_key(ILL), ILL),), 1)
        return FailbackResult(FailbackStep.CHECK, ILL, problems, checked, ILL, (), (ILL,))


class PlannedAdoption:
    """An adoption of which everything is told in the same text."""

    choice = AdoptionChoice((Kind.THING,), differing=True)

    def read(self) -> None: ...

    def plan(self) -> AdoptionPlan:
        numbers = Counter({(Kind.THING, AdoptionStanding.DIFFERS): 1, (Kind.THING, AdoptionStanding.UNREADABLE): 1})
        return AdoptionPlan(numbers, 1, ILL)

    def rows(self) -> Iterator[AdoptionRow]:
        found = (a_thing(ILL, {ILL: ILL}), a_thing(ILL))
        yield AdoptionRow(thing_key(ILL), AdoptionStanding.DIFFERS, "", *found)
        yield AdoptionRow(thing_key(ILL), AdoptionStanding.UNREADABLE, ILL)

    def apply(self, _accept: str) -> AdoptionResult:
        return AdoptionResult(1, 1, [ChangeResult(thing_key(ILL), Ending.LEFT, ILL)])


@contextmanager
def adopting(*_: object) -> Iterator[PlannedAdoption]:
    yield PlannedAdoption()


@contextmanager
def failing_back(_settings: object, _place: object, watch: Any, way: Any) -> Iterator[PlannedFailback]:
    watch.step(ILL)
    way.step(ILL)
    yield PlannedFailback()


@contextmanager
def failing_over(*_: object) -> Iterator[OrderedFailover]:
    yield OrderedFailover()


@contextmanager
def engine(*_: object) -> Iterator[Engine]:
    yield Engine()


@contextmanager
def launching(_: object, progress: Any, _profile: str) -> Iterator[None]:
    progress.step(ILL)
    progress.event(StackEvent(ILL, ILL, ILL, ILL, ILL, "CREATE_FAILED", ILL))
    raise ConfigurationError(ILL)
    yield


def proving(_environment: object, _order: object, progress: Any, announce: Callable[[str], object], _: str) -> Proved:
    announce(ILL)
    progress.begin(ILL, 1)
    progress.advance(1)
    return Proved(ILL, CHECKS, (ILL,))


def publishing(_distribution: object, _regions: object, _assets: object, watcher: Any, _profile: str) -> Publication:
    watcher.comparing(Bucket(ILL, ILL, made=True))
    return Publication((Bucket(ILL, ILL, made=True),), (ILL,), 1, ILL, ILL)


@pytest.fixture
def arranged(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    letters = (
        Letter(DeadLetterSource.RULE_ERRORS, ILL, ILL, ILL, ILL),
        Letter(DeadLetterSource.STREAM_RECORDS, ILL, problem=ILL),
    )
    # What is shown here would be refused as a Region's name.
    monkeypatch.setattr("iot_dr.runtime.regions.check_region", lambda *_: None)
    monkeypatch.setattr(doctor, "consult", lambda *_: CHECKS)
    monkeypatch.setattr(applying, "open_sync", engine)
    monkeypatch.setattr(restore, "open_restore", engine)
    monkeypatch.setattr(verify, "open_verification", engine)
    monkeypatch.setattr(in_cloud, "open_cloud_sync", lambda *_: Cloud(STATE))
    monkeypatch.setattr(snapshot, "take_snapshot", lambda *_: TakenSnapshot(Manifest(ILL, ILL, 1, 2, {ILL: 1}), ILL))
    monkeypatch.setattr(status, "status_of", lambda *_: DeviceStanding(thing_key(ILL), ITEM, (ILL,)))
    monkeypatch.setattr(status, "watched", lambda *_: lambda _: OVERVIEW)
    monkeypatch.setattr(prove, "prove", proving)
    monkeypatch.setattr(failover, "open_failover", failing_over)
    monkeypatch.setattr(failback, "open_failback", failing_back)
    monkeypatch.setattr(adopt, "open_adoption", adopting)
    monkeypatch.setattr(publish, "publish_build", publishing)
    monkeypatch.setattr(launch, "launcher", launching)
    for name in ("rule_errors", "shadow_rule_errors", "stream_records"):
        monkeypatch.setattr(replay, f"replay_{name}", lambda *_, **__: letters)
    return monkeypatch


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, words, env=SETTINGS, prog_name="iot-dr", catch_exceptions=False)


COMMANDS = [
    ("doctor",),
    ("sync", "--profile", ILL),
    ("sync", "--apply"),
    ("repair", "--select", ILL),
    ("restore", ILL, "--thing", ILL),
    ("restore", ILL, "--apply"),
    ("snapshot", ILL),
    ("verify", "--select", ILL),
    ("sync", "--follow", ILL),
    ("sync", "--redrive"),
    ("status",),
    ("status", "--device", ILL),
    (
        *("failover", "--to", f"{ILL}2", "--evict", "--yes", "--fleet-name", ILL),
        *("--dynamodb-global-table", ILL, "--iot-endpoint-secondary", ILL),
    ),
    ("failback",),
    ("failback", "--apply"),
    ("adopt",),
    ("adopt", "--apply"),
    ("prove", "-n", "1"),
    ("replay",),
    ("launch", *(word for name in ("bucket-resources", "solution-name", "version") for word in (f"--{name}", ILL))),
    (
        *("publish", "--bucket-prefix", "acme", "--solution-name", "n", "--version", "v1.0.0"),
        *("--primary-region", "us-east-1", "--secondary-region", "us-west-2"),
    ),
]


def unsafe(text: str) -> set[str]:
    return {one for one in text if one != "\n" and (ord(one) < 32 or 127 <= ord(one) < 160 or one in "\u202e\udc80")}


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_every_command_shows_a_text_as_it_is(arranged: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    result = run(*words)

    assert unsafe(result.output) == set()
    # A table folds long texts.
    assert SHOWN[:9] in result.output
    assert result.exit_code in {0, 1, 2}


@pytest.mark.parametrize("words", [one for one in COMMANDS if one[0] != "launch"], ids=lambda words: words[0])
def test_what_scripts_get_is_plain_too(arranged: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    assert unsafe(run(*words, "--format", "json").stdout) == set()


def test_an_estimate_shows_what_limits_it_as_it_is(arranged: pytest.MonkeyPatch) -> None:
    arranged.setattr(in_cloud, "open_cloud_sync", lambda *_: Cloud(DRY))

    result = run("sync", "--in-cloud", "--profile", ILL)

    assert unsafe(result.output) == set()
    assert result.output.count(SHOWN[:9]) >= 4


@pytest.mark.parametrize("error", [IotDrError(ILL), ConfigurationError(ILL), OSError(5, ILL)])
def test_an_error_is_shown_as_it_is(arranged: pytest.MonkeyPatch, error: Exception) -> None:
    def failing(*_: object) -> None:
        raise error

    arranged.setattr(doctor, "consult", failing)
    result = run("doctor")

    assert (result.exit_code, unsafe(result.output)) == (2, set())
    assert SHOWN in result.stderr


def test_wrong_use_is_shown_as_it_is() -> None:
    result = run("doctor", f"--{ILL}")

    assert (result.exit_code, unsafe(result.output)) == (2, set())


@given(st.text())
@example(ILL)
@example("[/]")
def test_no_text_acts_on_a_terminal_whatever_prints_it(text: str) -> None:
    file = StringIO()
    screen = Screen()
    screen.file = file
    shown = table("Name")
    shown.add_row(text)
    screen.print(text, soft_wrap=True)
    screen.print(shown)

    assert unsafe(file.getvalue()) == set()
    assert visible(visible(text)) == visible(text)
