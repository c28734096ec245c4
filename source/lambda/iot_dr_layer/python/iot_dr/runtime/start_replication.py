"""Wires the trigger: a batch of the table's stream in, one workflow execution per chunk of distinct resources out."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from iot_dr.aws.clients import client
from iot_dr.aws.unreadable_records import UnreadableRecords
from iot_dr.aws.workflow import StepFunctionsWorkflow
from iot_dr.errors import EventError
from iot_dr.model.events import RegistryEvent, decode
from iot_dr.observability.logs import Logger, logger
from iot_dr.observability.metrics import ReplicationMetrics
from iot_dr.runtime.environment import read
from iot_dr.services.start_replication import start_replication


@dataclass(frozen=True)
class TriggerEnvironment:
    """Variables of the trigger."""

    state_machine_arn: str
    work_bucket: str


def start_replication_handler(
    environ: Mapping[str, str] = os.environ,
) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return the trigger: a batch of the table's stream in, the sequence numbers of records to hand in again out."""
    environment = read(TriggerEnvironment, environ)
    workflow = StepFunctionsWorkflow(client("stepfunctions"), environment.state_machine_arn)
    log, metrics = logger(), ReplicationMetrics()

    def handle(event: dict[str, Any], _context: Any) -> dict[str, Any]:
        processor = BatchProcessor(EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)
        with processor(event["Records"], handler=_decoded(environment.work_bucket, log)):
            processed = processor.process()
        events = [result for status, result, _ in processed if status == "success" and result is not None]
        looks = start_replication(events, workflow)
        unreadable = sum(status == "success" and result is None for status, result, _ in processed)
        if unreadable:
            metrics.count("Unreadable", unreadable)
            metrics.flush()
        log.info("replication started", extra={"events": len(events), "looks": [str(look.key) for look in looks]})
        answer: dict[str, Any] = dict(processor.response())
        return answer

    return handle


def _decoded(bucket: str, log: Logger) -> Callable[[DynamoDBRecord], RegistryEvent | None]:
    def decoded(record: DynamoDBRecord) -> RegistryEvent | None:
        stream = record.dynamodb
        item = dict(stream.new_image) if stream and stream.new_image else {}
        try:
            return decode(item)
        except EventError as error:
            facts = {"resource": item.get("resource"), "event_id": item.get("event_id"), "reason": str(error)}
            # The reason is the whole story; a traceback of the decoder adds nothing to it.
            log.error("event cannot be read; the work bucket keeps it", extra=facts)  # noqa: TRY400  # see above
            # A client for this alone: it is needed almost never, and making it takes as long as a batch.
            UnreadableRecords(client("s3"), bucket).keep(record.raw_event, str(error))
            return None

    return decoded
