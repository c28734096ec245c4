"""The command as an operator types it, with AWS's answers over the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.main import cli
from iot_dr.cli.view.failback import FailbackWatch
from iot_dr.model.registry.keys import Kind
from iot_dr.model.sync.progress import SyncProgress
from iot_dr.services.failback import failback as service
from tests.account import LAUNCH, LEDGER, Account, served
from tests.builders import PRIMARY, SECONDARY
from tests.endpoint import Answer, Request
from tests.failover_fakes import ENDPOINTS, FLEET

ENVIRONMENT = {
    "PRIMARY_REGION": PRIMARY,
    "SECONDARY_REGION": SECONDARY,
    "LEDGER_TABLE": LEDGER,
    "DYNAMODB_GLOBAL_TABLE": LAUNCH.global_table,
    "STACK_POSTFIX": LAUNCH.postfix,
    "UUID": LAUNCH.uuid,
    "IOT_ENDPOINT_PRIMARY": ENDPOINTS[PRIMARY],
}
CONTROL = {"resource": {"S": "iot-dr#control"}, "event_id": {"S": "control"}}
PRIMARY_FENCE = {"resource": {"S": "iot-dr#fence"}, "event_id": {"S": "primary"}}
LEADS = {"resource": {"S": "iot-dr#fence"}, "role": {"S": "leads"}, "epoch": {"N": "2"}}


class FailedOver(Account):
    """An account whose secondary leads, and whose items keep what is written."""

    def __init__(self) -> None:
        super().__init__(ReplicateShadows="none", CertificateMode="copy")
        self.leader = SECONDARY
        self.primary_fence: dict[str, Any] = {}
        self.answering = self._asked

    def _asked(self, request: Request) -> Answer | None:
        tables = request.body.get("RequestItems", {}) if isinstance(request.body, dict) else {}
        if request.operation == "BatchGetItem" and LAUNCH.global_table in tables:
            control = {**CONTROL, "leader": {"S": self.leader}, "mode": {"S": "pinned"}, "epoch": {"N": "2"}}
            if request.region == PRIMARY:
                fence = [{**PRIMARY_FENCE, **self.primary_fence}] if self.primary_fence else []
                return Answer({"Responses": {LAUNCH.global_table: [control, *fence]}})
            return Answer({"Responses": {LAUNCH.global_table: [control], LEDGER: [LEADS]}})
        if request.operation == "UpdateItem" and request.body["Key"] == PRIMARY_FENCE:
            values = request.body["ExpressionAttributeValues"]
            self.primary_fence = {name: values[f":{name}"] for name in ("role", "epoch")}
            return Answer()
        return None


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[FailedOver]:
    with served(FailedOver(), monkeypatch) as found:
        assert isinstance(found, FailedOver)
        yield found


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "BETWEEN_SECONDS", 0.0)


def run(*arguments: str, typed: str | None = None, **environ: str) -> Result:
    return CliRunner().invoke(cli, ["failback", "--unpaced", *arguments], input=typed, env={**ENVIRONMENT, **environ})


def test_where_both_regions_hold_the_same_nothing_differs(account: FailedOver) -> None:
    result = run()

    assert (result.exit_code, result.stdout) == (0, "Nothing differs.\n"), result.output
    assert account.writes() == []


def test_a_plan_is_shown_by_kind_and_says_how_it_is_applied(account: FailedOver) -> None:
    account.put_things(SECONDARY, "born-there")

    result = run()

    assert result.exit_code == 1, result.output
    assert "old: create" in result.stdout
    assert "failback --unpaced --apply" in result.stdout
    assert account.writes() == []


def test_both_sides_of_a_conflict_are_shown(account: FailedOver) -> None:
    account.owned = True
    for region, site in ((SECONDARY, "south"), (PRIMARY, "late")):
        account.put_things(region, "pump-1")
        account.held[region, "/things"]["things"][0]["attributes"] = {"site": site}

    result = run()

    assert result.exit_code == 1, result.output
    assert "thing#pump-1" in result.stdout
    assert all(word in result.stdout for word in ("attributes", "south", "late", "--prefer leader"))
    told = json.loads(run("--format", "json").stdout)
    assert told["undecided"] == [
        {
            "resource": "thing#pump-1",
            "step": "conflict",
            "reason": "attributes differs, and the state before was not noted",
            "leader": {"attributes": {"site": "south"}},
            "old": {"attributes": {"site": "late"}},
        }
    ]
    assert told["steps"] == [{"kind": "thing", "step": "conflict", "number": 1}]
    assert told["rows"][0]["resource"] == "thing#pump-1"


def test_what_was_shown_is_applied(account: FailedOver) -> None:
    account.put_things(SECONDARY, "born-there")
    digest = json.loads(run("--format", "json").stdout)["plan"]

    def made(request: Request) -> Answer | None:
        if request.operation.startswith("POST /things/born-there"):
            account.put_things(PRIMARY, "born-there")
        return account._asked(request)

    account.answering = made
    result = run("--apply", "--accept", digest, "--format", "json")

    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["complete"] is True
    assert told["done"] == ["snapshot", "follow", "bring", "late", "check"]
    assert account.writes() == [("POST /things/born-there", PRIMARY)]
    assert account.primary_fence["role"] == {"S": "follows"}
    assert (Path(told["snapshot"]) / "snapshot.json").is_file()
    noted = [one for one in account.calls("TransactWriteItems") if "digest" in json.dumps(one.body)]
    assert [one.region for one in noted] == [SECONDARY]


def test_another_plan_is_refused(account: FailedOver) -> None:
    account.put_things(SECONDARY, "born-there")
    run()

    result = run("--apply", "--accept", "0123456789abcdef")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "0123456789abcdef" in result.stderr
    assert account.writes() == []


def test_without_a_plan_nothing_is_applied(account: FailedOver) -> None:
    result = run("--apply")

    assert result.exit_code == 2
    assert "make one with `iot-dr failback`" in result.stderr
    assert account.writes() == []


def test_while_the_primary_leads_there_is_nothing_to_fail_back_from(account: FailedOver) -> None:
    account.leader = PRIMARY

    result = run()

    assert (result.exit_code, result.stdout) == (2, "")
    assert "control item says us-east-1" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "environ", "why"),
    [
        (("--switch",), {}, "go with --apply"),
        (("--accept", "0a"), {}, "go with --apply"),
        (("--apply", "--switch"), {}, "give --yes"),
        (("--apply", "--prefer", "both"), {}, "'both' is not one of"),
        (("--apply", "--switch", "--yes"), {"FLEET_NAME": FLEET, "IOT_ENDPOINT_PRIMARY": ""}, "IOT_ENDPOINT_PRIMARY"),
        ((), {"LEDGER_TABLE": ""}, "LEDGER_TABLE"),
    ],
)
def test_what_does_not_fit_is_refused_before_aws_is_asked(
    account: FailedOver, arguments: tuple[str, ...], environ: dict[str, str], why: str
) -> None:
    result = run(*arguments, **environ)

    assert result.exit_code == 2
    assert why in result.stderr
    assert account.requests == []


@pytest.mark.parametrize(("typed", "code"), [("us-west-2\n", 2), ("\n", 2)])
def test_the_switch_is_asked_for_by_the_old_primarys_name(
    account: FailedOver, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    monkeypatch.setattr("iot_dr.cli.commands.failover.failback.at_a_terminal", lambda: True)

    result = run("--apply", "--switch", typed=typed)

    assert result.exit_code == code
    assert "is not us-east-1; nothing was changed" in result.stderr
    assert account.requests == []


def test_what_failed_is_told_with_how_to_go_on(account: FailedOver) -> None:
    account.put_things(SECONDARY, "born-there")
    run()
    invalid = Answer({"message": "no such type"}, 400, "InvalidRequestException")
    asked = account.answering
    account.answering = lambda one: invalid if one.operation.startswith("POST /things/") else asked(one)

    result = run("--apply")

    assert result.exit_code == 1, result.output
    assert "Stopped at bring" in result.stdout
    assert "thing#born-there" in result.stdout


def test_the_time_that_is_left_has_the_reading_that_ends_it() -> None:
    now = [0.0]
    watch = FailbackWatch(lambda: now[0])
    watch.step("Writing the old primary down")
    watch.begin("lists", 100)
    now[0] = 60.0
    watch.advance(100, 0)

    watch.step("Writing the plan into the old primary")
    watch.reached(SyncProgress({Kind.THING: 130}, {Kind.THING: 0}))
    now[0] = 70.0
    watch.reached(SyncProgress({Kind.THING: 130}, {Kind.THING: 10}))

    # 120 changes at 1/s, and a reading that takes a minute as the snapshot did.
    assert watch.line().endswith("10 of 130 changes, 1.0/s, about 3 min left until both Regions are equal")
