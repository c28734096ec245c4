"""How a drill is to be run, and the name by which its devices find the Region that serves."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from iot_dr.model.drill.results import Objectives


class DrillFault(enum.StrEnum):
    """What makes a drill's devices leave the primary."""

    DRAIN = "drain"
    """An order for the secondary, as a failover gives it."""
    UNWELL = "unhealthy"
    """The primary's health answer fails, and nobody orders anything."""


@dataclass(frozen=True)
class DevicePace:
    """How a drill's devices behave; seconds.

    Attributes:
        rate: messages a second of each.
        look: from one look at the name to the next, a fifth more or less.
        within: over which the moves of all spread.
        keep_alive: after which a connection without messages is proved.
        again: the pause after a try to connect that failed is drawn from 0 to this, twice as much each time, up to the
            second.
    """

    rate: float = 1.0
    look: float = 10.0
    within: float = 5.0
    keep_alive: int = 30
    again: tuple[float, float] = (1.0, 30.0)


@dataclass(frozen=True)
class DrillOrder:
    """What is asked for.

    Attributes:
        clients: how many.
        pace: how they behave.
        fault: what makes them leave.
        objectives: what decides.
        baseline: seconds of service before the fault.
        stay: seconds of service in the secondary before the way back, and after it.
        ttl: seconds for which resolvers may keep an answer.
        patience: seconds that devices may take to cross, to move, and to go.
    """

    clients: int = 25
    pace: DevicePace = field(default_factory=DevicePace)
    fault: DrillFault = DrillFault.DRAIN
    objectives: Objectives = field(default_factory=Objectives)
    baseline: float = 10.0
    stay: float = 15.0
    ttl: int = 30
    patience: float = 300.0


@dataclass(frozen=True)
class CanaryRecords:
    """The name of one drill: where it leads, and the fleet's health checks after which its own are made.

    Attributes:
        drill: the drill's name.
        name: the full domain name.
        ttl: seconds.
        primary: the Region that the primary record leads to.
        secondary: the other.
        endpoints: where devices connect, by Region.
        checks: IDs of the fleet's health checks, by Region.
    """

    drill: str
    name: str
    ttl: int
    primary: str
    secondary: str
    endpoints: Mapping[str, str]
    checks: Mapping[str, str]


def region_of(target: str, endpoints: Mapping[str, str]) -> str:
    """Return the Region whose endpoint a name server answered with; the answer itself if it is nobody's.

    >>> region_of("A1-ats.iot.eu-west-1.amazonaws.com.", {"eu-west-1": "a1-ats.iot.eu-west-1.amazonaws.com"})
    'eu-west-1'
    """
    plain = target.rstrip(".").lower()
    return next((region for region, endpoint in endpoints.items() if endpoint.lower() == plain), plain)
