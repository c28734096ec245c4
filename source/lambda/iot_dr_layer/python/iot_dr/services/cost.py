"""Reads from an account what a month's cost follows from: its fleet, its launch, and how much the fleet changes."""

from __future__ import annotations

from dataclasses import dataclass

from iot_dr.errors import ConfigurationError
from iot_dr.model.cost.figures import FleetFigures
from iot_dr.model.launch.launches import Launch
from iot_dr.model.registry.keys import SHADOW_KINDS
from iot_dr.ports.clock import Clock
from iot_dr.ports.status import ActivityReader, FleetFacts, StackReader

DAYS = 7
"""Over which changes are counted."""


@dataclass(frozen=True)
class AccountFigures:
    """What was read, and what of it is a part alone."""

    fleet: FleetFigures
    notes: tuple[str, ...]


def figures_of(
    launch: Launch, facts: FleetFacts, stacks: StackReader, activity: ActivityReader, clock: Clock
) -> AccountFigures:
    """Read them.

    Raises:
        ConfigurationError: there is no launch of this name.
        IotDrError: something cannot be read.
    """
    secondary = stacks.read(launch.regions.secondary, launch.secondary_stack)
    if secondary is None:
        raise ConfigurationError(
            f"there is no stack {launch.secondary_stack} in {launch.regions.secondary}; before a launch give --things "
            "and what else you know instead of --from-account"
        )
    checker = stacks.read(launch.regions.secondary, launch.health_checker_stack)
    size, (_, policies) = facts.size(), facts.policies(0)
    changes = activity.changes(clock(), DAYS)
    of_shadows = sum(number for kind, number in changes.items() if kind in SHADOW_KINDS)
    given = secondary.parameters
    of_checker = checker.parameters if checker else {}
    fleet = FleetFigures(
        things=size.things,
        policies=policies.there,
        changes_a_day=(sum(changes.values()) - of_shadows) / DAYS,
        shadow_updates_a_day=of_shadows / DAYS,
        shadows=secondary.shadows.any,
        sweep_minutes=int(given.get("SweepMinutes") or FleetFigures.sweep_minutes),
        sweep_slice=int(given.get("SweepSlice") or FleetFigures.sweep_slice),
        health_checkers=checker is not None,
        fleet_name=bool(of_checker.get("FleetName")),
        tracing=given.get("Tracing") == "yes",
        check_seconds=int(of_checker.get("HealthCheckInterval") or FleetFigures.check_seconds),
    )
    return AccountFigures(fleet, tuple(_notes(exact=size.exact, any_changes=bool(changes))))


def _notes(*, exact: bool, any_changes: bool) -> list[str]:
    notes = [f"changes are those of the last {DAYS} days; new devices are counted as changes"]
    if not exact:
        notes.append("things were counted to a part alone: turn thing indexing on, or give --things")
    if not any_changes:
        notes.append("no change was counted; a new launch has none yet, so give --changes-per-day")
    return notes
