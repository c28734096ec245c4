"""Wires the trigger: a batch of the table's stream in, checks the distinct resources out, to their queue."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from iot_dr.aws.clients import client
from iot_dr.aws.workflow.queues import SqsRequestQueues
from iot_dr.model.events.registry_events import decode
from iot_dr.observability.logs import logger
from iot_dr.observability.metrics import ReplicationMetrics
from iot_dr.runtime.environment import read
from iot_dr.runtime.functions.stream_batches import StreamReader
from iot_dr.services.events.start_replication import start_replication


@dataclass(frozen=True)
class TriggerEnvironment:
    """Variables of the trigger."""

    look_queue_url: str
    work_bucket: str


def start_replication_handler(
    environ: Mapping[str, str] = os.environ,
) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return the trigger: a batch of the table's stream in, the sequence numbers of records to hand in again out."""
    environment = read(TriggerEnvironment, environ)
    workflow = SqsRequestQueues(client("sqs"), environment.look_queue_url)
    log = logger()
    reader = StreamReader(decode, environment.work_bucket, log, ReplicationMetrics())

    def handle(event: dict[str, Any], _context: Any) -> dict[str, Any]:
        batch = reader.read(event)
        requests = start_replication(batch.events.values(), workflow)
        log.info("requests queued", extra={"events": len(batch.events), "looks": [str(one.key) for one in requests]})
        return batch.answer()

    return handle
