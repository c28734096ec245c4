"""What a month costs follows from what the account has: things, policies, the launch's choices, and what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.model.cost.figures import FleetFigures
from iot_dr.model.launch.launched_stacks import LaunchedStack
from iot_dr.model.launch.launches import Launch
from iot_dr.model.registry.entities import Policy
from iot_dr.model.status.fleets import FleetSize, Sample, Validity
from iot_dr.services.cost import figures_of
from tests.builders import PAIR, SECONDARY

LAUNCH = Launch(PAIR, "20261124120000", "5f0c2a")
PARAMETERS = {"ReplicateShadows": "all", "SweepMinutes": "30", "SweepSlice": "100"}


@dataclass
class Account:
    """Plays every port."""

    size_of_fleet: FleetSize = field(default_factory=lambda: FleetSize(5000))
    crossed: Mapping[str, int] = field(default_factory=lambda: {"thing": 700, "shadow": 70, "thing_shadows": 7})
    stacks: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: {LAUNCH.secondary_stack: PARAMETERS})

    def size(self) -> FleetSize:
        return self.size_of_fleet

    def policies(self, number: int) -> tuple[Sequence[Policy], Sample]:
        return (), Sample(number, 12)

    def oldest(self, number: int) -> Sequence[Validity]:
        raise NotImplementedError

    def of_policy(self, policy: str) -> Sequence[Validity]:
        raise NotImplementedError

    def first_dynamic_group(self) -> str:
        raise NotImplementedError

    def changes(self, now: int, days: int) -> Mapping[str, int]:
        assert (now, days) == (1000, 7)
        return self.crossed

    def read(self, region: str, name: str) -> LaunchedStack | None:
        assert region == SECONDARY
        if name not in self.stacks:
            return None
        return LaunchedStack(region, name, "CREATE_COMPLETE", parameters=self.stacks[name])


def figures(account: Account) -> tuple[FleetFigures, tuple[str, ...]]:
    found = figures_of(LAUNCH, account, account, account, lambda: 1000)
    return found.fleet, found.notes


def test_the_fleet_is_counted_and_the_launch_is_read() -> None:
    fleet, notes = figures(Account())

    assert fleet == FleetFigures(
        things=5000,
        policies=12,
        changes_a_day=100,
        shadow_updates_a_day=11,
        sweep_minutes=30,
        sweep_slice=100,
        health_checkers=False,
    )
    assert notes == ("changes are those of the last 7 days; new devices are counted as changes",)


def test_the_health_checkers_stack_says_whether_there_is_a_name_and_how_often_it_is_checked() -> None:
    account = Account()
    checker = {"FleetName": "iot.example.com", "HealthCheckInterval": "10"}
    account.stacks = {**account.stacks, LAUNCH.health_checker_stack: checker}

    fleet, _ = figures(account)

    assert (fleet.health_checkers, fleet.fleet_name, fleet.check_seconds) == (True, True, 10)


def test_a_launch_that_is_traced_pays_for_traces() -> None:
    assert figures(Account(stacks={LAUNCH.secondary_stack: {"Tracing": "yes"}}))[0].tracing is True


def test_without_shadows_none_is_reckoned() -> None:
    assert figures(Account(stacks={LAUNCH.secondary_stack: {"ReplicateShadows": "none"}}))[0].shadows is False


def test_what_could_not_be_counted_is_told() -> None:
    _, notes = figures(Account(size_of_fleet=FleetSize(10_000, exact=False), crossed={}))

    assert [note.partition(":")[0].partition(";")[0] for note in notes[1:]] == [
        "things were counted to a part alone",
        "no change was counted",
    ]


def test_before_a_launch_there_is_nothing_to_read() -> None:
    with pytest.raises(ConfigurationError, match="before a launch give --things"):
        figures(Account(stacks={}))
