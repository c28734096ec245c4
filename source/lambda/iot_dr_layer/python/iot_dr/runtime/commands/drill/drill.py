"""Wires the drill: devices, a name and a control item of its own, in the account and launch of whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from iot_dr.aws.launch.launched_stacks import CloudFormationStackReader
from iot_dr.files.pages.drill_report import read_earlier, write_drill_report
from iot_dr.model.drill.orders import DrillOrder
from iot_dr.model.drill.results import DrillResult
from iot_dr.ports.progress import DrillObserver
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
from iot_dr.runtime.commands.prove import account_of, key_maker
from iot_dr.services.drill.drill import UNTESTED, Drill, DrillParts
from iot_dr.services.drill.preparing import health_checks, require_zone, settings_of
from iot_dr.services.trial.order import shadows_to_prove


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
    launch = environment.launch
    shadows = shadows_to_prove(launch, stacks).classic
    checks = health_checks(launch, stacks)
    bench = open_bench(environment, access, progress)
    zone = bench.name.zone()
    prepare(place.page)
    canaries = new_canaries(bench, order, new_credentials)
    name = f"{canaries.drill}.{zone}"
    announce(canaries.drill)
    settings = settings_of(order, checks, name, resolver_text(environment))
    plan = DrillPlan(bench, order, canaries, name, zone, checks, shadows, UNTESTED, settings)
    result = Drill(_parts(plan), rounds=bench.rounds, progress=progress).run()
    if place.page:
        write_drill_report(Path(place.page), result, earlier)
    return result


def _parts(plan: DrillPlan) -> DrillParts:
    bench, canaries = plan.bench, plan.canaries
    removal = removal_of(bench, canaries.drill, canaries.everything, plan.order.patience, bench.name)
    return DrillParts(rehearsal_parts(plan), removal.orders, bench.name, removal)
