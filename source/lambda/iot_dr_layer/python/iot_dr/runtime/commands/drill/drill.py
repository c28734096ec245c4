"""Wires the drill: devices, a name and a control item of its own, in the account and launch of whoever asks."""

from __future__ import annotations

import platform
import random
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
from iot_dr.aws.launch.launched_stacks import CloudFormationStackReader
from iot_dr.aws.registry.reader import IotRegistryReader
from iot_dr.aws.registry.writer import IotRegistryWriter
from iot_dr.aws.shadows.shadow_store import IotShadowStore
from iot_dr.aws.status.replication_metrics import CloudWatchMetricsReader
from iot_dr.aws.workflow.queues import SqsRequestQueues
from iot_dr.files.faults import disk_errors
from iot_dr.files.pages.drill_report import read_earlier, write_drill_report
from iot_dr.files.private import make_file
from iot_dr.model.drill.canaries import OBSERVER, PREFIX, Canaries, client_names, drill_began, make_canaries
from iot_dr.model.drill.orders import CanaryRecords, DrillOrder
from iot_dr.model.drill.results import DrillResult
from iot_dr.model.launch.launches import Launch
from iot_dr.model.regions import RegionPair
from iot_dr.model.trials import Trial
from iot_dr.ports.drill.devices import NameLookup
from iot_dr.ports.progress import DrillObserver
from iot_dr.runtime.account import AccountAccess
from iot_dr.runtime.clock import now, utc_text
from iot_dr.runtime.commands.prove import CLOCKS_DIFFER, THREADS, account_of, key_maker, require_cryptography, together
from iot_dr.services.drill.drill import Drill, DrillFacts, DrillParts
from iot_dr.services.drill.orders import CanaryOrders
from iot_dr.services.drill.preparing import HealthChecks, health_checks, lag_texts, require_zone, settings_of
from iot_dr.services.drill.removal import Removal
from iot_dr.services.rounds import Rounds
from iot_dr.services.trial.crossing import Crossing, CrossingPlace
from iot_dr.services.trial.fleet import TrialFleet
from iot_dr.services.trial.leftovers import leftovers
from iot_dr.services.trial.order import shadows_to_prove

AMERICAN = "us-east-1"
"""Where the API of Route 53 is."""


@dataclass(frozen=True)
class DrillEnvironment:
    """The variables of `toolsrc` that name a launch, its tables and queue, where devices connect, and a zone."""

    primary_region: str
    secondary_region: str
    stack_postfix: str
    uuid: str
    look_queue_url: str
    dynamodb_global_table: str
    iot_endpoint_primary: str
    iot_endpoint_secondary: str
    hosted_zone_id: str = ""
    name_servers: str = ""

    @property
    def regions(self) -> RegionPair:
        """Return both Regions."""
        return RegionPair(self.primary_region, self.secondary_region)

    @property
    def endpoints(self) -> Mapping[str, str]:
        """Return where devices connect, by Region."""
        return {self.primary_region: self.iot_endpoint_primary, self.secondary_region: self.iot_endpoint_secondary}


@dataclass(frozen=True)
class ReportPlace:
    """Where the page goes and which earlier drill it is compared with; empty for neither."""

    page: str = ""
    against: str = ""


@dataclass(frozen=True)
class _Bench:
    """What a drill and a removal both are made with; the clock of `rounds` tells seconds since it was made."""

    environment: DrillEnvironment
    access: AccountAccess
    rounds: Rounds

    @property
    def name(self) -> Route53CanaryName:
        """Return what makes and removes names."""
        return Route53CanaryName(self.access.client_of("route53", AMERICAN), self.environment.hosted_zone_id)


@dataclass(frozen=True)
class _DrillPlan:
    """What is known of a drill before it begins."""

    bench: _Bench
    order: DrillOrder
    canaries: Canaries
    zone: str
    checks: HealthChecks
    shadows: bool

    @property
    def name(self) -> str:
        """Return the full domain name that its devices go by."""
        return f"{self.canaries.drill}.{self.zone}"


def drill(  # noqa: PLR0913, PLR0917  # the settings, then who is told
    environment: DrillEnvironment,
    order: DrillOrder,
    place: ReportPlace,
    progress: DrillObserver,
    announce: Callable[[str], object],
    profile: str = "",
) -> DrillResult:
    """Run a drill with devices of its own; `announce` is told its name before anything is made.

    Raises:
        ConfigurationError: this machine, the credentials or the launch do not admit it; nothing was made.
        IotDrError: AWS refuses what it needs; what it had made is removed.
    """
    require_zone(environment.hosted_zone_id)
    earlier = read_earlier(Path(place.against)) if place.against else {}
    new_credentials = key_maker()
    regions = environment.regions
    access = account_of(profile, regions.primary, regions.secondary)
    stacks = CloudFormationStackReader(access.client_of)
    launch = Launch(regions, environment.stack_postfix, environment.uuid)
    shadows = shadows_to_prove(launch, stacks).classic
    checks = health_checks(launch, stacks)
    bench = _bench(environment, access, progress)
    zone = bench.name.zone()
    _prepare(place.page)
    name = f"{PREFIX}{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    held = together(new_credentials, (*client_names(name, order.clients), f"{name}-{OBSERVER}"))
    both = (regions.primary, regions.secondary)
    canaries = make_canaries(name, held[:-1], held[-1], both, access.account)
    announce(name)
    parts = _parts(_DrillPlan(bench, order, canaries, zone, checks, shadows))
    result = Drill(parts, rounds=bench.rounds, progress=progress).run()
    if place.page:
        write_drill_report(Path(place.page), result, earlier)
    return result


def clean(environment: DrillEnvironment, name: str, progress: DrillObserver, profile: str = "") -> int:
    """Remove what a drill has left; return how many resources and relations the primary still had of it.

    Raises:
        ConfigurationError: no drill is called so, or this machine or the credentials do not admit it.
        NotReadyYet: something stays; the message names it.
    """
    since = drill_began(name) - CLOCKS_DIFFER
    require_zone(environment.hosted_zone_id)
    require_cryptography()
    from iot_dr.aws.devices.trial_certificates import certificates_of  # noqa: PLC0415  # needs what was just looked for

    regions = environment.regions
    access = account_of(profile, regions.primary, regions.secondary)
    bench = _bench(environment, access, progress)
    bench.rounds.begin(f"Checking for what begins with {name} in {regions.primary}", 0)
    iot = access.paced("iot", regions.primary, THREADS)
    reader = IotRegistryReader(iot, regions.primary, access.account)
    found = leftovers(name, reader, tuple(certificates_of(iot, name, since)), together)
    _removal(bench, name, found, DrillOrder.patience).withdraw()
    return len(found.entities)


def _bench(environment: DrillEnvironment, access: AccountAccess, progress: DrillObserver) -> _Bench:
    began = time.monotonic()
    rounds = Rounds(lambda: time.monotonic() - began, threading.Event().wait, progress, together)
    return _Bench(environment, access, rounds)


def _prepare(page: str) -> None:
    """See to it that the page can be written, before anything is made."""
    if page:
        with disk_errors(Path(page), "another file by --report"):
            make_file(Path(page))


def _parts(plan: _DrillPlan) -> DrillParts:
    bench, canaries, order = plan.bench, plan.canaries, plan.order
    regions = bench.environment.regions
    fleet = _fleet(bench, canaries.trial)
    removal = _removal(bench, canaries.drill, canaries.everything, order.patience)
    return DrillParts(
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
        orders=removal.orders,
        name=removal.name,
        names=DnsNameServers(bench.environment.name_servers),
        devices=partial(_devices, plan),
        removal=removal,
        shadows=plan.shadows,
        facts=_facts(plan),
    )


def _devices(plan: _DrillPlan, servers: Sequence[str]) -> PahoDrillDevices:
    environment = plan.bench.environment
    return PahoDrillDevices(
        plan.canaries,
        endpoints=environment.endpoints,
        home=environment.primary_region,
        pace=plan.order.pace,
        shadows=plan.shadows,
        lookups=partial(_lookup, environment, plan.name, servers),
        clock=plan.bench.rounds.clock,
    )


def _lookup(environment: DrillEnvironment, name: str, servers: Sequence[str]) -> NameLookup:
    """Ask the servers that are named, else the system's resolver, as a device does."""
    if environment.name_servers:
        return ZoneNameLookup(name, DnsNameServers(environment.name_servers), servers, time.monotonic, random.choice)
    return SystemNameLookup(name)


def _removal(bench: _Bench, drill_name: str, trial: Trial, seconds: float) -> Removal:
    environment, regions = bench.environment, bench.environment.regions
    both = (regions.primary, regions.secondary)
    controls = {region: _control(bench, region) for region in both}
    return Removal(
        drill=drill_name,
        name=bench.name,
        fleet=_fleet(bench, trial),
        shadows_there=IotShadowStore(bench.access.client_of("iot-data", regions.secondary)),
        crossing=_crossing(bench, trial, seconds),
        orders=CanaryOrders(drill_name, environment.regions, controls, now),
    )


def _control(bench: _Bench, region: str) -> DynamoDbCanaryControl:
    environment = bench.environment
    client = bench.access.client_of("dynamodb", region)
    return DynamoDbCanaryControl(client, environment.dynamodb_global_table, environment.regions)


def _crossing(bench: _Bench, trial: Trial, seconds: float) -> Crossing:
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


def _place(bench: _Bench, region: str) -> CrossingPlace:
    return CrossingPlace(region, _reader(bench, region), IotShadowStore(bench.access.client_of("iot-data", region)))


def _reader(bench: _Bench, region: str) -> IotRegistryReader:
    return IotRegistryReader(bench.access.paced("iot", region, THREADS), region, bench.access.account)


def _fleet(bench: _Bench, trial: Trial) -> TrialFleet:
    region, access = bench.environment.primary_region, bench.access
    return TrialFleet(
        trial,
        region,
        _reader(bench, region),
        IotRegistryWriter(access.paced("iot", region, THREADS), region, access.account),
        IotShadowStore(access.client_of("iot-data", region)),
        bench.rounds,
    )


def _facts(plan: _DrillPlan) -> DrillFacts:
    environment, client_of = plan.bench.environment, plan.bench.access.client_of
    metrics = CloudWatchMetricsReader(client_of("cloudwatch", environment.secondary_region))
    resolver = "the named servers, each answer kept for its TTL" if environment.name_servers else "the system's"
    versions = {"iot-dr": __version__, "launched stacks": plan.checks.version, "Python": platform.python_version()}
    return DrillFacts(
        began=utc_text(now()),
        quota=partial(_quota, client_of, environment.secondary_region),
        lag=partial(lag_texts, lambda: metrics.lags(now())),
        settings=settings_of(plan.order, plan.checks, plan.name, resolver),
        versions=versions,
    )


def _quota(client_of: Callable[..., Any], region: str) -> float:
    return connects_per_second(client_of("service-quotas", region))[0]
