"""Queues: encrypted, TLS only, and kept as long as SQS can, for they hold what went wrong."""

from __future__ import annotations

from awacs.aws import Action
from troposphere import GetAtt, Ref, Template, sqs

from templates.blocks.permissions import deny_without_tls
from templates.blocks.roles import document

RETENTION_SECONDS = 14 * 24 * 3600
"""The most that SQS offers."""


def add_dead_letter_queue(template: Template, title: str) -> sqs.Queue:
    """Add a queue for what somebody must look at, with its policy."""
    queue = template.add_resource(
        sqs.Queue(
            title,
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Retain",
            SqsManagedSseEnabled=True,
            MessageRetentionPeriod=RETENTION_SECONDS,
        )
    )
    everything = Action("sqs", "*")  # every action, known today or not: the statement is a denial
    template.add_resource(
        sqs.QueuePolicy(
            f"{title}Policy",
            Queues=[Ref(queue)],
            PolicyDocument=document(deny_without_tls([everything], [GetAtt(queue, "Arn")])),
        )
    )
    return queue
