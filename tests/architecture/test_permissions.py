"""Each function's role holds what its adapters call, all of it and nothing else."""

import re
from pathlib import Path

import pytest

from iot_dr.aws import quotas, secrets
from iot_dr.aws.devices import probe_things
from iot_dr.aws.events import event_table
from iot_dr.aws.failover import control, fence, leadership
from iot_dr.aws.launch import builds, tables
from iot_dr.aws.launch import checks as launch_checks
from iot_dr.aws.launch import files as launch_files
from iot_dr.aws.launch import leftovers as remains
from iot_dr.aws.launch import stacks as launched_stacks
from iot_dr.aws.ledger import ledger, shadow_notes
from iot_dr.aws.registry import provisioning, selected_things
from iot_dr.aws.registry import reader as registry_reader
from iot_dr.aws.registry import writer as registry_writer
from iot_dr.aws.shadows import shadow_store as shadows
from iot_dr.aws.workflow import queues as request_queues
from iot_dr.aws.workflow import run_files, workflow
from iot_dr.model.registry.kinds import LISTS as LISTED
from tests.unit.templates.stacks import STACKS, Stack, make_stacks

READ_STREAM = {
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
}
READ_QUEUE = {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
READ_BY_SECOND_VERSIONS = {"iot:ListPrincipalThings", "iot:ListThingPrincipals"}
"""Of the second versions of these calls, AWS's API reference says that they need the first ones' right.

https://docs.aws.amazon.com/iot/latest/apireference/API_ListThingPrincipalsV2.html
"""
KEEP_OUTCOMES = {"dynamodb:DeleteItem", "dynamodb:UpdateItem"}
"""What of the ledger shadows need beside their notes: outcomes are recorded, and forgotten."""
KEEP_FAILED_RECORDS = {"s3:ListBucket", "s3:PutObject"}
READ_WHO_LEADS = control.READ_REQUIRED_ACTIONS | leadership.REQUIRED_ACTIONS
TAKE_THE_LEAD = (
    control.REQUIRED_ACTIONS | fence.REQUIRED_ACTIONS | leadership.REQUIRED_ACTIONS | secrets.REQUIRED_ACTIONS_TO_READ
)
"""The two items of a failover, and the certificate by which a Region proves itself."""
LISTS = {f"iot:{question}" for question in LISTED}

CALLED_BY = {
    "CheckHealthFunction": secrets.REQUIRED_ACTIONS_TO_READ | control.READ_REQUIRED_ACTIONS,
    "CheckLaunchFunction": {*launch_checks.REQUIRED_ACTIONS, *launch_files.REQUIRED_ACTIONS_TO_COMPARE},
    "FailOverFunction": TAKE_THE_LEAD,
    "ListFleetFunction": LISTS
    | selected_things.REQUIRED_ACTIONS
    | run_files.REQUIRED_ACTIONS_TO_LIST
    | run_files.REQUIRED_ACTIONS_TO_READ
    | ledger.LIST_REQUIRED_ACTIONS,
    "ProvisionProbeFunction": probe_things.REQUIRED_ACTIONS | secrets.REQUIRED_ACTIONS_TO_WRITE,
    "RecordFailureFunction": ledger.RECORD_REQUIRED_ACTIONS,
    "ProvisionDeviceFunction": provisioning.REQUIRED_ACTIONS | READ_QUEUE,
    # What the function gives up on, Lambda queues with its role.
    "RecordManagementEventFunction": event_table.REQUIRED_ACTIONS | {"sqs:SendMessage"},
    # The queue's mapping reads with its function's role.
    "RegisterDeviceFunction": request_queues.REQUIRED_ACTIONS | READ_QUEUE,
    "ReplicateResourceFunction": registry_reader.REQUIRED_ACTIONS
    | READ_BY_SECOND_VERSIONS
    | registry_reader.REQUIRED_ACTIONS_BEFORE_DELETING
    | registry_writer.REQUIRED_ACTIONS
    | ledger.REQUIRED_ACTIONS
    | READ_WHO_LEADS
    | quotas.REQUIRED_ACTIONS,
    # The stream mapping reads, and keeps what failed, with its function's role.
    "ReplicateShadowsFunction": shadows.REQUIRED_ACTIONS_TO_READ
    | shadows.REQUIRED_ACTIONS_TO_WRITE
    | shadow_notes.REQUIRED_ACTIONS
    | READ_WHO_LEADS
    | quotas.REQUIRED_ACTIONS
    | KEEP_OUTCOMES
    | READ_STREAM
    | KEEP_FAILED_RECORDS,
    "RunWorkflowFunction": workflow.REQUIRED_ACTIONS
    | request_queues.RUNNER_REQUIRED_ACTIONS
    | registry_reader.REQUIRED_ACTIONS_TO_CONFIRM
    | {"iot:ListThingPrincipals"}
    | READ_QUEUE
    | ledger.RUNNER_REQUIRED_ACTIONS,
    "StartLaunchFunction": {
        *builds.REQUIRED_ACTIONS,
        *launch_files.REQUIRED_ACTIONS_TO_COMPARE,
        *remains.REQUIRED_ACTIONS,
    },
    # The stream mapping reads, and keeps what failed, with its function's role.
    "StartReplicationFunction": request_queues.REQUIRED_ACTIONS
    | control.REQUIRED_ACTIONS
    | fence.REQUIRED_ACTIONS
    | leadership.REQUIRED_ACTIONS
    | READ_STREAM
    | KEEP_FAILED_RECORDS,
    "SweepRegistryFunction": registry_reader.LISTER_REQUIRED_ACTIONS
    | ledger.SWEEP_REQUIRED_ACTIONS
    | READ_WHO_LEADS
    | request_queues.REQUIRED_ACTIONS
    | quotas.REQUIRED_ACTIONS,
    "WatchDomainFunction": TAKE_THE_LEAD,
}
OWN_LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}


@pytest.fixture(scope="module", name="stacks")
def generated_stacks() -> dict[str, Stack]:
    return make_stacks()


@pytest.mark.parametrize("function", CALLED_BY)
def test_a_functions_role_allows_what_it_calls_and_nothing_else(function: str, stacks: dict[str, Stack]) -> None:
    (stack,) = [stack for stack in stacks.values() if function in stack.template["Resources"]]
    statements = stack.statements(stack.role_of(function, "Role"))

    allowed = {action for statement in statements for action in statement["Action"]}

    assert allowed == CALLED_BY[function] | OWN_LOG


@pytest.mark.parametrize("name", STACKS)
def test_every_function_stands_in_the_table(name: str, stacks: dict[str, Stack]) -> None:
    assert stacks[name].of_type("AWS::Lambda::Function").keys() <= CALLED_BY.keys()


def test_the_launchs_role_allows_what_the_launch_itself_calls(stacks: dict[str, Stack]) -> None:
    allowed = {action for statement in stacks["main"].statements("LaunchRole") for action in statement["Action"]}

    assert {
        *launched_stacks.REQUIRED_ACTIONS,
        *tables.REQUIRED_ACTIONS,
        *launch_files.REQUIRED_ACTIONS,
        "iot:DescribeEndpoint",
    } <= allowed


def test_security_md_names_every_function_with_its_stack(stacks: dict[str, Stack]) -> None:
    page = (Path(__file__).resolve().parents[2] / "SECURITY.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `(\w+)` \| ([a-z ]+) \|", page, re.MULTILINE))

    made = {
        (stack.properties(function)["Handler"].partition(".")[0], name)
        for name, stack in stacks.items()
        for function in stack.of_type("AWS::Lambda::Function")
    }
    assert told == made


def test_security_md_names_every_store_without_point_in_time_recovery(stacks: dict[str, Stack]) -> None:
    replicas = [
        (table, replica)
        for stack in stacks.values()
        for table in stack.of_type("AWS::DynamoDB::GlobalTable")
        for replica in stack.properties(table)["Replicas"]
    ]
    recovered = {"PointInTimeRecoveryEnabled": True}

    without = {table for table, one in replicas if one["PointInTimeRecoverySpecification"] != recovered}
    assert without == {"ShadowEventTable"}, "SECURITY.md says which tables can be recovered"
    ledger = stacks["secondary"].properties("LedgerTable")
    assert ledger["PointInTimeRecoverySpecification"] == recovered


@pytest.mark.parametrize(
    ("words", "sid"),
    [
        ("Service Quotas", "ReadQuotas"),
        ("release", "ReadAssets"),
        ("settings of IoT Core and Lambda", "ReadConcurrency"),
    ],
)
def test_security_md_says_which_functions_read_beside_their_work(
    words: str, sid: str, stacks: dict[str, Stack]
) -> None:
    page = (Path(__file__).resolve().parents[2] / "SECURITY.md").read_text(encoding="utf-8")
    told = set(re.findall(rf"^\| `(\w+)` \|.*{words}", page, re.MULTILINE))

    reading = {
        stack.properties(function)["Handler"].partition(".")[0]
        for stack in stacks.values()
        for function in stack.of_type("AWS::Lambda::Function")
        if sid in {one["Sid"] for one in stack.statements(stack.role_of(function, "Role"))}
    }
    assert told == reading
