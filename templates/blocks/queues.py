"""Queues: encrypted, TLS only, and kept as long as SQS can."""

from __future__ import annotations

from typing import Any

from awacs.aws import Action, Statement
from troposphere import GetAtt, Ref, Template, sqs

from templates.blocks.keys import KEY, with_key
from templates.blocks.permissions import deny_without_tls
from templates.blocks.roles import document

RETENTION_SECONDS = 14 * 24 * 3600
"""The most that SQS offers."""
TRIES = 5
"""How often a message is handed out before it counts as dead: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""


def add_dead_letter_queue(template: Template, title: str, *others: Statement) -> sqs.Queue:
    """Add a queue for what somebody must check, with its policy, to which other statements may belong."""
    queue = template.add_resource(
        sqs.Queue(
            title,
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Retain",
            **_encryption(),
            MessageRetentionPeriod=RETENTION_SECONDS,
        )
    )
    _add_policy(template, queue, *others)
    return queue


def add_queue(template: Template, title: str, dead_letters: sqs.Queue, *, function_timeout: int) -> sqs.Queue:
    """Add a queue that a function reads, with its policy; what keeps failing goes to `dead_letters`."""
    queue = template.add_resource(
        sqs.Queue(
            title,
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Retain",
            **_encryption(),
            MessageRetentionPeriod=RETENTION_SECONDS,
            # Lambda's advice: long enough for its own tries of one batch.
            VisibilityTimeout=6 * function_timeout,
            RedrivePolicy=sqs.RedrivePolicy(deadLetterTargetArn=GetAtt(dead_letters, "Arn"), maxReceiveCount=TRIES),
        )
    )
    _add_policy(template, queue)
    return queue


def add_work_queue(template: Template, title: str, *, hidden_seconds: int) -> sqs.Queue:
    """Add a queue whose messages are handed out until they are done with: nothing moves them away by itself."""
    queue = template.add_resource(
        sqs.Queue(
            title,
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Retain",
            **_encryption(),
            MessageRetentionPeriod=RETENTION_SECONDS,
            VisibilityTimeout=hidden_seconds,
        )
    )
    _add_policy(template, queue)
    return queue


def _encryption() -> dict[str, Any]:
    return {"KmsMasterKeyId": with_key(Ref(KEY)), "SqsManagedSseEnabled": with_key(False, True)}


def _add_policy(template: Template, queue: sqs.Queue, *others: Statement) -> None:
    everything = Action("sqs", "*")  # every action, known today or not: the statement is a denial
    template.add_resource(
        sqs.QueuePolicy(
            f"{queue.title}Policy",
            Queues=[Ref(queue)],
            PolicyDocument=document(deny_without_tls([everything], [GetAtt(queue, "Arn")]), *others),
        )
    )
