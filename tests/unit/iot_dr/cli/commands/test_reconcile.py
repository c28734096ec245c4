"""`iot-dr reconcile`, over the wire: a plan sends nothing, and what is applied is one request and its result."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.main import cli
from iot_dr.services.on_demand import reconcile_one
from tests.account import LEDGER, Account, served
from tests.builders import PRIMARY, SECONDARY
from tests.endpoint import Answer, Request

QUEUE = "https://sqs.us-west-2.amazonaws.com/111122223333/requests"
TOOLSRC = {
    "PRIMARY_REGION": PRIMARY,
    "SECONDARY_REGION": SECONDARY,
    "LEDGER_TABLE": LEDGER,
    "LOOK_QUEUE_URL": QUEUE,
}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setattr(reconcile_one, "POLL", 0)
    with served(Account(), monkeypatch) as made:
        yield made


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["reconcile", *words], env=TOOLSRC, prog_name="iot-dr")


def checked_with(state: str, reason: str) -> Answer:
    """What the ledger holds of a thing that was just checked."""
    item = {"resource": "thing#pump-1", "state": state, "reason": reason}
    return Answer({"Item": {name: {"S": value} for name, value in item.items()} | {"checked_at": {"N": "5"}}})


def ledger(account: Account, *answers: Answer) -> None:
    """Have the ledger answer one after the other, the last of them for good."""
    left = list(answers)

    def answering(request: Request) -> Answer | None:
        if request.operation != "GetItem":
            return None
        return left.pop(0) if len(left) > 1 else left[0]

    account.answering = answering


def test_a_plan_names_what_a_check_would_change_and_sends_nothing(account: Account) -> None:
    account.put_device(PRIMARY)

    result = run("thing#pump-1")

    assert result.exit_code == 1, result.stderr
    assert "create  thing#pump-1  missing in the secondary\n" in result.stdout
    assert "create  policy#pumps  missing in the secondary\n" in result.stdout
    assert "run `iot-dr reconcile 'thing#pump-1' --apply`" in result.stdout
    assert (account.writes(), account.calls("SendMessageBatch")) == ([], [])


def test_a_plan_of_what_both_regions_hold_alike_exits_0(account: Account) -> None:
    result = run("policy#pumps")

    assert (result.exit_code, result.stdout) == (0, "Both Regions hold the same of policy#pumps.\n")


def test_a_plan_is_told_to_scripts(account: Account) -> None:
    account.put_things(PRIMARY, "pump-1")

    result = run("thing#pump-1", "--format", "json")

    told = json.loads(result.stdout)
    assert (told["applied"], told["resource"]) == (False, "thing#pump-1")
    assert [(one["resource"], one["step"]) for one in told["changes"]] == [("thing#pump-1", "create")]


def test_what_is_applied_is_one_request_to_the_queue_and_its_result(account: Account) -> None:
    ledger(account, Answer(), checked_with("in_sync", ""))

    result = run("thing#pump-1", "--apply")

    (sent,) = account.calls("SendMessageBatch")
    assert (result.exit_code, result.stdout) == (0, "thing#pump-1 is checked and in sync.\n")
    assert (sent.body["QueueUrl"], sent.region) == (QUEUE, SECONDARY)
    assert "pump-1" in sent.body["Entries"][0]["MessageBody"]
    assert account.writes() == []


def test_what_fails_exits_1_with_its_reason(account: Account) -> None:
    ledger(account, Answer(), checked_with("failed", "InvalidResource: not today"))

    result = run("thing#pump-1", "--apply", "--format", "json")

    told = json.loads(result.stdout)
    assert (result.exit_code, told["state"], told["reason"]) == (1, "failed", "InvalidResource: not today")


def test_what_no_region_has_is_told(account: Account) -> None:
    result = run("thing#nobody", "--apply")

    assert (result.exit_code, result.stdout) == (0, "thing#nobody is checked: no Region has it.\n")


@pytest.mark.parametrize(
    "key", ["pump-17", "thing#", "group_membership#a#b", "thing_shadows#pump-17", "things#pump-17"]
)
def test_what_cannot_be_checked_by_itself_is_refused_with_the_forms_that_can(account: Account, key: str) -> None:
    result = run(key, "--apply")

    assert (result.exit_code, account.requests) == (2, [])
    assert "is none of billing_group#NAME, certificate#NAME, policy#NAME, shadow#NAME, thing#NAME" in result.stderr
