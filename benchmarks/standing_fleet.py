"""Clients that answer for a fleet of any size, of which both Regions hold the same, and count what they are asked.

Every device is a thing with a classic shadow and a certificate, all of one type and with one policy.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from iot_dr.aws.ledger.bases import DynamoDbHeldResources
from iot_dr.aws.ledger.ledger import DynamoDbLedger
from iot_dr.aws.ledger.shadow_notes import DynamoDbShadowNotes
from iot_dr.aws.registry.reader import PAGE_SIZE, IotRegistryReader
from iot_dr.aws.registry.writer import IotRegistryWriter
from iot_dr.aws.shadows.shadow_store import IotShadowStore
from iot_dr.aws.workflow.queues import SqsRequestQueues
from iot_dr.model.failover.control import Control
from iot_dr.model.failover.fence import Fence, Leadership
from iot_dr.model.regions import RegionPair
from iot_dr.model.replication.messages import RequestMessage
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.services.gate import LeadershipWriteGate, OpenWriteGate
from iot_dr.services.replication.replicate import Replication
from iot_dr.services.replication.retry import Retry
from iot_dr.services.replication.scopes import ScopeReader
from iot_dr.services.shadows.replicate import ShadowReplication
from iot_dr.services.sweep import Sweep

ACCOUNT = "123456789012"
REGIONS = RegionPair("us-east-1", "us-west-2").replication(ACCOUNT)
NOW = 1_000_000
SLICE = 200
"""The default of the secondary stack's parameter SweepSlice."""


class StandingFleet:
    """An `iot` client of a Region whose fleet does not change; counts what it is asked."""

    def __init__(self, region: str, devices: int, made: Counter[str]) -> None:
        self._region = region
        self._devices = devices
        self._made = made

    def describe_thing(self, *, thingName: str) -> dict[str, Any]:  # noqa: N803  # boto3's spelling
        """Answer for a thing."""
        self._made["DescribeThing"] += 1
        return _thing(int(thingName.rpartition("-")[2]))

    def describe_certificate(self, *, certificateId: str) -> dict[str, Any]:  # noqa: N803  # boto3's spelling
        """Answer for a certificate."""
        self._made["DescribeCertificate"] += 1
        return {"certificateDescription": _certificate_with_id(certificateId) | {"certificatePem": "PEM"}}

    def get_policy(self, *, policyName: str) -> dict[str, Any]:  # noqa: N803  # boto3's spelling
        """Answer for the policy."""
        self._made["GetPolicy"] += 1
        statement = {"Effect": "Allow", "Action": "iot:Connect", "Resource": self._arn("client/*")}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        return {"policyName": policyName, "policyDocument": document, "defaultVersionId": "1"}

    def describe_thing_type(self, *, thingTypeName: str) -> dict[str, Any]:  # noqa: N803  # boto3's spelling
        """Answer for the thing type."""
        self._made["DescribeThingType"] += 1
        return {"thingTypeName": thingTypeName, "thingTypeProperties": {}, "thingTypeMetadata": {}}

    def get_paginator(self, operation: str) -> _Pages:
        """Return what pages through a list."""
        lists: dict[str, tuple[str, Callable[..., Iterator[dict[str, Any]]]]] = {
            "list_attached_policies": ("policies", lambda **_: iter([{"policyName": "devices"}])),
            "list_billing_groups": ("billingGroups", lambda **_: iter(())),
            "list_certificates": ("certificates", lambda **_: map(_certificate, range(self._devices))),
            "list_policies": ("policies", lambda **_: iter([{"policyName": "devices"}])),
            "list_principal_things_v2": ("principalThingObjects", self._things_of),
            "list_tags_for_resource": ("tags", lambda **_: iter(())),
            "list_thing_groups": ("thingGroups", lambda **_: iter(())),
            "list_thing_groups_for_thing": ("thingGroups", lambda **_: iter(())),
            "list_thing_principals_v2": ("thingPrincipalObjects", self._principals_of),
            "list_thing_types": ("thingTypes", lambda **_: iter([{"thingTypeName": "device"}])),
            "list_things": ("things", lambda **_: map(_thing, range(self._devices))),
        }
        member, entries = lists[operation]
        return _Pages(_api_name(operation), member, entries, self._made)

    def _principals_of(self, *, thingName: str) -> Iterator[dict[str, Any]]:  # noqa: N803  # boto3's spelling
        certificate = _certificate(int(thingName.rpartition("-")[2]))
        yield {"principal": self._arn(f"cert/{certificate['certificateId']}"), "thingPrincipalType": "NON_EXCLUSIVE"}

    def _things_of(self, *, principal: str) -> Iterator[dict[str, Any]]:
        wanted = principal.rpartition("/")[2]
        number = next(number for number in range(self._devices) if _certificate(number)["certificateId"] == wanted)
        yield {"thingName": _thing(number)["thingName"], "thingPrincipalType": "NON_EXCLUSIVE"}

    def _arn(self, resource: str) -> str:
        return f"arn:aws:iot:{self._region}:{ACCOUNT}:{resource}"


@dataclass(frozen=True)
class _Pages:
    """A paginator; every page is a call."""

    name: str
    member: str
    entries: Callable[..., Iterator[dict[str, Any]]]
    made: Counter[str]

    def paginate(self, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Yield the pages, at least one."""
        size = parameters.pop("PaginationConfig", {}).get("PageSize", PAGE_SIZE)
        entries = self.entries(**parameters)
        page = list(islice(entries, size))
        while True:
            self.made[self.name] += 1
            yield {self.member: page}
            page = list(islice(entries, size))
            if not page:
                return


class CountingTable:
    """A `dynamodb` client whose table holds nothing that waits; counts what it is asked."""

    def __init__(self, made: Counter[str]) -> None:
        self._made = made

    def get_item(self, **_: Any) -> dict[str, Any]:
        """Answer that there is none."""
        self._made["GetItem"] += 1
        return {}

    def update_item(self, **_: Any) -> dict[str, Any]:
        """Answer as if it had been done."""
        self._made["UpdateItem"] += 1
        return {}

    def get_paginator(self, operation: str) -> _Pages:
        """Return one empty page."""
        return _Pages(_api_name(operation), "Items", lambda **_: iter(()), self._made)


class StandingShadows:
    """An `iot-data` client of a Region whose shadows do not change; counts what it is asked."""

    def __init__(self, made: Counter[str]) -> None:
        self._made = made

    def get_thing_shadow(self, **_: Any) -> dict[str, Any]:
        """Answer for a classic shadow."""
        self._made["GetThingShadow"] += 1
        document = {"state": {"reported": {"pressure": 2}}, "version": 1, "timestamp": NOW // 1000}
        return {"payload": io.BytesIO(json.dumps(document).encode())}

    def list_named_shadows_for_thing(self, **_: Any) -> dict[str, Any]:
        """Answer that there are none."""
        self._made["ListNamedShadowsForThing"] += 1
        return {"results": []}


class StandingNotes(CountingTable):
    """A `dynamodb` client whose table holds, of every shadow, that it is in sync."""

    def get_item(self, **parameters: Any) -> dict[str, Any]:
        """Answer with the note."""
        super().get_item(**parameters)
        numbers = {"claims": 1, "settled": 1, "source_version": 1, "source_at": NOW}
        item = {name: {"N": str(number)} for name, number in numbers.items()}
        return {"Item": item | {"state": {"S": "in_sync"}, "owned_at": {"N": "1"}}}

    def delete_item(self, **_: Any) -> dict[str, Any]:
        """Answer as if it had been done."""
        self._made["DeleteItem"] += 1
        return {}


class Following:
    """Says that the secondary follows; counts what it is asked."""

    def __init__(self, made: Counter[str]) -> None:
        self._made = made

    def leadership(self) -> Leadership:
        """Answer."""
        self._made["BatchGetItem"] += 1
        return Leadership(Control(REGIONS.source.region), Fence())


class RecordingQueue:
    """An `sqs` client that keeps the requests that it is sent; `calls` counts by the batch, `messages` one by one."""

    def __init__(self) -> None:
        self.requests: list[ReconcileRequest] = []
        self.calls = 0
        self.messages = 0

    def send_message_batch(self, *, Entries: list[dict[str, Any]], **_: Any) -> dict[str, Any]:  # noqa: N803  # boto3's spelling
        """Keep the requests of the messages."""
        self.calls += 1
        for entry in Entries:
            self.messages += 1
            self.requests.extend(RequestMessage.read(entry["MessageBody"], background=True).requests)
        return {}


def standing_sweep(devices: int, lists: Counter[str], table: CountingTable, queue: RecordingQueue) -> Sweep:
    """Return the sweep of a standing fleet, wired as the runtime does it."""
    primary, secondary = _readers(devices, lists)
    return Sweep(
        source=primary,
        target=secondary,
        direction=REGIONS,
        ledger=DynamoDbLedger(table, "ledger"),
        workflow=SqsRequestQueues(queue, "background", "background"),
        gate=OpenWriteGate(),
        clock=lambda: NOW,
        slice_size=SLICE,
        shadows=True,
    )


def standing_retry(table: CountingTable, queue: RecordingQueue) -> Retry:
    """Return the retry of a standing fleet, wired as the runtime does it."""
    return Retry(
        ledger=DynamoDbLedger(table, "ledger"),
        held=DynamoDbHeldResources(table, "ledger"),
        workflow=SqsRequestQueues(queue, "background", "background"),
        gate=OpenWriteGate(),
        clock=lambda: NOW,
    )


def standing_replication(devices: int, made: Counter[str]) -> Replication:
    """Return the worker for a standing fleet, which may write to the ledger alone."""
    primary, secondary = _readers(devices, made)
    return Replication(
        scopes=ScopeReader(primary, secondary, REGIONS),
        source=primary,
        target=secondary,
        # No method of it is there: nothing may be written while nothing differs.
        writer=IotRegistryWriter(object(), REGIONS.target.region, ACCOUNT),
        ledger=DynamoDbLedger(CountingTable(made), "ledger"),
        gate=OpenWriteGate(),
        clock=lambda: NOW,
    )


def standing_shadows(made: Counter[str]) -> ShadowReplication:
    """Return the function of shadows for a standing fleet, which may write to the ledger alone."""
    shadows, table = IotShadowStore(StandingShadows(made)), StandingNotes(made)
    return ShadowReplication(
        source=shadows,
        target=shadows,
        ledger=DynamoDbLedger(table, "ledger"),
        notes=DynamoDbShadowNotes(table, "ledger"),
        gate=LeadershipWriteGate(Following(made), REGIONS.target.region),
        clock=lambda: NOW,
    )


def _readers(devices: int, made: Counter[str]) -> tuple[IotRegistryReader, IotRegistryReader]:
    primary, secondary = (
        IotRegistryReader(StandingFleet(region, devices, made), region, ACCOUNT)
        for region in (REGIONS.source.region, REGIONS.target.region)
    )
    return primary, secondary


def _thing(number: int) -> dict[str, Any]:
    return {
        "thingName": f"device-{number:07}",
        "thingTypeName": "device",
        "attributes": {"site": f"site-{number % 100}", "serial": f"{number:09}"},
        "version": 1,
    }


def _certificate(number: int) -> dict[str, Any]:
    return _certificate_with_id(hashlib.sha256(str(number).encode()).hexdigest())


def _certificate_with_id(certificate_id: str) -> dict[str, Any]:
    return {"certificateId": certificate_id, "status": "ACTIVE"}


def _api_name(operation: str) -> str:
    return operation.title().replace("_", "")
