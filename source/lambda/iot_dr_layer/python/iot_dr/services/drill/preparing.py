"""What a drill must know of a launch before it makes anything, and what its report tells of that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from iot_dr.errors import ConfigurationError, IotDrError
from iot_dr.model.drill.orders import DrillOrder
from iot_dr.model.failover.names import FleetDomain
from iot_dr.model.launch.launched_stacks import LaunchedStack
from iot_dr.model.launch.launches import Launch
from iot_dr.model.regions import RegionPair
from iot_dr.model.status.checks import error_line
from iot_dr.model.status.status_parts import Lag
from iot_dr.ports.failover import FleetDomains
from iot_dr.ports.status import StackReader

CHECK_ID = "HealthCheckId"
"""The output of a health checker's stack that names its check."""


@dataclass(frozen=True)
class HealthChecks:
    """The fleet's health checks, after which a drill's are made: their IDs by Region, and how they were launched."""

    ids: Mapping[str, str]
    version: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


def require_zone(zone: str) -> None:
    """See to it that there is a hosted zone for the drill's name.

    Raises:
        ConfigurationError: none is named.
    """
    if not zone:
        raise ConfigurationError(
            "a drill makes a name of its own, and no hosted zone is known for it: give HOSTED_ZONE_ID "
            "(--hosted-zone-id), the ID of a public zone of Route 53 in this account; a launch with the parameter "
            "HostedZoneId writes it into toolsrc; nothing was changed"
        )


def health_checks(launch: Launch, stacks: StackReader) -> HealthChecks:
    """Return the health checks of a launch.

    Raises:
        ConfigurationError: it has none.
    """
    found = {region: _stack(launch, stacks, region) for region in (launch.regions.primary, launch.regions.secondary)}
    return HealthChecks(
        {region: stack.outputs[CHECK_ID] for region, stack in found.items()},
        found[launch.regions.secondary].version,
        found[launch.regions.secondary].parameters,
    )


def _stack(launch: Launch, stacks: StackReader, region: str) -> LaunchedStack:
    name = launch.health_checker_stack
    stack = stacks.read(region, name)
    if stack is None or CHECK_ID not in stack.outputs:
        raise ConfigurationError(
            f"a drill's health checks are made after the fleet's, and {region} has no stack {name} with one; launch "
            "with CreateHealthCheck, or read the settings of the launch that has it: . ./toolsrc; nothing was changed"
        )
    return stack


def settings_of(order: DrillOrder, checks: HealthChecks, name: str, resolver: str) -> Mapping[str, str]:
    """Return how a drill was run, as its report tells it."""
    pace, chosen = order.pace, checks.parameters
    return {
        "scope": "canary: devices, name and control item of its own",
        "name": name,
        "fault": str(order.fault),
        "clients": f"{order.clients:,}, each {pace.rate:g} messages a second with QoS 1",
        "keep alive": f"{pace.keep_alive} s",
        "looks at its name": f"every {pace.look:g} s, a fifth more or less, by the resolver: {resolver}",
        "moves within": f"{pace.within:g} s, drawn by each",
        "time to live": f"{order.ttl} s",
        "health checks": f"every {chosen.get('HealthCheckInterval') or 30} s, "
        f"{chosen.get('FailureThreshold') or 3} in a row decide",
        "baseline, stay": f"{order.baseline:g} s, {order.stay:g} s",
        "objectives": f"RTO {order.objectives.rto:g} s, RPO {order.objectives.rpo:g} s",
    }


def fleet_domains(domains: FleetDomains, regions: RegionPair, name: str) -> Mapping[str, FleetDomain | None]:
    """Return what each Region has for the fleet's name; empty if neither has a domain configuration of it.

    Devices tell the server the endpoint's own name then, to which the fleet's leads.
    """
    found = {region: domains.domain(region, name) for region in (regions.primary, regions.secondary)}
    return found if any(found.values()) else {}


def fleet_settings_of(
    order: DrillOrder, checks: HealthChecks, name: str, resolver: str, domains: Mapping[str, FleetDomain | None]
) -> Mapping[str, str]:
    """Return how a drill with the fleet was run, as its report tells it."""
    served = "its domain configuration in each Region" if domains else "the Regions' own endpoints, to which it leads"
    return {
        **settings_of(order, checks, name, resolver),
        "scope": "fleet: a planned failover of the fleet and the failback, with devices of the drill's own",
        "served by": served,
        "fault": "an order, by what `iot-dr failover --evict` does",
        "time to live": "as the fleet's records say",
    }


def lag_texts(lags: Callable[[], Sequence[Lag]]) -> Sequence[str]:
    """Return what the metrics of the last hour say of the lag; why not, where they cannot be read."""
    try:
        known = [one for one in lags() if one.hour_p99 is not None]
    except IotDrError as error:
        return (f"cannot tell: {error_line(error)}",)
    texts = (
        f"{one.kind}: {(one.hour_p99 or 0) / 1000:.3f} s (p99), {(one.hour_longest or 0) / 1000:.3f} s (longest), "
        f"of {one.hour_changes:,} changes in the last hour"
        for one in known
    )
    return tuple(texts) or ("no metric tells of a change in the last hour",)
