"""Wires the function of shadows: events from their stream, and requests from the workflow.

Of each invocation one line says where it brought how many shadows. One that waits or differs has a line of its own.
"""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from iot_dr.aws.clients import CONNECTIONS, of_one_session
from iot_dr.aws.ledger.ledger import DynamoDbLedger
from iot_dr.aws.ledger.shadow_notes import DynamoDbShadowNotes
from iot_dr.aws.pacing import paced
from iot_dr.aws.shadows.shadow_store import IotShadowStore
from iot_dr.errors import RegionUnavailable
from iot_dr.model.failover.fence import HELD_BACK
from iot_dr.model.replication.outcomes import State
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.model.shadows.shadow import ShadowSelection, decode_shadow_event
from iot_dr.observability.logs import Logger, logger
from iot_dr.observability.metrics import ReplicationMetrics
from iot_dr.runtime.budgets import BACKGROUND_WORKERS, background_budgets, event_budgets
from iot_dr.runtime.clock import now
from iot_dr.runtime.environment import read
from iot_dr.runtime.functions.secondary import SecondaryVariables
from iot_dr.runtime.functions.stream_batches import StreamReader
from iot_dr.services.concurrency import on_threads
from iot_dr.services.pacing import CATCH_UP
from iot_dr.services.shadows.replicate import KEPT_FOR, Applied, ShadowReplication

THREADS = CONNECTIONS
"""Shadows that are brought to the primary's state at the same time; each makes one call after the other."""


@dataclass(frozen=True)
class ShadowsEnvironment(SecondaryVariables):
    """Variables of the function."""

    work_bucket: str
    replicate_shadows: str = ShadowSelection.mode
    shadow_name_pattern: str = ShadowSelection.pattern


def replicate_shadows_handler(
    environ: Mapping[str, str] = os.environ,
) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return the function.

    A batch of the shadows' stream in, the sequence numbers of records to hand in again out; or `{"looks": [request,
    ...]}` in, and `{"looks": [], "pause": 0}` out, for what is to come again is in the ledger. With `"background":
    true` its calls keep to a part of the quota.
    """
    environment = read(ShadowsEnvironment, environ)
    client = of_one_session()
    shadows = functools.partial(client, "iot-data")

    def slow(region: str) -> Any:
        return paced(shadows(region), background_budgets(client, region, BACKGROUND_WORKERS))

    dynamodb = client("dynamodb")
    # No more than half a second's calls at once: they share one quota, with those of devices too.
    for_events = _replication(
        environment, dynamodb, lambda region: paced(shadows(region), event_budgets(catch_up=CATCH_UP))
    )
    in_background = functools.cache(lambda: _replication(environment, dynamodb, slow))
    log, metrics = logger(), ReplicationMetrics()
    reader = StreamReader(decode_shadow_event, environment.work_bucket, log, metrics)

    def handle(event: dict[str, Any], _context: Any) -> dict[str, Any]:
        if "looks" in event:
            replication = in_background() if event.get("background") else for_events
            applied = replication.check(ReconcileRequest.from_json(value).key for value in event["looks"])
            _tell(applied, len(event["looks"]), log, metrics)
            if applied.unrecorded:
                raise RegionUnavailable(
                    f"the ledger could not be updated for {', '.join(map(str, applied.unrecorded))}"
                )
            return {"looks": [], "pause": 0}
        batch = reader.read(event)
        applied = for_events.apply(batch.events.values())
        _tell(applied, len(batch.events), log, metrics)
        return batch.answer(number for number, one in batch.events.items() if one.key in applied.unrecorded)

    return handle


def _tell(applied: Applied, asked: int, log: Logger, metrics: ReplicationMetrics) -> None:
    for outcome in applied.outcomes:
        metrics.outcome(outcome.key.kind, outcome.state, outcome.lag)
        if outcome.state is State.FAILED:
            log.error("shadow cannot be replicated", extra=outcome.facts())
        elif outcome.state in (State.PENDING, State.HELD, State.UNSUPPORTED):
            log.warning("shadow differs", extra=outcome.facts())
    held_back = sum(outcome.reason.startswith(HELD_BACK) for outcome in applied.outcomes)
    if held_back:
        metrics.count("HeldBack", held_back)
    metrics.flush()
    ended = Counter(str(outcome.state) for outcome in applied.outcomes)
    log.info("shadows replicated", extra={"asked": asked, "unrecorded": len(applied.unrecorded), **ended})


def _replication(environment: ShadowsEnvironment, dynamodb: Any, client_of: Callable[[str], Any]) -> ShadowReplication:
    return ShadowReplication(
        source=IotShadowStore(client_of(environment.primary_region)),
        target=IotShadowStore(client_of(environment.aws_region)),
        ledger=DynamoDbLedger(dynamodb, environment.ledger_table),
        notes=DynamoDbShadowNotes(dynamodb, environment.ledger_table),
        gate=environment.write_gate(dynamodb),
        clock=now,
        selection=ShadowSelection(environment.replicate_shadows, environment.shadow_name_pattern),
        kept_for=KEPT_FOR,
        together=on_threads(ThreadPoolExecutor(THREADS)),
    )
