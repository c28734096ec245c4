"""Wires the function that lists what a sync in the account checks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from iot_dr.aws.clients import of_one_session
from iot_dr.aws.ledger.ledger import DynamoDbLedger
from iot_dr.aws.ledger.status import DynamoDbLedgerReader
from iot_dr.aws.registry.fleet_reader import IotFleetReader
from iot_dr.aws.registry.selected_things import SelectedThings
from iot_dr.aws.workflow.run_files import Results, S3Inventory
from iot_dr.model.registry.keys import Key
from iot_dr.model.sync.fleet_runs import FleetRun
from iot_dr.observability.logs import logger
from iot_dr.runtime.environment import read
from iot_dr.services.sync.list_fleet import ListFleet


@dataclass(frozen=True)
class ListEnvironment:
    """Variables of the function."""

    primary_region: str
    account_id: str
    ledger_table: str
    work_bucket: str


def list_fleet_handler(environ: Mapping[str, str] = os.environ) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return the function: a run in, the run after a leg of listing out, as `FleetRun.to_json` has it."""
    service = _list_fleet(read(ListEnvironment, environ))
    log = logger()

    def handle(event: dict[str, Any], _context: Any) -> dict[str, Any]:
        run = service.leg(FleetRun.from_json(event))
        log.info("listed", extra={"run": run.run, "kind": run.kind, "rows": run.rows, "more": run.more})
        return run.to_json()

    return handle


def _list_fleet(environment: ListEnvironment) -> ListFleet:
    region, bucket = environment.primary_region, environment.work_bucket
    client = of_one_session()
    iot, s3 = client("iot", region), client("s3")
    dynamodb, table, results = client("dynamodb"), environment.ledger_table, Results(s3, bucket)
    waiting = DynamoDbLedgerReader(dynamodb, table).waiting

    def failed(run: str) -> Iterator[Key]:
        # Whatever waits for another try, however long its pause is.
        yield from (one.key for one in waiting())
        yield from (one.key for one in results.failed(run))

    return ListFleet(
        reader=IotFleetReader(iot, region, environment.account_id),
        selected=SelectedThings(iot, region).names,
        owned=DynamoDbLedger(dynamodb, table).owned,
        failed=failed,
        inventory=S3Inventory(s3, bucket),
    )
