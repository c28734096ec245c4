"""How large a fleet is, how much it changes, and how it is launched: all that a month's cost follows from."""

from __future__ import annotations

from dataclasses import dataclass

from iot_dr.errors import ConfigurationError


@dataclass(frozen=True)
class FleetFigures:
    """A fleet whose devices are a thing and a certificate each, and what is launched for it.

    Attributes:
        things: devices.
        policies: policies; devices share them.
        groups: thing groups, billing groups and thing types together.
        changes_a_day: changes of things, such as of attributes or groups.
        new_devices_a_day: complete new devices.
        shadow_updates_a_day: updates of shadows, those of one shadow within a batch counted apart.
        shadows: whether shadows are replicated.
        sweep_minutes: minutes between sweeps.
        sweep_slice: how many of each kind a sweep checks fully.
        health_checkers: whether there is a health checker in each Region.
        fleet_name: whether the fleet has a name; it needs the health checkers.
        tracing: whether AWS X-Ray traces functions and workflows.
        check_seconds: seconds between requests of one of Route 53's checkers, 10 or 30.
    """

    things: int
    policies: int = 1
    groups: int = 0
    changes_a_day: float = 0
    new_devices_a_day: float = 0
    shadow_updates_a_day: float = 0
    shadows: bool = True
    sweep_minutes: int = 15
    sweep_slice: int = 200
    health_checkers: bool = True
    fleet_name: bool = False
    check_seconds: int = 30
    tracing: bool = False

    def __post_init__(self) -> None:
        if self.fleet_name and not self.health_checkers:
            raise ConfigurationError("a name of the fleet needs the health checkers, for its records follow them")
