"""Changes are counted by the samples of the lag metric, whatever function wrote it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from botocore.stub import Stubber

from iot_dr.aws.status.activity import CloudWatchActivityReader

STUBBED = ("cloudwatch", "us-west-2")
NOW = datetime(2026, 11, 28, tzinfo=UTC)


def metric(service: str, kind: str) -> dict[str, Any]:
    dimensions = [{"Name": "service", "Value": service}, {"Name": "kind", "Value": kind}]
    return {"Namespace": "IoTDR", "MetricName": "ReplicationLag", "Dimensions": dimensions}


def query(number: int, one: dict[str, Any]) -> dict[str, Any]:
    return {"Id": f"m{number}", "MetricStat": {"Metric": one, "Period": 86_400, "Stat": "SampleCount"}}


def result(number: int, *values: float) -> dict[str, Any]:
    return {"Id": f"m{number}", "Timestamps": [NOW] * len(values), "Values": [*values]}


def test_the_days_of_all_functions_are_summed_by_kind(stub: Stubber) -> None:
    metrics = [metric("a", "thing"), metric("b", "thing"), metric("c", "shadow")]
    stub.add_response("list_metrics", {"Metrics": metrics}, {"Namespace": "IoTDR", "MetricName": "ReplicationLag"})
    stub.add_response(
        "get_metric_data",
        {"MetricDataResults": [result(0, 3, 4), result(1, 5), result(2)]},
        {
            "MetricDataQueries": [query(number, one) for number, one in enumerate(metrics)],
            "StartTime": datetime(2026, 11, 21, tzinfo=UTC),
            "EndTime": NOW,
        },
    )
    counted = CloudWatchActivityReader(stub.client).changes(int(NOW.timestamp() * 1000), 7)

    assert counted == {"thing": 12, "shadow": 0}


def test_an_account_without_the_metric_has_no_changes(stub: Stubber) -> None:
    stub.add_response("list_metrics", {"Metrics": []})

    assert CloudWatchActivityReader(stub.client).changes(0, 7) == {}
