"""Resources that one of our functions brings about for CloudFormation."""

from __future__ import annotations

from typing import Any

from troposphere import AWSObject, GetAtt, Ref, Template, awslambda

MARGIN_SECONDS = 30
"""What CloudFormation waits beyond the function's time-out, for the cold start and the way of the answer."""


def add_custom_resource(
    template: Template, title: str, kind: str, function: awslambda.Function, **properties: Any
) -> AWSObject:
    """Add a `Custom::<kind>` resource.

    `ServiceTimeout` ends the wait for a function that died without an answer; CloudFormation would wait an hour.

    CloudFormation calls the function asynchronously. A function that broke has answered before; Lambda must not call it
    again, for then nobody listens and what it makes belongs to no stack.
    """
    once = template.add_resource(
        awslambda.EventInvokeConfig(
            f"{title}CalledOnce", FunctionName=Ref(function), Qualifier="$LATEST", MaximumRetryAttempts=0
        )
    )
    resource_type = type(kind, (AWSObject,), {"resource_type": f"Custom::{kind}", "props": {}})
    return template.add_resource(
        resource_type(
            title,
            DependsOn=once.title,
            ServiceToken=GetAtt(function, "Arn"),
            ServiceTimeout=function.Timeout + MARGIN_SECONDS,
            **properties,
        )
    )
