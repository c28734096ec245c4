"""What no run on the Region pair shows: how long things are kept, when alarms ring, and who may do what."""

from __future__ import annotations

import re
from typing import Any

import pytest

from iot_dr.model.registry.keys import RESERVED_PREFIX
from iot_dr.services.sync.list_fleet import LEG_SECONDS
from tests.unit.templates.resolving import POSTFIX, PRIMARY, SECONDARY
from tests.unit.templates.stacks import Stack, make_stacks

DAY = 24 * 3600
RULE = "AWS::IoT::TopicRule"


def test_queues_keep_messages_for_the_14_days_that_sqs_offers(stack: Stack) -> None:
    for title in stack.of_type("AWS::SQS::Queue"):
        assert stack.properties(title)["MessageRetentionPeriod"] == 14 * DAY


def test_old_versions_of_objects_are_kept_for_a_quarter(stack: Stack) -> None:
    for title in stack.of_type("AWS::S3::Bucket"):
        rules = stack.properties(title)["LifecycleConfiguration"]["Rules"]
        kept = [days for rule in rules for name, days in _flat(rule) if name == "NoncurrentDays"]
        assert kept == [90]


def test_logs_are_kept_for_a_month(stack: Stack) -> None:
    for title in stack.of_type("AWS::Logs::LogGroup"):
        assert stack.properties(title)["RetentionInDays"] == 30


def test_an_alarm_without_data_rests_and_one_of_a_queue_rings_at_the_first_message(stack: Stack) -> None:
    for title in stack.of_type("AWS::CloudWatch::Alarm"):
        alarm = stack.properties(title)
        assert alarm["TreatMissingData"] == "notBreaching"
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible":
            assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")


def test_late_replication_rings_after_a_minute(stacks: dict[str, Stack]) -> None:
    secondary = stacks["secondary"]
    behind = [secondary.properties(title) for title in secondary.of_type("AWS::CloudWatch::Alarm")]

    assert {one["Threshold"] for one in behind if one["MetricName"] == "IteratorAge"} == {60_000}


def test_the_ledger_is_encrypted_by_a_key_of_kms(stacks: dict[str, Stack]) -> None:
    assert stacks["secondary"].properties("LedgerTable")["SSESpecification"]["SSEEnabled"] is True


def test_the_rules_roles_can_be_taken_by_rules_of_their_own_stack_alone(stacks: dict[str, Stack]) -> None:
    primary = stacks["primary"]
    for role in ("RegistryEventRulesRole", "ShadowEventRulesRole"):
        (statement,) = primary.properties(role)["AssumeRolePolicyDocument"]["Statement"]
        (source,) = statement["Condition"]["ArnLike"]["aws:SourceArn"]
        assert source.endswith(f":rule/{primary.resolve.stack}_*")


def test_the_sweep_may_list_what_the_health_checkers_policies_are_attached_to_and_no_other(
    stacks: dict[str, Stack],
) -> None:
    allowed = _resources(stacks["secondary"], "SweepRegistryRole", "iot:ListTargetsForPolicy")

    assert allowed
    assert all(f":policy/{RESERVED_PREFIX}" in one for one in allowed)


@pytest.mark.parametrize("action", ["DeleteSecret", "GetSecretValue", "PutSecretValue"])
def test_a_launch_reaches_the_secrets_of_its_own_stacks_alone(stacks: dict[str, Stack], action: str) -> None:
    allowed = _resources(stacks["main"], "LaunchRole", f"secretsmanager:{action}")

    assert allowed
    assert all(re.search(rf":secret:(IoTDR\*|R53HealthChecker){POSTFIX}\*$", one) for one in allowed)


def test_the_workflow_hands_on_what_its_functions_answer(stacks: dict[str, Stack]) -> None:
    tasks = [state for state in _states(stacks["secondary"]) if state["Type"] == "Task"]

    assert tasks
    assert {state["Output"] for state in tasks} == {"{% $states.result.Payload %}"}


def test_a_pattern_of_shadow_names_is_one_for_whole_names() -> None:
    primary = make_stacks({"ShadowNamePattern": "a|b"})["primary"]
    statements = [primary.properties(title)["TopicRulePayload"]["Sql"] for title in primary.of_type(RULE)]
    patterns = [found[1] for one in statements if (found := re.search(r"regexp_matches\(topic\(6\), '(.*)'\)", one))]

    assert len(patterns) == 2
    for pattern in patterns:
        assert [name for name in ("a", "b", "axe", "crab", "ab") if re.search(pattern, name)] == ["a", "b"]


def test_the_build_is_told_both_regions_and_the_outputs_each_regions_endpoint(stacks: dict[str, Stack]) -> None:
    main = stacks["main"]
    variables = main.properties("LaunchProject")["Environment"]["EnvironmentVariables"]
    told = {one["Name"]: one["Value"] for one in variables}

    assert (told["PRIMARY_REGION"], told["SECONDARY_REGION"]) == (PRIMARY, SECONDARY)
    for side in ("Primary", "Secondary"):
        endpoint = main.template["Outputs"][f"IoTEndpoint{side}"]["Value"]
        assert endpoint == {"Fn::GetAtt": ["LaunchCheck", f"{side}Endpoint"]}


def test_a_custom_resource_is_called_once_and_not_before_that_is_so(stack: Stack) -> None:
    once = stack.of_type("AWS::Lambda::EventInvokeConfig")
    for found in (one for one in stack.template["Resources"].values() if one["Type"].startswith("Custom::")):
        assert once[found["DependsOn"]]["Properties"]["MaximumRetryAttempts"] == 0
        function = found["Properties"]["ServiceToken"]["Fn::GetAtt"][0]
        assert once[found["DependsOn"]]["Properties"]["FunctionName"] == {"Ref": function}


def test_what_reads_whole_lists_has_the_longest_time_that_lambda_gives(stacks: dict[str, Stack]) -> None:
    for function in ("SweepRegistryFunction", "ListFleetFunction"):
        assert LEG_SECONDS < stacks["secondary"].properties(function)["Timeout"] == 900


def test_a_sweep_that_was_missed_is_left_to_the_next_one(stacks: dict[str, Stack]) -> None:
    secondary = stacks["secondary"]
    for title in secondary.of_type("AWS::Scheduler::Schedule"):
        policy = secondary.properties(title)["Target"]["RetryPolicy"]
        assert (policy["MaximumEventAgeInSeconds"], policy["MaximumRetryAttempts"]) == (60, 0)
    assert secondary.properties("SweepCalledOnce")["MaximumRetryAttempts"] == 0


def _resources(stack: Stack, role: str, action: str) -> list[str]:
    statements = [one for one in stack.statements(role) if one["Effect"] == "Allow" and action in one["Action"]]
    return [resource for one in statements for resource in one["Resource"]]


def _states(stack: Stack) -> list[dict[str, Any]]:
    return list(stack.properties("ReplicationStateMachine")["Definition"]["States"].values())


def _flat(node: Any) -> list[tuple[str, Any]]:
    """Return all names with their values, however deep."""
    if isinstance(node, list):
        return [pair for one in node for pair in _flat(one)]
    if not isinstance(node, dict):
        return []
    return [pair for name, value in node.items() for pair in ((name, value), *_flat(value))]
