"""How much a fleet changed, by the counts of the metric `ReplicationLag`: one for each event that changed something."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from iot_dr.aws import errors
from iot_dr.aws.status.replication_metrics import LAG, NAMESPACE

REQUIRED_ACTIONS = frozenset({"cloudwatch:GetMetricData", "cloudwatch:ListMetrics"})
"""What the operator needs in the secondary Region."""

A_DAY = 86_400
_MOST = 500


class CloudWatchActivityReader:
    """`ports.ActivityReader` over a `cloudwatch` client of the secondary Region."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def changes(self, now: int, days: int) -> Mapping[str, int]:
        """Return how many changes crossed in the last days, by kind; `now` in epoch milliseconds."""
        paginator = self._client.get_paginator("list_metrics")
        with errors.converted():
            pages = paginator.paginate(Namespace=NAMESPACE, MetricName=LAG)
            metrics = [metric for page in pages for metric in page["Metrics"]][:_MOST]
        if not metrics:
            return {}
        queries = [
            {
                "Id": f"m{number}",
                "MetricStat": {
                    "Metric": {name: metric[name] for name in ("Namespace", "MetricName", "Dimensions")},
                    "Period": A_DAY,
                    "Stat": "SampleCount",
                },
            }
            for number, metric in enumerate(metrics)
        ]
        end = now // 1000
        reading = self._client.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries,
            StartTime=datetime.fromtimestamp(end - days * A_DAY, UTC),
            EndTime=datetime.fromtimestamp(end, UTC),
        )
        counts: dict[str, int] = {}
        with errors.converted():
            for page in reading:
                for result in page["MetricDataResults"]:
                    kind = _kind(metrics[int(result["Id"][1:])])
                    counts[kind] = counts.get(kind, 0) + int(sum(result["Values"]))
        return counts


def _kind(metric: Mapping[str, Any]) -> str:
    dimensions = {one["Name"]: one["Value"] for one in metric["Dimensions"]}
    return str(dimensions.get("kind", "all"))
