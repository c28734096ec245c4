"""A launch beside that of the session is removed again: nothing of it is left, and the fleet stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lab.operators import operator_environ
from lab.pair import Pair
from tests.e2e.commands import asked, iot_dr
from tests.e2e.test_launch import build_variables

POSTFIX, UUID = "20261128000000", "u9a3"
BUCKETS = ("iot-dr-primary-u9a3", "iot-dr-secondary-u9a3")
CHOICES = ("BUCKET_RESOURCES", "SOLUTION_NAME", "VERSION", "PRIMARY_REGION", "SECONDARY_REGION")


@pytest.fixture
def shell(pair: Pair) -> Iterator[dict[str, str]]:
    """The shell of an operator who has launched without the main stack and without health checkers."""
    project = build_variables(pair)
    environ = {
        **operator_environ(pair),
        **{name: project[name] for name in CHOICES},
        "STACK_POSTFIX": POSTFIX,
        "UUID": UUID,
        "CREATE_HEALTH_CHECK": "no",
    }
    launched = iot_dr(pair, "launch", environ=environ)
    assert launched.returncode == 0, launched.stderr
    yield environ
    iot_dr(pair, "uninstall", "--apply", "--empty-buckets", environ=environ)


def left(pair: Pair, region: str) -> set[str]:
    """Whatever in a Region has the launch's postfix or UUID in its name."""
    named = {
        *_pages(pair, region, "cloudformation", "list_stacks", "StackSummaries", "StackName", "StackStatus"),
        *_pages(pair, region, "dynamodb", "list_tables", "TableNames"),
        *_pages(pair, region, "lambda", "list_functions", "Functions", "FunctionName"),
        *_pages(pair, region, "logs", "describe_log_groups", "logGroups", "logGroupName"),
        *_pages(pair, region, "sqs", "list_queues", "QueueUrls"),
        *_pages(pair, region, "cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
        *_pages(pair, region, "cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
        *_pages(pair, region, "iot", "list_topic_rules", "rules", "ruleName"),
        *_pages(pair, region, "iam", "list_roles", "Roles", "RoleName"),
        *(bucket["Name"] for bucket in pair.client("s3", region).list_buckets()["Buckets"]),
    }
    return {name for name in named if POSTFIX in name or UUID in name}


def _pages(pair: Pair, region: str, service: str, operation: str, member: str, *fields: str) -> Iterator[str]:
    client = pair.client(service, region)
    pages: Any = (
        client.get_paginator(operation).paginate() if client.can_paginate(operation) else [getattr(client, operation)()]
    )
    for page in pages:
        for one in page.get(member, ()):
            if isinstance(one, str):
                yield one
            elif "DELETE_COMPLETE" not in (one[field] for field in fields):
                yield one[fields[0]]


def test_a_launch_is_removed_in_order_its_buckets_with_consent_and_the_fleet_stays(
    pair: Pair, shell: dict[str, str]
) -> None:
    device = "uninstall-1"
    pair.client("iot", pair.secondary).create_thing(thingName=device)
    try:
        code, planned = asked(pair, "uninstall", environ=shell)
        assert (code, planned["applied"], planned["removed"]) == (0, False, [])
        assert left(pair, pair.primary) >= {f"IoTDRPrimary{POSTFIX}", f"IoTDRGlobalTable{POSTFIX}"}

        code, done = asked(pair, "uninstall", "--apply", environ=shell)
        assert code == 0, done
        assert [name.split()[1] for name in done["removed"]] == [f"IoTDRSecondary{POSTFIX}", f"IoTDRPrimary{POSTFIX}"]
        assert left(pair, pair.primary) | left(pair, pair.secondary) == {*BUCKETS}

        code, done = asked(pair, "uninstall", "--apply", "--empty-buckets", environ=shell)
        assert (code, done["left"]) == (0, [])
        assert left(pair, pair.primary) | left(pair, pair.secondary) == set()
        assert pair.client("iot", pair.secondary).describe_thing(thingName=device)["thingName"] == device
    finally:
        pair.client("iot", pair.secondary).delete_thing(thingName=device)
