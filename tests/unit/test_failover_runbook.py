"""The runbook with the AWS CLI alone: its commands, typed as the page has them, do what `iot-dr failover` does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from iot_dr.cli.main import cli
from tests.builders import PRIMARY, SECONDARY
from tests.failover_account import CONTROL, ENVIRONMENT, FENCE, FailoverAccount, served

PAGE = Path(__file__).parents[2] / "docs" / "failover.md"
BLOCK = re.compile(r"^```bash\n(.*?)^```", re.DOTALL | re.MULTILINE)
TELL = f'{sys.executable} -c "import json, sys; print(json.dumps(sys.argv[1:]))" "$@"'
"""What stands in for the AWS CLI: it prints the words that the shell has made of a command."""

Call = dict[str, Any]


def calls(**variables: str) -> list[list[str]]:
    """The commands of the runbook, as the shell reads them."""
    section = PAGE.read_text().partition("### With the AWS CLI alone")[2].partition("\n### ")[0]
    script = "\n".join(["set -eu", f"aws() {{ {TELL}; }}", *BLOCK.findall(section)])
    for name, value in variables.items():
        script = re.sub(rf"^{name}=.*$", f"{name}={value}", script, flags=re.MULTILINE)
    environ = {**ENVIRONMENT, "PATH": os.environ["PATH"]}
    result = subprocess.run(["bash", "-c", script], env=environ, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in result.stdout.splitlines()]


def parameters(words: list[str]) -> tuple[str, str, Call]:
    """The operation of `aws dynamodb`, its Region, and its parameters as the SDK takes them."""
    service, operation, *options = words
    assert service == "dynamodb"
    given = dict(zip(options[::2], options[1::2], strict=True))
    region = given.pop("--region")
    named = {
        "".join(part.capitalize() for part in name.removeprefix("--").split("-")): json.loads(value)
        if value.lstrip().startswith("{")
        else value
        for name, value in given.items()
    }
    return operation.replace("-", "_"), region, named


def typed(**variables: str) -> Iterator[Any]:
    """Run the runbook by the SDK, which refuses what the service does not know; yield each answer."""
    for words in calls(**variables):
        operation, region, named = parameters(words)
        yield getattr(boto3.client("dynamodb", region), operation)(**named)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[FailoverAccount]:
    with served(FailoverAccount(), monkeypatch) as account:
        yield account


def test_its_three_calls_are_those_of_the_command(account: FailoverAccount) -> None:
    list(typed())

    assert [one.operation for one in account.requests] == ["BatchGetItem", "UpdateItem", "UpdateItem"]
    assert account.writes() == [(SECONDARY, FENCE), (SECONDARY, CONTROL)]
    assert (account.item(FENCE)["role"], account.item(FENCE)["epoch"]) == ("leads", 2)
    assert account.item(CONTROL)["leader"] == SECONDARY
    assert account.item(CONTROL)["why"] == "us-east-1 does not answer"


def test_the_command_finds_nothing_to_do_after_it(account: FailoverAccount) -> None:
    list(typed())
    writes = len(account.writes())

    result = CliRunner().invoke(cli, ["failover", "--to", SECONDARY, "--yes"], env=ENVIRONMENT)

    assert (result.exit_code, len(account.writes())) == (0, writes)
    assert f"{SECONDARY} leads already" in result.stdout


def test_the_command_goes_on_where_the_runbook_was_stopped(account: FailoverAccount) -> None:
    steps = typed()
    next(steps)
    next(steps)

    result = CliRunner().invoke(cli, ["failover", "--to", SECONDARY, "--yes"], env=ENVIRONMENT)

    assert result.exit_code == 0
    assert account.item(CONTROL)["epoch"] == account.item(FENCE)["epoch"] == 2


@pytest.mark.parametrize("epoch", ["2", "4"])
def test_a_number_that_is_not_above_what_stands_is_refused_as_the_page_says(
    account: FailoverAccount, epoch: str
) -> None:
    account.put(FENCE, role="leads", epoch=4)
    account.put(CONTROL, leader=PRIMARY, epoch=3)

    with pytest.raises(ClientError, match="ConditionalCheckFailedException"):
        list(typed(EPOCH=epoch))


def test_a_number_above_what_stands_is_taken(account: FailoverAccount) -> None:
    account.put(FENCE, role="leads", epoch=4)
    account.put(CONTROL, leader=PRIMARY, epoch=3)

    list(typed(EPOCH="6"))

    assert account.item(CONTROL)["epoch"] == account.item(FENCE)["epoch"] == 6
