"""Wires the function that takes messages from the queues of looks and runs the workflow for each."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from iot_dr.aws.clients import client
from iot_dr.aws.ledger import DynamoDbLedger
from iot_dr.aws.look_queues import SqsLookQueues
from iot_dr.aws.workflow import LONGEST_RUN, StepFunctionsWorkflow
from iot_dr.errors import EventError, IotDrError
from iot_dr.model.look_messages import LookMessage
from iot_dr.observability.logs import Logger, logger
from iot_dr.observability.metrics import ReplicationMetrics
from iot_dr.runtime.clock import now
from iot_dr.runtime.environment import read
from iot_dr.services.run_workflow import Ended, WorkflowRunner

ANSWER_SECONDS = LONGEST_RUN + 3
"""How long an execution is waited for: longer than it may take, shorter than the function lives."""

_METRICS = {Ended.BUSY: "Busy", Ended.TAKEN_APART: "TakenApart", Ended.GIVEN_UP: "GivenUp"}


@dataclass(frozen=True)
class RunnerEnvironment:
    """Variables of the function."""

    look_queue_url: str
    background_queue_url: str
    look_dead_letter_queue_url: str
    state_machine_arn: str
    ledger_table: str


def run_workflow_handler(environ: Mapping[str, str] = os.environ) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return the function: messages of one of the queues in, the IDs of those to be handed out again out."""
    environment = read(RunnerEnvironment, environ)
    queues = SqsLookQueues(
        client("sqs"),
        environment.look_queue_url,
        environment.background_queue_url,
        environment.look_dead_letter_queue_url,
    )
    # Once only: what was cut off may still be running, and the queue has it run again when that has ended.
    states = client("stepfunctions", read_timeout=ANSWER_SECONDS, attempts=1)
    runner = WorkflowRunner(
        workflow=StepFunctionsWorkflow(states, environment.state_machine_arn),
        queues=queues,
        ledger=DynamoDbLedger(client("dynamodb"), environment.ledger_table),
        clock=now,
    )
    background = environment.background_queue_url.rpartition("/")[2]
    log, metrics = logger(), ReplicationMetrics()

    def handled(record: SQSRecord) -> bool:
        """Tell whether the message is done with."""
        of_background = record.event_source_arn.rpartition(":")[2] == background
        try:
            message = LookMessage.read(record.body, background=of_background)
        except EventError as error:
            queues.set_aside(record.body)
            facts = {"message_id": record.message_id, "reason": str(error)}
            log.error("message cannot be read; the dead-letter queue keeps it", extra=facts)  # noqa: TRY400  # the reason is the whole story
            return True
        try:
            ended = runner.handle(message, int(record.attributes.approximate_receive_count))
        except IotDrError as error:
            _tell(log, message, f"{type(error).__name__}: {error}")
            return False
        if ended in _METRICS:
            metrics.count(_METRICS[ended], len(message.looks))
        if ended is not Ended.RUN:
            _tell(log, message, str(ended))
        return True

    def handle(event: dict[str, Any], _context: Any) -> dict[str, Any]:
        records = [SQSRecord(record) for record in event["Records"]]
        failed = [record.message_id for record in records if not handled(record)]
        metrics.flush()
        return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}

    return handle


def _tell(log: Logger, message: LookMessage, reason: str) -> None:
    looks = [str(look.key) for look in message.looks]
    log.warning("looks are to come again", extra={"looks": looks, "reason": reason, "background": message.background})
