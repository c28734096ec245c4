"""A drill with the fleet, by the product's own failover and failback over Regions, a name and devices in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from iot_dr.errors import AccessDenied, ConfigurationError, NotReadyYet, RegionUnavailable
from iot_dr.model.drill.fleet import FleetStand
from iot_dr.model.drill.orders import DrillOrder
from iot_dr.model.drill.results import DrillResult
from iot_dr.model.drill.verdicts import is_met, judgements
from iot_dr.model.failover.control import Control, Mode
from iot_dr.model.failover.fence import Fence, FenceRole
from iot_dr.model.registry.entities import Thing
from iot_dr.services.drill.fleet_drill import WHY
from iot_dr.services.failback.failback import WORDS
from iot_dr.services.failover.losses import Waiting
from tests.builders import PRIMARY, SECONDARY
from tests.drill_fakes import DRILL, WRITES, Death
from tests.fakes import Killed, raising
from tests.fleet_drill_fakes import FleetStage

QUICK = DrillOrder(clients=1, baseline=0, stay=0, patience=20)


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as executor:
        yield executor


@pytest.fixture
def stage(tmp_path: Path, executor: ThreadPoolExecutor) -> FleetStage:
    return FleetStage(tmp_path, executor)


def missed(result: DrillResult) -> list[str]:
    return [one.about for one in judgements(result) if not one.met]


def is_clean(stage: FleetStage) -> bool:
    """Tell whether nothing of the drill is left, in either Region or in its item."""
    left = [key for key in stage.world.left if DRILL in key.name or DRILL in str(key)]
    return not left and stage.control.item == Control(PRIMARY)


# There and back


def test_the_fleet_goes_there_and_comes_back_and_nothing_of_the_drill_is_left(stage: FleetStage) -> None:
    result = stage.fleet_drill().run()

    assert is_met(result), missed(result)
    assert [(leg.source, leg.target) for leg in result.legs] == [(PRIMARY, SECONDARY), (SECONDARY, PRIMARY)]
    assert [len(leg.rtos) for leg in result.legs] == [2, 2]
    assert (stage.at_home, is_clean(stage)) == (True, True)
    assert stage.both.controls[PRIMARY].item.mode is Mode.AUTOMATIC


def test_the_secondary_is_ordered_and_its_fence_leads_while_the_fleet_is_there(stage: FleetStage) -> None:
    stage.fleet_drill().run()

    first, last = stage.both.fences[SECONDARY].changes
    assert (first.role, first.why, last.role) == (FenceRole.LEADS, WHY, FenceRole.FOLLOWS)


def test_devices_of_the_fleet_are_moved_there_and_back_and_told(stage: FleetStage) -> None:
    result = stage.fleet_drill().run()

    assert result.fleet is not None
    assert (result.fleet.before, result.fleet.moved) == (
        "2 things",
        f"2 connections were ended; 2 connected to {SECONDARY}, 0 left in {PRIMARY}",
    )
    assert sorted(stage.connections[PRIMARY].connected) == ["pump-1", "pump-2"]
    assert stage.connections[SECONDARY].connected == []


def test_every_phase_is_told_in_its_order(stage: FleetStage) -> None:
    result = stage.fleet_drill().run()

    assert [name for name, _ in result.phases] == [
        *("make", "cross", "connect", "baseline", "fault", f"move to {SECONDARY}", f"stay in {SECONDARY}"),
        *("way back", f"move to {PRIMARY}", f"stay in {PRIMARY}", "remove"),
    ]
    assert stage.progress.stood == [FleetStand.AWAY, FleetStand.RETURNING, FleetStand.HOME]


def test_the_name_servers_are_looked_at_while_the_product_waits(stage: FleetStage) -> None:
    there, back = stage.fleet_drill().run().legs

    for leg in (there, back):
        assert leg.first_answer is not None
        assert leg.first_answer - leg.at < stage.delay + 4


def test_the_plan_of_the_way_back_is_told(stage: FleetStage) -> None:
    result = stage.fleet_drill().run()

    assert result.fleet is not None
    assert result.fleet.plan.endswith(": nothing differs")
    assert any(one.startswith("The failback's plan: ") for one in stage.progress.steps)


def test_the_old_primary_is_written_down_before_it_is_written(stage: FleetStage) -> None:
    stage.fleet_drill().run()

    assert len(stage.both.snapshots) == 1


def test_a_device_that_is_left_behind_misses_and_the_fleet_comes_back(stage: FleetStage) -> None:
    stage.connections[PRIMARY].stays = frozenset({"pump-1"})

    result = stage.fleet_drill().run()

    assert missed(result) == [f"fleet moved to {SECONDARY}"]
    assert (stage.at_home, is_clean(stage)) == (True, True)


# What stands in the way


def items_of(stage: FleetStage) -> list[object]:
    """Return all control items and fences, as they are."""
    controls = [one.item for one in stage.both.controls.values()]
    return [*controls, *(one.item for one in stage.both.fences.values())]


def refused(stage: FleetStage, match: str) -> None:
    before = (dict(stage.both.controls), dict(stage.both.fences), stage.control.item)
    items = items_of(stage)

    with pytest.raises(ConfigurationError, match=match) as caught:
        stage.fleet_drill().run()

    assert str(caught.value).endswith("; nothing was changed")
    assert not stage.world.left
    assert (dict(stage.both.controls), dict(stage.both.fences), stage.control.item) == before
    assert items_of(stage) == items
    assert stage.progress.stood == []


def test_while_something_waits_the_fleet_stays_where_it_is_and_nobody_is_asked(stage: FleetStage) -> None:
    stage.waiting = Waiting({"pending": 3}, 1)

    refused(stage, "3 resources are not in sync")

    assert stage.consented == []


def test_while_the_secondary_leads_already_the_fleet_is_not_taken_along(stage: FleetStage) -> None:
    stage.both.fail_over()

    refused(stage, f"{SECONDARY} leads: bring the fleet back with `iot-dr failback`")


def test_while_a_failback_is_open_the_fleet_is_not_taken_along(stage: FleetStage) -> None:
    stage.both.fences[PRIMARY].item = Fence(FenceRole.FOLLOWS, 3)

    refused(stage, "a failback is open: end it with `iot-dr failback --apply --switch`")


def test_who_does_not_consent_changes_nothing(stage: FleetStage) -> None:
    stage.refuses = "'x' is not devices.example.com; nothing was changed"

    refused(stage, "is not devices.example.com")


def test_while_another_drill_has_the_item_the_fleet_is_not_taken_along(stage: FleetStage) -> None:
    stage.control.item = Control(PRIMARY, epoch=3, by="iot-dr-canary-20261127-000000-ffff")

    refused(stage, "iot-dr drill --clean iot-dr-canary-20261127-000000-ffff")


def test_devices_that_do_not_cross_end_it_before_the_fleet_moves(stage: FleetStage) -> None:
    stage.world.crosses = lambda _entity: None

    with pytest.raises(NotReadyYet, match=f"not in {SECONDARY}"):
        stage.fleet_drill().run()

    assert (stage.progress.stood, stage.at_home, is_clean(stage)) == ([], True, True)


# What stops it on its way


def stopped(stage: FleetStage, why: str) -> DrillResult:
    result = stage.fleet_drill().run()
    assert result.fleet is not None
    assert why in result.fleet.stopped
    assert f"fleet is back in {PRIMARY}" in missed(result)
    return result


def at_step(stage: FleetStage, step: str, act: Callable[[], object]) -> None:
    """Have something happen when a step begins."""
    told = stage.progress.step

    def step_told(text: str) -> None:
        told(text)
        if text == step:
            act()

    stage.progress.step = step_told  # type: ignore[method-assign]  # told as before


def conflict(stage: FleetStage) -> None:
    stage.world.primary.put(Thing("pump-9", {"site": "north"}))
    stage.world.secondary.put(Thing("pump-9", {"site": "south"}))


def test_a_conflict_leaves_the_fleet_with_the_secondary_and_what_was_measured_is_told(stage: FleetStage) -> None:
    at_step(stage, "Phase: way back", lambda: conflict(stage))

    result = stopped(stage, "1 resource is undecided in the failback's plan, which is not applied")

    assert [leg.target for leg in result.legs] == [SECONDARY]
    assert len(result.legs[0].rtos) == 2
    assert stage.progress.stood == [FleetStand.AWAY]
    assert stage.both.fences[SECONDARY].item.leads
    assert stage.both.snapshots == []
    assert result.left == ("the drill's devices, until the fleet is back",)


def test_a_primary_that_is_away_on_the_way_back_leaves_the_fleet_with_the_secondary(stage: FleetStage) -> None:
    stage.calls.before = raising(RegionUnavailable("the Region is away"), on=["old fence.change"])

    stopped(stage, "the Region is away")
    stage.calls.before = lambda _name, _number: None

    assert stage.progress.stood[-1] is FleetStand.RETURNING
    stage.bring_back()
    assert (stage.at_home, is_clean(stage)) == (True, True)


def test_a_secondary_that_took_the_lead_by_itself_is_not_ordered_over(stage: FleetStage) -> None:
    at_step(stage, "Phase: fault", stage.both.fail_over)

    stopped(stage, f"{SECONDARY} has taken the lead meanwhile: a test, an outage")

    assert len(stage.both.fences[SECONDARY].changes) == 1


def test_an_order_that_is_refused_leaves_the_fleet_at_home_and_nothing_of_the_drill(stage: FleetStage) -> None:
    stage.calls.before = raising(AccessDenied("no right to dynamodb:UpdateItem"), on=["leader fence.change"])

    result = stopped(stage, "no right to dynamodb:UpdateItem")

    assert (result.legs, result.left) == ((), ())
    assert (stage.progress.stood[-1], stage.at_home, is_clean(stage)) == (FleetStand.HOME, True, True)


def test_who_stops_it_before_the_failover_finds_nothing_of_it(stage: FleetStage) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    at_step(stage, "Phase: fault", stop)

    with pytest.raises(KeyboardInterrupt):
        stage.fleet_drill().run()

    assert (stage.progress.stood, stage.at_home, is_clean(stage)) == ([], True, True)


def test_who_stops_it_after_the_failover_keeps_what_would_not_cross(stage: FleetStage) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    at_step(stage, f"Phase: stay in {SECONDARY}", stop)

    with pytest.raises(KeyboardInterrupt):
        stage.fleet_drill().run()

    assert stage.devices.stopped == 1
    assert stage.world.left
    stage.bring_back()
    assert (stage.at_home, is_clean(stage)) == (True, True)


# Killed


def test_killed_at_any_write_it_leaves_a_region_that_leads_and_goes_on_as_told(
    tmp_path: Path, executor: ThreadPoolExecutor
) -> None:
    stage = FleetStage(tmp_path / "whole", executor, 1)
    stage.fleet_drill(QUICK).run()
    # What it makes and removes of its own is written as by any drill, which is killed there by tests of its own.
    writes = [name for name in stage.calls.made if name.rpartition(".")[2] in WRITES]
    orders = [number for number, name in enumerate(writes, 1) if name.partition(".")[0].endswith(("fence", "control"))]
    stood: list[tuple[FleetStand, ...]] = []
    for number in (*orders, orders[-1] + 1):
        stage = FleetStage(tmp_path / str(number), executor, 1)
        assert killed(stage, Death(stage, write=number)), writes[number - 1]
        stood.append(tuple(stage.progress.stood))
    assert len(orders) >= 9
    assert {len(one) for one in stood} == {1, 2, 3}


def test_killed_at_any_step_of_the_way_it_leaves_a_region_that_leads_and_goes_on_as_told(
    tmp_path: Path, executor: ThreadPoolExecutor
) -> None:
    stage = FleetStage(tmp_path / "whole", executor, 1)
    stage.fleet_drill(QUICK).run()
    steps = stage.progress.steps
    after = steps[steps.index("Phase: fault") :]
    for step in (one for one in after if one.startswith("Phase: ") or one in WORDS.values()):
        stage = FleetStage(tmp_path / str(steps.index(step)), executor, 1)
        assert killed(stage, Death(stage, step=step)), step


def killed(stage: FleetStage, death: Death) -> bool:
    """Tell whether the drill was killed; then a Region leads, and what was told brings the fleet back."""
    try:
        stage.fleet_drill(QUICK).run()
    except Killed:
        death.revive()
        assert stage.both.fences[PRIMARY].item.leads or stage.both.fences[SECONDARY].item.leads
        stage.bring_back()
        assert (stage.at_home, is_clean(stage)) == (True, True), stage.calls.made
        return True
    assert not death.dead
    return False
