"""What was chosen in the main stack's form is what both Regions are launched with, and stays when it is launched again.

The pair of the session is launched with a key and log buckets of the customer's own.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.operators import operator_environ
from lab.pair import MAIN_STACK, Pair
from lab.waiting import until
from tests.e2e.commands import asked, iot_dr
from tests.e2e.observing import resource_of, sweep

BOUNDARY = "PermissionsBoundary"


def parameters(pair: Pair, stack: str, region: str) -> dict[str, str]:
    """The parameters of a stack."""
    (found,) = pair.client("cloudformation", region).describe_stacks(StackName=stack)["Stacks"]
    return {one["ParameterKey"]: one["ParameterValue"] for one in found["Parameters"]}


def launched_stacks(pair: Pair) -> dict[tuple[str, str], dict[str, str]]:
    """The parameters of each launched stack, by Region and the beginning of its name."""
    stacks = (
        (pair.primary, "IoTDRPrimary"),
        (pair.secondary, "IoTDRSecondary"),
        (pair.primary, "R53HealthChecker"),
        (pair.secondary, "R53HealthChecker"),
    )
    postfix = pair.outputs["StackPostfix"]
    return {(region, name): parameters(pair, f"{name}{postfix}", region) for region, name in stacks}


def resources(pair: Pair, stack: str, region: str, kind: str) -> list[str]:
    """The physical IDs of a stack's resources of a type."""
    pages = pair.client("cloudformation", region).get_paginator("list_stack_resources")
    listed = pages.paginate(StackName=f"{stack}{pair.outputs['StackPostfix']}")
    return [
        one["PhysicalResourceId"]
        for page in listed
        for one in page["StackResourceSummaries"]
        if one["ResourceType"] == kind
    ]


def test_what_the_form_asks_for_reaches_every_launched_stack(pair: Pair) -> None:
    asked, launched = parameters(pair, MAIN_STACK, pair.primary), launched_stacks(pair)

    assert asked["KmsKeyId"].startswith("mrk-")
    assert {given["KmsKeyId"] for given in launched.values()} == {asked["KmsKeyId"]}
    assert launched[pair.primary, "IoTDRPrimary"]["AccessLogBucket"] == asked["PrimaryAccessLogBucket"]
    assert launched[pair.secondary, "IoTDRSecondary"]["AccessLogBucket"] == asked["SecondaryAccessLogBucket"]
    for region in (pair.primary, pair.secondary):
        assert launched[region, "R53HealthChecker"]["HealthCheckConcurrency"] == asked["HealthCheckConcurrency"] == "5"


def test_the_alarms_of_each_region_notify_its_topic_and_a_dashboard_is_there(pair: Pair) -> None:
    asked, postfix = parameters(pair, MAIN_STACK, pair.primary), pair.outputs["StackPostfix"]
    for region, side, stacks in (
        (pair.primary, "Primary", ("IoTDRPrimary", "R53HealthChecker")),
        (pair.secondary, "Secondary", ("IoTDRSecondary", "R53HealthChecker")),
    ):
        for stack in stacks:
            names = resources(pair, stack, region, "AWS::CloudWatch::Alarm")
            alarms = pair.client("cloudwatch", region).describe_alarms(AlarmNames=names)["MetricAlarms"]
            told = {topic for alarm in alarms for topic in (*alarm["AlarmActions"], *alarm["OKActions"])}

            assert len(alarms) == len(names) > 0
            assert told == {asked[f"{side}NotificationTopicArn"]}

    name = f"IoTDRSecondary{postfix}"
    body = json.loads(pair.client("cloudwatch", pair.secondary).get_dashboard(DashboardName=name)["DashboardBody"])
    assert {widget["type"] for widget in body["widgets"]} == {"text", "alarm", "metric"}
    assert "${" not in json.dumps(body)


def test_what_is_measured_each_minute_comes_of_both_control_items(pair: Pair) -> None:
    sweep(pair, "retry")

    logs, group = pair.client("logs", pair.secondary), resource_of(pair, "SweepRegistryLogGroup")

    def measured() -> bool:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return any('"ControlUnequal":[0.0]' in one["message"] for page in pages for one in page["events"])

    assert until(measured, 10), "the primary's control item could not be read, or differs"


def test_the_cost_of_this_launch_follows_from_what_it_was_launched_with(pair: Pair) -> None:
    code, found = asked(pair, "cost", "--from-account")

    secondary = launched_stacks(pair)[pair.secondary, "IoTDRSecondary"]
    assert code == 0
    assert found["fleet"]["sweep_minutes"] == int(secondary["SweepMinutes"])
    assert found["fleet"]["health_checkers"] is True
    assert found["usd_a_month"] == pytest.approx(sum(row["usd"] for row in found["rows"]), abs=0.01)


def test_queues_logs_and_secrets_name_the_key_of_the_form(pair: Pair) -> None:
    key = parameters(pair, MAIN_STACK, pair.primary)["KmsKeyId"]

    for region, stack in launched_stacks(pair):
        encrypted = [
            *queues(pair, stack, region),
            *log_groups(pair, stack, region),
            *secrets(pair, stack, region),
        ]
        assert encrypted, stack
        assert {used.rpartition("/")[2] for used in encrypted} == {key}, (stack, region)


def test_a_launch_that_is_run_again_from_a_shell_without_variables_keeps_boundary_key_and_buckets(pair: Pair) -> None:
    before = launched_stacks(pair)
    project = build_variables(pair)
    named = ("BUCKET_RESOURCES", "SOLUTION_NAME", "VERSION", "PRIMARY_REGION", "SECONDARY_REGION")
    shell = {
        **operator_environ(pair),
        **{name: project[name] for name in named},
        "STACK_POSTFIX": pair.outputs["StackPostfix"],
        "UUID": pair.outputs["UuidS3Postfix"],
        "CREATE_HEALTH_CHECK": "yes",
    }

    again = iot_dr(pair, "launch", environ=shell)

    assert again.returncode == 0, again.stderr
    assert all(given[BOUNDARY] for given in before.values())
    assert launched_stacks(pair) == before


def build_variables(pair: Pair) -> dict[str, str]:
    """The variables of the build's project."""
    builds = pair.client("codebuild", pair.primary)
    (project,) = builds.batch_get_projects(names=builds.list_projects()["projects"])["projects"]
    return {one["name"]: one["value"] for one in project["environment"]["environmentVariables"]}


def queues(pair: Pair, stack: str, region: str) -> list[str]:
    """The key of each queue."""
    sqs = pair.client("sqs", region)
    return [
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["KmsMasterKeyId"]
        for url in resources(pair, stack, region, "AWS::SQS::Queue")
    ]


def log_groups(pair: Pair, stack: str, region: str) -> list[str]:
    """The key of each log group."""
    groups: dict[str, Any] = {
        group["logGroupName"]: group
        for page in pair.client("logs", region).get_paginator("describe_log_groups").paginate()
        for group in page["logGroups"]
    }
    return [groups[name]["kmsKeyId"] for name in resources(pair, stack, region, "AWS::Logs::LogGroup")]


def secrets(pair: Pair, stack: str, region: str) -> list[str]:
    """The key of each secret."""
    manager = pair.client("secretsmanager", region)
    return [
        manager.describe_secret(SecretId=secret)["KmsKeyId"]
        for secret in resources(pair, stack, region, "AWS::SecretsManager::Secret")
    ]
