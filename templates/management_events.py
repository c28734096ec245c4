"""The primary's ear for calls that raise no registry event: CloudTrail -> EventBridge -> function -> event table.

CloudTrail sends management calls to EventBridge where a trail records them; without a trail nothing comes and nothing
fails, and the sweep finds what was changed.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
"""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Ref, Sub, Template, awslambda, events, sqs
from troposphere import dynamodb as tables

from templates.blocks import permissions
from templates.blocks.functions import LambdaSpec, add_function
from templates.blocks.queues import add_dead_letter_queue

RULE_NAME = "${AWS::StackName}-ManagementEvents"

CALLS = (
    "AddThingToBillingGroup",
    "AttachPolicy",
    "AttachPrincipalPolicy",
    "AttachThingPrincipal",
    "CreateBillingGroup",
    "CreateCertificateFromCsr",
    "CreateDynamicThingGroup",
    "CreateKeysAndCertificate",
    "CreatePolicy",
    "CreatePolicyVersion",
    "DeleteBillingGroup",
    "DeleteCertificate",
    "DeleteDynamicThingGroup",
    "DeletePolicy",
    "DeletePolicyVersion",
    "DetachPolicy",
    "DetachPrincipalPolicy",
    "DetachThingPrincipal",
    "RegisterCertificate",
    "RegisterCertificateWithoutCA",
    "RemoveThingFromBillingGroup",
    "SetDefaultPolicyVersion",
    "TagResource",
    "UntagResource",
    "UpdateBillingGroup",
    "UpdateCertificate",
    "UpdateDynamicThingGroup",
    "UpdateThingType",
)
"""Calls that raise no registry event; a test holds them to those that the decoder knows."""

OLDEST_SECONDS = 24 * 3600
TRIES_OF_EVENTBRIDGE = 185
"""The most that EventBridge offers: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html"""
OLDEST_SECONDS_IN_LAMBDA = 6 * 3600
TRIES_OF_LAMBDA = 2
"""The most that Lambda offers: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""


def add_management_events(template: Template, table: tables.GlobalTable, layer: awslambda.LayerVersion) -> sqs.Queue:
    """Add rule and function, and return the queue of what they gave up on."""
    queue = add_dead_letter_queue(
        template,
        "ManagementEventQueue",
        permissions.let_rule_send("ManagementEventQueue", permissions.arn("events", f"rule/{RULE_NAME}")),
    )
    function = add_function(template, _record_management_event(table, queue), layer)
    # EventBridge hands over and forgets; what the function then cannot do is Lambda's to repeat.
    template.add_resource(
        awslambda.EventInvokeConfig(
            "RecordManagementEventRetries",
            FunctionName=Ref(function),
            Qualifier="$LATEST",
            MaximumRetryAttempts=TRIES_OF_LAMBDA,
            MaximumEventAgeInSeconds=OLDEST_SECONDS_IN_LAMBDA,
            DestinationConfig=awslambda.DestinationConfig(
                OnFailure=awslambda.OnFailure(Destination=GetAtt(queue, "Arn"))
            ),
        )
    )
    rule = template.add_resource(
        events.Rule(
            "ManagementEventRule",
            Name=Sub(RULE_NAME),
            Description="Calls to AWS IoT that raise no registry event, where a trail of CloudTrail records them",
            State="ENABLED",
            EventPattern=_calls_that_succeeded(),
            Targets=[
                events.Target(
                    Id="RecordManagementEvent",
                    Arn=GetAtt(function, "Arn"),
                    RetryPolicy=events.RetryPolicy(
                        MaximumEventAgeInSeconds=OLDEST_SECONDS, MaximumRetryAttempts=TRIES_OF_EVENTBRIDGE
                    ),
                    DeadLetterConfig=events.DeadLetterConfig(Arn=GetAtt(queue, "Arn")),
                )
            ],
        )
    )
    template.add_resource(
        awslambda.Permission(
            "ManagementEventPermission",
            Action="lambda:InvokeFunction",
            FunctionName=Ref(function),
            Principal="events.amazonaws.com",
            SourceArn=GetAtt(rule, "Arn"),
        )
    )
    return queue


def _record_management_event(table: tables.GlobalTable, queue: sqs.Queue) -> LambdaSpec:
    return LambdaSpec(
        folder="record_management_event",
        description="Stores calls that raise no registry event in the global table, as CloudTrail tells of them",
        statements=(permissions.put_items(table), permissions.send_messages(queue)),
        environment={"EVENT_TABLE": Ref(table)},
    )


def _calls_that_succeeded() -> dict[str, Any]:
    return {
        "source": ["aws.iot"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {
            "eventSource": ["iot.amazonaws.com"],
            "eventName": list(CALLS),
            "errorCode": [{"exists": False}],
        },
    }
