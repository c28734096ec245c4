"""Wires the trigger: a batch of the table's stream in, checks of the distinct resources out, to their queue.

The control item stands in the same table: where its record comes, the Region's fence follows it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from iot_dr.aws.clients import client
from iot_dr.aws.failover import control
from iot_dr.aws.failover.fence import DynamoDbFenceStore
from iot_dr.aws.workflow.queues import SqsRequestQueues
from iot_dr.errors import InvalidResource
from iot_dr.model.events.registry_events import RegistryEvent, decode
from iot_dr.observability.logs import Logger, logger
from iot_dr.observability.metrics import ReplicationMetrics
from iot_dr.runtime.clock import now
from iot_dr.runtime.environment import read
from iot_dr.runtime.functions.secondary import SecondaryVariables
from iot_dr.runtime.functions.stream_batches import StreamReader
from iot_dr.services.events.start_replication import start_replication
from iot_dr.services.failover.follow_order import follow_order


@dataclass(frozen=True)
class TriggerEnvironment(SecondaryVariables):
    """Variables of the trigger."""

    look_queue_url: str
    work_bucket: str


class ControlItemChanged:
    """A record of the control item; what it says is read from the table, where it cannot be overtaken."""


def start_replication_handler(
    environ: Mapping[str, str] = os.environ,
) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return the trigger: a batch of the table's stream in, the sequence numbers of records to hand in again out."""
    environment = read(TriggerEnvironment, environ)
    workflow = SqsRequestQueues(client("sqs"), environment.look_queue_url)
    log = logger()
    metrics = ReplicationMetrics()
    reader = StreamReader(_decode, environment.work_bucket, log, metrics)
    follow = _follow(environment, log, metrics)

    def handle(event: dict[str, Any], _context: Any) -> dict[str, Any]:
        batch = reader.read(event)
        events = [event for event in batch.events.values() if isinstance(event, RegistryEvent)]
        if len(events) < len(batch.events):
            follow()
        requests = start_replication(events, workflow)
        log.info("requests queued", extra={"events": len(events), "looks": [str(one.key) for one in requests]})
        return batch.answer()

    return handle


def _decode(item: Mapping[str, Any]) -> RegistryEvent | ControlItemChanged:
    return ControlItemChanged() if item.get("resource") == control.RESOURCE else decode(item)


def _follow(environment: TriggerEnvironment, log: Logger, metrics: ReplicationMetrics) -> Callable[[], None]:
    """Return what has the fence follow the control item; the alarm of what is unreadable tells one that is garbled."""
    regions = environment.regions

    def follow() -> None:
        dynamodb = client("dynamodb")
        try:
            found = follow_order(
                regions.secondary,
                environment.leadership(dynamodb),
                DynamoDbFenceStore(dynamodb, environment.ledger_table),
                control.DynamoDbControlStore(dynamodb, environment.control_table, regions),
                now,
            )
        except InvalidResource as error:
            log.error("no order is followed", extra={"reason": str(error)})  # noqa: TRY400  # the reason says it all
            metrics.count("Unreadable", 1)
            metrics.flush()
        else:
            log.info("the control item changed", extra=asdict(found.control) | {"fence": str(found.fence.role)})

    return follow
