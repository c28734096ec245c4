"""What an alarm says, by the values of its metric."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lab.alarms import Alarms, is_ringing

ALARM = {
    "MetricName": "Unreadable",
    "Namespace": "IoTDR",
    "Dimensions": [{"Name": "service", "Value": "start_replication"}],
    "Statistic": "Sum",
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
        is_ringing({**ALARM, "TreatMissingData": "breaching"}, [1, 1, 1])


class CloudWatch:
    """One alarm, and a metric with a value in each of so many seconds."""

    def __init__(self, seconds: range) -> None:
        self._seconds = seconds

    def get_paginator(self, _operation: str) -> Any:
        return self

    def paginate(self) -> Any:
        return [{"MetricAlarms": [ALARM]}]

    def get_metric_statistics(self, **asked: Any) -> Any:
        assert (asked["Namespace"], asked["Dimensions"]) == (ALARM["Namespace"], ALARM["Dimensions"])
        begins = range(int(asked["StartTime"].timestamp()), int(asked["EndTime"].timestamp()), asked["Period"])
        held = [one for one in begins if set(range(one, one + asked["Period"])) & set(self._seconds)]
        return {"Datapoints": [{"Timestamp": datetime.fromtimestamp(one, UTC), "Sum": 1.0} for one in held]}


@pytest.mark.parametrize(("seconds", "rings"), [(range(100, 110), True), (range(106, 110), False), (range(0), False)])
def test_the_last_whole_periods_decide(seconds: range, rings: bool) -> None:
    assert Alarms(CloudWatch(seconds), clock=lambda: 107.5).ringing("Unreadable") is rings


def test_an_alarm_that_is_not_there_is_no_silent_one() -> None:
    with pytest.raises(AssertionError, match="no alarm on Other"):
        Alarms(CloudWatch(range(0))).ringing("Other")
