"""Wires the drill with the fleet itself: the failover, the failback, and devices of its own under the fleet's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from iot_dr.aws.failover.domains import IotFleetDomains
from iot_dr.aws.launch.launched_stacks import CloudFormationStackReader
from iot_dr.files.pages.drill_report import read_earlier, write_drill_report
from iot_dr.model.drill.orders import DrillOrder
from iot_dr.model.drill.results import DrillResult
from iot_dr.model.failback.plan import FailbackChoices
from iot_dr.model.failover.names import FleetDomain
from iot_dr.ports.progress import FailbackObserver, FleetDrillObserver
from iot_dr.runtime.clock import now
from iot_dr.runtime.commands.drill.bench import (
    DrillEnvironment,
    DrillPlan,
    ReportPlace,
    new_canaries,
    open_bench,
    prepare,
    rehearsal_parts,
    removal_of,
    resolver_text,
)
from iot_dr.runtime.commands.failback import MINUTE, FailbackSettings, open_failback
from iot_dr.runtime.commands.failover import open_failover, operator
from iot_dr.runtime.commands.prove import account_of, key_maker
from iot_dr.services.drill.fleet_drill import FLEET_UNTESTED, FleetDrill, FleetDrillParts
from iot_dr.services.drill.preparing import fleet_domains, fleet_settings_of, health_checks
from iot_dr.services.drill.removal import NoCanaryName
from iot_dr.services.failover.losses import Losses
from iot_dr.services.ordered import OrderPlace
from iot_dr.services.trial.order import shadows_to_prove


@dataclass(frozen=True, kw_only=True)
class FleetDrillEnvironment(DrillEnvironment):
    """What a drill with the fleet needs besides: its name, and the table of the ledger, which holds the fence."""

    fleet_name: str = field()
    ledger_table: str = field()


@dataclass(frozen=True)
class FleetSettings:
    """Who consents, where orders and the failback's plan are kept, as whom, and whether calls keep to the quotas."""

    consent: Callable[[Losses], object]
    place: OrderPlace
    profile: str = ""
    paced: bool = True


def fleet_drill(  # noqa: PLR0913, PLR0917  # the settings, then who is told
    environment: FleetDrillEnvironment,
    order: DrillOrder,
    place: ReportPlace,
    settings: FleetSettings,
    progress: FleetDrillObserver,
    reading: FailbackObserver,
    announce: Callable[[str], object],
) -> DrillResult:
    """Take the fleet there and back; `announce` is told the drill's name, and `reading` is told of the failback.

    Raises:
        ConfigurationError: something stands in the way, or it is not to be done; nothing was changed.
        IotDrError: AWS refuses what it needs before the fleet has moved; what was made is removed.
    """
    earlier = read_earlier(Path(place.against)) if place.against else {}
    new_credentials = key_maker()
    regions, name = environment.regions, environment.fleet_name
    access = account_of(settings.profile, regions.primary, regions.secondary)
    stacks = CloudFormationStackReader(access.client_of)
    launch = environment.launch
    shadows, checks = shadows_to_prove(launch, stacks).classic, health_checks(launch, stacks)
    domains = fleet_domains(IotFleetDomains(access.client_of), regions, name)
    prepare(place.page)
    bench = open_bench(environment, access, progress)
    canaries = new_canaries(bench, order, new_credentials, fleet=True)
    announce(canaries.drill)
    told = fleet_settings_of(order, checks, name, resolver_text(environment), domains)
    server_name = name if domains else ""
    plan = DrillPlan(bench, order, canaries, name, name, checks, shadows, FLEET_UNTESTED, told, server_name)
    parts = _parts(plan, environment, settings, progress, reading, domains)
    result = FleetDrill(parts, rounds=bench.rounds, progress=progress).run()
    if place.page:
        write_drill_report(Path(place.page), result, earlier)
    return result


def _parts(  # noqa: PLR0913, PLR0917  # what is known, then who is told
    plan: DrillPlan,
    environment: FleetDrillEnvironment,
    settings: FleetSettings,
    progress: FleetDrillObserver,
    reading: FailbackObserver,
    domains: Mapping[str, FleetDomain | None],
) -> FleetDrillParts:
    patience = plan.order.patience
    removal = removal_of(plan.bench, plan.canaries.drill, plan.canaries.everything, patience, NoCanaryName())
    failback = FailbackSettings(
        environment,
        # Nothing is decided for the operator.
        FailbackChoices(),
        profile=settings.profile,
        state=settings.place.state,
        minutes=patience / MINUTE,
        paced=settings.paced,
    )
    return FleetDrillParts(
        rehearsal=rehearsal_parts(plan),
        orders=removal.orders,
        removal=removal,
        failover=partial(open_failover, environment, settings.place, settings.profile),
        failback=partial(open_failback, failback, settings.place, reading, progress),
        domains=domains,
        consent=settings.consent,
        clock=now,
        by=operator(),
    )
