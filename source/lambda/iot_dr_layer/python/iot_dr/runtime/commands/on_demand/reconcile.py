"""Wires the check of one resource: readers of both Regions, the ledger, and the queue of requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from iot_dr.aws.ledger.ledger import DynamoDbLedger
from iot_dr.aws.ledger.status import DynamoDbLedgerReader
from iot_dr.aws.registry.reader import IotRegistryReader
from iot_dr.aws.request_ids import note_requests_of
from iot_dr.aws.shadows.shadow_store import IotShadowStore
from iot_dr.aws.workflow.queues import SqsRequestQueues
from iot_dr.model.regions import RegionPair
from iot_dr.model.sites import Side
from iot_dr.runtime.account import clients_of, open_account
from iot_dr.runtime.commands.history import ordering
from iot_dr.services.concurrency import on_threads
from iot_dr.services.on_demand.reconcile_one import CheckPreview, ReconcileOne
from iot_dr.services.ordered import OrderPlace, RecordedWorkflow
from iot_dr.services.replication.scopes import ScopeReader

THREADS = 8
"""Below the connections of a client."""


@dataclass(frozen=True)
class ReconcileEnvironment:
    """The variables of `toolsrc` that tell where a resource is compared, and where its check is asked for."""

    primary_region: str
    secondary_region: str
    ledger_table: str
    look_queue_url: str
    certificate_mode: str = "copy"


@contextmanager
def open_reconcile(environment: ReconcileEnvironment, place: OrderPlace, profile: str = "") -> Iterator[ReconcileOne]:
    """Open the check of one resource.

    Raises:
        ConfigurationError: the Regions are one, or the credentials are refused.
        RegionUnavailable: neither Region answers.
    """
    regions, client_of = RegionPair(environment.primary_region, environment.secondary_region), clients_of(profile)
    access = open_account(client_of, regions.secondary, regions.primary, paced=True)
    direction = regions.replication(access.account)
    sites = {side: direction.site(side) for side in Side}
    registries = {
        side: IotRegistryReader(access.paced("iot", site.region), site.region, site.account)
        for side, site in sites.items()
    }
    dynamodb = client_of("dynamodb", regions.secondary)
    ledger = DynamoDbLedgerReader(dynamodb, environment.ledger_table)
    queue = note_requests_of(client_of("sqs", regions.secondary))
    queues = SqsRequestQueues(queue, environment.look_queue_url)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="reconcile") as executor:
        together = on_threads(executor)
        yield ReconcileOne(
            comparison=CheckPreview(
                scopes=ScopeReader(registries[Side.SOURCE], registries[Side.TARGET], direction, together),
                shadows={side: IotShadowStore(access.paced("iot-data", site.region)) for side, site in sites.items()},
                direction=direction,
                owned=DynamoDbLedger(dynamodb, environment.ledger_table).owned,
                just_in_time=environment.certificate_mode == "jitr",
            ),
            item=ledger.item,
            checked_at=ledger.checked_at,
            workflow=RecordedWorkflow(queues, ordering(place, regions.secondary)),
            clock=time.monotonic,
            pause=threading.Event().wait,
        )
