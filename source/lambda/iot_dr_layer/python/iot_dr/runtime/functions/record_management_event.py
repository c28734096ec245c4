"""Wires the recorder of management events, which EventBridge calls in the primary Region."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from iot_dr.aws.clients import client
from iot_dr.aws.events.event_table import DynamoDbEventTable
from iot_dr.observability.logs import logger
from iot_dr.runtime.clock import now
from iot_dr.runtime.environment import read
from iot_dr.services.events.record_management_event import record_management_event


@dataclass(frozen=True)
class RecorderEnvironment:
    """Variables of the recorder."""

    aws_region: str
    event_table: str


def record_management_event_handler(
    environ: Mapping[str, str] = os.environ,
) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return the recorder: an "AWS API Call via CloudTrail" in, whether it was stored out."""
    environment = read(RecorderEnvironment, environ)
    table = DynamoDbEventTable(client("dynamodb"), environment.event_table)
    log = logger()

    def handle(event: dict[str, Any], _context: Any) -> dict[str, Any]:
        call = event["detail"]
        recorded = record_management_event(call, source_region=environment.aws_region, table=table, clock=now)
        facts = {"event_id": call.get("eventID"), "operation": call.get("eventName")}
        if recorded is None:
            log.info("call left alone", extra=facts)
        else:
            log.info("call recorded", extra=facts | {"resource": str(recorded.key)})
        return {"recorded": recorded is not None}

    return handle
