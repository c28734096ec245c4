"""Wires the status: ledger, control item, metrics, stacks and the last verification to the services that tell them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from iot_dr.aws.events.failed_records import S3FailedRecords
from iot_dr.aws.failover.domains import IotFleetDomains
from iot_dr.aws.failover.leadership import DynamoDbLeadershipReader
from iot_dr.aws.failover.name_servers import DnsNameServers
from iot_dr.aws.launch.launched_stacks import CloudFormationStackReader
from iot_dr.aws.ledger.status import AttachedCertificates, DynamoDbLedgerReader
from iot_dr.aws.status.replication_metrics import CloudWatchMetricsReader
from iot_dr.aws.status.running_parts import AwsRunningParts
from iot_dr.files.last_verification import kept
from iot_dr.files.state_folder import StateFolder, default_folder
from iot_dr.model.failover.fence import Leadership
from iot_dr.model.launch.launched_stacks import LaunchedStack
from iot_dr.model.launch.launches import Launch
from iot_dr.model.regions import RegionPair
from iot_dr.model.registry.keys import Key
from iot_dr.model.replication.ledger_items import LedgerItem
from iot_dr.model.replication.outcomes import State
from iot_dr.model.status.status_parts import Drift, Lag, StreamAge
from iot_dr.runtime.account import clients_of
from iot_dr.runtime.clock import now
from iot_dr.services.concurrency import on_threads
from iot_dr.services.failover.naming import ask_all
from iot_dr.services.status.status import Progress, ResourceStatus, listed, standing
from iot_dr.services.status.status_view import Sources, StatusView, status_view

THREADS = 8
MINUTE = 60_000
"""Milliseconds for which metrics and stacks are kept while a status is watched: CloudWatch has nothing newer."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class StatusEnvironment:
    """The variables of `toolsrc` that tell where the ledger lies, and which launch it belongs to."""

    secondary_region: str
    ledger_table: str
    primary_region: str = ""
    stack_postfix: str = ""
    uuid: str = ""
    dynamodb_global_table: str = ""
    fleet_name: str = ""
    name_servers: str = ""


def status_of(key: Key, environment: StatusEnvironment, profile: str = "") -> ResourceStatus:
    """Return how one resource stands."""
    client_of = clients_of(profile)
    certificates = AttachedCertificates(client_of("iot", environment.secondary_region))
    return standing(key, _ledger(environment, client_of), certificates.of)


def waiting_of(environment: StatusEnvironment, states: Collection[State], profile: str = "") -> Iterator[LedgerItem]:
    """Yield what waits or is held in one of these states, in any if none is named."""
    return listed(_ledger(environment, clients_of(profile)), states)


def watched(environment: StatusEnvironment, profile: str = "", state: str = "") -> Callable[[Progress], StatusView]:
    """Return what reads the overview each time it is called; it keeps its clients, and for a minute what is slow.

    Raises:
        ConfigurationError: there is no such profile, or the launch's names cannot be.
    """
    client_of = functools.cache(clients_of(profile))
    sources = _sources(environment, client_of, state)

    def read(progress: Progress) -> StatusView:
        with ThreadPoolExecutor(THREADS, thread_name_prefix="status") as executor:
            return status_view(sources, now, progress, on_threads(executor))

    return read


def _sources(environment: StatusEnvironment, client_of: Callable[..., object], state: str) -> Sources:
    launch, name = _launch(environment), environment.fleet_name
    metrics = CloudWatchMetricsReader(client_of("cloudwatch", environment.secondary_region))
    servers, domains = DnsNameServers(environment.name_servers), IotFleetDomains(client_of)
    regions = (environment.primary_region, environment.secondary_region)
    return Sources(
        ledger=_ledger(environment, client_of),
        drift=partial(
            last_verification, verification_path(environment.primary_region, environment.secondary_region, state)
        ),
        leadership=_leadership(environment, client_of),
        stacks=_Kept(partial(_stacks, launch, CloudFormationStackReader(client_of))) if launch else None,
        metrics=_CachedMetricsReader(metrics),
        waiting=AwsRunningParts(client_of).waiting,
        records=_Kept(partial(_kept_records, launch, client_of)) if launch else None,
        names=partial(ask_all, servers, name) if name else None,
        domains={region: partial(domains.domain, region, name) for region in regions if region and name},
    )


def _leadership(environment: StatusEnvironment, client_of: Callable[..., object]) -> Callable[[], Leadership] | None:
    table = environment.dynamodb_global_table
    if not (table and environment.primary_region):
        return None
    regions = RegionPair(environment.primary_region, environment.secondary_region)
    client = client_of("dynamodb", regions.secondary)
    return DynamoDbLeadershipReader(client, table, environment.ledger_table, regions).leadership


def _launch(environment: StatusEnvironment) -> Launch | None:
    if not (environment.primary_region and environment.stack_postfix and environment.uuid):
        return None
    regions = RegionPair(environment.primary_region, environment.secondary_region)
    return Launch(regions, environment.stack_postfix, environment.uuid)


def _stacks(launch: Launch, reader: CloudFormationStackReader) -> Sequence[LaunchedStack]:
    found = (reader.read(region, name) for region, name in launch.stacks)
    return [stack for stack in found if stack is not None]


def _kept_records(launch: Launch, client_of: Callable[..., object]) -> int:
    return len(S3FailedRecords(client_of("s3", launch.regions.secondary), launch.secondary_bucket).keys())


def verification_path(primary: str, secondary: str, state: str) -> Path | None:
    """Return where a verification on this machine keeps what it found; None if no primary Region is named."""
    if state:
        return StateFolder(Path(state)).last_verification
    return StateFolder(default_folder(RegionPair(primary, secondary))).last_verification if primary else None


def last_verification(path: Path | None) -> Drift | None:
    """Return what a verification on this machine found last; None if there was none, or none that ended."""
    return None if path is None else kept(path)


def _ledger(environment: StatusEnvironment, client_of: Callable[..., object]) -> DynamoDbLedgerReader:
    return DynamoDbLedgerReader(client_of("dynamodb", environment.secondary_region), environment.ledger_table)


class _Kept(Generic[Value]):
    """Reads at most once a minute."""

    def __init__(self, read: Callable[[], Value]) -> None:
        self._read = read
        self._last: tuple[int, Value] | None = None

    def __call__(self) -> Value:
        if self._last is None or now() - self._last[0] >= MINUTE:
            self._last = now(), self._read()
        return self._last[1]


class _CachedMetricsReader:
    """Metrics that are read at most once a minute, for each reading is billed."""

    def __init__(self, metrics: CloudWatchMetricsReader) -> None:
        self._metrics = metrics
        self._lags = _Kept(lambda: metrics.lags(now()))
        self._functions: dict[str, str] = {}
        self._ages = _Kept(lambda: metrics.stream_ages(self._functions, now()))

    def lags(self, now: int) -> Sequence[Lag]:  # noqa: ARG002  # what is kept has a time of its own
        return self._lags()

    def stream_ages(self, functions: Mapping[str, str], now: int) -> Sequence[StreamAge]:  # noqa: ARG002  # as above
        self._functions = dict(functions)
        return self._ages()
