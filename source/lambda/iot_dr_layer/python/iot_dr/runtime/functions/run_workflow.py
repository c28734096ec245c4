"""Wires the function that takes messages from the queues of requests and runs the workflow for each."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from iot_dr.aws.clients import of_one_session
from iot_dr.aws.ledger.ledger import DynamoDbLedger
from iot_dr.aws.pacing import paced
from iot_dr.aws.registry.reader import IotRegistryReader
from iot_dr.aws.workflow.queues import SqsRequestQueues
from iot_dr.aws.workflow.workflow import LONGEST_RUN, StepFunctionsReplicationRun
from iot_dr.errors import EventError, IotDrError
from iot_dr.model.replication.messages import Delivery, Receipt, RequestMessage, merged
from iot_dr.model.replication.requests import REQUESTS_PER_BATCH
from iot_dr.observability.logs import Logger, logger
from iot_dr.observability.metrics import ReplicationMetrics
from iot_dr.ports.replication import TakenQueues
from iot_dr.runtime.budgets import event_budgets
from iot_dr.runtime.clock import now
from iot_dr.runtime.environment import read
from iot_dr.services.concurrency import on_threads
from iot_dr.services.replication.confirm import Confirmation
from iot_dr.services.replication.run_workflow import Ended, WorkflowRunner
from iot_dr.services.replication.settling import Settling

ANSWER_SECONDS = LONGEST_RUN + 3
"""How long an execution is waited for: longer than it may take, shorter than the function lives."""

READ_TIMEOUT = 5
"""Seconds that a call of the primary may take, so that all its repetitions end well before the function."""

NEEDED = (ANSWER_SECONDS + 2) * 1000
"""Milliseconds that the function must have left to begin with another run."""

_METRICS = {Ended.BUSY: "Busy", Ended.TAKEN_APART: "TakenApart", Ended.GIVEN_UP: "GivenUp"}


@dataclass(frozen=True)
class RunnerEnvironment:
    """Variables of the function."""

    look_queue_url: str
    background_queue_url: str
    look_dead_letter_queue_url: str
    state_machine_arn: str
    ledger_table: str
    primary_region: str
    account_id: str
    settle_seconds: int = Settling.complete


def run_workflow_handler(environ: Mapping[str, str] = os.environ) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return the function: messages of one of the queues in, the IDs of those to be handed out again out."""
    environment = read(RunnerEnvironment, environ)
    client = of_one_session()
    queues = SqsRequestQueues(
        client("sqs"),
        environment.look_queue_url,
        environment.background_queue_url,
        environment.look_dead_letter_queue_url,
    )
    # Once only: what was cut off may still be running, and the queue has it run again when that has ended.
    states = client("stepfunctions", read_timeout=ANSWER_SECONDS, attempts=1)
    # Made when it is first asked for: a new device's first request waits for no client that only its second one needs.
    confirmation = functools.cache(lambda: _confirmation(environment, client))
    runner = WorkflowRunner(
        workflow=StepFunctionsReplicationRun(states, environment.state_machine_arn),
        queues=queues,
        ledger=DynamoDbLedger(client("dynamodb"), environment.ledger_table),
        clock=now,
        confirm=lambda requests: confirmation().confirm(requests),
    )
    background = environment.background_queue_url.rpartition("/")[2]
    return messages_handler(runner, queues, background, logger(), ReplicationMetrics())


def messages_handler(
    runner: WorkflowRunner, queues: TakenQueues, background: str, log: Logger, metrics: ReplicationMetrics
) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return the function over what it is wired with; `background` is the name of the queue of background work."""

    def delivered(record: SQSRecord) -> Delivery | None:
        """Read a message; one that cannot be read is set aside."""
        of_background = record.event_source_arn.rpartition(":")[2] == background
        try:
            message = RequestMessage.read(record.body, background=of_background)
        except EventError as error:
            queues.set_aside(record.body)
            facts = {"message_id": record.message_id, "reason": str(error)}
            log.error("message cannot be read; the dead-letter queue keeps it", extra=facts)  # noqa: TRY400  # the reason is the whole story
            return None
        receipt = Receipt(record.message_id, record.receipt_handle)
        return Delivery(message, (receipt,), int(record.attributes.approximate_receive_count))

    def handled(delivery: Delivery, *, in_time: bool) -> bool:
        """Tell whether what was handed out is done with."""
        try:
            ended = (
                runner.handle(delivery.message, delivery.receives) if in_time else runner.hand_back(delivery.message)
            )
        except IotDrError as error:
            _tell(log, delivery.message, f"{type(error).__name__}: {error}")
            _show_again(queues, delivery, log)
            return False
        if ended in _METRICS:
            metrics.count(_METRICS[ended], len(delivery.message.requests))
        if ended not in (Ended.RUN, Ended.CONFIRMED):
            _tell(log, delivery.message, str(ended))
        return True

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        found = [one for record in event["Records"] if (one := delivered(SQSRecord(record)))]
        left = _left(runner, found, log, metrics)
        failed: list[str] = []
        # One after the other: each has a worker of its own, and this function stands for one worker at once.
        for number, delivery in enumerate(merged(left)):
            in_time = number == 0 or context.get_remaining_time_in_millis() > NEEDED
            if not handled(delivery, in_time=in_time):
                failed.extend(receipt.message_id for receipt in delivery.receipts)
        metrics.flush()
        return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}

    return handle


def _left(
    runner: WorkflowRunner, deliveries: Sequence[Delivery], log: Logger, metrics: ReplicationMetrics
) -> Iterator[Delivery]:
    """Yield what is still to be done; what is not returned by the function, SQS deletes."""
    try:
        left = runner.without_superseded(deliveries)
    except IotDrError as error:
        log.warning("superseded requests are taken too", extra={"reason": f"{type(error).__name__}: {error}"})
        yield from deliveries
        return
    if superseded := _requests(deliveries) - _requests(left):
        metrics.count("Superseded", superseded)
    yield from (one for one in left if one.message.requests)


def _confirmation(environment: RunnerEnvironment, client: Callable[..., Any]) -> Confirmation:
    region = environment.primary_region
    primary = paced(client("iot", region, read_timeout=READ_TIMEOUT), event_budgets())
    return Confirmation(
        source=IotRegistryReader(primary, region, environment.account_id),
        clock=now,
        settling=Settling(environment.settle_seconds),
        together=on_threads(ThreadPoolExecutor(REQUESTS_PER_BATCH)),
    )


def _requests(deliveries: Iterable[Delivery]) -> int:
    return sum(len(one.message.requests) for one in deliveries)


def _show_again(queues: TakenQueues, delivery: Delivery, log: Logger) -> None:
    try:
        queues.show_again(delivery)
    except IotDrError as error:
        # They come again by themselves when they have been hidden long enough.
        log.warning("messages stay hidden", extra={"reason": f"{type(error).__name__}: {error}"})


def _tell(log: Logger, message: RequestMessage, reason: str) -> None:
    requests = [str(request.key) for request in message.requests]
    log.warning(
        "requests are to come again", extra={"looks": requests, "reason": reason, "background": message.background}
    )
