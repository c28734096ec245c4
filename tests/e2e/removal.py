"""What is left of a launch, by its postfix and its UUID."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lab.pair import Pair


def left_of(pair: Pair, region: str, postfix: str, uuid: str) -> set[str]:
    """Whatever in a Region has the launch's postfix or UUID in its name."""
    named = {
        *_pages(pair, region, "cloudformation", "list_stacks", "StackSummaries", "StackName", "StackStatus"),
        *_pages(pair, region, "dynamodb", "list_tables", "TableNames"),
        *_pages(pair, region, "lambda", "list_functions", "Functions", "FunctionName"),
        *_pages(pair, region, "logs", "describe_log_groups", "logGroups", "logGroupName"),
        *_pages(pair, region, "sqs", "list_queues", "QueueUrls"),
        *_pages(pair, region, "cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
        *_pages(pair, region, "cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
        *_pages(pair, region, "apigatewayv2", "get_apis", "Items", "Name"),
        *_pages(pair, region, "secretsmanager", "list_secrets", "SecretList", "Name"),
        *_pages(pair, region, "iot", "list_topic_rules", "rules", "ruleName"),
        *_pages(pair, region, "iam", "list_roles", "Roles", "RoleName"),
        *(bucket["Name"] for bucket in pair.client("s3", region).list_buckets()["Buckets"]),
    }
    return {name for name in named if postfix in name or uuid in name}


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
