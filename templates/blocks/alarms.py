"""Alarms on what somebody must check; they notify the topic of the stack's form, if one is given there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from troposphere import GetAtt, Template, cloudwatch, sqs

from templates.blocks.notifications import notified

PERIOD_SECONDS = 60


def add_alarm(  # noqa: PLR0913  # a metric is named by this many words
    template: Template,
    title: str,
    description: str,
    *,
    metric: tuple[str, str],
    dimensions: Mapping[str, Any],
    above: Any = 0,
    minutes: int = 1,
    statistic: str = "Sum",
    period: int = PERIOD_SECONDS,
    below: int | None = None,
) -> cloudwatch.Alarm:
    """Add an alarm that rings when `metric` (namespace, name) stays above a value, or `below` one, for some minutes.

    With a longer `period`, in seconds, it is so many periods instead.
    """
    namespace, name = metric
    return template.add_resource(
        cloudwatch.Alarm(
            title,
            AlarmDescription=description,
            Namespace=namespace,
            MetricName=name,
            Dimensions=[cloudwatch.MetricDimension(Name=key, Value=value) for key, value in dimensions.items()],
            Statistic=statistic,
            Period=period,
            **_ringing(above, minutes, below),
        )
    )


def _ringing(above: Any, periods: int, below: int | None = None) -> dict[str, Any]:
    return {
        "EvaluationPeriods": periods,
        "ComparisonOperator": "GreaterThanThreshold" if below is None else "LessThanThreshold",
        "Threshold": above if below is None else below,
        # Nothing measured means nothing went wrong: a quiet fleet makes no events.
        "TreatMissingData": "notBreaching",
        "AlarmActions": notified(),
        "OKActions": notified(),
    }


def add_age_alarm(  # noqa: PLR0913  # as many words as another alarm
    template: Template, title: str, description: str, queue: sqs.Queue, *, seconds: int, minutes: int
) -> cloudwatch.Alarm:
    """Add an alarm that rings when the oldest message of a queue has waited longer than so many seconds for a while."""
    return add_alarm(
        template,
        title,
        description,
        metric=("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        dimensions={"QueueName": GetAtt(queue, "QueueName")},
        statistic="Maximum",
        above=seconds,
        minutes=minutes,
    )


def add_queue_alarm(template: Template, title: str, description: str, queue: sqs.Queue) -> cloudwatch.Alarm:
    """Add an alarm that rings as long as there is anything in a queue that should be empty."""
    return add_alarm(
        template,
        title,
        description,
        metric=("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        dimensions={"QueueName": GetAtt(queue, "QueueName")},
        statistic="Maximum",
    )
