"""What an alarm of the launch would say: worked out from its metric, as CloudWatch does.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_ALARM, _OK, _UNKNOWN = "ALARM", "OK", "INSUFFICIENT_DATA"
_DAY = 86_400
_PERIODS = 1_000

_BREACHES: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}

_A_SECOND: Mapping[str, float] = {
    "ApproximateAgeOfOldestMessage": 1.0,
    "IteratorAge": 1000.0,
    "DaysToExpiry": -1 / _DAY,
}
"""By how much a metric grows in a second in which nothing happens; one that counts is as large in each period."""


def state_of(alarm: Mapping[str, Any], values: Iterable[float | None]) -> str:
    """An alarm's state after its last periods' values, the last one last; None is a period without data.

    CloudWatch also looks a little further back for data where a period has none; so it may ring earlier than here.
    """
    last = list(values)[-alarm["EvaluationPeriods"] :]
    if len(last) < alarm["EvaluationPeriods"]:
        return _UNKNOWN
    missing = alarm.get("TreatMissingData", "missing")
    assert missing in ("notBreaching", "breaching", "missing"), missing
    if all(value is None for value in last) and missing == "missing":
        return _UNKNOWN
    breaches = _BREACHES[alarm["ComparisonOperator"]]
    breaching = [missing == "breaching" if one is None else breaches(one, alarm["Threshold"]) for one in last]
    return _ALARM if sum(breaching) >= alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]) else _OK


def is_ringing(alarm: Mapping[str, Any], values: Iterable[float | None]) -> bool:
    """Whether an alarm rings after its last periods' values."""
    return state_of(alarm, values) == _ALARM


def periods_until_it_rings(alarm: Mapping[str, Any], value: float) -> int | None:
    """After how many periods an alarm rings if what was measured goes on as it is; None if it never does.

    What counts is as large in each period; an age grows with the time. So nobody has to wait for it.
    """
    step = _A_SECOND.get(alarm["MetricName"], 0.0) * alarm["Period"]
    values: list[float | None] = []
    while len(values) < _PERIODS:
        values.append(value + step * len(values))
        if is_ringing(alarm, values):
            return len(values)
    return None


@dataclass(frozen=True)
class Alarms:
    """The alarms of a Region, by its `cloudwatch` client."""

    cloudwatch: Any
    clock: Callable[[], float] = time.time

    def named(self, name: str) -> Mapping[str, Any]:
        """An alarm by its name, as it was launched."""
        (found,) = self.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        alarm: Mapping[str, Any] = found
        return alarm

    def measured(self, alarm: Mapping[str, Any], since: float) -> float | None:
        """What the alarm's own metric came to since then in one of its own periods, the worst; None without data.

        `since` is in seconds of the epoch. What was measured before does not count, also if it is of the same period.
        """
        period, statistic = alarm["Period"], alarm["Statistic"]
        told = self.cloudwatch.get_metric_statistics(
            Namespace=alarm["Namespace"],
            MetricName=alarm["MetricName"],
            Dimensions=alarm["Dimensions"],
            StartTime=datetime.fromtimestamp(since, UTC),
            EndTime=datetime.fromtimestamp(self.clock() + period, UTC),
            Period=period,
            Statistics=[statistic],
        )
        worst = min if alarm["ComparisonOperator"].startswith("LessThan") else max
        return worst((one[statistic] for one in told["Datapoints"]), default=None)
