"""Wires the failure recorder, where the workflow sends what it could not do."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from iot_dr.aws.clients import client
from iot_dr.aws.ledger.ledger import DynamoDbLedger
from iot_dr.model.exact_json import loads
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.observability.logs import logger
from iot_dr.observability.metrics import ReplicationMetrics
from iot_dr.runtime.clock import now
from iot_dr.runtime.environment import read
from iot_dr.services.replication.record_failure import record_failure

READ_TIMEOUT, ATTEMPTS = 2, 2
"""Seconds and tries of one call: both must end before the function is, and the workflow tries once more."""


@dataclass(frozen=True)
class FailureEnvironment:
    """Variables of the failure recorder."""

    ledger_table: str


def record_failure_handler(environ: Mapping[str, str] = os.environ) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return the failure recorder: `{"looks": [request, ...], "error": {"Error", "Cause"}}` in."""
    dynamodb = client("dynamodb", read_timeout=READ_TIMEOUT, attempts=ATTEMPTS)
    ledger = DynamoDbLedger(dynamodb, read(FailureEnvironment, environ).ledger_table)
    log, metrics = logger(), ReplicationMetrics()

    def handle(event: dict[str, Any], _context: Any) -> dict[str, Any]:
        error = event["error"]
        for value in event["looks"]:
            request = ReconcileRequest.from_json(value)
            outcome = record_failure(request, error["Error"], _cause(error.get("Cause", "")), ledger=ledger, clock=now)
            log.error("request failed after all retries", extra=outcome.facts())
            metrics.outcome(outcome.key.kind, outcome.state, None)
        metrics.flush()
        return {"recorded": len(event["looks"])}

    return handle


def _cause(text: str) -> str:
    """Return the message of a failed Lambda task, whose cause is the function's error as JSON."""
    try:
        cause = loads(text)
    except ValueError:
        return text
    return str(cause.get("errorMessage", text)) if isinstance(cause, dict) else text
