"""What an alarm of the launch would say: worked out from its metric, as CloudWatch does.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


def is_ringing(alarm: Mapping[str, Any], values: Iterable[float | None]) -> bool:
    """Whether an alarm rings after its last periods' values, the last one last; None is a period without data.

    All periods must breach. Only what the product's templates use is known here.
    """
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    assert alarm["TreatMissingData"] == "notBreaching"
    last = list(values)[-alarm["EvaluationPeriods"] :]
    breaching = [value is not None and value > alarm["Threshold"] for value in last]
    return len(last) == alarm["EvaluationPeriods"] and all(breaching)


@dataclass(frozen=True)
class Alarms:
    """The alarms of a Region, by its `cloudwatch` client, with periods of so many seconds instead of their own."""

    cloudwatch: Any
    period: int = 2
    clock: Callable[[], float] = time.time

    def ringing(self, metric: str) -> bool:
        """Whether an alarm on a metric of the product rings now; there must be one."""
        pages = self.cloudwatch.get_paginator("describe_alarms").paginate()
        found = [one for page in pages for one in page["MetricAlarms"] if one["MetricName"] == metric]
        assert found, f"there is no alarm on {metric}"
        return any(is_ringing(one, self._values(one)) for one in found)

    def _values(self, alarm: Mapping[str, Any]) -> list[float | None]:
        """The values of the last whole periods."""
        ends = int(self.clock()) // self.period * self.period
        begins = [ends - self.period * number for number in range(alarm["EvaluationPeriods"], 0, -1)]
        statistic = alarm["Statistic"]
        told = self.cloudwatch.get_metric_statistics(
            Namespace=alarm["Namespace"],
            MetricName=alarm["MetricName"],
            Dimensions=alarm["Dimensions"],
            StartTime=datetime.fromtimestamp(begins[0], UTC),
            EndTime=datetime.fromtimestamp(ends, UTC),
            Period=self.period,
            Statistics=[statistic],
        )
        points = {int(one["Timestamp"].timestamp()): one[statistic] for one in told["Datapoints"]}
        return [points.get(begin) for begin in begins]
