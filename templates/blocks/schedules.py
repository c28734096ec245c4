"""Schedules that call a function with a constant input."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from troposphere import GetAtt, Sub, Template, awslambda, iam, scheduler

ONE_TRY_SECONDS = 60
"""The least that the services admit; what is older is left to the schedule's next turn."""


def add_schedule(  # noqa: PLR0913  # a schedule is this many things
    template: Template,
    title: str,
    description: str,
    *,
    rate: Any,
    function: awslambda.Function,
    role: iam.Role,
    payload: Mapping[str, str],
) -> scheduler.Schedule:
    """Add a schedule named after its stack. It does not repeat a missed call: its next turn does the same work."""
    return template.add_resource(
        scheduler.Schedule(
            title,
            Name=Sub(f"${{AWS::StackName}}-{title}"),
            Description=description,
            ScheduleExpression=rate,
            FlexibleTimeWindow=scheduler.FlexibleTimeWindow(Mode="OFF"),
            Target=scheduler.Target(
                Arn=GetAtt(function, "Arn"),
                RoleArn=GetAtt(role, "Arn"),
                Input=json.dumps(payload),
                RetryPolicy=scheduler.RetryPolicy(MaximumEventAgeInSeconds=ONE_TRY_SECONDS, MaximumRetryAttempts=0),
            ),
        )
    )
