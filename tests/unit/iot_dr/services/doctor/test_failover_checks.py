"""What a failover itself rests on."""

from __future__ import annotations

import pytest

from iot_dr.model.failover.control import Control, Mode
from iot_dr.model.failover.fence import Fence, Leadership
from iot_dr.model.failover.names import FleetDomain, NameAnswer, NameAnswers
from iot_dr.model.status.checks import Level
from iot_dr.model.status.status_parts import Unread
from iot_dr.services.doctor import failover_checks
from tests.builders import PAIR, PRIMARY, SECONDARY
from tests.failover_fakes import ENDPOINTS, FLEET, LEADING

NOW = 1_764_000_000_000
DAY = 24 * 3_600_000


@pytest.mark.parametrize(
    ("control", "fence", "level"),
    [
        (Control(PRIMARY), Fence(), Level.OK),
        (Control(SECONDARY, Mode.PINNED, 2), LEADING, Level.WARNING),
        (Control(PRIMARY), LEADING, Level.FAILURE),
        (Control(SECONDARY, Mode.PINNED, 2), Fence(), Level.FAILURE),
    ],
)
def test_a_control_item_and_a_fence_that_disagree_are_a_failure(control: Control, fence: Fence, level: Level) -> None:
    (check,) = failover_checks.leader(PAIR, Leadership(control, fence))

    assert check.level is level
    assert ("iot-dr failover --to us-west-2" in check.mend) is (level is Level.FAILURE)


@pytest.mark.parametrize(
    ("answers", "level"),
    [
        ({"ns-1": NameAnswer(ENDPOINTS[PRIMARY], 30), "ns-2": NameAnswer(ENDPOINTS[PRIMARY], 30)}, Level.OK),
        ({"ns-1": NameAnswer(ENDPOINTS[PRIMARY], 30), "ns-2": NameAnswer(ENDPOINTS[SECONDARY], 30)}, Level.WARNING),
        (
            {**{f"ns-{number}": NameAnswer(ENDPOINTS[PRIMARY], 30) for number in (1, 2)}, "ns-3": Unread("silent")},
            Level.WARNING,
        ),
        ({"ns-1": Unread("silent")}, Level.FAILURE),
        ({}, Level.FAILURE),
    ],
)
def test_name_servers_that_do_not_all_send_the_fleet_to_the_leader_are_told(
    answers: dict[str, NameAnswer | Unread], level: Level
) -> None:
    (check,) = failover_checks.name_servers(FLEET, PRIMARY, ENDPOINTS, NameAnswers(answers))

    assert check.level is level


@pytest.mark.parametrize(
    ("found", "level", "told"),
    [
        (None, Level.FAILURE, "none in us-west-2 has the name"),
        (FleetDomain("fleet", enabled=False), Level.FAILURE, "is disabled"),
        (FleetDomain("fleet", enabled=True), Level.WARNING, "does not tell"),
        (FleetDomain("fleet", enabled=True, certificate_ends=NOW + 13 * DAY), Level.FAILURE, "ends in 13 days"),
        (FleetDomain("fleet", enabled=True, certificate_ends=NOW - DAY), Level.FAILURE, "ends in 0 days"),
        (FleetDomain("fleet", enabled=True, certificate_ends=NOW + 100 * DAY), Level.OK, "holds for 100 days"),
    ],
)
def test_a_region_that_would_refuse_the_fleet_is_a_failure(found: FleetDomain | None, level: Level, told: str) -> None:
    (check,) = failover_checks.domain(SECONDARY, FLEET, found, NOW)

    assert check.level is level
    assert told in check.found


@pytest.mark.parametrize(
    ("things", "kept"), [("REGISTRY_AND_SHADOW", "REGISTRY_AND_SHADOW"), ("REGISTRY", "REGISTRY"), ("OFF", "REGISTRY")]
)
def test_an_index_that_does_not_know_who_is_connected_is_mended_without_losing_what_it_has(
    things: str, kept: str
) -> None:
    (check,) = failover_checks.connectivity(SECONDARY, "OFF", things)

    assert check.level is Level.WARNING
    assert f"thingIndexingMode={kept},thingConnectivityIndexingMode=STATUS" in check.mend
    (known,) = failover_checks.connectivity(SECONDARY, "STATUS", things)
    assert known.level is Level.OK


@pytest.mark.parametrize(("status", "told"), [("ENABLED", "on for"), ("", "off for"), ("DISABLED", "disabled for")])
def test_accelerated_recovery_is_recommended_and_never_asked_for(status: str, told: str) -> None:
    (check,) = failover_checks.accelerated_recovery(FLEET, status)

    assert check.level is Level.OK
    assert told in check.found
    assert ("consider it" in check.found) is (status != "ENABLED")
