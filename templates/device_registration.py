"""The secondary's side of just-in-time registration: topic rule -> queue -> function -> queue of requests.

A device whose CA is registered here registers its certificate by connecting; AWS IoT refuses it until the certificate
is active. The workflow checks the certificate, and makes it what the primary has.
https://docs.aws.amazon.com/iot/latest/developerguide/auto-register-device-cert.html
"""

from __future__ import annotations

from troposphere import GetAtt, Ref, Template, awslambda, iam, iot, sqs

from templates.blocks import permissions
from templates.blocks.functions import LambdaSpec, add_function
from templates.blocks.queues import add_dead_letter_queue, add_queue
from templates.blocks.roles import add_role
from templates.blocks.topic_rules import SQL_VERSION, rule_name

TIMEOUT_SECONDS = 60


def add_device_registration(template: Template, requests: sqs.Queue, layer: awslambda.LayerVersion) -> sqs.Queue:
    """Add rule, queue and function, and return the queue of what they gave up on.

    The queue takes what a fleet tells that connects all at once; a rule that calls a function can lose some of it.
    """
    dead_letters = add_dead_letter_queue(template, "JitrDeadLetterQueue")
    queue = add_queue(template, "JitrQueue", dead_letters, function_timeout=TIMEOUT_SECONDS)
    _add_rule(template, queue, dead_letters)
    function = add_function(template, _register_device(requests, queue), layer)
    template.add_resource(
        awslambda.EventSourceMapping(
            "JitrMapping",
            EventSourceArn=GetAtt(queue, "Arn"),
            FunctionName=Ref(function),
            # A device that keeps trying tells of its certificate each time: a second's messages make one request of
            # them.
            BatchSize=100,
            MaximumBatchingWindowInSeconds=1,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )
    )
    return dead_letters


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
