"""What a drill must know of a launch before it makes anything."""

from __future__ import annotations

import pytest

from iot_dr.errors import AccessDenied, ConfigurationError
from iot_dr.model.drill.orders import DrillOrder
from iot_dr.model.failover.names import FleetDomain
from iot_dr.model.launch.launched_stacks import LaunchedStack
from iot_dr.model.launch.launches import Launch
from iot_dr.model.status.status_parts import Lag
from iot_dr.services.drill.preparing import (
    HealthChecks,
    fleet_domains,
    fleet_settings_of,
    health_checks,
    lag_texts,
    require_zone,
    settings_of,
)
from tests.builders import PAIR, PRIMARY, SECONDARY

LAUNCH = Launch(PAIR, "20261127", "5f0c2a")


class Stacks:
    """The health checkers' stacks of some Regions."""

    def __init__(self, *regions: str, outputs: bool = True) -> None:
        self._regions, self._outputs = regions, outputs

    def read(self, region: str, name: str) -> LaunchedStack | None:
        assert name == "R53HealthChecker20261127"
        if region not in self._regions:
            return None
        outputs = {"HealthCheckId": f"check-{region}", "SolutionVersion": "v0.1.0"} if self._outputs else {}
        return LaunchedStack(region, name, "CREATE_COMPLETE", outputs, {"HealthCheckInterval": "10"})


def test_the_checks_of_both_regions_are_found_by_their_stacks() -> None:
    found = health_checks(LAUNCH, Stacks(PRIMARY, SECONDARY))

    assert found.ids == {PRIMARY: f"check-{PRIMARY}", SECONDARY: f"check-{SECONDARY}"}
    assert found.version == "v0.1.0"


@pytest.mark.parametrize("stacks", [Stacks(PRIMARY), Stacks(), Stacks(PRIMARY, SECONDARY, outputs=False)])
def test_a_launch_without_health_checks_is_refused_with_the_mend(stacks: Stacks) -> None:
    with pytest.raises(ConfigurationError, match=r"launch with CreateHealthCheck.*nothing was changed"):
        health_checks(LAUNCH, stacks)


def test_without_a_hosted_zone_a_drill_is_refused_with_the_mend() -> None:
    require_zone("Z1")
    with pytest.raises(ConfigurationError, match=r"--hosted-zone-id.*nothing was changed"):
        require_zone("")


def test_the_settings_tell_how_health_is_checked() -> None:
    told = settings_of(DrillOrder(), HealthChecks({}, "v1", {"HealthCheckInterval": "10"}), "a.example.com", "mine")

    assert told["health checks"] == "every 10 s, 3 in a row decide"
    assert told["name"] == "a.example.com"


class Domains:
    """The domain configurations of some Regions."""

    def __init__(self, *regions: str) -> None:
        self._regions = regions

    def domain(self, region: str, name: str) -> FleetDomain | None:
        return FleetDomain(name, enabled=True) if region in self._regions else None


def test_a_name_that_one_region_has_is_looked_for_in_both_and_one_that_neither_has_is_none_of_theirs() -> None:
    name = "devices.example.com"

    assert fleet_domains(Domains(), PAIR, name) == {}
    assert fleet_domains(Domains(SECONDARY), PAIR, name) == {PRIMARY: None, SECONDARY: FleetDomain(name, enabled=True)}


def test_the_settings_of_a_drill_with_the_fleet_tell_what_serves_its_name() -> None:
    checks, name = HealthChecks({}, "v1", {}), "devices.example.com"
    own = fleet_settings_of(DrillOrder(), checks, name, "mine", {})
    configured = fleet_settings_of(DrillOrder(), checks, name, "mine", {PRIMARY: None})

    assert own["served by"] == "the Regions' own endpoints, to which it leads"
    assert configured["served by"] == "its domain configuration in each Region"
    assert own["scope"].startswith("fleet: ")


def test_the_lag_is_told_or_why_it_is_not() -> None:
    known = Lag("thing", 1, 1.0, 2.0, 3.0, 7, 1500.0, 2500.0)
    unknown = Lag("shadow", 0, None, None, None, 0, None, None)

    def refuses() -> list[Lag]:
        raise AccessDenied("no right")

    assert lag_texts(lambda: [known, unknown]) == (
        "thing: 1.500 s (p99), 2.500 s (longest), of 7 changes in the last hour",
    )
    assert lag_texts(lambda: [unknown]) == ("no metric tells of a change in the last hour",)
    assert lag_texts(refuses)[0].startswith("cannot tell: ")
