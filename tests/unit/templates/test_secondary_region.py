import json
import re

import pytest

import generate
from iot_dr.runtime import budgets
from iot_dr.services.replication.settling import PAUSES, Settling
from templates.request_queues import BACKGROUND_WORKERS
from tests.unit.templates.resolving import PARAMETERS, PRIMARY
from tests.unit.templates.stacks import Stack

COST = (generate.ROOT / "docs" / "cost.md").read_text(encoding="utf-8")


@pytest.fixture(name="secondary")
def secondary_stack(stacks: dict[str, Stack]) -> Stack:
    return stacks["secondary"]


def test_the_launch_needs_to_give_only_what_has_no_default(secondary: Stack) -> None:
    needed = {name for name, spec in secondary.template["Parameters"].items() if "Default" not in spec}

    assert needed == {"PrimaryRegion", "GlobalTableStreamArn", "ShadowTableStreamArn", "Uuid"}


def test_the_mapping_lets_of_events_only_new_items_of_the_primary_through(secondary: Stack) -> None:
    criterion, _ = secondary.properties("RegistryEventMapping")["FilterCriteria"]["Filters"]

    assert json.loads(criterion["Pattern"]) == {
        "eventName": ["INSERT"],
        "dynamodb": {"NewImage": {"source_region": {"S": [PRIMARY]}}},
    }


def test_the_mapping_loses_no_event_and_keeps_what_fails(secondary: Stack) -> None:
    mapping = secondary.properties("RegistryEventMapping")

    assert mapping["EventSourceArn"] == PARAMETERS["GlobalTableStreamArn"]
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["MaximumRetryAttempts"] == 10
    assert mapping["MaximumRecordAgeInSeconds"] == 24 * 3600
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == secondary.resolve.arn("WorkBucket")


def test_the_triggers_role_has_what_its_mapping_needs(secondary: Stack) -> None:
    resources_of = {
        action: statement["Resource"]
        for statement in secondary.statements("StartReplicationRole")
        for action in statement["Action"]
    }
    bucket = secondary.resolve.arn("WorkBucket")

    for action in ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"):
        assert resources_of[action] == [PARAMETERS["GlobalTableStreamArn"]]
    assert resources_of["dynamodb:ListStreams"] == ["*"]
    assert resources_of["s3:PutObject"] == [f"{bucket}/aws/lambda/*", f"{bucket}/unreadable/*"]
    assert resources_of["s3:ListBucket"] == [bucket]
    assert resources_of["sqs:SendMessage"] == [secondary.resolve.arn("LookQueue")]


def test_the_mappings_bound_how_many_workers_there_are(secondary: Stack) -> None:
    mappings = {title: secondary.properties(title) for title in ("LookMapping", "BackgroundMapping")}

    assert {mapping["BatchSize"] for mapping in mappings.values()} == {5}
    assert {mapping["FunctionName"] for mapping in mappings.values()} == {secondary.resolve.name("RunWorkflowFunction")}
    at_once = {title: mapping["ScalingConfig"]["MaximumConcurrency"] for title, mapping in mappings.items()}
    default = secondary.template["Parameters"]["WorkersAtOnce"]["Default"]
    assert at_once == {"LookMapping": default, "BackgroundMapping": BACKGROUND_WORKERS}
    raw = secondary.template["Resources"]["LookMapping"]["Properties"]["ScalingConfig"]
    assert raw == {"MaximumConcurrency": {"Ref": "WorkersAtOnce"}}
    assert budgets.BACKGROUND_WORKERS == BACKGROUND_WORKERS


def test_no_number_of_tries_takes_a_message_out_of_the_queues_of_requests(secondary: Stack) -> None:
    for queue in ("LookQueue", "BackgroundQueue"):
        properties = secondary.properties(queue)
        assert "RedrivePolicy" not in properties
        assert properties["MessageRetentionPeriod"] == 14 * 24 * 3600
        assert properties["SqsManagedSseEnabled"] is True


def test_the_runner_may_do_what_its_mappings_and_its_work_need(secondary: Stack) -> None:
    resources_of = {
        action: set(statement["Resource"])
        for statement in secondary.statements("RunWorkflowRole")
        for action in statement["Action"]
    }
    requests, background = secondary.resolve.arn("LookQueue"), secondary.resolve.arn("BackgroundQueue")

    for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"):
        assert resources_of[action] == {requests, background}
    assert resources_of["sqs:SendMessage"] == {requests, background, secondary.resolve.arn("LookDeadLetterQueue")}
    assert resources_of["states:StartSyncExecution"] == {secondary.resolve.arn("ReplicationStateMachine")}
    assert resources_of["dynamodb:UpdateItem"] == {secondary.resolve.arn("LedgerTable")}


def test_the_state_machine_may_call_exactly_the_functions_of_its_tasks(secondary: Stack) -> None:
    machine = secondary.properties("ReplicationStateMachine")
    called = _functions_called(machine["Definition"])
    role = secondary.role_of("ReplicationStateMachine", "RoleArn")
    (invoking,) = [one for one in secondary.statements(role) if one["Action"] == ["lambda:InvokeFunction"]]

    assert set(invoking["Resource"]) == called
    assert called == {
        secondary.resolve.arn("ReplicateResourceFunction"),
        secondary.resolve.arn("ReplicateShadowsFunction"),
        secondary.resolve.arn("RecordFailureFunction"),
    }


def test_the_state_machine_is_express_and_logs_errors_without_data(secondary: Stack) -> None:
    machine = secondary.properties("ReplicationStateMachine")

    assert machine["StateMachineType"] == "EXPRESS"
    assert machine["LoggingConfiguration"]["Level"] == "ERROR"
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False


def test_a_sweep_that_failed_is_left_to_the_schedules_next_turn(secondary: Stack) -> None:
    once = secondary.properties("SweepCalledOnce")

    assert once["FunctionName"] == secondary.resolve.name("SweepRegistryFunction")
    assert once["MaximumRetryAttempts"] == 0


def test_each_schedule_may_call_its_function_and_nothing_else(secondary: Stack) -> None:
    schedules = secondary.of_type("AWS::Scheduler::Schedule")

    assert set(schedules) == {"RetrySchedule", "SweepSchedule", "WatchSchedule"}
    for schedule in schedules:
        target = secondary.properties(schedule)["Target"]
        (allowed,) = secondary.statements(secondary.role_of(schedule, "Target", "RoleArn"))
        assert allowed["Action"] == ["lambda:InvokeFunction"]
        assert allowed["Resource"] == [target["Arn"]]


@pytest.mark.parametrize(("schedule", "task"), [("RetrySchedule", "retry"), ("SweepSchedule", "sweep")])
def test_each_schedule_names_its_task(schedule: str, task: str, secondary: Stack) -> None:
    assert json.loads(secondary.properties(schedule)["Target"]["Input"]) == {"task": task}


def test_the_longest_wait_for_a_device_ends_before_its_requests_do(secondary: Stack) -> None:
    longest = secondary.template["Parameters"]["IncompleteSeconds"]["MaxValue"]

    assert longest + max(PAUSES) < Settling.longest


def test_the_ledger_is_keyed_by_resource_and_its_index_is_by_state(secondary: Stack) -> None:
    ledger = secondary.properties("LedgerTable")
    (index,) = ledger["GlobalSecondaryIndexes"]

    assert [key["AttributeName"] for key in ledger["KeySchema"]] == ["resource"]
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["retry_state", "next_attempt"]
    assert ledger["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_a_thing_may_be_made_in_a_billing_group_which_aws_authorizes_too(secondary: Stack) -> None:
    statements = secondary.statements(secondary.role_of("ReplicateResourceFunction", "Role"))
    allowed = {on for one in statements if "iot:CreateThing" in one["Action"] for on in one["Resource"]}

    assert {on.rpartition(":")[2] for on in allowed} == {"thing/*", "billinggroup/*"}


def test_no_role_writes_to_the_primarys_registry(secondary: Stack) -> None:
    reading = ("Describe", "Get", "List", "Search")
    for role in secondary.of_type("AWS::IAM::Role"):
        for statement in secondary.statements(role):
            written = [one for one in statement["Action"] if one.startswith("iot:") and not one[4:].startswith(reading)]
            if written:
                held = statement.get("Condition", {}).get("StringEquals", {}).get("aws:RequestedRegion")
                assert not [resource for resource in statement["Resource"] if PRIMARY in resource]
                assert statement["Resource"] != ["*"] or held == [secondary.resolve.region]


def test_registrations_by_connecting_are_queued_and_checked(secondary: Stack) -> None:
    rule = secondary.properties("JitrRule")["TopicRulePayload"]
    mapping = secondary.properties("JitrMapping")
    (action,) = rule["Actions"]

    assert rule["Sql"] == "SELECT * FROM '$aws/events/certificates/registered/+'"
    assert action["Sqs"]["QueueUrl"] == secondary.resolve.name("JitrQueue")
    assert rule["ErrorAction"]["Sqs"]["QueueUrl"] == secondary.resolve.name("JitrDeadLetterQueue")
    assert mapping["EventSourceArn"] == secondary.resolve.arn("JitrQueue")
    assert mapping["FunctionName"] == secondary.resolve.name("RegisterDeviceFunction")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_a_registration_that_keeps_failing_goes_aside_after_the_functions_tries(secondary: Stack) -> None:
    queue = secondary.properties("JitrQueue")
    timeout = secondary.properties("RegisterDeviceFunction")["Timeout"]

    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == secondary.resolve.arn("JitrDeadLetterQueue")
    assert queue["VisibilityTimeout"] >= 6 * timeout


def test_the_registrars_role_has_what_its_mapping_needs(secondary: Stack) -> None:
    resources_of = {
        action: statement["Resource"]
        for statement in secondary.statements("RegisterDeviceRole")
        for action in statement["Action"]
    }

    for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"):
        assert resources_of[action] == [secondary.resolve.arn("JitrQueue")]
    assert resources_of["sqs:SendMessage"] == [secondary.resolve.arn("LookQueue")]


def test_the_rule_of_registrations_may_queue_and_nothing_else(secondary: Stack) -> None:
    role = secondary.role_of("JitrRule", "TopicRulePayload", "ErrorAction", "Sqs", "RoleArn")
    (statement,) = secondary.statements(role)

    assert statement["Action"] == ["sqs:SendMessage"]
    assert statement["Resource"] == [secondary.resolve.arn("JitrQueue"), secondary.resolve.arn("JitrDeadLetterQueue")]


def test_certificates_are_copied_unless_the_launch_says_otherwise(stacks: dict[str, Stack]) -> None:
    for name in ("main", "secondary"):
        mode = stacks[name].template["Parameters"]["CertificateMode"]
        assert mode["Default"] == "copy"
        assert mode["AllowedValues"] == ["copy", "jitr"]


def test_the_sweeps_period_says_what_the_page_on_cost_says(secondary: Stack) -> None:
    description = secondary.template["Parameters"]["SweepMinutes"]["Description"]
    rows = re.findall(r"^\| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| [\d,]+ \| [\d.]+ \| ([\d.]+) \|", COST, re.MULTILINE)
    sweeps_an_hour = 60 / secondary.template["Parameters"]["SweepMinutes"]["Default"]
    lists = {
        devices: round(int(calls.replace(",", "")) / sweeps_an_hour / int(devices.replace(",", "")) * 1000)
        for devices, calls, _, _ in rows
    }
    requests = {round(int(calls.replace(",", "")) / sweeps_an_hour, -2) for _, _, calls, _ in rows}

    assert f"{lists['1,000,000']} list calls per 1,000 devices" in description
    assert {f"{calls:,.0f} other calls" in description for calls in requests} == {True}
    for devices, *_, usd in rows:
        assert re.search(rf"\b{float(usd):.0f} USD (a month )?for {devices}\b", description), devices


def test_what_piles_up_fails_or_is_dropped_rings_an_alarm(secondary: Stack) -> None:
    alarms = [secondary.properties(alarm) for alarm in secondary.of_type("AWS::CloudWatch::Alarm")]
    watched = {alarm["MetricName"] for alarm in alarms}

    assert watched == {
        "ApproximateAgeOfOldestMessage",
        "ApproximateNumberOfMessagesVisible",
        "IteratorAge",
        "OnFailureDestinationDeliveredEventCount",
        "DroppedEventCount",
        "Unreadable",
        "ExecutionsFailed",
        "ExecutionsTimedOut",
        "Errors",
        "StaleCertificates",
        "ControlUnequal",
        "Late",
        "Failed",
    }
    # The mapping's counts exist only where they are asked for.
    assert secondary.properties("RegistryEventMapping")["MetricsConfig"] == {"Metrics": ["EventCount"]}


def _functions_called(node: object) -> set[str]:
    if isinstance(node, list):
        return {called for item in node for called in _functions_called(item)}
    if not isinstance(node, dict):
        return set()
    own = {node["FunctionName"]} if "FunctionName" in node else set()
    return own | {called for item in node.values() for called in _functions_called(item)}
