"""Metrics in Embedded Metric Format, written to the log, so that counting costs no API call.

Dimensions are the function's service and the kind of resource: a million devices make no more metrics than one.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

from aws_lambda_powertools.metrics import Metrics, MetricUnit, single_metric

NAMESPACE = "IoTDR"
ALL_SERVICES = "replication"
"""The service of what all functions count together, of all kinds, so that one alarm watches it."""
LATE_MILLISECONDS = 60_000
"""A lag above this counts as late."""


class ReplicationMetrics:
    """Counts outcomes and the lag of one invocation; `flush` writes them as a log line, and what alarms as one more."""

    def __init__(self, service: str | None = None) -> None:
        self._metrics = Metrics(namespace=NAMESPACE, service=service)
        self._together = {"Failed": 0, "Late": 0}

    def outcome(self, kind: str, state: str, lag_milliseconds: int | None) -> None:
        """Count one resource brought to a state, and its lag where an event told the time."""
        self._metrics.add_dimension("kind", kind)
        self._metrics.add_metric(name=_METRIC_OF_STATE.get(state, "Skipped"), unit=MetricUnit.Count, value=1)
        self._together["Failed"] += state == "failed"
        if lag_milliseconds is not None:
            self._together["Late"] += lag_milliseconds > LATE_MILLISECONDS
            self._metrics.add_metric(name="ReplicationLag", unit=MetricUnit.Milliseconds, value=lag_milliseconds)

    def count(self, name: str, value: int, kind: str | None = None) -> None:
        """Count something else, for example the differences that a sweep found, perhaps of one kind of resource."""
        if kind is not None:
            self._metrics.add_dimension("kind", kind)
        self._metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)

    def flush(self) -> None:
        """Write what was counted, if anything."""
        if self._metrics.metric_set:
            self._metrics.flush_metrics()
        for name, number in self._together.items():
            if number:
                with single_metric(name=name, unit=MetricUnit.Count, value=number, namespace=NAMESPACE) as metric:
                    metric.add_dimension("service", ALL_SERVICES)
                self._together[name] = 0


_METRIC_OF_STATE = {"in_sync": "Applied", "failed": "Failed", "pending": "Pending"}
