"""Wires the removal of what a drill has left: its devices, its name if it has one, and its control item."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from iot_dr.aws.failover.leadership import DynamoDbLeadershipReader
from iot_dr.aws.failover.primary import DynamoDbPrimaryLeadershipReader
from iot_dr.aws.registry.reader import IotRegistryReader
from iot_dr.model.drill.canaries import drill_began, is_of_fleet
from iot_dr.model.drill.orders import DrillOrder
from iot_dr.ports.progress import DrillObserver
from iot_dr.runtime.commands.drill.bench import DrillEnvironment, open_bench, removal_of
from iot_dr.runtime.commands.prove import CLOCKS_DIFFER, THREADS, account_of, require_cryptography, together
from iot_dr.services.drill.preflight import require_home
from iot_dr.services.drill.preparing import require_zone
from iot_dr.services.drill.removal import NoCanaryName
from iot_dr.services.trial.leftovers import leftovers


def clean(environment: DrillEnvironment, name: str, progress: DrillObserver, profile: str = "") -> int:
    """Remove what a drill has left; return how many resources and relations the primary still had of it.

    Raises:
        ConfigurationError: no drill is called so, this machine or the credentials do not admit it, or the fleet that
            went along is not back.
        NotReadyYet: something stays; the message names it.
    """
    since, fleet = drill_began(name) - CLOCKS_DIFFER, is_of_fleet(name)
    if not fleet:
        require_zone(environment.hosted_zone_id)
    require_cryptography()
    from iot_dr.aws.devices.trial_certificates import certificates_of  # noqa: PLC0415  # needs what was just looked for

    regions = environment.regions
    access = account_of(profile, regions.primary, regions.secondary)
    if fleet:
        _require_fleet_at_home(environment, access.client_of)
    bench = open_bench(environment, access, progress)
    bench.rounds.begin(f"Checking for what begins with {name} in {regions.primary}", 0)
    iot = access.paced("iot", regions.primary, THREADS)
    reader = IotRegistryReader(iot, regions.primary, access.account)
    found = leftovers(name, reader, tuple(certificates_of(iot, name, since)), together)
    canary_name = NoCanaryName() if fleet else bench.name
    removal_of(bench, name, found, DrillOrder.patience, canary_name).withdraw()
    return len(found.entities)


def _require_fleet_at_home(environment: DrillEnvironment, client_of: Callable[..., Any]) -> None:
    """See to it that the primary leads alone, so that what is removed there is removed in the secondary too."""
    table, ledger, regions = environment.dynamodb_global_table, environment.ledger_table, environment.regions
    here = DynamoDbLeadershipReader(client_of("dynamodb", regions.secondary), table, ledger, regions)
    there = DynamoDbPrimaryLeadershipReader(client_of("dynamodb", regions.primary), table, regions)
    require_home(here, there, regions, ledger)
