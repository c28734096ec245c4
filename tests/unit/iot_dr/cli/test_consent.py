"""Whatever is asked for, only `--apply` writes: every command with every option, counted at the endpoint."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.main import COMMANDS, cli
from tests.account import LAUNCH, LEDGER, Account, served
from tests.builders import PRIMARY, SECONDARY
from tests.endpoint import Answer, Request

MACHINE = f"arn:aws:states:{SECONDARY}:123456789012:stateMachine:sync"
RUN = f"arn:aws:states:{SECONDARY}:123456789012:execution:sync:run"
LISTING = f"arn:aws:states:{SECONDARY}:123456789012:execution:sync:listing"
ENDED = {"status": "SUCCEEDED", "startDate": 0}
FUNCTION = "sweep-1"
QUEUES = {
    name: f"https://sqs.{region}.amazonaws.com/123456789012/{name}"
    for name, region in {"errors": PRIMARY, "shadow-errors": PRIMARY, "requests": SECONDARY}.items()
}
TOOLSRC = {
    "PRIMARY_REGION": PRIMARY,
    "SECONDARY_REGION": SECONDARY,
    "STACK_POSTFIX": LAUNCH.postfix,
    "UUID": LAUNCH.uuid,
    "LEDGER_TABLE": LEDGER,
    "DYNAMODB_GLOBAL_TABLE": LAUNCH.global_table,
    "DYNAMODB_SHADOW_TABLE": LAUNCH.shadow_table,
    "RULE_ERROR_QUEUE_URL": QUEUES["errors"],
    "SHADOW_RULE_ERROR_QUEUE_URL": QUEUES["shadow-errors"],
    "LOOK_QUEUE_URL": QUEUES["requests"],
    "SECONDARY_BUCKET": "work",
    "IOT_ENDPOINT_PRIMARY": "a.iot.us-east-1.amazonaws.com",
    "IOT_ENDPOINT_SECONDARY": "a.iot.us-west-2.amazonaws.com",
}

READING = re.compile(
    r"(Get|List|Describe|Query$|BatchGet|Simulate|Receive)|GET |HEAD |"
    # AWS asks with POST here.
    r"POST /(indices/|attached-policies/|policy-targets/)"
)
HARMLESS = {"ChangeMessageVisibilityBatch": "what was hidden while it was read is shown again at once"}
IN_THE_ACCOUNT = {"StartExecution": "a listing in the account; its input says that nothing is applied"}

OWN_CONSENT = {
    "failover": "asks at the terminal, or --yes",
    "launch": "its name is what it does: a build runs it",
    "prove": "-n and --clean say what is made or removed",
    "publish": "its name is what it does: a build runs it",
}
"""Commands without `--apply`, and what is their consent."""

READ_ONLY = frozenset({"doctor", "snapshot", "status", "verify"})
"""Commands without `--apply` that never write."""

REGION_OPTIONS = {"--primary-region": PRIMARY, "--secondary-region": SECONDARY}
OPTIONS = {
    **REGION_OPTIONS,
    **{f"--{name.lower().replace('_', '-')}": value for name, value in TOOLSRC.items()},
    "--profile": "operator",
    "--settings": "toolsrc",
    "--state": "state",
    "--format": "json",
    "--select": "thingName:pump-1",
    "--delete-share": "1",
    "--max-age": "0",
    "--at-once": "3",
    "--follow": RUN,
    "--from": "all",
    "--into": "secondary",
    "--thing": "pump-1",
    "--timeout": "5",
    "--certificate-mode": "jitr",
    "--certificates": "1",
    "--policies": "1",
    "--fleet-name": "devices.example.com",
    "--name-servers": "127.0.0.1:9",
    "--replicate-shadows": "all",
    "--shadow-name-pattern": "a.*",
    "--report": "page.html",
    "--device": "pump-1",
    "--resource": "policy#pumps",
    "--every": "1",
    "--of": "secondary",
}
"""A value of every option that takes one."""

ALONE = {
    "replay": [],
    "restore": ["--sha256", "--into"],
    "snapshot": ["--shadows"],
    "status": ["--device", "--resource", "--watch", "--every", "--fleet-name", "--name-servers"],
    "doctor": ["--fleet-name", "--name-servers"],
    "sync": ["--in-cloud", "--follow", "--redrive", "--at-once"],
    "verify": ["--fast", "--select", "--no-index"],
}
"""Options that exclude others, or wait for what is not there; they have runs of their own below."""

ARGUMENTS = {"reconcile": ["thing#pump-1"], "restore": ["taken"], "snapshot": ["made"]}
RUNS: dict[str, list[list[str]]] = {
    "restore": [["--into", "secondary"]],
    "snapshot": [["--shadows", "classic"]],
    "status": [["--device", "pump-1"], ["--resource", "policy#pumps"]],
    "sync": [
        ["--in-cloud", "--at-once", "3"],
        ["--follow", RUN],
        ["--redrive"],
        ["--redrive", "--dry-run", "--follow", RUN],
    ],
    "verify": [["--fast"], ["--select", "thingName:pump-1", "--no-index"]],
}
ELSEWHERE = {
    "restore": {"--sha256": "refuses, and only reads the snapshot"},
    "status": {
        "--watch": "the same readings again",
        "--every": "the same readings again",
        "--fleet-name": "asks name servers",
        "--name-servers": "asks name servers",
    },
    "doctor": {"--fleet-name": "asks name servers", "--name-servers": "asks name servers"},
}
"""Options that no run here has, and why."""


def parameters(name: str) -> list[click.Option]:
    """The options of a command, as its parser has them."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return [one for one in command.params if isinstance(one, click.Option)]


def everything(name: str) -> list[str]:
    """All options of a command at once, but those that exclude others and those that apply."""
    words: list[str] = []
    for option in parameters(name):
        called = next(one for one in option.opts if one.startswith("--"))
        if called in {"--apply", "--help"} or called in ALONE.get(name, []):
            continue
        words += [called] if option.is_flag else [called, value_of(called, option)]
    return words


def value_of(called: str, option: click.Option) -> str:
    if called in OPTIONS:
        return OPTIONS[called]
    if isinstance(option.type, click.Choice):
        return str(option.type.choices[-1])
    assert isinstance(option.type, click.types.IntParamType | click.types.FloatParamType), f"{called} needs a value"
    return "1"


def answering(request: Request) -> Answer | None:  # noqa: C901, PLR0911  # an answer an operation
    """Answer what `Account` does not: a run in the account that listed and ended, an index and empty queues."""
    match request.operation:
        case "ListExecutions":
            ended = [] if request.body.get("statusFilter") == "RUNNING" else [{"executionArn": RUN, **ENDED}]
            return Answer({"executions": ended})
        case "StartExecution":
            return Answer({"executionArn": LISTING, "startDate": 0})
        case "DescribeExecution":
            arn = request.body["executionArn"]
            told = json.dumps({"run": "run", "apply": arn == RUN, "at_once": 1})
            return Answer({"executionArn": arn, "stateMachineArn": MACHINE, "input": told, "output": told, **ENDED})
        case "GetExecutionHistory":
            return Answer({"events": []})
        case "ListMapRuns":
            return Answer({"mapRuns": []})
        case "GetQueueAttributes":
            return Answer({"Attributes": {"ApproximateNumberOfMessages": "0"}})
        case "ReceiveMessage":
            return Answer({"Messages": []})
        case operation if operation.startswith("POST /indices/search"):
            return Answer({"things": [{"thingName": "pump-1"}]})
        case operation if operation.startswith(("GET /work", "GET /iot-dr")):
            return Answer(xml="<ListBucketResult/>")
        case operation if "/indexing/config" in operation:
            return Answer({"thingIndexingConfiguration": {"thingIndexingMode": "REGISTRY"}})
        case operation if "/indices/AWS_Things" in operation:
            return Answer({"indexStatus": "ACTIVE"})
        case _:
            return None


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Account]:
    """An account in which there is much to do: a device that the secondary lacks, and one that it has too many."""
    monkeypatch.chdir(tmp_path)
    made = Account(ReplicateShadows="all", CertificateMode="copy", SweepSlice="200")
    made.outputs = {
        "FleetSyncStateMachineArn": MACHINE,
        "WorkBucketName": "work",
        "LedgerTableName": LEDGER,
        "SweepRegistryFunctionName": FUNCTION,
        "BackgroundQueueUrl": QUEUES["requests"],
    }
    made.put_device(PRIMARY)
    made.put_shadow(PRIMARY, "pump-1", {"reported": {"t": 1}})
    made.put_things(SECONDARY, "pump-2")
    made.answering = answering
    Path("toolsrc").write_text("".join(f"export {name}='{value}'\n" for name, value in TOOLSRC.items()))
    Path("credentials").write_text("[operator]\naws_access_key_id = test\naws_secret_access_key = test\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "credentials")
    with served(made, monkeypatch):
        yield made


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, words, env=TOOLSRC, prog_name="iot-dr", catch_exceptions=False)


def writes(account: Account) -> list[str]:
    """What was called that may change something."""
    operations = (request.operation for request in account.requests)
    return [one for one in operations if not READING.match(one) and one not in HARMLESS]


CONSENTING = [name for name in COMMANDS if "--apply" in {opt for one in parameters(name) for opt in one.opts}]
ASKED = [
    (name, [*ARGUMENTS.get(name, []), *words])
    for name in sorted({*CONSENTING, *READ_ONLY})
    # What never writes need not be shown to write nothing without options too.
    for words in (*([] if name in READ_ONLY else [[]]), everything(name), *RUNS.get(name, []))
]


def test_every_command_applies_by_apply_never_writes_or_says_what_its_consent_is() -> None:
    assert {*CONSENTING} | READ_ONLY | OWN_CONSENT.keys() == {*COMMANDS}
    assert len(CONSENTING) + len(READ_ONLY) + len(OWN_CONSENT) == len(COMMANDS)


@pytest.mark.parametrize("name", sorted({*CONSENTING, *READ_ONLY}))
def test_no_option_of_a_command_is_left_out(name: str) -> None:
    given = {word for one, words in ASKED if one == name for word in words}
    options = {next(opt for opt in one.opts if opt.startswith("--")) for one in parameters(name)}

    assert options - given - {"--apply"} == ELSEWHERE.get(name, {}).keys()


@pytest.mark.parametrize(("name", "words"), ASKED, ids=[f"{name} {' '.join(words)[:50]}" for name, words in ASKED])
def test_nothing_is_written_without_apply_whatever_else_is_given(account: Account, name: str, words: list[str]) -> None:
    if name == "restore":
        assert run("snapshot", "taken", "--unpaced").exit_code == 0
        account.put_things(PRIMARY, "other")
        account.requests.clear()

    if name == "doctor":
        # Its questions are about what is there, and it has no difference to mend.
        account.held.clear()

    result = run(name, *words)

    assert result.exit_code in {0, 1}, result.stderr
    assert account.requests, "it asked for nothing, so it proves nothing"
    assert writes(account) == [*IN_THE_ACCOUNT] * ("--in-cloud" in words)
    for request in account.calls("StartExecution"):
        assert '"apply": false' in request.body["input"]


@pytest.mark.parametrize("words", ["sync", "repair", "restore taken", "sweep", "sync --redrive"])
def test_what_applies_is_seen_to_write(account: Account, words: str) -> None:
    if words.startswith("restore"):
        run("snapshot", "taken", "--unpaced")
        account.put_things(PRIMARY, "other")
        account.requests.clear()

    run(*words.split(), "--apply", *(["--delete-share", "1"] if words in {"sync", "repair"} else []))

    assert writes(account)
