"""Wires the failover: the items of the Region that is to lead, what may be lost, and what is looked at afterwards."""

from __future__ import annotations

import functools
import getpass
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from iot_dr.aws.failover.connections import IotConnections, connects_per_second
from iot_dr.aws.failover.control import DynamoDbControlStore
from iot_dr.aws.failover.fence import DynamoDbFenceStore
from iot_dr.aws.failover.leadership import DynamoDbLeadershipReader
from iot_dr.aws.failover.name_servers import DnsNameServers, listed
from iot_dr.aws.launch.launched_stacks import CloudFormationStackReader
from iot_dr.aws.ledger.status import DynamoDbLedgerReader
from iot_dr.aws.pacing import paced
from iot_dr.aws.quotas import DEFAULTS
from iot_dr.aws.request_ids import note_requests_of
from iot_dr.aws.status.replication_metrics import CloudWatchMetricsReader
from iot_dr.errors import ConfigurationError
from iot_dr.model.status.status_parts import StreamAge
from iot_dr.ports.progress import FailoverObserver
from iot_dr.runtime.account import clients_of
from iot_dr.runtime.clock import now
from iot_dr.runtime.commands.history import ordering
from iot_dr.runtime.commands.settings.launch_names import LaunchNames
from iot_dr.runtime.commands.status import last_verification, verification_path
from iot_dr.services.concurrency import on_threads
from iot_dr.services.failover.failover import Failover
from iot_dr.services.failover.follow import Follow
from iot_dr.services.failover.losses import LossSources, count_waiting
from iot_dr.services.failover.take_lead import TakeLead
from iot_dr.services.ordered import OrderPlace, RecordedControlStore, RecordedFenceStore
from iot_dr.services.pacing import RegionCallBudgets, Stopwatch, Wait
from iot_dr.services.status.status_view import stream_functions

THREADS = 96
"""Enough for 1,500 evictions a second, half of the larger quota, of 60 ms each."""

CATCH_UP = 0.05
"""Seconds' worth of evictions that may be made up for after a pause: what is ended at once connects at once."""

END = "DeleteConnection"

READ_SECONDS = 3
"""For one answer of what is only looked at."""

ClientOf = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class FleetEnvironment(LaunchNames):
    """The variables of `toolsrc` that name a launch, its tables, and where its devices connect.

    A failover needs the tables alone. A command that needs more than them takes defaults away by `field()`: a bare
    annotation would inherit them.
    """

    ledger_table: str
    dynamodb_global_table: str
    stack_postfix: str = ""
    uuid: str = ""
    fleet_name: str = ""
    name_servers: str = ""
    iot_endpoint_primary: str = ""
    iot_endpoint_secondary: str = ""

    @property
    def endpoints(self) -> Mapping[str, str]:
        """Return where devices connect, by Region."""
        return {self.primary_region: self.iot_endpoint_primary, self.secondary_region: self.iot_endpoint_secondary}


def check_target(environment: FleetEnvironment, region: str, *, follow: bool, evict: bool) -> None:
    """See to it that a failover to a Region can be ordered and, where wanted, followed.

    Raises:
        ConfigurationError: it cannot; nothing was asked of AWS.
    """
    regions = environment.regions
    if region == regions.primary:
        raise ConfigurationError(
            f"{region} is the primary Region: bringing devices back there is a failback, which also copies what they "
            "have written meanwhile: iot-dr failback; nothing was changed"
        )
    if region != regions.secondary:
        raise ConfigurationError(
            f"{region} is no Region of this launch, which can fail over to {regions.secondary}; nothing was changed"
        )
    if follow and environment.fleet_name and not environment.iot_endpoint_secondary:
        raise ConfigurationError(
            "missing: IOT_ENDPOINT_SECONDARY (--iot-endpoint-secondary), which the name servers are to answer with; "
            "read the launch's settings with `. ./toolsrc`; nothing was changed"
        )
    if follow:
        listed(environment.name_servers)
    if evict and not environment.fleet_name:
        raise ConfigurationError(
            "--evict needs the fleet's name: devices are moved when its name servers answer with the new Region; give "
            "FLEET_NAME (--fleet-name); nothing was changed"
        )


@contextmanager
def open_failover(
    environment: FleetEnvironment, place: OrderPlace, profile: str = "", pause: Wait = time.sleep
) -> Iterator[Failover]:
    """Open a failover to the secondary Region; nothing is asked yet. `pause` lets seconds pass.

    Raises:
        ConfigurationError: there is no such profile.
    """
    client_of = functools.cache(clients_of(profile))
    executor = ThreadPoolExecutor(THREADS, thread_name_prefix="failover")
    try:
        yield _failover(environment, client_of, executor, place, pause)
    finally:
        # A Region that is away is not waited for.
        executor.shutdown(wait=False, cancel_futures=True)


def operator() -> str:
    """Return who orders, as this machine knows it; AWS CloudTrail has the identity that signed."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "somebody"
    return f"{user} at {socket.gethostname()}"


def _failover(
    environment: FleetEnvironment, client_of: ClientOf, executor: Executor, place: OrderPlace, pause: Wait
) -> Failover:
    region, other, regions = environment.secondary_region, environment.primary_region, environment.regions
    table, ledger = environment.dynamodb_global_table, environment.ledger_table
    # One attempt: whoever is away is not waited for.
    impatient = partial(client_of, attempts=1, read_timeout=READ_SECONDS)
    dynamodb, orders = note_requests_of(client_of("dynamodb", region)), ordering(place, region)
    there = note_requests_of(impatient("dynamodb", other))
    return Failover(
        lead=TakeLead(
            region=region,
            regions=regions,
            reader=DynamoDbLeadershipReader(dynamodb, table, ledger, regions),
            fence=RecordedFenceStore(DynamoDbFenceStore(dynamodb, ledger), orders, region),
            control=RecordedControlStore(DynamoDbControlStore(dynamodb, table, regions), orders, region),
            clock=now,
        ),
        other=other,
        controls_there=RecordedControlStore(DynamoDbControlStore(there, table, regions), orders, other),
        sources=_sources(environment, impatient, place.state),
        following=partial(follow_to, region, environment, impatient, executor, pause),
        connects=lambda: connects_per_second(client_of("service-quotas", region)),
        connections_there=partial(paced_connections, client_of, other),
        executor=executor,
        pause=pause,
    )


def _sources(environment: FleetEnvironment, client_of: ClientOf, state: str) -> LossSources:
    region, other = environment.secondary_region, environment.primary_region
    ledger = DynamoDbLedgerReader(client_of("dynamodb", region), environment.ledger_table)
    metrics = CloudWatchMetricsReader(client_of("cloudwatch", region))
    return LossSources(
        waiting=partial(count_waiting, ledger, time.monotonic),
        lags=lambda: metrics.lags(now()),
        streams=partial(_streams, environment, metrics, CloudFormationStackReader(client_of)),
        drift=partial(last_verification, verification_path(other, region, state)),
        connected={one: IotConnections(client_of("iot", one), None).number for one in (other, region)},
    )


def _streams(
    environment: FleetEnvironment, metrics: CloudWatchMetricsReader, stacks: CloudFormationStackReader
) -> list[StreamAge]:
    if not (environment.stack_postfix and environment.uuid):
        return []
    stack = stacks.read(environment.secondary_region, environment.launch.secondary_stack)
    return list(metrics.stream_ages(stream_functions([stack] if stack else []), now()))


def follow_to(  # noqa: PLR0913, PLR0917  # the parts, then what each order gives
    region: str,
    environment: FleetEnvironment,
    client_of: ClientOf,
    executor: Executor,
    pause: Wait,
    since: int,
    seconds: float,
    progress: FailoverObserver,
) -> Follow:
    """Return what follows the devices that a Region sends for since a time, epoch milliseconds."""
    regions = environment.regions
    other = regions.primary if region == regions.secondary else regions.secondary
    return Follow(
        region=region,
        endpoint=environment.endpoints[region],
        name=environment.fleet_name,
        servers=DnsNameServers(environment.name_servers),
        since=since,
        here=IotConnections(client_of("iot", region), None),
        there=IotConnections(client_of("iot", other), None),
        seconds=seconds,
        clock=now,
        stopwatch=time.monotonic,
        pause=pause,
        progress=progress,
        together=on_threads(executor),
    )


def paced_connections(client_of: ClientOf, region: str, rate: float) -> IotConnections:
    """Return a Region's connections, of which at most so many a second are ended, and fewer where AWS refuses."""
    iot = paced(client_of("iot", region), RegionCallBudgets(DEFAULTS))
    data = paced(client_of("iot-data", region, connections=THREADS), eviction_budgets(rate))
    return IotConnections(iot, data)


def eviction_budgets(
    rate: float, stopwatch: Stopwatch = time.monotonic, pause: Callable[[float], object] = time.sleep
) -> RegionCallBudgets:
    """Return what has connections ended at most so many a second, and fewer for a while where AWS refuses."""
    return RegionCallBudgets({END: rate}, stopwatch, pause, most={END: rate}, catch_up=CATCH_UP)
