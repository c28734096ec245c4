"""How far behind the secondary is, by CloudWatch's numbers, against the SDK's stub."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import Stubber

from iot_dr.aws.status.replication_metrics import PERIOD, CloudWatchMetricsReader
from iot_dr.errors import AccessDenied
from iot_dr.model.status.status_parts import Lag, StreamAge

STUBBED = ("cloudwatch", "us-west-2")
NOW = datetime(2026, 11, 24, 12, 33, 20, tzinfo=UTC)
START = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
LAST, EARLIER, LONG_AGO = (
    datetime(2026, 11, 24, hour, minute, tzinfo=UTC) for hour, minute in ((12, 30), (12, 25), (11, 35))
)
MILLISECONDS = int(NOW.timestamp() * 1000)
THING = {
    "Namespace": "IoTDR",
    "MetricName": "ReplicationLag",
    "Dimensions": [{"Name": "service", "Value": "replicate_resource"}, {"Name": "kind", "Value": "thing"}],
}
LISTED = {"Namespace": "IoTDR", "MetricName": "ReplicationLag", "RecentlyActive": "PT3H"}


def asked(*statistics: str) -> dict[str, Any]:
    names = ("changes", "median", "p99", "longest")
    return {
        "MetricDataQueries": [
            {"Id": f"m0_{name}", "MetricStat": {"Metric": THING, "Period": PERIOD, "Stat": statistic}}
            for name, statistic in zip(names, statistics, strict=True)
        ],
        "StartTime": START,
        "EndTime": NOW,
    }


def results(points: Mapping[datetime, tuple[float, float, float, float]]) -> list[dict[str, Any]]:
    names = ("changes", "median", "p99", "longest")
    return [
        {"Id": f"m0_{name}", "Timestamps": list(points), "Values": [values[number] for values in points.values()]}
        for number, name in enumerate(names)
    ]


def lags(stub: Stubber, *pages: list[dict[str, Any]]) -> list[Lag]:
    stub.add_response("list_metrics", {"Metrics": [THING]}, LISTED)
    wanted = asked("SampleCount", "p50", "p99", "Maximum")
    for number, page in enumerate(pages, 1):
        more = {"NextToken": str(number)} if number < len(pages) else {}
        token = {"NextToken": str(number - 1)} if number > 1 else {}
        stub.add_response("get_metric_data", {"MetricDataResults": page, **more}, {**wanted, **token})
    return list(CloudWatchMetricsReader(stub.client).lags(MILLISECONDS))


def test_now_is_the_newest_five_minutes_and_the_hour_is_what_stands_whatever_is_put_together(stub: Stubber) -> None:
    points = {LAST: (3, 400, 600, 700), EARLIER: (5, 500, 900, 950), LONG_AGO: (1, 100, 2000, 2500)}

    assert lags(stub, results(points)) == [Lag("thing", 3, 400, 600, 700, 9, 2000, 2500)]


def test_numbers_that_come_on_several_pages_are_one(stub: Stubber) -> None:
    found = lags(stub, results({LAST: (3, 400, 600, 700)}), results({EARLIER: (5, 500, 900, 950)}))

    assert (found[0].changes, found[0].hour_changes) == (3, 8)


def test_what_changed_long_ago_says_nothing_of_now(stub: Stubber) -> None:
    (lag,) = lags(stub, results({LONG_AGO: (1, 100, 2000, 2500)}))

    assert (lag.changes, lag.median, lag.longest) == (0, None, None)
    assert (lag.hour_changes, lag.hour_longest) == (1, 2500)


def test_a_fleet_that_stands_still_costs_one_call(stub: Stubber) -> None:
    stub.add_response("list_metrics", {"Metrics": []}, LISTED)

    assert list(CloudWatchMetricsReader(stub.client).lags(MILLISECONDS)) == []


def test_a_stream_is_as_far_behind_as_its_newest_batch_had_waited(stub: Stubber) -> None:
    names = {"StartReplicationFunction": "start-1", "ReplicateShadowsFunction": "shadows-1"}
    queries = [
        {
            "Id": f"m{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/Lambda",
                    "MetricName": "IteratorAge",
                    "Dimensions": [{"Name": "FunctionName", "Value": name}],
                },
                "Period": 60,
                "Stat": "Maximum",
            },
        }
        for number, name in enumerate(names.values())
    ]
    answer = [
        {"Id": "m0", "Timestamps": [NOW - timedelta(minutes=3), NOW - timedelta(minutes=1)], "Values": [900.0, 250.0]},
        {"Id": "m1", "Timestamps": [], "Values": []},
    ]
    wanted = {"MetricDataQueries": queries, "StartTime": START, "EndTime": NOW}
    stub.add_response("get_metric_data", {"MetricDataResults": answer}, wanted)

    ages = CloudWatchMetricsReader(stub.client).stream_ages(names, MILLISECONDS)

    assert ages == [StreamAge("StartReplicationFunction", 250.0), StreamAge("ReplicateShadowsFunction", None)]


def test_no_function_costs_no_call(stub: Stubber) -> None:
    assert CloudWatchMetricsReader(stub.client).stream_ages({}, MILLISECONDS) == []


def test_a_missing_right_is_said(stub: Stubber) -> None:
    stub.add_client_error("list_metrics", "AccessDenied")

    with pytest.raises(AccessDenied):
        CloudWatchMetricsReader(stub.client).lags(MILLISECONDS)
