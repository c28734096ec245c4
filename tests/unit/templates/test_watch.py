"""Every alarm notifies the chosen topic and has its section in the manual; every metric that is watched exists."""

from __future__ import annotations

import ast
import fnmatch
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import generate
from iot_dr.observability.metrics import NAMESPACE
from templates import dashboard
from tests.unit.templates.stacks import Stack, make_stacks

PACKAGE = generate.ROOT / "source" / "lambda" / "iot_dr_layer" / "python" / "iot_dr"
MANUAL = generate.ROOT / "docs" / "operations" / "alarms.md"
REFERENCE = generate.ROOT / "docs" / "reference.md"
TOPIC = "arn:aws:sns:eu-central-1:000000000000:alarms"
ALARM = "AWS::CloudWatch::Alarm"
OF_AWS = {
    "AWS/ApiGateway": {"4xx"},
    "AWS/CertificateManager": {"DaysToExpiry"},
    "AWS/DynamoDB": {"ConsumedWriteCapacityUnits"},
    "AWS/Lambda": {
        "ConcurrentExecutions",
        "DroppedEventCount",
        "Errors",
        "Invocations",
        "IteratorAge",
        "OnFailureDestinationDeliveredEventCount",
        "Throttles",
    },
    "AWS/Route53": {"HealthCheckStatus"},
    "AWS/SQS": {"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible", "NumberOfMessagesSent"},
    "AWS/States": {"ExecutionsFailed", "ExecutionsStarted", "ExecutionsTimedOut"},
    "AWS/Usage": {"CallCount"},
}
"""What AWS counts, by namespace, as AWS documents it for each service, below https://docs.aws.amazon.com/:

apigateway/latest/developerguide/http-api-metrics.html, acm/latest/userguide/cloudwatch-metrics.html,
amazondynamodb/latest/developerguide/metrics-dimensions.html, lambda/latest/dg/monitoring-metrics-types.html,
Route53/latest/DeveloperGuide/monitoring-cloudwatch.html, step-functions/latest/dg/procedure-cw-metrics.html,
AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html,
AmazonCloudWatch/latest/monitoring/CloudWatch-Usage-Metrics.html
"""
SEARCHED = re.compile(r"SEARCH\('\{([^,]+),[^}]*\}.*MetricName=\"(\w+)\"")


def watched(stacks: dict[str, Stack]) -> Iterator[tuple[str, str]]:
    """Yield namespace and name of every metric of an alarm or of a graph."""
    for stack in stacks.values():
        for title in stack.of_type(ALARM):
            alarm = stack.properties(title)
            yield alarm["Namespace"], alarm["MetricName"]
    for widget in widgets(stacks["secondary"]):
        for line in widget["properties"].get("metrics", ()):
            yield SEARCHED.findall(line[0]["expression"])[0] if isinstance(line[0], dict) else (line[0], line[1])


def widgets(secondary: Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(secondary.properties("Dashboard")["DashboardBody"])["widgets"]
    return found


def emitted() -> set[str]:
    """Return every name that the code could count by: short texts in the modules that have the metrics."""
    files = [PACKAGE / "observability" / "metrics.py", *(PACKAGE / "runtime" / "functions").rglob("*.py")]
    files += [PACKAGE / "services" / "health.py"]
    nodes = (node for path in files for node in ast.walk(ast.parse(Path(path).read_text())))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def counted_by_literal() -> set[str]:
    """Return the names in calls such as `metrics.count("Drift", 1)`."""
    return {
        str(node.args[0].value)
        for path in (PACKAGE / "runtime" / "functions").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "count"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }


def documented() -> set[str]:
    section = REFERENCE.read_text().partition("## Metrics")[2].partition("\n## ")[0]
    return {name for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}


def test_every_alarm_notifies_the_topic_when_it_rings_and_when_it_rests() -> None:
    stacks = make_stacks({"NotificationTopicArn": TOPIC})

    for stack in stacks.values():
        for title in stack.of_type(ALARM):
            alarm = stack.properties(title)
            assert (alarm["AlarmActions"], alarm["OKActions"]) == ([TOPIC], [TOPIC]), title


def test_without_a_topic_an_alarm_notifies_nobody(stacks: dict[str, Stack]) -> None:
    for stack in stacks.values():
        for title in stack.of_type(ALARM):
            assert not stack.properties(title).keys() & {"AlarmActions", "OKActions"}, title


def test_the_manual_has_a_section_for_each_alarm_and_for_no_other(stacks: dict[str, Stack]) -> None:
    alarms = {title for stack in stacks.values() for title in stack.of_type(ALARM)}

    sections = re.findall(r"^### (\w+)$", MANUAL.read_text(), re.MULTILINE)

    assert sorted(sections) == sorted(alarms)


def test_each_section_of_the_manual_says_what_to_do() -> None:
    texts = re.split(r"^### \w+$", MANUAL.read_text(), flags=re.MULTILINE)[1:]

    assert all("**Do:**" in text for text in texts)


def test_every_metric_that_is_watched_is_emitted_by_the_code_or_by_aws(stacks: dict[str, Stack]) -> None:
    names = set(watched(stacks))
    own = {name for namespace, name in names if namespace == NAMESPACE}
    of_aws = {(namespace, name) for namespace, name in names if namespace != NAMESPACE}

    assert own <= documented()
    assert of_aws == {(namespace, name) for namespace, known in OF_AWS.items() for name in known}


def test_the_reference_names_the_metrics_that_the_code_emits(stacks: dict[str, Stack]) -> None:
    assert documented() <= emitted()
    assert counted_by_literal() <= documented()


def test_the_dashboard_shows_every_alarm_of_its_stack(stacks: dict[str, Stack]) -> None:
    secondary = stacks["secondary"]
    (shown,) = [one["properties"]["alarms"] for one in widgets(secondary) if one["type"] == "alarm"]

    assert sorted(arn.rpartition(":")[2] for arn in shown) == sorted(
        secondary.name_of(title) for title in secondary.of_type(ALARM)
    )


def test_no_widget_of_the_dashboard_covers_another_or_leaves_the_page(stacks: dict[str, Stack]) -> None:
    found = widgets(stacks["secondary"])
    places = [
        (x, y)
        for one in found
        for x in range(one["x"], one["x"] + one["width"])
        for y in range(one["y"], one["y"] + one["height"])
    ]

    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < dashboard.COLUMNS


def test_the_dashboard_is_named_after_the_launch_and_the_launch_may_make_no_other(stacks: dict[str, Stack]) -> None:
    name = stacks["secondary"].properties("Dashboard")["DashboardName"]
    (allowed,) = [
        one["Resource"] for one in stacks["main"].statements("LaunchRole") if "cloudwatch:PutDashboard" in one["Action"]
    ]

    assert name == stacks["secondary"].resolve.stack
    assert any(fnmatch.fnmatchcase(name, arn.rpartition("/")[2]) for arn in allowed)
    assert not any(fnmatch.fnmatchcase("IoTDRSecondary20251231235959", arn.rpartition("/")[2]) for arn in allowed)


@pytest.mark.parametrize("name", ["primary", "secondary"])
def test_every_queue_of_dead_letters_has_an_alarm(name: str, stacks: dict[str, Stack]) -> None:
    stack = stacks[name]
    alarmed = [dimension["Value"] for title in stack.of_type(ALARM) for dimension in dimensions(stack, title)]
    ends = [title for title, queue in stack.of_type("AWS::SQS::Queue").items() if not redrives(queue)]

    assert ends
    assert {f"{title}.QueueName" for title in ends} <= set(alarmed)


def dimensions(stack: Stack, title: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.properties(title).get("Dimensions", [])
    return found


def redrives(queue: dict[str, Any]) -> bool:
    """Tell whether messages of a queue end in another one, or come again until they are done."""
    return "RedrivePolicy" in queue["Properties"]
