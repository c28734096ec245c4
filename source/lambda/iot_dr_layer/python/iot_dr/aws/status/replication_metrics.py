"""The metrics that tell how far behind the secondary is, read in one call each.

`ReplicationLag` is written by the functions (`observability/metrics.py`) with the dimensions `service` and `kind`;
`IteratorAge` by Lambda.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from iot_dr.aws import errors
from iot_dr.model.status.status_parts import Lag, StreamAge

REQUIRED_ACTIONS = frozenset({"cloudwatch:GetMetricData", "cloudwatch:ListMetrics"})
"""What the operator needs in the secondary Region."""

NAMESPACE = "IoTDR"
LAG = "ReplicationLag"
PERIOD = 300
"""Seconds of one data point."""
HOUR = 3600
RECENT = 600
"""Seconds after which a data point says nothing of now."""

_STATISTICS = {"changes": "SampleCount", "median": "p50", "p99": "p99", "longest": "Maximum"}
_MOST = 500
"""Metrics of one call. https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html"""

Points = Mapping[int, float]
"""Values by the second at which their period begins."""


class CloudWatchMetricsReader:
    """Reads them over a `cloudwatch` client of the secondary Region."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def lags(self, now: int) -> Sequence[Lag]:
        """Return the lag of each kind that changed within three hours, by kind; `now` in epoch milliseconds."""
        paginator = self._client.get_paginator("list_metrics")
        with errors.converted():
            pages = paginator.paginate(Namespace=NAMESPACE, MetricName=LAG, RecentlyActive="PT3H")
            metrics = [metric for page in pages for metric in page["Metrics"]]
        queries = [
            _query(f"m{number}_{name}", metric, statistic, PERIOD)
            for number, metric in enumerate(metrics[: _MOST // len(_STATISTICS)])
            for name, statistic in _STATISTICS.items()
        ]
        read = self._read(queries, now)
        lags = (
            _lag(_kind(metric), {name: read[f"m{number}_{name}"] for name in _STATISTICS}, now // 1000)
            for number, metric in enumerate(metrics)
        )
        return sorted(lags, key=lambda lag: lag.kind)

    def stream_ages(self, functions: Mapping[str, str], now: int) -> Sequence[StreamAge]:
        """Return how far behind each function is, given their names by the name to tell."""
        queries = [
            _query(
                f"m{number}",
                {
                    "Namespace": "AWS/Lambda",
                    "MetricName": "IteratorAge",
                    "Dimensions": [{"Name": "FunctionName", "Value": name}],
                },
                "Maximum",
                60,
            )
            for number, name in enumerate(functions.values())
        ]
        read = self._read(queries, now)
        return [StreamAge(title, _newest(read[f"m{number}"], now // 1000)[1]) for number, title in enumerate(functions)]

    def _read(self, queries: Sequence[Mapping[str, Any]], now: int) -> Mapping[str, Points]:
        found: dict[str, dict[int, float]] = defaultdict(dict)
        if not queries:
            return found
        seconds = now // 1000
        pages = self._client.get_paginator("get_metric_data").paginate(
            MetricDataQueries=list(queries),
            # Aligned to the period, so that a data point is of a whole one.
            StartTime=datetime.fromtimestamp((seconds - HOUR) // PERIOD * PERIOD, UTC),
            EndTime=datetime.fromtimestamp(seconds, UTC),
        )
        with errors.converted():
            for page in pages:
                for result in page["MetricDataResults"]:
                    times = (int(time.timestamp()) for time in result["Timestamps"])
                    found[result["Id"]] |= dict(zip(times, result["Values"], strict=True))
        return found


def _query(identifier: str, metric: Mapping[str, Any], statistic: str, period: int) -> dict[str, Any]:
    named = {name: metric[name] for name in ("Namespace", "MetricName", "Dimensions")}
    return {"Id": identifier, "MetricStat": {"Metric": named, "Period": period, "Stat": statistic}}


def _kind(metric: Mapping[str, Any]) -> str:
    dimensions = {one["Name"]: one["Value"] for one in metric["Dimensions"]}
    return str(dimensions.get("kind", "all"))


def _lag(kind: str, points: Mapping[str, Points], now: int) -> Lag:
    at, changes = _newest(points["changes"], now)
    return Lag(
        kind=kind,
        changes=int(changes or 0),
        median=points["median"].get(at),
        p99=points["p99"].get(at),
        longest=points["longest"].get(at),
        hour_changes=int(sum(points["changes"].values())),
        hour_p99=max(points["p99"].values(), default=None),
        hour_longest=max(points["longest"].values(), default=None),
    )


def _newest(points: Points, now: int) -> tuple[int, float | None]:
    at = max(points, default=0)
    return (at, points[at]) if points and at >= now - RECENT else (0, None)
