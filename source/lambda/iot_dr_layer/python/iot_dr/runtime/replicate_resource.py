"""Wires the worker that the workflow asks to look at one resource."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from iot_dr.aws.clients import client
from iot_dr.aws.ledger import DynamoDbLedger
from iot_dr.aws.registry_reader import IotRegistryReader
from iot_dr.aws.registry_writer import IotRegistryWriter
from iot_dr.model.looks import Look
from iot_dr.model.regions import RegionPair
from iot_dr.observability.logs import logger
from iot_dr.observability.metrics import ReplicationMetrics
from iot_dr.runtime.clock import now
from iot_dr.runtime.environment import read
from iot_dr.services.concurrency import on
from iot_dr.services.replicate import Replication
from iot_dr.services.scopes import ScopeReader
from iot_dr.services.settling import Settling

THREADS = 8
"""Calls of one look that run at the same time."""


@dataclass(frozen=True)
class WorkerEnvironment:
    """Variables of the worker."""

    primary_region: str
    aws_region: str
    account_id: str
    ledger_table: str
    settle_seconds: int = Settling.complete
    incomplete_seconds: int = Settling.incomplete
    certificate_mode: str = "copy"


def replicate_resource_handler(
    environ: Mapping[str, str] = os.environ,
) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return the worker: `{"resource": look}` in; outcome, pause in seconds and the next look out."""
    replication = _replication(read(WorkerEnvironment, environ))
    log, metrics = logger(), ReplicationMetrics()

    def handle(event: dict[str, Any], _context: Any) -> dict[str, Any]:
        result = replication.replicate(Look.from_json(event["resource"]))
        outcome = result.outcome
        log.info(
            "looked at",
            extra=outcome.facts()
            | {
                "changes": [f"{type(change).__name__} {change.key}" for change in result.plan.actions],
                "looks": result.next_look.looks,
                "pause": result.pause,
            },
        )
        metrics.outcome(outcome.key.kind, outcome.state, outcome.lag)
        metrics.flush()
        return {"outcome": str(outcome.state), "pause": result.pause, "resource": result.next_look.to_json()}

    return handle


def _replication(environment: WorkerEnvironment) -> Replication:
    account = environment.account_id
    regions = RegionPair(environment.primary_region, environment.aws_region, account, account)
    secondary_client = client("iot", regions.secondary)
    primary = IotRegistryReader(client("iot", regions.primary), regions.primary, account)
    secondary = IotRegistryReader(secondary_client, regions.secondary, account)
    together = on(ThreadPoolExecutor(THREADS))
    return Replication(
        scopes=ScopeReader(primary, secondary, regions, together),
        primary=primary,
        secondary=secondary,
        writer=IotRegistryWriter(secondary_client, regions.secondary, account),
        ledger=DynamoDbLedger(client("dynamodb"), environment.ledger_table),
        clock=now,
        settling=Settling(environment.settle_seconds, environment.incomplete_seconds),
        just_in_time=environment.certificate_mode == "jitr",
        together=together,
    )
