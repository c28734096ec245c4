"""Whatever is asked for, only `--apply` writes: every command with every option, counted at the endpoint."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.main import COMMANDS, cli
from iot_dr.files.run_records import FileChangeRecord
from iot_dr.model.sync.records import AppliedChange, ChangeKind, RunHeader, WriteResult
from tests.account import LAUNCH, LEDGER, VARIABLES, Account, served
from tests.builders import ACCOUNT, PRIMARY, SECONDARY, a_thing, a_thing_payload
from tests.endpoint import MISSING, Answer, Request
from tests.unit.iot_dr.cli.forms import answer_faults, error_faults

MACHINE = f"arn:aws:states:{SECONDARY}:123456789012:stateMachine:sync"
RUN = f"arn:aws:states:{SECONDARY}:123456789012:execution:sync:run"
LISTING = f"arn:aws:states:{SECONDARY}:123456789012:execution:sync:listing"
UNDER_WAY = f"arn:aws:states:{SECONDARY}:123456789012:execution:sync:under-way"
ENDED = {"status": "SUCCEEDED", "startDate": 0}
RUNNING = {"status": "RUNNING", "startDate": 0}
FUNCTION = "sweep-1"
NO_STACK = "<R><Error><Code>ValidationError</Code><Message>Stack does not exist</Message></Error></R>"
QUEUES = {
    name: f"https://sqs.{region}.amazonaws.com/123456789012/{name}"
    for name, region in {"errors": PRIMARY, "shadow-errors": PRIMARY, "requests": SECONDARY}.items()
}
TOOLSRC = {
    **VARIABLES,
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
    "drill": "its name is what it does, with devices of its own; for the fleet its name is typed, or --confirm",
    "failover": "asks at the terminal, or --yes",
    "launch": "its name is what it does: a build runs it",
    "prove": "-n and --clean say what is made or removed",
    "publish": "its name is what it does: a build runs it",
}
"""Commands without `--apply`, and what is their consent."""

READ_ONLY = frozenset({"completion", "cost", "doctor", "history", "snapshot", "status", "verify"})
"""Commands without `--apply` that never write."""

OFFLINE = {
    "completion": "it prints a script",
    "cost": "without --from-account it calculates with what is given",
    "history": "it shows what is written down on this machine",
}
"""Commands that ask AWS for nothing, and why; that they ask for nothing is what is seen of them then."""

EVERYWHERE = frozenset({"--launch", "--log-file"})
"""Options of every command that only say where settings come from and where its log goes; other tests have them."""

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
    "--kind": "thing",
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
    "--resource": "policy#pumps",
    "--every": "1",
    "--of": "secondary",
    "--confirm": "devices.example.com",
    "--prices": "prices.toml",
    "--sweep-minutes": "15",
}
"""A value of every option that takes one."""

ALONE = {
    "adopt": ["--accept", "--release"],
    "failback": ["--accept", "--switch"],
    "replay": [],
    "restore": ["--sha256", "--into"],
    "runs": ["--follow", "--stop"],
    "snapshot": ["--shadows"],
    "status": ["--thing", "--resource", "--list", "--watch", "--every", "--fleet-name", "--name-servers"],
    "doctor": ["--fleet-name", "--name-servers"],
    "sync": ["--in-cloud", "--follow", "--redrive", "--at-once"],
    "verify": ["--fast", "--select", "--no-index"],
}
"""Options that exclude others, or wait for what is not there; they have runs of their own below."""

ARGUMENTS = {
    "completion": ["bash"],
    "history": ["written"],
    "reconcile": ["thing#pump-1"],
    "restore": ["taken"],
    "snapshot": ["made"],
}
RUNS: dict[str, list[list[str]]] = {
    "adopt": [["--release"]],
    "cost": [["--things", "1", "--no-shadows", "--no-health-checkers", "--without-name"]],
    "restore": [["--into", "secondary"]],
    "runs": [["--follow", RUN], ["--stop"], ["--stop", UNDER_WAY, "--format", "json"]],
    "snapshot": [["--shadows", "classic"]],
    "status": [["--thing", "pump-1"], ["--resource", "policy#pumps"], ["--list", "all"]],
    "sync": [
        ["--in-cloud", "--at-once", "3"],
        ["--follow", RUN],
        ["--redrive"],
        ["--redrive", "--dry-run", "--follow", RUN],
    ],
    "verify": [["--fast"], ["--select", "thingName:pump-1", "--no-index"]],
}
ELSEWHERE = {
    "adopt": {"--accept": "without --apply it is refused, before anything is asked for"},
    "failback": {
        "--accept": "without --apply it is refused, see below",
        "--switch": "without --apply it is refused, see below",
    },
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
        if called in {"--apply", "--help", *EVERYWHERE} or called in ALONE.get(name, []):
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


def failed_over(account: Account) -> None:
    """Have the secondary lead, and both Regions agree on it; the primary leads as well until it is made to follow."""

    def leading(request: Request) -> Answer | None:
        if request.operation != "BatchGetItem" or LAUNCH.global_table not in request.body["RequestItems"]:
            return answering(request)
        control, fence = {"resource": {"S": "iot-dr#control"}}, {"resource": {"S": "iot-dr#fence"}}
        control |= {"leader": {"S": SECONDARY}, "mode": {"S": "pinned"}, "epoch": {"N": "2"}}
        leads, follows = (fence | {"role": {"S": role}, "epoch": {"N": "2"}} for role in ("leads", "follows"))
        if request.region != PRIMARY:
            return Answer({"Responses": {LAUNCH.global_table: [control], LEDGER: [leads]}})
        made = any(one.region == PRIMARY for one in account.calls("UpdateItem"))
        return Answer({"Responses": {LAUNCH.global_table: [control, follows] if made else [control]}})

    account.answering = leading


def sync_under_way(account: Account) -> None:
    """Have a sync run in the account, which can be stopped."""

    def running(request: Request) -> Answer | None:
        if request.operation == "ListExecutions" and request.body.get("statusFilter") == "RUNNING":
            return Answer({"executions": [{"executionArn": UNDER_WAY, **RUNNING}]})
        if request.operation == "DescribeExecution" and request.body["executionArn"] == UNDER_WAY:
            told = json.dumps({"run": "under-way", "apply": True, "at_once": 1})
            return Answer({"executionArn": UNDER_WAY, "stateMachineArn": MACHINE, "input": told, **RUNNING})
        return answering(request)

    account.answering = running


def sync_that_failed(account: Account) -> None:
    """Have the last sync in the account come to no good end."""

    def failed(request: Request) -> Answer | None:
        found = answering(request)
        if request.operation != "DescribeExecution" or found is None:
            return found
        return Answer({**found.body, "status": "FAILED"})

    account.answering = failed


def event_that_did_not_arrive(account: Account) -> None:
    """Have an event wait in the first queue that is read."""
    payload = base64.b64encode(json.dumps(a_thing_payload("pump-1")).encode()).decode()
    body = json.dumps({"topic": "$aws/events/thing/pump-1/created", "base64OriginalPayload": payload, "failures": []})
    waiting = [{"MessageId": "m-1", "ReceiptHandle": "r-1", "Body": body}]

    def handed_out(request: Request) -> Answer | None:
        if request.operation == "ReceiveMessage" and len(account.calls("ReceiveMessage")) == 1:
            return Answer({"Messages": waiting})
        return answering(request)

    account.answering = handed_out


def snapshot_taken(account: Account) -> None:
    """Take a snapshot, which has a thing that is gone by now."""
    assert run("snapshot", "taken", "--unpaced").exit_code == 0
    account.put_things(PRIMARY)
    del account.held[PRIMARY, "/things/pump-1"]
    account.requests.clear()


def run_written_down(_account: Account) -> None:
    """Write down a run that deleted a thing."""
    header = RunHeader("written", 0, "iot-dr repair --apply", ACCOUNT, PRIMARY, PRIMARY, SECONDARY, "0.1.0")
    gone = a_thing("pump-1")
    with FileChangeRecord(Path("state/history"), header) as made:
        made.note(AppliedChange(0, gone.key, ChangeKind.DELETE, WriteResult.DONE, before=gone))


def stacks_and_tables(account: Account) -> None:
    """Have what a launch made, each until it is deleted; its buckets are there already."""

    def there(request: Request) -> Answer | None:
        match request.operation:
            case "DescribeStacks" if account.calls("DeleteStack"):
                return Answer(status=400, xml=NO_STACK)
            case "DescribeStackEvents":
                return Answer(xml="<R><DescribeStackEventsResult><StackEvents/></DescribeStackEventsResult></R>")
            case "DeleteStack" | "UpdateTerminationProtection":
                return Answer(xml=f"<R><{request.operation}Result/></R>")
            case "DescribeTable":
                name = request.body["TableName"]
                deleted = any(
                    (one.body["TableName"], one.region) == (name, request.region)
                    for one in account.calls("DeleteTable")
                )
                return MISSING if deleted else Answer({"Table": {"DeletionProtectionEnabled": True}})
            case _:
                return answering(request)

    account.answering = there


def alike(account: Account) -> None:
    """Have both Regions hold the same device, which nobody owns."""
    account.put_device(SECONDARY)


def nothing_held(account: Account) -> None:
    """Leave the Regions empty."""
    account.held.clear()


PREPARED: dict[str, Callable[[Account], None]] = {
    "adopt": alike,
    "doctor": nothing_held,  # its questions are about what is there, and it has no difference to mend
    "failback": failed_over,
    "history": run_written_down,
    "replay": event_that_did_not_arrive,
    "restore": snapshot_taken,
    "runs": sync_under_way,
    "sync --redrive": sync_that_failed,
    "uninstall": stacks_and_tables,
}
"""What gives a command something to do, where the account by itself does not."""


def prepare(name: str, account: Account) -> None:
    if name in PREPARED:
        PREPARED[name](account)


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
    Path("prices.toml").write_text('date = "2026-11-24"\nsource = "a test"\n')
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

    assert options - given - {"--apply", *EVERYWHERE} == ELSEWHERE.get(name, {}).keys()
    assert {*ALONE.get(name, [])} <= options, "what has another name by now is no longer left to a run of its own"


@pytest.mark.parametrize(("name", "words"), ASKED, ids=[f"{name} {' '.join(words)[:50]}" for name, words in ASKED])
def test_nothing_is_written_without_apply_whatever_else_is_given(account: Account, name: str, words: list[str]) -> None:
    prepare(name, account)

    result = run(name, *words)

    assert result.exit_code in {0, 1}, result.stderr
    # What asks for nothing by mistake would prove nothing.
    assert bool(account.requests) is (name not in OFFLINE or "--from-account" in words)
    if "json" in words:
        assert answer_faults(name, result.stdout) == []
    assert writes(account) == [*IN_THE_ACCOUNT] * ("--in-cloud" in words)
    for request in account.calls("StartExecution"):
        assert '"apply": false' in request.body["input"]


@pytest.mark.parametrize("words", ["--switch", "--switch --yes", "--accept 0123456789abcdef"])
def test_a_failback_refuses_without_apply_what_only_applies(account: Account, words: str) -> None:
    failed_over(account)

    result = run("failback", *words.split())

    assert (result.exit_code, account.requests) == (2, []), result.output


APPLIED = {
    "adopt": "TransactWriteItems",
    "failback --prefer leader": "POST /things/pump-2",
    "reconcile thing#pump-1 --timeout 1": "SendMessageBatch",
    "repair --delete-share 1": "POST /things/pump-1",
    "replay": "PutItem",
    "restore taken": "POST /things/pump-1",
    "runs --stop": "StopExecution",
    "sweep": f"POST /2015-03-31/functions/{FUNCTION}/invocations",
    "sync --delete-share 1": "POST /things/pump-1",
    "sync --in-cloud": "StartExecution",
    "sync --redrive": "StartExecution",
    "uninstall": "DeleteStack",
    "uninstall --empty-buckets": f"DELETE /{LAUNCH.secondary_bucket}",
}
"""Commands to which `--apply` is added, each with a write that must be seen then."""


def test_each_command_that_applies_by_apply_is_seen_to_write() -> None:
    assert {words.split(maxsplit=1)[0] for words in APPLIED} == {*CONSENTING}


@pytest.mark.parametrize(("words", "write"), APPLIED.items(), ids=APPLIED)
def test_what_applies_is_seen_to_write(account: Account, words: str, write: str) -> None:
    name, *options = words.split()
    prepare(words if words in PREPARED else name, account)
    if name == "failback":
        # What it applies is the plan that it has shown.
        assert (run(name).exit_code, writes(account)) == (1, [])

    result = run(name, *options, "--apply", "--format", "json")

    assert write in writes(account), result.output
    # No function and no worker are there to answer the one or the other.
    told = answer_faults(name, result.stdout) if result.stdout else error_faults(result.stderr.splitlines()[-1])
    assert told == []
    kept = json.loads(run("history", "--format", "json").stdout)["runs"]
    assert [name for one in kept if one["command"].startswith(f"iot-dr {name} ")], "it is written down"
    for request in account.calls("StartExecution"):
        assert '"apply": true' in request.body["input"]
