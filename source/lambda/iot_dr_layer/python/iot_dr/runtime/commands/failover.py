"""Wires the failover: the items of the Region that is to lead, what may be lost, and what is looked at afterwards."""

from __future__ import annotations

import functools
import getpass
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from iot_dr.aws import clients
from iot_dr.aws.failover.connections import IotConnections, connects_per_second
from iot_dr.aws.failover.control import DynamoDbControlStore
from iot_dr.aws.failover.fence import DynamoDbFenceStore
from iot_dr.aws.failover.leadership import DynamoDbLeadershipReader
from iot_dr.aws.failover.name_servers import DnsNameServers, listed
from iot_dr.aws.launch.launched_stacks import CloudFormationStackReader
from iot_dr.aws.ledger.status import DynamoDbLedgerReader
from iot_dr.aws.pacing import paced
from iot_dr.aws.quotas import DEFAULTS
from iot_dr.aws.status.replication_metrics import CloudWatchMetricsReader
from iot_dr.errors import ConfigurationError
from iot_dr.model.failover.control import Control, Mode
from iot_dr.model.failover.fence import Leadership
from iot_dr.model.launch.launches import Launch
from iot_dr.model.regions import RegionPair
from iot_dr.model.status.status_parts import StreamAge, Unread
from iot_dr.ports.progress import FailoverObserver
from iot_dr.runtime.clock import now
from iot_dr.runtime.commands.status import comparison_path, last_verification
from iot_dr.services.concurrency import on_threads
from iot_dr.services.failover import losses
from iot_dr.services.failover.evict import Evicted, Eviction
from iot_dr.services.failover.follow import Follow
from iot_dr.services.failover.take_lead import LeadOrder, TakeLead, Taken, Told, tell_other
from iot_dr.services.pacing import RegionCallBudgets
from iot_dr.services.status.status_view import stream_functions

THREADS = 24
OTHER_SECONDS = 3.0
"""For telling the other Region; nothing rests on it."""

SHARE_OF_CONNECTS = 0.5
"""Of the quota of CONNECT requests of the Region that leads, what evicted devices may take: the rest is for those that
come by themselves, and for what is tried again."""

CATCH_UP = 0.05
"""Seconds' worth of evictions that may be made up for after a pause: what is ended at once connects at once."""

_END = "DeleteConnection"


@dataclass(frozen=True)
class FailoverOrderEnvironment:
    """The variables of `toolsrc` that a failover needs: where the items lie, and how the fleet is followed."""

    primary_region: str
    secondary_region: str
    ledger_table: str
    dynamodb_global_table: str
    stack_postfix: str = ""
    uuid: str = ""
    fleet_name: str = ""
    name_servers: str = ""
    iot_endpoint_secondary: str = ""

    @property
    def regions(self) -> RegionPair:
        """Return both Regions."""
        return RegionPair(self.primary_region, self.secondary_region)


def check_target(environment: FailoverOrderEnvironment, region: str, *, follow: bool, evict: bool) -> None:
    """See to it that a failover to a Region can be ordered and, where wanted, followed.

    Raises:
        ConfigurationError: it cannot; nothing was asked of AWS.
    """
    regions = environment.regions
    if region == regions.primary:
        raise ConfigurationError(
            f"{region} is the primary Region: bringing devices back there is a failback, which also copies what they "
            "have written meanwhile; iot-dr failback is not in this release; nothing was changed"
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


class OpenFailover:
    """A failover to one Region, with everything that it asks and changes."""

    def __init__(
        self, environment: FailoverOrderEnvironment, client_of: Callable[..., Any], executor: Executor, state: str
    ) -> None:
        self._environment, self._client_of, self._executor, self._state = environment, client_of, executor, state
        self.region, self.other = environment.secondary_region, environment.primary_region
        dynamodb = client_of("dynamodb", self.region)
        table, ledger = environment.dynamodb_global_table, environment.ledger_table
        self._lead = TakeLead(
            region=self.region,
            regions=environment.regions,
            reader=DynamoDbLeadershipReader(dynamodb, table, ledger, environment.regions),
            fence=DynamoDbFenceStore(dynamodb, ledger),
            control=DynamoDbControlStore(dynamodb, table, environment.regions),
            clock=now,
        )

    def read(self) -> Leadership:
        """Return who leads, as the Region knows it; raises what `TakeLead.read` does."""
        return self._lead.read()

    def stands(self, known: Leadership) -> bool:
        """Tell whether the Region leads already, pinned."""
        return self._lead.stands(known, Mode.PINNED)

    def losses(self) -> losses.Losses:
        """Return what may be lost."""
        patient = partial(self._client_of, attempts=1, read_timeout=int(losses.COUNTING_SECONDS))
        ledger = DynamoDbLedgerReader(patient("dynamodb", self.region), self._environment.ledger_table)
        metrics = CloudWatchMetricsReader(patient("cloudwatch", self.region))
        verified = comparison_path(self.other, self.region, self._state)
        sources = losses.LossSources(
            waiting=partial(losses.count_waiting, ledger, time.monotonic),
            lags=lambda: metrics.lags(now()),
            streams=partial(self._streams, metrics, patient),
            drift=partial(last_verification, verified),
            connected={
                region: IotConnections(patient("iot", region), None).number for region in (self.other, self.region)
            },
        )
        return losses.losses(sources, self._executor)

    def _streams(self, metrics: CloudWatchMetricsReader, client_of: Callable[..., Any]) -> list[StreamAge]:
        environment = self._environment
        if not (environment.stack_postfix and environment.uuid):
            return []
        launch = Launch(environment.regions, environment.stack_postfix, environment.uuid)
        stack = CloudFormationStackReader(client_of).read(self.region, launch.secondary_stack)
        return list(metrics.stream_ages(stream_functions([stack] if stack else []), now()))

    def take(self, known: Leadership, why: str) -> Taken:
        """Have the Region lead, pinned; raises what `TakeLead.take` does."""
        return self._lead.take(known, LeadOrder(Mode.PINNED, operator(), why))

    def tell_other(self, control: Control) -> Told:
        """Tell the other Region, in three seconds at most."""
        dynamodb = self._client_of("dynamodb", self.other, attempts=1, read_timeout=int(OTHER_SECONDS))
        store = DynamoDbControlStore(dynamodb, self._environment.dynamodb_global_table, self._environment.regions)
        told = self._executor.submit(tell_other, store, control)
        wait([told], timeout=OTHER_SECONDS)
        found = losses.found_in_time(told, OTHER_SECONDS)
        return Told(found.reason) if isinstance(found, Unread) else found

    def follow(self, since: int, seconds: float, progress: FailoverObserver) -> Follow:
        """Return what looks after the order, for so many seconds at most."""
        impatient = partial(self._client_of, attempts=1, read_timeout=int(losses.COUNTING_SECONDS))
        return Follow(
            region=self.region,
            endpoint=self._environment.iot_endpoint_secondary,
            name=self._environment.fleet_name,
            servers=DnsNameServers(self._environment.name_servers),
            since=since,
            here=IotConnections(impatient("iot", self.region), None),
            there=IotConnections(impatient("iot", self.other), None),
            seconds=seconds,
            clock=now,
            stopwatch=time.monotonic,
            pause=threading.Event().wait,
            progress=progress,
            together=on_threads(self._executor),
        )

    def evict(self, progress: FailoverObserver) -> Evicted:
        """End what stays connected to the other Region; raises what `Eviction.run` does."""
        told, default = connects_per_second(self._client_of("service-quotas", self.region))
        rate = told * SHARE_OF_CONNECTS
        read = f"AWS's default, as {default}" if default else "by Service Quotas"
        progress.step(
            f"Ending connections to {self.other}, {rate:g} a second: half of CONNECT in {self.region}, {read}"
        )
        iot = paced(self._client_of("iot", self.other), RegionCallBudgets(DEFAULTS))
        data = paced(
            self._client_of("iot-data", self.other, connections=THREADS),
            RegionCallBudgets({_END: rate}, most={_END: rate}, catch_up=CATCH_UP),
        )
        connections = IotConnections(iot, data)
        return Eviction(connections, progress, threading.Event().wait, on_threads(self._executor)).run()


@contextmanager
def open_failover(environment: FailoverOrderEnvironment, profile: str = "", state: str = "") -> Iterator[OpenFailover]:
    """Open a failover to the secondary Region; nothing is asked yet.

    Raises:
        ConfigurationError: there is no such profile.
    """
    client_of = functools.cache(partial(clients.client, session=clients.session(profile)))
    executor = ThreadPoolExecutor(THREADS, thread_name_prefix="failover")
    try:
        yield OpenFailover(environment, client_of, executor, state)
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
