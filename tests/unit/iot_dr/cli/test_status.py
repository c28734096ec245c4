from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from iot_dr.cli import status as module
from iot_dr.cli.main import cli
from iot_dr.errors import ConfigurationError
from iot_dr.model.keys import Key, policy_key, thing_key
from iot_dr.model.ledger_items import LedgerItem
from iot_dr.model.outcomes import State
from iot_dr.runtime.status import StatusEnvironment
from iot_dr.services.status import Backlog, Group, Standing

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


def run(monkeypatch: pytest.MonkeyPatch, answer: Any, *arguments: str, **environ: str | None) -> Result:
    def answering(*_: object) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(module, "status_of", answering)
    monkeypatch.setattr(module, "status_of_all", answering)
    monkeypatch.setattr(module, "now", lambda: NOW)
    return CliRunner().invoke(cli, ["status", *arguments], env={**TOOLSRC, **environ})


def told(result: Result) -> dict[str, str]:
    """The lines of a table of two columns."""
    pairs = (line.split("  ", 1) for line in result.stdout.splitlines() if "  " in line)
    return {name.strip(): value.strip() for name, value in pairs}


def test_a_device_in_sync_exits_0_and_says_since_when_with_which_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, Standing(THING, IN_SYNC, ("abc",)), "--device", "pump-17")

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
    result = run(monkeypatch, Standing(THING, FAILED, ()), "--device", "pump-17")

    lines = told(result)
    assert result.exit_code == 1
    assert lines["Why"] == "InvalidResource: not today"
    assert lines["Attempts"] == "3"
    assert lines["Next attempt"] == "2025-11-24 16:03:00 UTC, in 3 min"
    assert lines["Certificates"] == "none in the secondary Region"


def test_a_device_that_nobody_knows_exits_1_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, Standing(THING, None), "--device", "pump-17")

    assert result.exit_code == 1
    assert told(result)["State"] == "unknown"
    assert "the ledger does not know it" in result.stdout


def test_certificates_that_cannot_be_read_are_told_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, Standing(THING, IN_SYNC, unreadable="no right"), "--device", "pump-17")

    assert told(result)["Certificates"] == "cannot be read: no right"


def test_json_says_the_same_to_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, Standing(THING, IN_SYNC, ("abc",)), "--device", "pump-17", "--format", "json")

    assert json.loads(result.stdout) == {
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
    result = run(monkeypatch, Standing(THING, None), "--device", "pump-17", "--format", "json")

    answer = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (answer["state"], answer["certificates"]) == ("unknown", None)
    assert answer["reason"]


def test_any_resource_can_be_asked_for_by_its_key_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []

    def status_of(key: Key, environment: StatusEnvironment) -> Standing:
        asked.extend((key, environment))
        return Standing(key, LedgerItem(key, State.IN_SYNC))

    monkeypatch.setattr(module, "status_of", status_of)
    result = CliRunner().invoke(cli, ["status", "--resource", "policy#pumps"], env=TOOLSRC)

    assert result.exit_code == 0
    assert asked == [policy_key("pumps"), StatusEnvironment("us-west-2", "ledger")]


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        (("--resource", "pump-17"), "is none of"),
        (("--resource", "thing_principal#pump-17#abc"), "never looked at by itself"),
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
        "settings with `. ./toolsrc`, set the variable or give the option\n"
    )


def test_what_stands_in_the_way_is_one_line_and_exit_2(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, ConfigurationError("there is no ledger x"))

    assert (result.exit_code, result.stderr) == (2, "error: there is no ledger x\n")


def test_nothing_waiting_exits_0(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, NOTHING)

    assert (result.exit_code, result.stdout) == (0, "Nothing waits.\n")


def many() -> Backlog:
    long = "InvalidResource: " + "what AWS had to say about this device at length " * 3
    items = [
        LedgerItem(thing_key(f"{'a-very-long-name-' * 4}{one}"), State.FAILED, long, since=NOW - one * MINUTE)
        for one in range(20)
    ]
    groups = (Group("failed", long, 30), Group("pending", "no certificate yet", 1))
    return Backlog(31, groups, tuple(items))


def test_what_waits_exits_1_and_fits_a_hundred_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, many(), COLUMNS="250")

    assert result.exit_code == 1
    assert "31 wait; the oldest 20:" in result.stdout
    assert "no certificate yet" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 100


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
