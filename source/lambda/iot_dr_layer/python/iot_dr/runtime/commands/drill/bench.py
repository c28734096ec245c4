"""What every drill is wired from: devices, the places that they cross between, their removal, and what is told."""

from __future__ import annotations

import platform
import random
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from iot_dr import __version__
from iot_dr.aws.drill.canary_names import Route53CanaryName
from iot_dr.aws.drill.devices import PahoDrillDevices
from iot_dr.aws.drill.lookups import SystemNameLookup, ZoneNameLookup
from iot_dr.aws.failover.connections import connects_per_second
from iot_dr.aws.failover.control import DynamoDbCanaryControl
from iot_dr.aws.failover.name_servers import DnsNameServers
from iot_dr.aws.registry.reader import IotRegistryReader
from iot_dr.aws.registry.writer import IotRegistryWriter
from iot_dr.aws.shadows.shadow_store import IotShadowStore
from iot_dr.aws.status.replication_metrics import CloudWatchMetricsReader
from iot_dr.aws.workflow.queues import SqsRequestQueues
from iot_dr.files.faults import disk_errors
from iot_dr.files.private import make_file
from iot_dr.model.drill.canaries import OBSERVER, Canaries, drill_name, make_canaries
from iot_dr.model.drill.orders import CanaryRecords, DrillOrder
from iot_dr.model.launch.probes import ProbeCredentials
from iot_dr.model.trials import Trial, device_names
from iot_dr.ports.drill.canary import CanaryName
from iot_dr.ports.drill.devices import NameLookup
from iot_dr.ports.progress import DrillObserver
from iot_dr.runtime.account import AccountAccess
from iot_dr.runtime.clock import now, utc_text
from iot_dr.runtime.commands.failover import FleetEnvironment
from iot_dr.runtime.commands.prove import THREADS, together
from iot_dr.services.drill.orders import CanaryOrders
from iot_dr.services.drill.preparing import HealthChecks, lag_texts
from iot_dr.services.drill.rehearsal import DrillFacts, RehearsalParts
from iot_dr.services.drill.removal import Removal
from iot_dr.services.rounds import Rounds
from iot_dr.services.trial.crossing import Crossing, CrossingPlace
from iot_dr.services.trial.fleet import TrialFleet

AMERICAN = "us-east-1"
"""Where the API of Route 53 is."""


@dataclass(frozen=True, kw_only=True)
class DrillEnvironment(FleetEnvironment):
    """The variables of `toolsrc` that a drill needs: its launch, where its devices connect, its queue and its zone."""

    look_queue_url: str
    hosted_zone_id: str = ""
    ledger_table: str = ""
    stack_postfix: str = field()
    uuid: str = field()
    iot_endpoint_primary: str = field()
    iot_endpoint_secondary: str = field()


@dataclass(frozen=True)
class ReportPlace:
    """Where the page goes and which earlier drill it is compared with; empty for neither."""

    page: str = ""
    against: str = ""


@dataclass(frozen=True)
class Bench:
    """What a drill and a removal both are made with; the clock of `rounds` tells seconds since it was made."""

    environment: DrillEnvironment
    access: AccountAccess
    rounds: Rounds

    @property
    def name(self) -> Route53CanaryName:
        """Return what makes and removes names."""
        return Route53CanaryName(self.access.client_of("route53", AMERICAN), self.environment.hosted_zone_id)


@dataclass(frozen=True)
class DrillPlan:
    """What is known of a drill before it begins.

    Attributes:
        name: the full domain name that its devices go by, and `zone`: the one whose servers are asked.
        checks: the fleet's health checks.
        shadows: whether the launch replicates what devices keep.
        settings: how it is run, as its report tells it.
        untested: what it says nothing about.
        server_name: what devices tell the Regions by TLS, if it is not the endpoint that the name leads to.
    """

    bench: Bench
    order: DrillOrder
    canaries: Canaries
    name: str
    zone: str
    checks: HealthChecks
    shadows: bool
    untested: tuple[str, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    server_name: str = ""


def open_bench(environment: DrillEnvironment, access: AccountAccess, progress: DrillObserver) -> Bench:
    """Begin to count seconds."""
    began = time.monotonic()
    return Bench(
        environment, access, Rounds(lambda: time.monotonic() - began, threading.Event().wait, progress, together)
    )


def prepare(page: str) -> None:
    """See to it that the page can be written, before anything is made."""
    if page:
        with disk_errors(Path(page), "another file by --report"):
            make_file(Path(page))


def new_canaries(
    bench: Bench, order: DrillOrder, credentials: Callable[[str], ProbeCredentials], *, fleet: bool = False
) -> Canaries:
    """Make the keys of a drill's devices, under a name of its own."""
    name = drill_name(datetime.now(UTC), secrets.token_hex(2), fleet=fleet)
    held = together(credentials, (*device_names(name, order.clients), f"{name}-{OBSERVER}"))
    regions = bench.environment.regions
    both = (regions.primary, regions.secondary)
    return make_canaries(name, held[:-1], held[-1], both, bench.access.account)


def resolver_text(environment: DrillEnvironment) -> str:
    """Return by what devices resolve their name, in words."""
    return "the named servers, each answer kept for its TTL" if environment.name_servers else "the system's"


def rehearsal_parts(plan: DrillPlan) -> RehearsalParts:
    """Return what the devices of a drill are made of."""
    bench, canaries, order = plan.bench, plan.canaries, plan.order
    regions = bench.environment.regions
    fleet = _fleet(bench, canaries.trial)
    return RehearsalParts(
        order=order,
        canaries=canaries,
        records=CanaryRecords(
            canaries.drill,
            plan.name,
            order.ttl,
            regions.primary,
            regions.secondary,
            bench.environment.endpoints,
            plan.checks.ids,
        ),
        zone=plan.zone,
        fleet=fleet,
        crossing=_crossing(bench, canaries.trial, order.patience),
        things_here=fleet.writer,
        things_there=_reader(bench, regions.secondary),
        names=DnsNameServers(bench.environment.name_servers),
        devices=partial(_devices, plan),
        shadows=plan.shadows,
        facts=_facts(plan),
    )


def removal_of(bench: Bench, drill_name: str, trial: Trial, seconds: float, name: CanaryName) -> Removal:
    """Return what removes a drill; each step takes so many seconds at most."""
    environment, regions = bench.environment, bench.environment.regions
    both = (regions.primary, regions.secondary)
    controls = {region: _control(bench, region) for region in both}
    return Removal(
        drill=drill_name,
        name=name,
        fleet=_fleet(bench, trial),
        shadows_there=IotShadowStore(bench.access.client_of("iot-data", regions.secondary)),
        crossing=_crossing(bench, trial, seconds),
        orders=CanaryOrders(drill_name, environment.regions, controls, now),
    )


def lookup_of(environment: DrillEnvironment, name: str, servers: Sequence[str]) -> NameLookup:
    """Ask the servers that are named, else the system's resolver, as a device does."""
    if environment.name_servers:
        return ZoneNameLookup(name, DnsNameServers(environment.name_servers), servers, time.monotonic, random.choice)
    return SystemNameLookup(name)


def _devices(plan: DrillPlan, servers: Sequence[str]) -> PahoDrillDevices:
    environment = plan.bench.environment
    return PahoDrillDevices(
        plan.canaries,
        endpoints=environment.endpoints,
        home=environment.primary_region,
        pace=plan.order.pace,
        shadows=plan.shadows,
        lookups=partial(lookup_of, environment, plan.name, servers),
        clock=plan.bench.rounds.clock,
        server_name=plan.server_name,
    )


def _control(bench: Bench, region: str) -> DynamoDbCanaryControl:
    environment = bench.environment
    client = bench.access.client_of("dynamodb", region)
    return DynamoDbCanaryControl(client, environment.dynamodb_global_table, environment.regions)


def _crossing(bench: Bench, trial: Trial, seconds: float) -> Crossing:
    regions, access = bench.environment.regions, bench.access
    return Crossing(
        trial,
        direction=regions.replication(access.account),
        primary=_place(bench, regions.primary),
        secondary=_place(bench, regions.secondary),
        workflow=SqsRequestQueues(access.client_of("sqs", regions.secondary), bench.environment.look_queue_url),
        rounds=bench.rounds,
        seconds=seconds,
    )


def _place(bench: Bench, region: str) -> CrossingPlace:
    return CrossingPlace(region, _reader(bench, region), IotShadowStore(bench.access.client_of("iot-data", region)))


def _reader(bench: Bench, region: str) -> IotRegistryReader:
    return IotRegistryReader(bench.access.paced("iot", region, THREADS), region, bench.access.account)


def _fleet(bench: Bench, trial: Trial) -> TrialFleet:
    region, access = bench.environment.primary_region, bench.access
    return TrialFleet(
        trial,
        region,
        _reader(bench, region),
        IotRegistryWriter(access.paced("iot", region, THREADS), region, access.account),
        IotShadowStore(access.client_of("iot-data", region)),
        bench.rounds,
    )


def _facts(plan: DrillPlan) -> DrillFacts:
    environment, client_of = plan.bench.environment, plan.bench.access.client_of
    metrics = CloudWatchMetricsReader(client_of("cloudwatch", environment.secondary_region))
    versions = {"iot-dr": __version__, "launched stacks": plan.checks.version, "Python": platform.python_version()}
    return DrillFacts(
        began=utc_text(now()),
        quota=partial(_quota, client_of, environment.secondary_region),
        lag=partial(lag_texts, lambda: metrics.lags(now())),
        settings=plan.settings,
        versions=versions,
        untested=plan.untested,
    )


def _quota(client_of: Callable[..., Any], region: str) -> float:
    return connects_per_second(client_of("service-quotas", region))[0]
