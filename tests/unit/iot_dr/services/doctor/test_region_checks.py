"""What each Region must have: events, indexing, an endpoint that answers, the right time."""

from dataclasses import dataclass, field

import pytest

from iot_dr.errors import RegionUnavailable
from iot_dr.model.events.registry_events import REPLICATED_EVENT_FAMILIES
from iot_dr.model.status.checks import Level
from iot_dr.services.doctor import region_checks

PRIMARY, SECONDARY = "us-east-1", "us-west-2"


@dataclass
class Settings:
    """Settings of both Regions."""

    events: frozenset[str] = frozenset(REPLICATED_EVENT_FAMILIES)
    modes: dict[str, str] = field(default_factory=dict)
    executions: int = 1000

    def enabled_events(self, region: str) -> frozenset[str]:
        assert region == PRIMARY
        return self.events

    def indexing_mode(self, region: str) -> str:
        return self.modes.get(region, "REGISTRY")

    def endpoint(self, region: str) -> str:
        return f"a-ats.iot.{region}.amazonaws.com"

    def concurrency(self, region: str) -> int:
        assert region == PRIMARY
        return self.executions


class Network:
    """A network that reaches some endpoints."""

    def __init__(self, *unreachable: str) -> None:
        self._unreachable = unreachable

    def connect(self, endpoint: str) -> None:
        if any(region in endpoint for region in self._unreachable):
            raise RegionUnavailable("timed out")


def no_groups() -> str:
    return ""


def test_events_that_are_all_on_are_well() -> None:
    (check,) = region_checks.events(PRIMARY, Settings())

    assert check.level is Level.OK


@pytest.mark.parametrize("family", REPLICATED_EVENT_FAMILIES)
def test_a_replicated_family_that_is_off_is_a_failure_with_the_command_that_turns_it_on(family: str) -> None:
    (check,) = region_checks.events(PRIMARY, Settings(frozenset(REPLICATED_EVENT_FAMILIES) - {family}))

    assert check.level is Level.FAILURE
    assert check.found == f"registry events are off in us-east-1 for {family}"
    assert check.mend.startswith("aws iot update-event-configurations --region us-east-1")


@pytest.mark.parametrize("mode", ["REGISTRY", "REGISTRY_AND_SHADOW"])
def test_a_region_that_indexes_things_is_well(mode: str) -> None:
    settings = Settings(modes={PRIMARY: mode, SECONDARY: mode})

    (primary,) = region_checks.indexing_of_primary(PRIMARY, settings)
    (secondary,) = region_checks.indexing_of_secondary(SECONDARY, settings, lambda: "dynamic")

    assert (primary.level, secondary.level) == (Level.OK, Level.OK)


def test_a_primary_without_index_is_a_failure() -> None:
    (check,) = region_checks.indexing_of_primary(PRIMARY, Settings(modes={PRIMARY: "OFF"}))

    assert check.level is Level.FAILURE
    assert "update-indexing-configuration --region us-east-1" in check.mend


@pytest.mark.parametrize(("group", "level"), [("", Level.WARNING), ("cold-pumps", Level.FAILURE)])
def test_a_secondary_without_index_is_a_failure_once_there_are_dynamic_groups(group: str, level: Level) -> None:
    (check,) = region_checks.indexing_of_secondary(SECONDARY, Settings(modes={SECONDARY: "OFF"}), lambda: group)

    assert check.level is level
    assert group in check.found
    assert "update-indexing-configuration --region us-west-2" in check.mend


def test_an_endpoint_that_answers_is_well() -> None:
    (check,) = region_checks.endpoint(PRIMARY, Settings(), Network(SECONDARY))

    assert (check.level, check.found) == (Level.OK, "a-ats.iot.us-east-1.amazonaws.com of us-east-1 answers")


def test_an_endpoint_out_of_reach_is_a_warning_for_it_may_be_this_network() -> None:
    (check,) = region_checks.endpoint(SECONDARY, Settings(), Network(SECONDARY))

    assert check.level is Level.WARNING
    assert "cannot be reached from here: timed out" in check.found


@pytest.mark.parametrize(
    ("skew", "level", "words"),
    [
        (0, Level.OK, "within 0 s"),
        (-9_000, Level.OK, "within 9 s"),
        (10_000, Level.WARNING, "10 s ahead of AWS"),
        (-60_000, Level.WARNING, "60 s behind AWS"),
        (300_000, Level.FAILURE, "300 s ahead of AWS"),
    ],
)
def test_a_clock_that_is_wrong_is_told_by_how_much(skew: int, level: Level, words: str) -> None:
    check = region_checks.clock(1_764_000_000_000, 1_764_000_000_000 + skew)

    assert check.level is level
    assert words in check.found


@pytest.mark.parametrize(
    ("workers", "executions", "level"),
    [
        (20, 49, Level.FAILURE),
        (20, 50, Level.WARNING),
        (20, 199, Level.WARNING),
        (20, 200, Level.OK),
        (100, 200, Level.FAILURE),
        (2, 60, Level.OK),
    ],
)
def test_concurrent_executions_are_held_against_what_the_launchs_workers_need(
    workers: int, executions: int, level: Level
) -> None:
    (check,) = region_checks.concurrency(PRIMARY, Settings(executions=executions), workers)

    assert check.level is level
    assert bool(check.mend) is (level is not Level.OK)
