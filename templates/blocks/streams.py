"""A function that reads the stream of a global table's replica: its mapping, and alarms on what waits or is lost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from troposphere import GetAtt, Ref, Sub, Template, awslambda, s3

from templates.blocks.alarms import add_alarm

BEHIND_MILLISECONDS = 60_000


def add_stream_mapping(  # noqa: PLR0913  # a mapping ties this many things together
    template: Template,
    title: str,
    *,
    stream: Any,
    source_region: str,
    function: awslambda.Function,
    bucket: s3.Bucket,
    batch_size: int,
    more: Sequence[Mapping[str, Any]] = (),
) -> awslambda.EventSourceMapping:
    """Map a stream to a function.

    Every replica's stream holds all writes, so the filter lets only the events of `source_region` (for `Fn::Sub`)
    through, and of them only new items, not the deletions of TTL; `more` are the patterns of other records that pass.
    From the trim horizon, else events of the launch's own minutes would be lost. A record that keeps failing goes to
    the bucket whole; a queue would get only its place in the stream.
    """
    return template.add_resource(
        awslambda.EventSourceMapping(
            title,
            EventSourceArn=stream,
            FunctionName=Ref(function),
            StartingPosition="TRIM_HORIZON",
            BatchSize=batch_size,
            MaximumBatchingWindowInSeconds=0,
            ParallelizationFactor=10,
            BisectBatchOnFunctionError=True,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            MaximumRetryAttempts=10,
            MaximumRecordAgeInSeconds=24 * 3600,  # all that a stream keeps
            FilterCriteria=awslambda.FilterCriteria(
                Filters=[
                    awslambda.Filter(Pattern=pattern)
                    for pattern in (_new_items_of(source_region), *(json.dumps(pattern) for pattern in more))
                ]
            ),
            DestinationConfig=awslambda.DestinationConfig(
                OnFailure=awslambda.OnFailure(Destination=GetAtt(bucket, "Arn"))
            ),
            MetricsConfig=awslambda.MetricsConfig(Metrics=["EventCount"]),
        )
    )


def add_stream_alarms(
    template: Template,
    events: str,
    mapping: awslambda.EventSourceMapping,
    function: awslambda.Function,
    *,
    infix: str = "",
) -> None:
    """Add alarms on events that wait, that were given up on or dropped, and that cannot be read.

    `events` is what their descriptions say, `infix` tells their titles from those of another stream.
    """
    of_mapping = {"EventSourceMappingUUID": Ref(mapping)}
    add_alarm(
        template,
        f"{infix}ReplicationBehindAlarm",
        f"{events} wait longer than a minute before they are handled",
        metric=("AWS/Lambda", "IteratorAge"),
        dimensions={"FunctionName": Ref(function)},
        statistic="Maximum",
        above=BEHIND_MILLISECONDS,
        minutes=3,
    )
    add_alarm(
        template,
        f"Failed{infix}RecordsAlarm",
        f"{events} were given up on; the work bucket holds their records below aws/lambda/",
        metric=("AWS/Lambda", "OnFailureDestinationDeliveredEventCount"),
        dimensions=of_mapping,
    )
    add_alarm(
        template,
        f"Dropped{infix}RecordsAlarm",
        f"{events} were dropped: neither processed nor kept; the sweep finds what they were about",
        metric=("AWS/Lambda", "DroppedEventCount"),
        dimensions=of_mapping,
    )
    add_alarm(
        template,
        f"Unreadable{infix}RecordsAlarm",
        f"{events} cannot be read; the work bucket holds their records below unreadable/",
        metric=("IoTDR", "Unreadable"),
        dimensions={"service": _service_of(function)},
    )


def _service_of(function: awslambda.Function) -> str:
    return str(function.Environment.Variables["POWERTOOLS_SERVICE_NAME"])


def _new_items_of(source_region: str) -> Sub:
    pattern = {
        "eventName": ["INSERT"],
        "dynamodb": {"NewImage": {"source_region": {"S": [source_region]}}},
    }
    return Sub(json.dumps(pattern))
