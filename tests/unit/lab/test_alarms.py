"""What an alarm says, by the values of its metric."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest

from lab.alarms import Alarms, is_ringing, periods_until_it_rings, state_of

ALARM = {
    "MetricName": "Unreadable",
    "Namespace": "IoTDR",
    "Dimensions": [{"Name": "service", "Value": "start_replication"}],
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 3,
    "Threshold": 0.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}


@pytest.mark.parametrize(
    ("values", "rings"),
    [
        ([1, 1, 1], True),
        ([0, 1, 1, 1], True),
        ([1, 1, 0], False),
        ([1, None, 1], False),
        ([1, 1], False),
        ([], False),
    ],
)
def test_an_alarm_rings_if_each_of_its_last_periods_is_above_its_threshold(
    values: list[float | None], rings: bool
) -> None:
    assert is_ringing(ALARM, values) is rings


def test_an_alarm_of_another_kind_is_not_guessed_at() -> None:
    with pytest.raises(AssertionError):
        is_ringing({**ALARM, "TreatMissingData": "ignore"}, [1, 1, 1])


@pytest.mark.parametrize(
    ("other", "values", "state"),
    [
        ({}, [1, 1, 1], "ALARM"),
        ({}, [None, None, None], "OK"),
        ({}, [1, 1], "INSUFFICIENT_DATA"),
        ({"TreatMissingData": "breaching"}, [1, None, 1], "ALARM"),
        ({"TreatMissingData": "missing"}, [None, None, None], "INSUFFICIENT_DATA"),
        ({"TreatMissingData": "missing"}, [1, None, 1], "OK"),
        ({"DatapointsToAlarm": 2}, [1, 0, 1], "ALARM"),
        ({"DatapointsToAlarm": 2}, [1, 0, 0], "OK"),
        ({"ComparisonOperator": "LessThanThreshold", "Threshold": 30.0}, [29, 29, 29], "ALARM"),
        ({"ComparisonOperator": "LessThanThreshold", "Threshold": 30.0}, [29, 30, 29], "OK"),
        ({"ComparisonOperator": "GreaterThanOrEqualToThreshold", "Threshold": 1.0}, [1, 1, 1], "ALARM"),
        ({"ComparisonOperator": "LessThanOrEqualToThreshold", "Threshold": 1.0}, [1, 1, 1], "ALARM"),
    ],
)
def test_operator_missing_data_and_datapoints_decide_as_the_alarm_says(
    other: dict[str, Any], values: list[float | None], state: str
) -> None:
    assert state_of({**ALARM, **other}, values) == state


@pytest.mark.parametrize(
    ("metric", "other", "value", "periods"),
    [
        ("Unreadable", {}, 1.0, 3),
        ("Unreadable", {}, 0.0, None),
        ("ApproximateAgeOfOldestMessage", {"Threshold": 300.0}, 0.5, 8),
        ("IteratorAge", {"Threshold": 60_000.0}, 0.0, 5),
        ("IteratorAge", {"Threshold": 60_000.0}, 1.0, 4),
        (
            "DaysToExpiry",
            {"Threshold": 30.0, "ComparisonOperator": "LessThanThreshold", "Period": 86_400, "EvaluationPeriods": 1},
            89.0,
            61,
        ),
    ],
)
def test_what_counts_goes_on_as_it_is_and_what_is_an_age_grows(
    metric: str, other: dict[str, Any], value: float, periods: int | None
) -> None:
    assert periods_until_it_rings({**ALARM, "MetricName": metric, **other}, value) == periods


class CloudWatch:
    """One alarm, and a metric with a value for each of some seconds."""

    def __init__(self, values: dict[int, float]) -> None:
        self._values = values

    def describe_alarms(self, AlarmNames: list[str]) -> Any:  # noqa: N803  # boto3's spelling
        return {"MetricAlarms": [ALARM] if AlarmNames == ["unreadable"] else []}

    def get_metric_statistics(self, **asked: Any) -> Any:
        assert (asked["Namespace"], asked["Dimensions"]) == (ALARM["Namespace"], ALARM["Dimensions"])
        sums: dict[int, float] = defaultdict(float)
        for second in range(int(asked["StartTime"].timestamp()), int(asked["EndTime"].timestamp())):
            sums[second // asked["Period"] * asked["Period"]] += self._values.get(second, 0)
        return {
            "Datapoints": [
                {"Timestamp": datetime.fromtimestamp(at, UTC), "Sum": one} for at, one in sums.items() if one
            ]
        }


@pytest.mark.parametrize(
    ("values", "worst"),
    [({119: 3.0, 120: 1.0, 121: 1.0}, 3.0), ({118: 9.0, 119: 1.0}, 1.0), ({}, None)],
    ids=["the worse of two periods", "what was before does not count", "no data"],
)
def test_the_worst_of_the_alarms_own_periods_is_what_was_measured(
    values: dict[int, float], worst: float | None
) -> None:
    assert Alarms(CloudWatch(values), clock=lambda: 130.0).measured(ALARM, since=119.0) == worst


def test_an_alarm_is_found_by_its_name_and_one_that_is_not_there_is_no_silent_one() -> None:
    alarms = Alarms(CloudWatch({}))

    assert alarms.named("unreadable") is ALARM
    with pytest.raises(ValueError, match="not enough values"):
        alarms.named("another")
