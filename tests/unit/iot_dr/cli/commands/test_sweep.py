"""`iot-dr sweep`, over the wire: a plan starts nothing, and what is applied is one call of the function."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.main import cli
from tests.account import LEDGER, VARIABLES, Account, served
from tests.builders import PRIMARY, SECONDARY
from tests.endpoint import Answer, Request

INVOKE = "POST /2015-03-31/functions/sweep-1/invocations"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    made = Account(ReplicateShadows="all", CertificateMode="copy", SweepSlice="200")
    made.outputs = {
        "SweepRegistryFunctionName": "sweep-1",
        "LedgerTableName": LEDGER,
        "BackgroundQueueUrl": "https://sqs.us-west-2.amazonaws.com/111122223333/background",
    }
    with served(made, monkeypatch):
        yield made


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["sweep", *words], env=VARIABLES, prog_name="iot-dr")


def function(account: Account, told: dict[str, object], *, fails: bool = False) -> None:
    """Have the function answer."""

    def answering(request: Request) -> Answer | None:
        if request.operation != INVOKE:
            return None
        return Answer(told, headers={"X-Amz-Function-Error": "Unhandled"} if fails else {})

    account.answering = answering


def test_a_plan_tells_what_would_be_checked_and_starts_nothing(account: Account) -> None:
    account.put_device(PRIMARY)

    result = run()

    assert result.exit_code == 1, result.stderr
    assert "Differences by the lists: 3, of which 3 would be checked now." in result.stdout
    assert "run `iot-dr sweep --apply`" in result.stdout
    assert account.calls(INVOKE) == account.calls("SendMessageBatch") == account.calls("UpdateItem") == []
    assert account.writes() == []


def test_a_plan_of_equal_regions_exits_0(account: Account) -> None:
    result = run("--format", "json")

    told = json.loads(result.stdout)
    assert (result.exit_code, told["applied"], told["drift"]) == (0, False, 0)


def test_what_is_applied_is_one_call_of_the_function_with_its_counts(account: Account) -> None:
    function(account, {"drift": 3, "left": 0, "round": 200, "unreadable": 0, "complete": True})

    result = run("--apply", "--delete-share", "0.8")

    (asked,) = account.calls(INVOKE)
    assert (result.exit_code, asked.region) == (0, SECONDARY)
    assert asked.body == {"task": "sweep", "delete_share": 0.8}
    assert "Differences by the lists: 3, of which 3 are checked now." in result.stdout


def test_what_is_left_exits_1(account: Account) -> None:
    function(account, {"drift": 3000, "left": 2000, "round": 200})

    result = run("--apply")

    assert result.exit_code == 1
    assert "Wait for the next sweep: 2,000." in result.stdout


def test_deletions_that_are_refused_exit_1_with_what_allows_them(account: Account) -> None:
    message = "the plan deletes 9 of 12; run iot-dr sweep --apply with a higher --delete-share"
    function(account, {"errorType": "UnsafePlan", "errorMessage": message}, fails=True)

    result = run("--apply")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == f"error: {message}"


def test_a_secondary_that_leads_is_told_and_nothing_is_read(account: Account) -> None:
    function(account, {"drift": 0, "left": 0, "round": 0, "held_back": "us-west-2 leads"})

    result = run("--apply")

    assert (result.exit_code, result.stdout) == (1, "Nothing was read: us-west-2 leads\n")
