"""What keeps a command from AWS ends it in one line that names the mend, whichever command it is."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.main import COMMANDS, cli

LAUNCH = {
    "PRIMARY_REGION": "us-east-1",
    "SECONDARY_REGION": "us-west-2",
    "STACK_POSTFIX": "20261124120000",
    "UUID": "5f0c2a",
    "BUCKET_RESOURCES": "my-iot-dr-reference",
    "SOLUTION_NAME": "disaster-recovery-for-aws-iot",
    "VERSION": "v0.1.0",
    "LEDGER_TABLE": "ledger",
    "DYNAMODB_GLOBAL_TABLE": "events",
    "DYNAMODB_SHADOW_TABLE": "shadow-events",
    "RULE_ERROR_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/errors",
    "SHADOW_RULE_ERROR_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/shadow-errors",
    "SECONDARY_BUCKET": "iot-dr-secondary-5f0c2a",
    "LOOK_QUEUE_URL": "https://sqs.us-west-2.amazonaws.com/123456789012/requests",
    "IOT_ENDPOINT_PRIMARY": "a.iot.us-east-1.amazonaws.com",
    "IOT_ENDPOINT_SECONDARY": "a.iot.us-west-2.amazonaws.com",
    "HOSTED_ZONE_ID": "Z0123456789ABCDEFGHIJ",
}
"""What an operator has after `. ./toolsrc`, and a build beside that."""

ASKING = {
    "adopt": "adopt",
    "cost": "cost --from-account",
    "doctor": "doctor",
    "drill": "drill",
    "drill with the fleet": "drill --scope fleet --fleet-name devices.example.com --confirm devices.example.com",
    "failback": "failback",
    "failover": "failover --yes --to SECONDARY",
    "launch": "launch",
    "prove": "prove -n 1",
    "reconcile": "reconcile thing#pump-17",
    "repair": "repair",
    "replay": "replay",
    "runs": "runs",
    "snapshot": "snapshot today",
    "status": "status",
    "status of a device": "status --device pump-17",
    "sweep": "sweep",
    "sync": "sync",
    "sync in the account": "sync --in-cloud",
    "sync that was started": "sync --follow arn:aws:states:us-west-2:123456789012:execution:sync:r",
    "sync to run again": "sync --redrive",
    "uninstall": "uninstall",
    "verify": "verify",
}
"""Each way in which a command asks AWS; `restore` has its files first, `publish` its build, `history` its records,
`completion` asks nothing."""


def run(command: str, **environ: str | None) -> Result:
    environ = {**LAUNCH, **environ}
    words = [str(environ["SECONDARY_REGION"]) if word == "SECONDARY" else word for word in command.split()]
    return CliRunner().invoke(cli, words, env=environ)


def last_line(result: Result) -> str:
    # Any other end than the one of a command would be a traceback on the operator's screen.
    assert isinstance(result.exception, SystemExit)
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr.splitlines()[-1]


def test_no_command_is_left_out() -> None:
    assert {command.split()[0] for command in ASKING.values()} == {*COMMANDS} - {
        "completion",
        "history",
        "publish",
        "restore",
    }


@pytest.mark.parametrize("command", ASKING.values(), ids=ASKING)
def test_without_credentials_it_says_how_to_get_some(command: str) -> None:
    result = run(command, AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)

    assert last_line(result).startswith("error: no AWS credentials found; run `aws configure`")


@pytest.mark.parametrize("command", ASKING.values(), ids=ASKING)
def test_a_profile_that_is_not_there_is_named_with_how_to_see_which_are(command: str) -> None:
    result = run(command, AWS_PROFILE="nobody")

    assert last_line(result).startswith("error: The config profile (nobody) could not be found; `aws configure list-")


@pytest.mark.parametrize("command", ASKING.values(), ids=ASKING)
def test_what_is_no_name_of_a_region_is_refused_with_one_that_is(command: str) -> None:
    result = run(command, PRIMARY_REGION="us east 1", SECONDARY_REGION="us west 2")

    told = last_line(result)
    assert told.startswith("error: ")
    assert "for example us-east-1" in told
