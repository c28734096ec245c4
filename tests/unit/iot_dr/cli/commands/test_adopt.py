"""What `adopt` shows, what it writes, and how it ends; most of it over the wire, where each call is seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.main import cli
from iot_dr.model.registry.keys import Kind
from tests.account import FENCE, LEDGER, VARIABLES, Account, served
from tests.builders import PRIMARY, SECONDARY
from tests.endpoint import Answer, Request

TOOLSRC = {**VARIABLES, "LEDGER_TABLE": LEDGER}
HANGING_ON_PUMP_1 = 5
"""The thing, its certificate, their policy, and what attaches them to each other."""


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Account]:
    """Two Regions that hold the same device, of which the ledger knows nothing."""
    monkeypatch.chdir(tmp_path)
    made = Account(ReplicateShadows="none", CertificateMode="copy")
    for region in (PRIMARY, SECONDARY):
        made.put_device(region)
    with served(made, monkeypatch):
        yield made


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["adopt", *words], env=TOOLSRC, prog_name="iot-dr", catch_exceptions=False)


def asked(*words: str) -> tuple[int, dict[str, Any]]:
    result = run(*words, "--format", "json")
    answer: dict[str, Any] = json.loads(result.stdout)
    return result.exit_code, answer


def differ(account: Account) -> None:
    """Have the thing's attributes differ."""
    for thing in (
        account.held[SECONDARY, "/things"]["things"][0],
        account.held[SECONDARY, "/things/pump-1"],
    ):
        thing["attributes"] = {"site": "south"}


def refusing_adoptions(request: Request) -> Answer | None:
    """Have a worker be at each resource, whenever ownership is to be noted."""
    if request.operation not in ("TransactWriteItems", "UpdateItem"):
        return None
    many = request.operation == "TransactWriteItems"
    return Answer({"__type": "TransactionCanceledException" if many else "ConditionalCheckFailedException"}, 400)


def test_without_apply_it_shows_what_would_be_adopted_and_writes_nothing(account: Account) -> None:
    code, answer = asked()

    assert (code, answer["applied"], answer["chosen"]) == (1, False, HANGING_ON_PUMP_1)
    assert {(one["step"], one["standing"]) for one in answer["resources"]} == {("adopt", "equal")}
    assert {one["kind"] for one in answer["numbers"]} == {one["kind"] for one in answer["resources"]}
    assert account.writes() == []
    assert account.calls("TransactWriteItems") == account.calls("UpdateItem") == []


def test_with_apply_it_writes_the_ledger_of_the_secondary_and_no_registry(account: Account) -> None:
    code, answer = asked("--apply")

    assert (code, answer["done"], answer["left"]) == (0, HANGING_ON_PUMP_1, 0)
    assert account.writes() == []
    written = account.calls("TransactWriteItems")
    tables = {one["Update"]["TableName"] for call in written for one in call.body["TransactItems"]}
    assert ({call.region for call in written}, tables) == ({SECONDARY}, {LEDGER})


def test_what_differs_is_shown_with_both_values_and_adopted_only_by_consent(account: Account) -> None:
    differ(account)

    shown, applied = run().stdout, asked("--apply")[1]
    _, with_differing = asked("--apply", "--differing")

    assert "  leave thing#pump-1 (differs)" in shown
    assert '      attributes.site: secondary "south", primary has none' in shown
    assert (applied["done"], with_differing["done"]) == (HANGING_ON_PUMP_1 - 1, HANGING_ON_PUMP_1)
    assert account.writes() == []


def test_what_only_the_secondary_has_is_named_and_stays(account: Account) -> None:
    account.put_things(PRIMARY)

    result = run("--kind", "thing", "--differing")

    assert result.exit_code == 0
    assert "leave thing#pump-1 (only secondary): the primary does not have it; it stays as it is" in result.stdout
    assert "There is nothing to adopt." in result.stdout


def test_only_chosen_kinds_are_shown_and_without_shadows_none_is_read(account: Account) -> None:
    account.parameters["ReplicateShadows"] = "all"
    account.put_shadow(PRIMARY, "pump-1", {"reported": {"t": 1}})

    _, answer = asked("--kind", "policy", "--kind", "thing")

    assert {one["kind"] for one in answer["resources"]} == {Kind.POLICY, Kind.THING}
    assert not [one for one in account.requests if "shadow" in one.operation.lower()]


def test_shadows_are_shown_too_and_read_one_by_one_even_if_an_earlier_run_read_none(account: Account) -> None:
    account.parameters["ReplicateShadows"] = "all"
    for region in (PRIMARY, SECONDARY):
        account.put_shadow(region, "pump-1", {"reported": {"t": 1}})
    asked("--kind", "thing")

    _, answer = asked("--kind", "shadow")

    assert [(one["resource"], one["standing"]) for one in answer["resources"]] == [("shadow#pump-1", "equal")]


def test_what_was_read_within_the_hour_is_not_read_again(account: Account) -> None:
    asked()
    account.requests.clear()

    asked("--apply")
    assert account.calls("GET /things") == []

    asked("--max-age", "0")
    assert account.calls("GET /things") != []


def test_the_plan_that_was_shown_is_applied_by_its_digest_and_no_other(account: Account) -> None:
    _, shown = asked()

    assert run("--apply", "--accept", "0123456789abcdef").exit_code == 2
    assert account.calls("TransactWriteItems") == []
    assert asked("--apply", "--accept", shown["digest"])[0] == 0


@pytest.mark.parametrize("words", ["--accept 0123456789abcdef", "--release --differing", "--kind nothing"])
def test_options_that_have_no_sense_are_refused(account: Account, words: str) -> None:
    result = run(*words.split())

    assert (result.exit_code, account.requests) == (2, [])


def test_while_the_secondary_leads_it_is_refused(account: Account) -> None:
    account.control = {"serving": SECONDARY}

    result = run("--apply")

    assert (result.exit_code, account.calls("TransactWriteItems")) == (2, [])
    assert "us-west-2 leads" in result.stderr


def test_what_could_not_be_adopted_is_named_with_its_reason(account: Account) -> None:
    account.answering = refusing_adoptions

    result = run("--apply", "--kind", "policy")

    assert result.exit_code == 1, result.stderr
    assert "0 resources are adopted, 1 not. No registry was changed." in result.stdout
    assert "policy#pumps" in result.stdout
    assert "Run `iot-dr adopt --apply --kind policy` again" in result.stdout


def test_an_adoption_is_taken_back_by_release(account: Account) -> None:
    adopted = {"owned_at": {"N": "5"}, "adopted_at": {"N": "5"}}

    def adopting(request: Request) -> Answer | None:
        keys = request.body.get("RequestItems", {}).get(LEDGER, {}).get("Keys", []) if request.body else []
        if request.operation != "BatchGetItem" or {"resource": {"S": FENCE}} in keys:
            return None
        return Answer({"Responses": {LEDGER: [{**key, **adopted} for key in keys]}})

    account.answering = adopting

    code, planned = asked("--release", "--kind", "policy")
    assert (code, planned["release"], [one["step"] for one in planned["resources"]]) == (1, True, ["release"])
    code, done = asked("--release", "--kind", "policy", "--apply")
    assert (code, done["done"]) == (0, 1)
    (item,) = account.calls("TransactWriteItems")[-1].body["TransactItems"]
    assert item["Update"]["ConditionExpression"].endswith("#owned_at = #adopted_at")


def test_a_run_is_written_down_and_its_undoing_is_the_same_selection_released(account: Account) -> None:
    run("--kind", "policy", "--apply", "--max-age", "2")
    history = CliRunner().invoke(cli, ["history", "--format", "json"])
    (summary,) = json.loads(history.stdout)["runs"]

    undo = CliRunner().invoke(cli, ["history", summary["run"], "--undo-plan", "--format", "json"])
    told = CliRunner().invoke(cli, ["history", summary["run"], "--undo-plan"])

    assert summary["changes"] == {"create": 0, "update": 0, "delete": 0, "adopt": 1, "release": 0}
    back = "iot-dr adopt --kind policy --max-age 2.0 --release"
    assert json.loads(undo.stdout)["commands"] == [back, f"{back} --apply"]
    assert "It changed nothing but the owners in the ledger." in told.stdout
    assert "adopt" in CliRunner().invoke(cli, ["history"]).stdout
