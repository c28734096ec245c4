"""Wires the worker that the workflow asks to check resources."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from iot_dr.aws.clients import of_one_session
from iot_dr.aws.ledger.ledger import DynamoDbLedger
from iot_dr.aws.pacing import paced
from iot_dr.aws.registry.reader import IotRegistryReader
from iot_dr.aws.registry.writer import IotRegistryWriter
from iot_dr.aws.request_ids import note_requests_of, noting_requests
from iot_dr.model.replication.requests import REQUESTS_PER_BATCH, ReconcileRequest
from iot_dr.observability.logs import logger
from iot_dr.observability.metrics import ReplicationMetrics
from iot_dr.ports.failover import WriteGate
from iot_dr.ports.ledger import Ledger
from iot_dr.runtime.budgets import BACKGROUND_WORKERS, background_budgets, event_budgets
from iot_dr.runtime.clock import now
from iot_dr.runtime.environment import read
from iot_dr.runtime.functions.secondary import SecondaryVariables
from iot_dr.services.concurrency import on_threads
from iot_dr.services.replication.batch import handle_batch
from iot_dr.services.replication.replicate import Replication, ReplicationResult
from iot_dr.services.replication.scopes import ScopeReader
from iot_dr.services.replication.settling import Settling
from iot_dr.services.replication.shared_answers import SharedAnswers

THREADS = 16
"""Calls that run at the same time, over all requests of a batch."""

READ_TIMEOUT = 5
"""Seconds; a call that is repeated as often as it may leaves the worker time to apply what an event carried."""


@dataclass(frozen=True)
class WorkerEnvironment(SecondaryVariables):
    """Variables of the worker."""

    account_id: str
    settle_seconds: int = Settling.complete
    incomplete_seconds: int = Settling.incomplete
    certificate_mode: str = "copy"


def replicate_resource_handler(
    environ: Mapping[str, str] = os.environ,
) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return the worker: `{"looks": [request, ...]}` in; the requests to come, and the seconds until the first, out.

    With `"background": true` its calls of AWS IoT keep to a part of the quotas, for others come first.
    """
    environment = read(WorkerEnvironment, environ)
    client = of_one_session()
    dynamodb = client("dynamodb")
    ledger = DynamoDbLedger(dynamodb, environment.ledger_table)
    gate = environment.write_gate(dynamodb)
    # A call, each with its repetitions, ends well before the worker.
    registry = functools.partial(client, "iot", read_timeout=READ_TIMEOUT)

    def slow(region: str) -> Any:
        return paced(registry(region), background_budgets(client, region, BACKGROUND_WORKERS))

    for_events = _replication(environment, ledger, gate, lambda region: paced(registry(region), event_budgets()))
    # Made when it is first asked for: most workers are never asked for background work.
    in_background = functools.cache(lambda: _replication(environment, ledger, gate, slow))
    # Not the pool of the calls: a request waits for its calls, and a pool full of those that wait would never go on.
    together = on_threads(ThreadPoolExecutor(REQUESTS_PER_BATCH))
    log, metrics = logger(), ReplicationMetrics()

    def handle(event: dict[str, Any], _context: Any) -> dict[str, Any]:
        requests = [ReconcileRequest.from_json(value) for value in event["looks"]]
        replication = in_background() if event.get("background") else for_events
        shared = SharedAnswers(now())

        def replicate(request: ReconcileRequest, beside: int) -> ReplicationResult:
            with noting_requests() as requests:
                result = replication.replicate(request, beside, shared)
            log.info("checked", extra=_facts(result) | {"requests": requests})
            return result

        taken = handle_batch(requests, replicate, ledger=ledger, clock=now, together=together)
        for result in taken.checked:
            metrics.outcome(result.outcome.key.kind, result.outcome.state, result.outcome.lag)
        for outcome in taken.failed:
            log.error("request failed after all retries", extra=outcome.facts())
            metrics.outcome(outcome.key.kind, outcome.state, None)
        if taken.repeated:
            metrics.count("Retries", taken.repeated, requests[0].key.kind)
        metrics.flush()
        return {"looks": [request.to_json() for request in taken.again], "pause": taken.pause}

    return handle


def _facts(result: ReplicationResult) -> dict[str, Any]:
    return result.outcome.facts() | {
        "changes": [f"{type(change).__name__} {change.key}" for change in result.plan.actions],
        "looks": result.next_request.checks,
        "pause": result.pause,
    }


def _replication(
    environment: WorkerEnvironment, ledger: Ledger, gate: WriteGate, client_of: Callable[[str], Any]
) -> Replication:
    account = environment.account_id
    direction = environment.regions.replication(account)
    secondary_client = note_requests_of(client_of(direction.target.region))
    primary = IotRegistryReader(client_of(direction.source.region), direction.source.region, account)
    secondary = IotRegistryReader(secondary_client, direction.target.region, account)
    together = on_threads(ThreadPoolExecutor(THREADS))
    return Replication(
        scopes=ScopeReader(primary, secondary, direction, together),
        source=primary,
        target=secondary,
        writer=IotRegistryWriter(secondary_client, direction.target.region, account),
        ledger=ledger,
        gate=gate,
        clock=now,
        settling=Settling(environment.settle_seconds, environment.incomplete_seconds),
        just_in_time=environment.certificate_mode == "jitr",
        together=together,
    )
