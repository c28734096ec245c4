"""The queues of requests, and the function that takes their messages and runs the workflow for each.

    events (trigger, just-in-time registration, replay) ──> queue ───────────────┐
                                                                                 ├─> function ──> workflow ──> worker
    background work (sweep, round, retries) ─────────────> queue of its own ─────┘       │
              ^                                  ^                                       │
              └────────── what is to come again, after its pause ────────────────────────┘

The function runs the workflow for one batch of looks after the other, each of which is one worker, and waits for its
end. So the mappings' greatest concurrency is how many workers there are at once, whatever the burst, and all else waits
where nothing is lost.
docs/adr/0014-requests-wait-in-a-queue.md
"""

from __future__ import annotations

from dataclasses import dataclass

from awacs import dynamodb, sqs
from troposphere import GetAtt, Output, Ref, Template, awslambda, stepfunctions
from troposphere import dynamodb as tables
from troposphere import sqs as queues

from templates import replication_workflow
from templates.blocks import permissions, registry_permissions
from templates.blocks.alarms import add_age_alarm, add_queue_alarm
from templates.blocks.functions import LambdaSpec, add_function
from templates.blocks.parameters import Field, number
from templates.blocks.queues import add_dead_letter_queue, add_work_queue

MESSAGES = 5
"""What the function is handed at most: it puts small ones together, and runs what it has one after the other."""

RUNNER_SECONDS = replication_workflow.TIMEOUT_SECONDS + 10
"""The function waits for an execution to its end; what it has no time to begin with goes back to the queue."""

HIDDEN_SECONDS = RUNNER_SECONDS + 5
"""How long a message is hidden while it is worked on, and so until one comes again whose function died."""

BACKGROUND_WORKERS = 2
"""The fewest that AWS offers: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"""

BEHIND_SECONDS = 300
BACKGROUND_BEHIND_SECONDS = 4 * 3600
"""Ages of the oldest message at which somebody should act; a settling request may be hidden for half a minute."""


@dataclass(frozen=True)
class RequestQueues:
    """The queues that requests wait in."""

    events: queues.Queue
    background: queues.Queue
    dead_letters: queues.Queue


def workers_at_once() -> Field:
    """Ask for how many workers there may be at once."""
    return number(
        "WorkersAtOnce",
        "Workers at once",
        "How many invocations of the worker events may keep busy at the same time, each with up to ten resources; what "
        "does not fit waits in a queue. Two more serve background work. For each there is one function that waits for "
        "it, so the account's concurrent executions must have room for twice as many, beside your own functions.",
        default=20,
        between=(2, 1000),
    )


def add_request_queues(template: Template) -> RequestQueues:
    """Add the queues with their alarms, and name them in the outputs."""
    made = RequestQueues(
        events=add_work_queue(template, "LookQueue", hidden_seconds=HIDDEN_SECONDS),
        background=add_work_queue(template, "BackgroundQueue", hidden_seconds=HIDDEN_SECONDS),
        dead_letters=add_dead_letter_queue(template, "LookDeadLetterQueue"),
    )
    add_age_alarm(
        template,
        "BacklogAlarm",
        "Requests of events wait longer than five minutes for a worker; iot-dr status shows how many",
        made.events,
        seconds=BEHIND_SECONDS,
        minutes=3,
    )
    add_age_alarm(
        template,
        "BackgroundBacklogAlarm",
        "Background work (sweep and retries) has waited longer than four hours because events came first",
        made.background,
        seconds=BACKGROUND_BEHIND_SECONDS,
        minutes=3,
    )
    add_queue_alarm(
        template,
        "UnreadableLooksAlarm",
        "Messages of the queues of requests cannot be read; the dead-letter queue holds them",
        made.dead_letters,
    )
    template.add_output(
        [
            Output("LookQueueUrl", Description="Resources to check wait here", Value=Ref(made.events)),
            Output("BackgroundQueueUrl", Description="The same of background work", Value=Ref(made.background)),
            Output("LookDeadLetterQueueUrl", Description="Messages that cannot be read", Value=Ref(made.dead_letters)),
        ]
    )
    return made


def add_runner(
    template: Template,
    made: RequestQueues,
    workflow: stepfunctions.StateMachine,
    ledger: tables.Table,
    layer: awslambda.LayerVersion,
) -> awslambda.Function:
    """Add the function that runs the workflow, with a mapping for each queue."""
    function = add_function(template, _run_workflow(made, workflow, ledger), layer)
    for title, queue, at_once in (
        ("LookMapping", made.events, Ref("WorkersAtOnce")),
        ("BackgroundMapping", made.background, BACKGROUND_WORKERS),
    ):
        template.add_resource(
            awslambda.EventSourceMapping(
                title,
                EventSourceArn=GetAtt(queue, "Arn"),
                FunctionName=Ref(function),
                BatchSize=MESSAGES,
                FunctionResponseTypes=["ReportBatchItemFailures"],
                ScalingConfig=awslambda.ScalingConfig(MaximumConcurrency=at_once),
            )
        )
    return function


def _run_workflow(made: RequestQueues, workflow: stepfunctions.StateMachine, ledger: tables.Table) -> LambdaSpec:
    both = (made.events, made.background)
    return LambdaSpec(
        folder="run_workflow",
        description="Runs the workflow for the requests of a message, and queues what is to come again",
        statements=(
            permissions.allow(
                "ReadQueues",
                [sqs.ChangeMessageVisibility, sqs.DeleteMessage, sqs.GetQueueAttributes, sqs.ReceiveMessage],
                [GetAtt(queue, "Arn") for queue in both],
            ),
            permissions.send_messages(*both, made.dead_letters),
            permissions.run_executions(workflow),
            *registry_permissions.read_attachments("Primary", "${PrimaryRegion}", Ref("PrimaryRegion")),
            permissions.allow("AskAndRecord", [dynamodb.BatchGetItem, dynamodb.UpdateItem], [GetAtt(ledger, "Arn")]),
        ),
        environment={
            "LOOK_QUEUE_URL": Ref(made.events),
            "BACKGROUND_QUEUE_URL": Ref(made.background),
            "LOOK_DEAD_LETTER_QUEUE_URL": Ref(made.dead_letters),
            "STATE_MACHINE_ARN": Ref(workflow),
            "LEDGER_TABLE": Ref(ledger),
            "PRIMARY_REGION": Ref("PrimaryRegion"),
            "ACCOUNT_ID": Ref("AWS::AccountId"),
            "SETTLE_SECONDS": Ref("SettleSeconds"),
        },
        timeout=RUNNER_SECONDS,
    )
