"""The dashboard of a launch, in the secondary Region: how replication stands, what waits, and what costs money.

Its name is that of its stack, so each launch has its own. What the primary Region counts, and Route 53 in us-east-1, is
shown from there. https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from troposphere import Output, Ref, Select, Split, Sub, Template, cloudwatch

from templates.blocks import leadership

OWN, PRIMARY, OF_ROUTE_53 = "${AWS::Region}", "${PrimaryRegion}", "us-east-1"
"""Route 53 has its metrics in this Region alone."""
MINUTE, QUARTER, HOUR = 60, 900, 3600
WIDTH, HEIGHT, COLUMNS = 8, 6, 24
WORKERS = ("ReplicateResourceFunction", "ReplicateShadowsFunction", "RunWorkflowFunction", "SweepRegistryFunction")
STREAM_READERS = ("StartReplicationFunction", "ReplicateShadowsFunction")
QUEUES = ("LookQueue", "BackgroundQueue")
DEAD_LETTERS = ("LookDeadLetterQueue", "JitrDeadLetterQueue")
TABLES = ("LedgerTable", "GlobalTable", "ShadowTable")
HEAD = """# Disaster recovery for AWS IoT: ${PrimaryRegion} to ${AWS::Region}
`iot-dr status` says the same of this moment, and names what waits. Nothing drawn means nothing counted. Launches of one
account in the same two Regions share the metrics in namespace IoTDR."""


@dataclass(frozen=True)
class Graph:
    """One graph: lines of metrics, a statistic for all, seconds between points, and the Region that counts."""

    title: str
    lines: Sequence[Sequence[Any]]
    statistic: str = "Sum"
    period: int = MINUTE
    region: str = OWN

    def widget(self, number: int) -> dict[str, Any]:
        """Return the widget, at the place of the graph with this number."""
        return {
            **_place(number),
            "type": "metric",
            "properties": {
                "title": self.title,
                "metrics": [list(line) for line in self.lines],
                "stat": self.statistic,
                "period": self.period,
                "region": self.region,
                "view": "timeSeries",
            },
        }


def add_dashboard(template: Template) -> cloudwatch.Dashboard:
    """Add the dashboard; call it last, for it shows all alarms that the template has."""
    alarms = [title for title, found in template.resources.items() if isinstance(found, cloudwatch.Alarm)]
    widgets = [
        {"type": "text", "x": 0, "y": 0, "width": COLUMNS, "height": 2, "properties": {"markdown": HEAD}},
        {
            "type": "alarm",
            "x": 0,
            "y": 2,
            "width": COLUMNS,
            "height": 4,
            "properties": {"title": "Alarms of this stack", "alarms": [f"${{{title}.Arn}}" for title in alarms]},
        },
        *(graph.widget(number) for number, graph in enumerate(graphs())),
    ]
    template.add_output(Output("DashboardName", Description="Dashboard of this launch", Value=Ref("AWS::StackName")))
    return template.add_resource(
        cloudwatch.Dashboard(
            "Dashboard",
            DashboardName=Ref("AWS::StackName"),
            DashboardBody=Sub(json.dumps({"widgets": widgets}), **_tables()),
        )
    )


def graphs() -> tuple[Graph, ...]:
    """Return all graphs in their order."""
    return (
        Graph("Lag by kind, p99, milliseconds", [_found("ReplicationLag", "kind,service", "p99")], "p99"),
        Graph("Applied by kind", [_found("Applied", "kind,service", "Sum")]),
        Graph(
            "Failed and pending by kind",
            [_found("Failed", "kind,service", "Sum"), _found("Pending", "kind,service", "Sum", "e2")],
        ),
        Graph("Oldest request, seconds", _queues("ApproximateAgeOfOldestMessage", QUEUES), "Maximum"),
        Graph("Messages that wait for a worker", _queues("ApproximateNumberOfMessagesVisible", QUEUES), "Maximum"),
        Graph("Age of the streams' records, milliseconds", _functions("IteratorAge", STREAM_READERS), "Maximum"),
        Graph("Waiting and held in the ledger", [_own("Waiting"), _own("Held")], "Maximum"),
        Graph(
            "Drift that sweeps found",
            [_own("Drift"), _own("StaleCertificates")],
            "Maximum",
            QUARTER,
        ),
        Graph("Dead letters", _queues("ApproximateNumberOfMessagesVisible", DEAD_LETTERS), "Maximum"),
        Graph(
            "Route 53's health checks of the account",
            [_search("AWS/Route53,HealthCheckId", 'MetricName="HealthCheckStatus"', "Minimum")],
            "Minimum",
            region=OF_ROUTE_53,
        ),
        Graph("Health checker: what it noticed here", _noticed(), "Sum"),
        Graph("Health checker: what it noticed in the primary", _noticed(), "Sum", region=PRIMARY),
        Graph("Calls of AWS IoT here, where AWS counts them", [_usage()], "Sum"),
        Graph("Calls of AWS IoT in the primary, where AWS counts them", [_usage()], "Sum", region=PRIMARY),
        Graph(
            "Throttled functions, and executions of the account",
            [*_functions("Throttles", WORKERS), ["AWS/Lambda", "ConcurrentExecutions", {"stat": "Maximum"}]],
        ),
        Graph("Cost: invocations an hour", _functions("Invocations", WORKERS), "Sum", HOUR),
        Graph(
            "Cost: writes of the tables an hour",
            [["AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", f"${{{table}}}"] for table in TABLES],
            "Sum",
            HOUR,
        ),
        Graph(
            "Cost: executions and messages an hour",
            [
                ["AWS/States", "ExecutionsStarted", "StateMachineArn", "${ReplicationStateMachine}"],
                *_queues("NumberOfMessagesSent", QUEUES),
            ],
            "Sum",
            HOUR,
        ),
    )


def _place(number: int) -> dict[str, int]:
    row, column = divmod(number, COLUMNS // WIDTH)
    return {"x": column * WIDTH, "y": 6 + row * HEIGHT, "width": WIDTH, "height": HEIGHT}  # below text and alarms


def _tables() -> Mapping[str, Any]:
    return {
        "GlobalTable": leadership.replica(),
        "ShadowTable": Select(1, Split("/", Ref("ShadowTableStreamArn"))),
    }


def _own(metric: str) -> list[Any]:
    return ["IoTDR", metric, "service", "sweep_registry"]


def _noticed() -> list[list[Any]]:
    return [["IoTDR", name, "service", "check_health"] for name in ("PinnedWhileFailing", "ControlUnreadable")]


def _functions(metric: str, titles: Sequence[str]) -> list[list[Any]]:
    return [
        ["AWS/Lambda", metric, "FunctionName", f"${{{title}}}", {"label": title.removesuffix("Function")}]
        for title in titles
    ]


def _queues(metric: str, titles: Sequence[str]) -> list[list[Any]]:
    return [["AWS/SQS", metric, "QueueName", f"${{{title}.QueueName}}", {"label": title}] for title in titles]


def _found(metric: str, dimensions: str, statistic: str, name: str = "e1") -> list[Any]:
    return _search(f"IoTDR,{dimensions}", f'MetricName="{metric}"', statistic, name)


def _usage() -> list[Any]:
    return _search("AWS/Usage,Class,Resource,Service,Type", 'Service="IoT" MetricName="CallCount"', "Sum")


def _search(schema: str, terms: str, statistic: str, name: str = "e1") -> list[Any]:
    expression = f"SEARCH('{{{schema}}} {terms}', '{statistic}', {MINUTE})"
    return [{"expression": expression, "id": name}]
