"""Just-in-time registration: topic rule -> queue -> function, in each Region.

A device whose CA is registered here registers its certificate by connecting; AWS IoT refuses it until the certificate
is active. In the secondary the function asks for a request, and the workflow makes the certificate what the primary
has. In the primary it registers the device by the template that the form names, if one is named there.
https://docs.aws.amazon.com/iot/latest/developerguide/auto-register-device-cert.html
"""

from __future__ import annotations

from typing import Any

from troposphere import Equals, GetAtt, Not, Or, Output, Ref, Template, awslambda, iam, iot, sqs

from templates.blocks import permissions, registry_permissions
from templates.blocks.alarms import add_queue_alarm
from templates.blocks.functions import LambdaSpec, add_function
from templates.blocks.parameters import NO_TEMPLATE
from templates.blocks.queues import add_dead_letter_queue, add_queue
from templates.blocks.roles import add_role
from templates.blocks.topic_rules import SQL_VERSION, rule_name

TIMEOUT_SECONDS = 60
TEMPLATE, HAS_TEMPLATE = "ProvisioningTemplate", "HasProvisioningTemplate"
"""The parameter of the primary's stack, and the template's condition that it names one."""
OWN = "${AWS::Region}"


def add_device_registration(template: Template, requests: sqs.Queue, layer: awslambda.LayerVersion) -> sqs.Queue:
    """Add rule, queue and function, and return the queue of what they gave up on.

    The queue takes what a fleet tells that connects all at once; a rule that calls a function can lose some of it.
    """
    queue, dead_letters = _add_queues(template)
    function = add_function(template, _register_device(requests, queue), layer)
    # A device that keeps trying tells of its certificate each time: a second's messages make one request of them.
    _add_mapping(template, queue, function, BatchSize=100, MaximumBatchingWindowInSeconds=1)
    return dead_letters


def add_device_provisioning(template: Template, layer: awslambda.LayerVersion) -> None:
    """Add the same with another function, an alarm and an output, if the form names a template; else nothing."""
    template.add_condition(HAS_TEMPLATE, Not(Or(*(Equals(Ref(TEMPLATE), name) for name in ("", NO_TEMPLATE)))))
    before = set(template.resources)
    queue, dead_letters = _add_queues(template)
    function = add_function(template, _provision_device(queue), layer)
    # Each device takes a dozen calls of AWS IoT, some of which have a quota of ten a second.
    _add_mapping(template, queue, function, BatchSize=10, ScalingConfig=awslambda.ScalingConfig(MaximumConcurrency=2))
    add_queue_alarm(
        template,
        "DeviceProvisioningAlarm",
        "Devices could not be registered by the template; the queue holds their messages, the log says why",
        dead_letters,
    )
    for title in template.resources.keys() - before:
        template.resources[title].resource["Condition"] = HAS_TEMPLATE
    template.add_output(
        Output(
            "JitrDeadLetterQueueUrl",
            Description="Devices that could not be registered",
            Value=Ref(dead_letters),
            Condition=HAS_TEMPLATE,
        )
    )


def _add_queues(template: Template) -> tuple[sqs.Queue, sqs.Queue]:
    """Add what the rule writes to, the rule, and the queue of what is given up."""
    dead_letters = add_dead_letter_queue(template, "JitrDeadLetterQueue")
    queue = add_queue(template, "JitrQueue", dead_letters, function_timeout=TIMEOUT_SECONDS)
    _add_rule(template, queue, dead_letters)
    return queue, dead_letters


def _add_mapping(template: Template, queue: sqs.Queue, function: awslambda.Function, **settings: Any) -> None:
    template.add_resource(
        awslambda.EventSourceMapping(
            "JitrMapping",
            EventSourceArn=GetAtt(queue, "Arn"),
            FunctionName=Ref(function),
            FunctionResponseTypes=["ReportBatchItemFailures"],
            **settings,
        )
    )


def _provision_device(queue: sqs.Queue) -> LambdaSpec:
    return LambdaSpec(
        folder="provision_device",
        description="Registers devices of a registered CA by a provisioning template",
        statements=(
            permissions.read_queue(queue),
            *registry_permissions.provision_devices(OWN, Ref("AWS::Region"), f"${{{TEMPLATE}}}"),
        ),
        environment={"PROVISIONING_TEMPLATE": Ref(TEMPLATE), "ACCOUNT_ID": Ref("AWS::AccountId")},
        timeout=TIMEOUT_SECONDS,
    )


def _register_device(requests: sqs.Queue, queue: sqs.Queue) -> LambdaSpec:
    return LambdaSpec(
        folder="register_device",
        description="Has certificates checked that just-in-time registration met",
        statements=(permissions.read_queue(queue), permissions.ask_for_requests(requests)),
        environment={"LOOK_QUEUE_URL": Ref(requests)},
        timeout=TIMEOUT_SECONDS,
    )


def _add_rule(template: Template, queue: sqs.Queue, dead_letters: sqs.Queue) -> iot.TopicRule:
    role = add_role(
        template,
        "JitrRuleRole",
        "iot",
        "Lets the topic rule queue just-in-time registrations, and those that it could not queue",
        {"QueueMessages": (permissions.send_messages(queue, dead_letters),)},
    )
    return template.add_resource(
        iot.TopicRule(
            "JitrRule",
            RuleName=rule_name("CertificateRegistered"),
            TopicRulePayload=iot.TopicRulePayload(
                Description="Certificates that a registered CA's devices brought by connecting",
                Sql="SELECT * FROM '$aws/events/certificates/registered/+'",  # the whole message
                AwsIotSqlVersion=SQL_VERSION,
                RuleDisabled=False,
                Actions=[_send_to(queue, role)],
                ErrorAction=_send_to(dead_letters, role),
            ),
        )
    )


def _send_to(queue: sqs.Queue, role: iam.Role) -> iot.Action:
    return iot.Action(Sqs=iot.SqsAction(QueueUrl=Ref(queue), RoleArn=GetAtt(role, "Arn"), UseBase64=False))
