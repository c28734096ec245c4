from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from docs.schemas import SCHEMAS
from iot_dr.cli.commands import status as module
from iot_dr.cli.main import cli
from iot_dr.errors import ConfigurationError
from iot_dr.model.failover.control import Control, Mode, ReplicationState
from iot_dr.model.failover.fence import Fence, FenceRole, Leadership
from iot_dr.model.failover.names import FleetDomain, NameAnswer, NameAnswers
from iot_dr.model.launch.launched_stacks import LaunchedStack
from iot_dr.model.registry.keys import Key, policy_key, thing_key
from iot_dr.model.replication.ledger_items import LedgerItem
from iot_dr.model.replication.outcomes import State
from iot_dr.model.status.status_parts import Drift, Lag, StreamAge, Unread
from iot_dr.runtime.commands.status import StatusEnvironment
from iot_dr.services.status.status import Backlog, Group, ResourceStatus
from iot_dr.services.status.status_view import StatusView
from tests.unit.iot_dr.cli.forms import faults

NOW = 1_764_000_000_000
MINUTE = 60_000
TOOLSRC = {"SECONDARY_REGION": "us-west-2", "LEDGER_TABLE": "ledger"}
THING = thing_key("pump-17")
FAILED = LedgerItem(
    THING,
    State.FAILED,
    "InvalidResource: not today",
    since=NOW - 5 * MINUTE,
    checked_at=NOW - MINUTE,
    attempts=3,
    next_attempt=NOW + 3 * MINUTE,
)
IN_SYNC = LedgerItem(
    THING, State.IN_SYNC, since=NOW - 5 * MINUTE, applied_at=NOW - MINUTE, lag=512, event_id="e-1", owned=True
)
NOTHING = Backlog(0, (), ())


def overview(backlog: Backlog = NOTHING, **parts: Any) -> StatusView:
    """An overview in which all is told and nothing is wrong."""
    whole = StatusView(
        at=NOW,
        backlog=backlog,
        leadership=Leadership(Control("us-east-1"), Fence()),
        stacks=(LaunchedStack("us-west-2", "IoTDRSecondary1", "CREATE_COMPLETE", {"SolutionVersion": "v1.0.0"}),),
        lags=(Lag("thing", 3, 412.0, 600.0, 700.0, 90, 1200.0, 1500.0),),
        streams=(StreamAge("StartReplicationFunction", 250.0), StreamAge("ReplicateShadowsFunction", None)),
        requests={"LookQueue": 0, "BackgroundQueue": 1200},
        queues={"RuleErrorQueue": 0},
        drift=Drift(NOW - 5 * MINUTE, 0),
    )
    return replace(whole, **parts)


def run(monkeypatch: pytest.MonkeyPatch, answer: Any, *arguments: str, **environ: str | None) -> Result:
    def answering(*_: object) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    def watched(*_: object) -> Any:
        def read(_: object) -> StatusView:
            found = answering()
            return found if isinstance(found, StatusView) else overview(found)

        return read

    monkeypatch.setattr(module, "status_of", answering)
    monkeypatch.setattr(module, "watched", watched)
    monkeypatch.setattr(module, "now", lambda: NOW)
    return CliRunner().invoke(cli, ["status", *arguments], env={**TOOLSRC, **environ})


def told(result: Result) -> dict[str, str]:
    """The lines of a table of two columns."""
    pairs = (line.split("  ", 1) for line in result.stdout.splitlines() if "  " in line)
    return {name.strip(): value.strip() for name, value in pairs}


def listed(monkeypatch: pytest.MonkeyPatch, *arguments: str, found: tuple[LedgerItem, ...] = (FAILED,)) -> Result:
    def waiting(_where: object, states: tuple[State, ...], _profile: str) -> Iterator[LedgerItem]:
        return (item for item in found if not states or item.state in states)

    monkeypatch.setattr(module, "waiting_of", waiting)
    return run(monkeypatch, NOTHING, "--list", *arguments)


def test_all_that_waits_is_listed_a_line_each_for_people_and_for_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    people, programs = listed(monkeypatch, "all"), listed(monkeypatch, "failed", "--format", "json")

    (line,) = people.stdout.splitlines()
    assert line.startswith(
        "failed  thing#pump-17  since 2025-11-24 15:55:00 UTC, 5 min ago  InvalidResource: not today"
    )
    assert [json.loads(one)["resource"] for one in programs.stdout.splitlines()] == ["thing#pump-17"]
    assert faults(json.loads(programs.stdout), SCHEMAS["status-line"]) == []
    assert (people.exit_code, programs.exit_code) == (1, 1)


def test_where_nothing_waits_the_list_is_empty_and_exits_0(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = listed(monkeypatch, "held")

    assert (nothing.exit_code, nothing.stdout) == (0, "Nothing waits.\n")


@pytest.mark.parametrize("other", [("--thing", "pump-17"), ("--watch",)])
def test_a_list_is_of_everything_and_told_once(monkeypatch: pytest.MonkeyPatch, other: tuple[str, ...]) -> None:
    assert listed(monkeypatch, "all", *other).exit_code == 2


def test_a_device_in_sync_exits_0_and_says_since_when_with_which_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, ResourceStatus(THING, IN_SYNC, ("abc",)), "--device", "pump-17")

    lines = told(result)
    assert result.exit_code == 0
    assert lines["Resource"] == "thing#pump-17"
    assert lines["State"] == "in_sync"
    assert lines["Since"] == "2025-11-24 15:55:00 UTC, 5 min ago"
    assert lines["Lag of that change"] == "0.512 s"
    assert lines["Certificates"] == "abc"
    assert "Attempts" not in lines


def test_a_device_that_failed_exits_1_and_says_why_and_when_it_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = run(monkeypatch, ResourceStatus(THING, FAILED, ()), "--device", "pump-17")

    lines = told(result)
    assert result.exit_code == 1
    assert lines["Why"] == "InvalidResource: not today"
    assert lines["Attempts"] == "3"
    assert lines["Next attempt"] == "2025-11-24 16:03:00 UTC, in 3 min"
    assert lines["Certificates"] == "none in the secondary Region"


def test_a_device_that_nobody_knows_exits_1_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, ResourceStatus(THING, None), "--device", "pump-17")

    assert result.exit_code == 1
    assert told(result)["State"] == "unknown"
    assert "the ledger does not know it" in result.stdout


def test_certificates_that_cannot_be_read_are_told_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, ResourceStatus(THING, IN_SYNC, unreadable="no right"), "--device", "pump-17")

    assert told(result)["Certificates"] == "cannot be read: no right"


def test_json_says_the_same_to_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, ResourceStatus(THING, IN_SYNC, ("abc",)), "--device", "pump-17", "--format", "json")

    assert json.loads(result.stdout) == {
        "version": 1,
        "resource": "thing#pump-17",
        "state": "in_sync",
        "reason": "",
        "since": "2025-11-24T15:55:00.000Z",
        "checked_at": None,
        "applied_at": "2025-11-24T15:59:00.000Z",
        "lag_ms": 512,
        "attempts": 0,
        "next_attempt": None,
        "event_id": "e-1",
        "owned": True,
        "certificates": ["abc"],
    }


def test_json_of_what_nobody_knows_has_its_state_and_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, ResourceStatus(THING, None), "--device", "pump-17", "--format", "json")

    answer = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (answer["state"], answer["certificates"]) == ("unknown", None)
    assert answer["reason"]


def test_any_resource_can_be_asked_for_by_its_key_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []

    def status_of(key: Key, environment: StatusEnvironment, profile: str) -> ResourceStatus:
        asked.extend((key, environment))
        return ResourceStatus(key, LedgerItem(key, State.IN_SYNC))

    monkeypatch.setattr(module, "status_of", status_of)
    result = CliRunner().invoke(cli, ["status", "--resource", "policy#pumps"], env=TOOLSRC)

    assert result.exit_code == 0
    assert asked == [policy_key("pumps"), StatusEnvironment("us-west-2", "ledger")]


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        (("--resource", "pump-17"), "is none of"),
        (("--resource", "thing#a", "--device", "a"), "give either"),
    ],
)
def test_wrong_use_exits_2_and_says_what_is_right(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], mend: str
) -> None:
    result = run(monkeypatch, AssertionError("asked"), *arguments)

    assert result.exit_code == 2
    assert mend in result.stderr


def test_without_settings_all_that_is_missing_is_named_with_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, AssertionError("asked"), SECONDARY_REGION=None, LEDGER_TABLE=None)

    assert result.exit_code == 2
    assert result.stderr == (
        "error: missing: SECONDARY_REGION (--secondary-region), LEDGER_TABLE (--ledger-table); read the launch's "
        "settings with `. ./toolsrc` or --settings, name it by --launch, set the variable or give the option (no "
        "launch was found by itself: no launch has a stack in us-east-1)\n"
    )


def test_what_stands_in_the_way_is_one_line_and_exit_2(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, ConfigurationError("there is no ledger x"))

    assert (result.exit_code, result.stderr) == (2, "error: there is no ledger x\n")


def test_nothing_waiting_exits_0(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, NOTHING)

    assert result.exit_code == 0
    assert result.stdout.endswith("Nothing waits.\n")


@pytest.mark.parametrize(
    ("records", "told_as"),
    [(0, "none"), (1, "kept stream records 1"), (Unread("no right"), "kept stream records: cannot tell: no right")],
)
def test_dead_letters_are_none_only_if_none_is_kept_anywhere(
    monkeypatch: pytest.MonkeyPatch, records: int | Unread, told_as: str
) -> None:
    assert told(run(monkeypatch, overview(records=records)))["Dead letters"] == told_as


def test_the_whole_is_told_at_a_glance_within_a_hundred_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(
        monkeypatch,
        overview(drift=Drift(NOW - 5 * MINUTE, 1200), queues={"RuleErrorQueue": 2}, records=1),
        COLUMNS="250",
    )

    lines = told(result)
    assert (lines["Leader"], lines["Replication"]) == ("us-east-1 (health checks decide), epoch 0", "active")
    assert lines["Fence"] == "secondary follows, epoch 0"
    assert "Held" not in lines
    assert lines["Stacks"] == "IoTDRSecondary1 v1.0.0 CREATE_COMPLETE in us-west-2"
    assert lines["Streams"] == "StartReplicationFunction 0.250 s behind"
    assert lines["Requests waiting"] == "LookQueue 0, BackgroundQueue 1,200"
    assert lines["Dead letters"] == "RuleErrorQueue 2, kept stream records 1"
    assert lines["Last verify"] == "5 min ago: 1,200 differ"
    assert [line.split() for line in result.stdout.splitlines() if line.startswith("thing ")] == [
        ["thing", "3", "0.412", "0.600", "0.700", "90", "1.200", "1.500"]
    ]
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_a_part_that_cannot_be_told_says_why_and_the_rest_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    unread: dict[str, Any] = dict.fromkeys(
        ("leadership", "stacks", "lags", "streams", "requests", "queues", "drift", "names"), Unread("you lack a right")
    )

    result = run(monkeypatch, overview(**unread))

    assert result.exit_code == 0
    assert result.stdout.count("cannot tell: you lack a right") == 8
    assert "Nothing waits." in result.stdout


def test_what_was_never_measured_nor_verified_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, overview(lags=(), drift=None))

    assert "no change in three hours" in result.stdout
    assert told(result)["Last verify"] == "none of the whole fleet on this machine; run `iot-dr verify`"


def test_a_suspended_replication_is_told_with_the_region_that_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    control = Control("us-west-2", Mode.PINNED, replication=ReplicationState.SUSPENDED)
    lines = told(run(monkeypatch, overview(leadership=Leadership(control, Fence()))))

    assert (lines["Leader"], lines["Replication"]) == ("us-west-2 (pinned by an order), epoch 0", "suspended")


def test_a_failover_is_told_with_its_number_its_reason_and_what_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    control = Control("us-west-2", Mode.PINNED, 2, at=NOW - 5 * MINUTE, by="an operator", why="an outage")
    fence = Fence(FenceRole.LEADS, 2, Mode.PINNED, NOW - 5 * MINUTE, "an operator", "an outage")
    held = Backlog(3, (Group("held", "us-west-2 leads", 2), Group("pending", "later", 1)), (FAILED,))

    lines = told(run(monkeypatch, overview(held, leadership=Leadership(control, fence)), COLUMNS="250"))

    assert lines["Leader"].startswith(
        "us-west-2 (pinned by an order), epoch 2, since 2025-11-24 15:55:00 UTC, 5 min ago"
    )
    assert lines["Fence"].startswith("secondary leads, epoch 2, since 2025-11-24 15:55:00 UTC, 5 min ago: an")
    assert lines["Held"] == "2 until the secondary follows again"


def test_what_the_name_servers_answer_and_each_regions_domain_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    names = NameAnswers({"ns-1": NameAnswer("a1b2-ats.iot.us-east-1.amazonaws.com", 30), "ns-2": Unread("silent")})
    domains = {
        "us-east-1": FleetDomain("fleet", enabled=True, certificate_ends=NOW + 24 * 60 * MINUTE),
        "us-west-2": None,
    }
    found = overview(names=names, domains=domains)

    result = run(monkeypatch, found)
    answer = json.loads(run(monkeypatch, found, "--format", "json").stdout)

    lines = told(result)
    assert lines["Name servers"] == "ns-1 a1b2-ats.iot.us-east-1.amazonaws.com, 30 s"
    assert "ns-2 cannot tell: silent" in result.stdout
    assert lines["Domain in us-east-1"].startswith("fleet enabled, its certificate ends 2025-11-25")
    assert lines["Domain in us-west-2"] == "no domain configuration has the fleet's name"
    assert answer["name_servers"]["ns-2"] == {"unread": "silent"}
    assert answer["domains"]["us-east-1"]["enabled"] is True
    assert answer["domains"]["us-west-2"] is None


def test_programs_get_the_whole_too(monkeypatch: pytest.MonkeyPatch) -> None:
    found = overview(queues=Unread("no right"))

    answer = json.loads(run(monkeypatch, found, "--format", "json").stdout)

    assert answer["at"] == "2025-11-24T16:00:00.000Z"
    assert answer["control"] == {
        "leader": "us-east-1",
        "mode": "automatic",
        "epoch": 0,
        "replication": "active",
        "at": None,
        "by": "",
        "why": "",
    }
    assert answer["fence"] == {"role": "follows", "epoch": 0, "mode": "pinned", "since": None, "by": "", "why": ""}
    assert (answer["name_servers"], answer["domains"]) == ({"unread": "the fleet has no name"}, {})
    assert answer["stacks"][0]["version"] == "v1.0.0"
    assert answer["lag_ms"][0]["median"] == 412.0
    assert answer["streams"][1] == {"function": "ReplicateShadowsFunction", "milliseconds": None}
    assert answer["dead_letters"] == {"unread": "no right"}
    assert answer["looks_waiting"] == {"LookQueue": 0, "BackgroundQueue": 1200}
    assert answer["last_verify"] == {"at": "2025-11-24T15:55:00.000Z", "differing": 0}


@pytest.mark.parametrize(("arguments", "requests"), [((), 3), (("--format", "json"), 3)])
def test_it_is_watched_until_ctrl_c_and_then_says_how_it_stood_last(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], requests: int
) -> None:
    answers: list[Any] = [overview(), overview(), many(), KeyboardInterrupt()]

    def watched(*_: object) -> Any:
        def read(_: object) -> Any:
            answer = answers.pop(0)
            if isinstance(answer, KeyboardInterrupt):
                raise answer
            return answer if isinstance(answer, StatusView) else overview(answer)

        return read

    monkeypatch.setattr(module, "watched", watched)
    monkeypatch.setattr(threading.Event, "wait", lambda *_: None)
    result = CliRunner().invoke(cli, ["status", "--watch", *arguments], env=TOOLSRC)

    assert answers == []
    assert result.exit_code == 1
    assert "31" in result.stdout
    if arguments:
        assert [json.loads(line)["waiting"] for line in result.stdout.splitlines()] == [0] * (requests - 1) + [31]


def test_one_device_is_not_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, AssertionError("asked"), "--watch", "--device", "pump-17")

    assert result.exit_code == 2
    assert "--watch shows replication as a whole" in result.stderr


def many() -> Backlog:
    long = "InvalidResource: " + "what AWS had to say about this device at length " * 3
    items = [
        LedgerItem(thing_key(f"{'a-very-long-name-' * 4}{one}"), State.FAILED, long, since=NOW - one * MINUTE)
        for one in range(20)
    ]
    groups = (Group("failed", long, 30), Group("pending", "no certificate yet", 1))
    return Backlog(31, groups, tuple(items))


def test_what_waits_exits_1_and_fits_a_hundred_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, many(), COLUMNS="100", FORCE_COLOR="1")

    assert result.exit_code == 1
    shown = click.unstyle(result.stdout)
    assert "31 wait; the oldest 20:" in shown
    assert "no certificate yet" in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_json_of_what_waits_has_counts_and_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    backlog = Backlog(1, (Group("failed", "why", 1),), (FAILED,))

    result = run(monkeypatch, backlog, "--format", "json")

    answer = json.loads(result.stdout)
    assert result.exit_code == 1
    assert answer["waiting"] == 1
    assert answer["groups"] == [{"state": "failed", "reason": "why", "number": 1}]
    assert answer["oldest"][0]["next_attempt"] == "2025-11-24T16:03:00.000Z"


def test_a_single_one_that_waits_is_told_in_the_singular(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "It is:" in run(monkeypatch, Backlog(1, (Group("failed", "why", 1),), (FAILED,))).stdout


def test_in_a_pipe_a_name_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"thing#{'a-very-long-name-' * 4}7 " in run(monkeypatch, many(), COLUMNS="60").stdout
