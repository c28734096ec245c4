"""Schedules that call a function with a constant input."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from troposphere import GetAtt, Ref, Sub, Template, awslambda, iam, scheduler

from templates.blocks import permissions
from templates.blocks.roles import add_role

ONE_TRY_SECONDS = 60
"""The least that the services admit; what is older is left to the schedule's next turn."""


def let_schedules_call(template: Template, stem: str, description: str, function: awslambda.Function) -> iam.Role:
    """Add the role by which schedules call a function, and have Lambda not repeat a call that failed.

    The scheduler calls asynchronously, and Lambda would repeat what failed; the next turn does the same work.
    """
    template.add_resource(
        awslambda.EventInvokeConfig(
            f"{stem}CalledOnce",
            FunctionName=Ref(function),
            Qualifier="$LATEST",
            MaximumRetryAttempts=0,
            MaximumEventAgeInSeconds=ONE_TRY_SECONDS,
        )
    )
    invoke = {f"Invoke{stem}": (permissions.invoke(function),)}
    return add_role(template, f"{stem}ScheduleRole", "scheduler", description, invoke)


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
