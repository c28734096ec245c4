"""What a drill must know of a launch before it makes anything."""

from __future__ import annotations

import pytest

from iot_dr.errors import AccessDenied, ConfigurationError
from iot_dr.model.drill.orders import DrillOrder
from iot_dr.model.launch.launched_stacks import LaunchedStack
from iot_dr.model.launch.launches import Launch
from iot_dr.model.status.status_parts import Lag
from iot_dr.services.drill.preparing import HealthChecks, health_checks, lag_texts, require_zone, settings_of
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
