"""Traces of AWS X-Ray from an event to its writes, if the form asks for them: of functions and state machines.

Each invocation and each state is shown with its time; Lambda, SQS and Step Functions hand the trace on. No single call
is shown: that would take X-Ray's library in each function. The health checkers are not traced: Route 53 asks them more
than a million times a month, and each answer would be a trace.
https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html
"""

from __future__ import annotations

from typing import Any

from awacs import xray
from awacs.aws import Statement
from troposphere import Equals, If, NoValue, Parameter, Ref, Template, awslambda, stepfunctions

from templates.blocks import parameters
from templates.blocks.parameters import Field
from templates.blocks.permissions import allow, in_regions

TRACING = "Tracing"
IS_TRACED = "IsTraced"
"""The parameter, and the template's condition that it says yes."""
TRACED_SERVICES = frozenset({"lambda", "states"})

_LABEL = "Trace events with AWS X-Ray?"
_DESCRIPTION = (
    "Whether AWS X-Ray shows how long functions and workflows take, from an event to its writes. It costs extra."
)


def tracing() -> Field:
    """Ask a launched stack's operator."""
    return parameters.choice(TRACING, _LABEL, _DESCRIPTION, ("no", "yes"))


def tracing_or_as_it_is(without: str) -> Field:
    """Ask in the main stack's form; `without` says what an empty input means."""
    return Field(
        Parameter(
            TRACING,
            Type="String",
            Description=f"{_DESCRIPTION} {without}",
            Default="",
            AllowedPattern="(no|yes)?",
            ConstraintDescription="must be no or yes, or empty",
        ),
        _LABEL,
    )


def add_tracing(template: Template) -> None:
    """Have the functions and state machines of a template be traced if its form says so; call it before any role."""
    template.add_condition(IS_TRACED, Equals(Ref(TRACING), "yes"))


def of_function(template: Template) -> dict[str, Any]:
    """Return the property of a function that has it traced, if functions of the template can be."""
    if IS_TRACED not in template.conditions:
        return {}
    return {"TracingConfig": If(IS_TRACED, awslambda.TracingConfig(Mode="Active"), NoValue)}


def of_state_machine() -> If:
    """Return a state machine's configuration of traces."""
    return If(IS_TRACED, stepfunctions.TracingConfiguration(Enabled=True), NoValue)


def rights(template: Template, service: str) -> tuple[Statement, ...]:
    """Return what lets a role of a service send traces, if the template has a condition for it and the service traces.

    It stands in the role itself: Lambda refuses to trace a function whose role cannot send traces yet.
    """
    if IS_TRACED not in template.conditions or service not in TRACED_SERVICES:
        return ()
    actions = [xray.GetSamplingRules, xray.GetSamplingTargets, xray.PutTelemetryRecords, xray.PutTraceSegments]
    nothing_to_name = ["*"]  # X-Ray has no resource that these act on
    return (allow("SendTraces", actions, nothing_to_name, in_regions(Ref("AWS::Region"))),)
