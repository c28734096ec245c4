"""What a sync in the account takes, in hours and dollars, by the size of the fleet and by the quotas.

The calls of one request are counted where the product's adapters make them: at a complete device that the secondary
lacks, while its type and its policy are there already, as they are when their stages come before. All else is reckoned
from
that: pages of lists, batches, the time that the tightest quota sets. A test holds docs/sync-at-scale.md to this module,
and the calls to what the command itself estimates with.

    .venv/bin/python -m benchmarks.sync_at_scale
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.exceptions import ClientError

from benchmarks.idle_cost import BATCH_SECONDS, EXECUTION_SECONDS, EXPRESS_GB, LOG_BYTES, METERED, WORKER_GB
from benchmarks.standing_fleet import ACCOUNT, NOW, REGIONS, CountingTable, StandingFleet
from docs import prices
from iot_dr.aws.ledger.ledger import DynamoDbLedger
from iot_dr.aws.quotas import DEFAULTS
from iot_dr.aws.registry.reader import PAGE_SIZE, IotRegistryReader
from iot_dr.aws.registry.writer import IotRegistryWriter
from iot_dr.model.registry.keys import thing_key
from iot_dr.model.replication.requests import REQUESTS_PER_BATCH, ReconcileRequest
from iot_dr.model.sites import Side
from iot_dr.model.status.quotas import ApiQuota, Ceiling, ceiling
from iot_dr.model.sync.fleet_runs import batches_at_once
from iot_dr.services.gate import OpenWriteGate
from iot_dr.services.replication.replicate import Replication
from iot_dr.services.replication.scopes import ScopeReader

FLEETS = (10_000, 1_000_000, 10_000_000)

RAISED = (0.0, 100.0, 500.0)
"""Calls per second to which every quota that is lower is raised; 0 for the defaults."""

LISTS_OF_ALL = ("ListThings", "ListCertificates")
"""Lists that grow with the fleet; one page after the other, at their own default quota."""

METERED_WRITES = frozenset({"AttachThingPrincipal", "CreateThing"})
TRANSFER_KB = 20.0
TRANSFER_GB = 0.02


class EmptyRegion(StandingFleet):
    """An `iot` client of a Region that has the type and the policy, and no device yet; takes what is written."""

    def __getattr__(self, operation: str) -> Any:
        """Return what counts a write."""
        if not operation.startswith(("attach_", "create_", "register_")):
            raise AttributeError(operation)
        name = (
            "RegisterCertificateWithoutCA" if operation.startswith("register_") else operation.title().replace("_", "")
        )

        def write(**_: Any) -> dict[str, Any]:
            self._made[name] += 1
            return {}

        return write

    def describe_thing(self, *, thingName: str) -> dict[str, Any]:  # noqa: N803  # boto3's spelling
        """Answer that there is none."""
        super().describe_thing(thingName=thingName)
        raise _missing("DescribeThing")

    def describe_certificate(self, *, certificateId: str) -> dict[str, Any]:  # noqa: N803  # boto3's spelling
        """Answer that there is none."""
        super().describe_certificate(certificateId=certificateId)
        raise _missing("DescribeCertificate")


class WrittenTable(CountingTable):
    """A ledger's table that counts the items of transactions too."""

    def transact_write_items(self, *, TransactItems: list[Any]) -> dict[str, Any]:  # noqa: N803  # boto3's spelling
        """Answer as if it had been done."""
        self._made["TransactWriteItems"] += len(TransactItems)
        return {}


@dataclass(frozen=True)
class RequestCalls:
    """What the request for one new device calls, in each Region and in the ledger."""

    registry: Mapping[Side, Counter[str]]
    ledger: Counter[str]


REGION = {Side.SOURCE: "primary", Side.TARGET: "secondary"}


@cache
def counted() -> RequestCalls:
    """Let the worker check a new device, and count its calls."""
    made: dict[Side, Counter[str]] = {side: Counter() for side in Side}
    ledger: Counter[str] = Counter()
    empty = EmptyRegion(REGIONS.target.region, 1, made[Side.TARGET])
    primary = IotRegistryReader(
        StandingFleet(REGIONS.source.region, 1, made[Side.SOURCE]), REGIONS.source.region, ACCOUNT
    )
    secondary = IotRegistryReader(empty, REGIONS.target.region, ACCOUNT)
    replication = Replication(
        scopes=ScopeReader(primary, secondary, REGIONS),
        source=primary,
        target=secondary,
        writer=IotRegistryWriter(empty, REGIONS.target.region, ACCOUNT),
        ledger=DynamoDbLedger(WrittenTable(ledger), "ledger"),
        gate=OpenWriteGate(),
        clock=lambda: NOW,
    )
    replication.replicate(ReconcileRequest(thing_key("device-0000000")))
    return RequestCalls(made, ledger)


def quota(operation: str, raised: float = 0.0) -> float:
    """Return the calls per second of an API, raised to at least so many."""
    return max(DEFAULTS[operation], raised)


@dataclass(frozen=True)
class Estimate:
    """A sync of a new fleet at some quotas."""

    devices: int
    raised: float

    @property
    def ceiling(self) -> Ceiling:
        """Return the devices per second that the quotas allow."""
        calls = counted().registry
        quotas = {side: {name: ApiQuota(name, quota(name, self.raised)) for name in calls[side]} for side in Side}
        return ceiling(quotas, calls)

    @property
    def pages(self) -> int:
        """Return the pages of each list that grows with the fleet."""
        return math.ceil(self.devices / PAGE_SIZE)

    @property
    def list_hours(self) -> float:
        """Return how long the lists take, one page after the other at the default quota."""
        return sum(self.pages / DEFAULTS[name] for name in LISTS_OF_ALL) / 3600

    @property
    def hours(self) -> float:
        """Return how long all of it takes at the least."""
        return self.list_hours + self.ceiling.hours_for(self.devices)

    @property
    def batches(self) -> int:
        """Return the batches of requests."""
        return math.ceil(self.devices / REQUESTS_PER_BATCH)

    @property
    def dollars(self) -> float:
        """Return the price of it."""
        calls, ledger = counted().registry, counted().ledger
        operations = sum(
            number for side in Side for name, number in calls[side].items() if name in METERED | METERED_WRITES
        )
        # Each item of a transaction is written twice; a certificate's note is read once.
        writes = 2 * ledger["TransactWriteItems"] + ledger["UpdateItem"]
        a_device = (
            operations * prices.REGISTRY_OPERATION
            + writes * prices.DYNAMODB_WRITE
            + prices.DYNAMODB_READ
            + LOG_BYTES / 1e9 * prices.LOG_GB
            + TRANSFER_KB / 1e6 * TRANSFER_GB
        )
        a_batch = (
            prices.LAMBDA_REQUEST
            + BATCH_SECONDS * WORKER_GB * prices.LAMBDA_GB_SECOND
            + prices.EXPRESS_REQUEST
            + EXECUTION_SECONDS * EXPRESS_GB * prices.EXPRESS_GB_HOUR / 3600
            + prices.STANDARD_TRANSITION
        )
        return (
            self.devices * a_device
            + self.batches * a_batch
            + len(LISTS_OF_ALL) * self.pages * prices.REGISTRY_OPERATION
        )


def estimates_table() -> str:
    """Return the table of hours and dollars."""
    rows = [
        "| Devices | Quotas | Devices a second | Hours | of them listing | Batches at once | USD |",
        "|---:|---|---:|---:|---:|---:|---:|",
    ]
    for devices in FLEETS:
        for raised in RAISED:
            one = Estimate(devices, raised)
            cells = (
                f"{devices:,}",
                f"each at least {raised:.0f}/s" if raised else "AWS's defaults",
                f"{one.ceiling.per_second:.0f}",
                f"{one.hours:,.2f}",
                f"{one.list_hours:.2f}",
                str(batches_at_once(one.ceiling.per_second)),
                f"{one.dollars:,.2f}",
            )
            rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def quotas_table() -> str:
    """Return the table of the calls that a device costs, tightest first in each Region."""
    rows = ["| Region | API | Calls per device | Default a second | Devices a second |", "|---|---|---:|---:|---:|"]
    for side in Side:
        calls = counted().registry[side]
        for name in sorted(calls, key=lambda name: (quota(name) / calls[name], name)):
            per_device = quota(name) / calls[name]
            rows.append(f"| {REGION[side]} | `{name}` | {calls[name]} | {quota(name):.0f} | {per_device:.0f} |")
    return "\n".join(rows)


def _missing(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no such resource"}}, operation)


def main() -> None:
    """Print the tables."""
    print(estimates_table(), quotas_table(), sep="\n\n")


if __name__ == "__main__":
    main()
