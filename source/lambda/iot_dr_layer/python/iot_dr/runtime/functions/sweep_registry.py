"""Wires the sweep, which the schedule calls."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from iot_dr.aws.clients import of_one_session
from iot_dr.aws.failover.control import DynamoDbControlStore
from iot_dr.aws.ledger.bases import DynamoDbHeldResources
from iot_dr.aws.ledger.gauges import DynamoDbLedgerGauges
from iot_dr.aws.ledger.ledger import DynamoDbLedger
from iot_dr.aws.pacing import paced
from iot_dr.aws.registry.reader import IotRegistryReader
from iot_dr.aws.workflow.queues import SqsRequestQueues
from iot_dr.errors import TerminalError, UnsafePlan
from iot_dr.model.shadows.shadow import ShadowSelection
from iot_dr.observability.logs import logger
from iot_dr.observability.metrics import ReplicationMetrics
from iot_dr.ports.failover import WriteGate
from iot_dr.reconcile.safety import Limits
from iot_dr.runtime.budgets import background_budgets
from iot_dr.runtime.clock import now
from iot_dr.runtime.environment import read
from iot_dr.runtime.functions.secondary import SecondaryVariables
from iot_dr.services.concurrency import on_threads
from iot_dr.services.gauges import Measured, measure
from iot_dr.services.replication.retry import Retry
from iot_dr.services.sweep import LISTS_AT_ONCE, Sweep, Swept

ASK_SECONDS = 2
"""How long the primary Region may take to tell its control item."""

RETRIES_AT_ONCE = 10
"""Writes of a retry to the ledger at once; each puts off one request."""

SECONDS_TO_START = 90
"""What is left of the function's time, when the lists take too long, for starting what they have shown until then."""


@dataclass(frozen=True)
class SweepEnvironment(SecondaryVariables):
    """Variables of the sweep."""

    account_id: str
    background_queue_url: str
    sweep_slice: int = 200
    replicate_shadows: str = ShadowSelection.mode
    certificate_mode: str = "copy"


def sweep_registry_handler(environ: Mapping[str, str] = os.environ) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return the sweep: `{"task": "retry"}` or `{"task": "sweep"}` in, counts out.

    Deletions refused as unsafe are allowed by `{"task": "sweep", "delete_share": 1.0}`: the share that is meant.
    """
    environment = read(SweepEnvironment, environ)
    client = of_one_session()
    gate = environment.write_gate(client("dynamodb"))
    retry, sweep = _retry(environment, client, gate), _sweep(environment, client, gate)
    measured = _measuring(environment, client)
    log, metrics = logger(), ReplicationMetrics()

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        if event.get("task") == "retry":
            retried = retry.start()
            unknown = len(retried.unknown)
            log.info("retried", extra={"looks": retried.requests, "unknown": unknown})
            if unknown:
                first = {"unknown": unknown, "first": retried.unknown[0]}
                log.warning("the ledger has entries of a kind that this release does not know; they wait", extra=first)
            metrics.count("Retried", retried.requests)
            standing = measured()
            log.info("measured", extra=asdict(standing))
            _tell(standing, metrics)
            metrics.flush()
            return {"retried": retried.requests, "unknown": unknown}
        limits = Limits(deletes=float(event.get("delete_share", Limits.deletes)))
        seconds = context.get_remaining_time_in_millis() / 1000 - SECONDS_TO_START
        swept = sweep.sweep(limits, until=now() + int(1000 * seconds))
        log.info("swept", extra=asdict(swept))
        metrics.count("Drift", swept.drift)
        metrics.count("StaleCertificates", swept.stale)
        metrics.flush()
        _ensure_whole(swept, seconds)
        return asdict(swept)

    return handle


def _tell(measured: Measured, metrics: ReplicationMetrics) -> None:
    metrics.count("Waiting", measured.waiting)
    metrics.count("Held", measured.held)
    if measured.unequal is not None:
        metrics.count("ControlUnequal", int(measured.unequal))


def _ensure_whole(swept: Swept, seconds: float) -> None:
    """Raise what an operator has to know of a sweep that did what it could, so that the alarm of its errors rings.

    Raises:
        TerminalError: the lists were not read to their end in time.
        UnsafePlan: the deletions wait for an operator.
    """
    outcome = f"drift {swept.drift}, left {swept.left}"
    if not swept.complete:
        raise TerminalError(
            f"the lists were not read to their end within {seconds:.0f} s, so only what both Regions had listed by "
            f"then was compared ({outcome}); raise the quotas of AWS IoT's list calls"
        )
    if swept.refused:
        raise UnsafePlan(f"{swept.refused}. Only the deletions wait, all else is checked ({outcome})")


def _lister(client: Callable[..., Any], region: str, account: str) -> IotRegistryReader:
    """Return what lists a Region, at a part of the quotas, so that others who list are not refused."""
    return IotRegistryReader(paced(client("iot", region), background_budgets(client, region)), region, account)


def _measuring(environment: SweepEnvironment, client: Callable[..., Any]) -> Callable[[], Measured]:
    """Return what measures; the primary Region is asked once and briefly, for it may be away."""
    regions, dynamodb = environment.regions, client("dynamodb")
    there = client("dynamodb", regions.primary, attempts=1, read_timeout=ASK_SECONDS)
    ledger = DynamoDbLedgerGauges(dynamodb, environment.ledger_table)
    controls = (DynamoDbControlStore(one, environment.control_table, regions) for one in (dynamodb, there))
    return functools.partial(measure, ledger, *controls)


def _retry(environment: SweepEnvironment, client: Callable[..., Any], gate: WriteGate) -> Retry:
    dynamodb = client("dynamodb")
    return Retry(
        ledger=DynamoDbLedger(dynamodb, environment.ledger_table),
        held=DynamoDbHeldResources(dynamodb, environment.ledger_table),
        workflow=SqsRequestQueues(client("sqs"), environment.background_queue_url, environment.background_queue_url),
        gate=gate,
        clock=now,
        together=on_threads(ThreadPoolExecutor(RETRIES_AT_ONCE)),
    )


def _sweep(environment: SweepEnvironment, client: Callable[..., Any], gate: WriteGate) -> Sweep:
    account = environment.account_id
    direction = environment.regions.replication(account)
    selection = ShadowSelection(environment.replicate_shadows)
    dynamodb = client("dynamodb")
    return Sweep(
        source=_lister(client, direction.source.region, account),
        target=_lister(client, direction.target.region, account),
        direction=direction,
        ledger=DynamoDbLedger(dynamodb, environment.ledger_table),
        # All that it asks for is background work.
        workflow=SqsRequestQueues(client("sqs"), environment.background_queue_url, environment.background_queue_url),
        gate=gate,
        clock=now,
        slice_size=environment.sweep_slice,
        shadows=selection.classic or selection.named,
        just_in_time=environment.certificate_mode == "jitr",
        # Both Regions at once, each list at its own pace: the longest bounds a sweep's time, and not their sum.
        together=on_threads(ThreadPoolExecutor(LISTS_AT_ONCE)),
    )
