"""A drill from its beginning to its end, over Regions, a name and devices in memory."""

from __future__ import annotations

import pytest

from iot_dr.errors import AccessDenied, ConfigurationError, NotReadyYet
from iot_dr.model.drill.orders import DrillFault, DrillOrder
from iot_dr.model.drill.verdicts import is_met, judgements
from iot_dr.model.failover.control import Control
from iot_dr.services.drill import rehearsal as module
from tests.builders import PRIMARY, SECONDARY
from tests.drill_fakes import DRILL, Stage
from tests.failover_fakes import SERVERS


@pytest.fixture
def stage() -> Stage:
    return Stage()


def nothing_is_left(stage: Stage) -> bool:
    return not stage.world.left and stage.name.removed == [DRILL] and stage.control.forgotten > 0


@pytest.mark.parametrize("fault", DrillFault)
def test_devices_go_to_the_secondary_and_come_back_and_nothing_is_left(stage: Stage, fault: DrillFault) -> None:
    result = stage.drill(DrillOrder(clients=3, fault=fault, patience=60)).run()

    there, back = result.legs
    assert is_met(result), [one for one in judgements(result) if not one.met]
    assert ((there.source, there.target), (back.source, back.target)) == ((PRIMARY, SECONDARY), (SECONDARY, PRIMARY))
    assert len(there.rtos) == len(back.rtos) == 3
    assert all(4 <= one < 10 for one in (*there.rtos, *back.rtos))
    assert {one.server for one in there.answers} == set(SERVERS)
    assert nothing_is_left(stage)


def test_every_phase_is_told_in_its_order(stage: Stage) -> None:
    result = stage.drill().run()

    assert [name for name, _ in result.phases] == [
        *("make", "cross", "connect", "baseline", "fault", f"move to {SECONDARY}", f"stay in {SECONDARY}"),
        *("way back", f"move to {PRIMARY}", f"stay in {PRIMARY}", "remove"),
    ]
    times = [at for _, at in result.phases]
    assert times == sorted(times)


def test_a_thing_made_a_second_before_the_fault_tells_how_late_changes_are(stage: Stage) -> None:
    result = stage.drill().run()

    assert result.late_thing is not None
    assert 0 < result.late_thing < 2 * module.LOOK_SECONDS


def test_a_thing_that_does_not_come_misses_the_objective(stage: Stage) -> None:
    late = stage.canaries.late
    stage.world.crosses = lambda entity: None if entity == late else entity

    result = stage.drill().run()

    assert result.late_thing is None
    assert [one.about for one in judgements(result) if not one.met] == ["RPO of things"]


def test_a_device_that_stays_where_it_was_is_told_and_the_others_go_on(stage: Stage) -> None:
    stage.stuck = frozenset({f"{DRILL}-0002"})

    result = stage.drill(DrillOrder(clients=3, patience=20)).run()

    assert [line.client for line in result.legs[0].lines if line.rto is None] == [f"{DRILL}-0002"]
    assert f"served in {SECONDARY}" in [one.about for one in judgements(result) if not one.met]
    assert nothing_is_left(stage)


def test_an_acknowledged_message_that_nobody_saw_is_lost(stage: Stage) -> None:
    stage.devices.lost = frozenset({5})

    result = stage.drill().run()

    assert (result.lost, is_met(result)) == (3, False)


def test_devices_publish_nothing_new_while_the_last_messages_are_waited_for(stage: Stage) -> None:
    stage.drill().run()

    assert stage.devices.silent
    assert stage.devices.stopped == 1


def test_what_is_not_acknowledged_yet_when_devices_fall_silent_is_waited_for(stage: Stage) -> None:
    stage.devices.under_way = [f"{DRILL}-0001", f"{DRILL}-0001", f"{DRILL}-0003"]

    result = stage.drill().run()

    numbers = {one.client: one.acknowledged for one in result.deliveries}
    assert stage.devices.under_way == []
    assert numbers[f"{DRILL}-0001"] == numbers[f"{DRILL}-0002"] + 2
    assert result.lost == 0


def test_shadows_that_a_launch_does_not_replicate_are_not_tested_and_that_is_told(stage: Stage) -> None:
    result = stage.drill(shadows=False).run()

    assert result.shadows is None
    assert "Shadows: the launch does not replicate classic ones." in result.untested


def test_what_observers_may_have_missed_is_told(stage: Stage) -> None:
    stage.devices.blind = 2

    assert any("an observer was cut off, which happened 2 times" in one for one in stage.drill().run().untested)


def test_while_another_drill_has_the_item_nothing_is_made_and_nothing_of_it_removed(stage: Stage) -> None:
    stage.control.item = Control(PRIMARY, epoch=3, by="iot-dr-canary-20261127-000000-ffff")

    with pytest.raises(ConfigurationError, match="iot-dr drill --clean iot-dr-canary-20261127-000000-ffff"):
        stage.drill().run()

    assert (stage.name.made, stage.name.removed, stage.control.forgotten) == ([], [], 0)
    assert not stage.world.left


def test_devices_that_do_not_cross_end_the_drill_and_are_removed(stage: Stage) -> None:
    stage.world.crosses = lambda _entity: None

    with pytest.raises(NotReadyYet, match=f"not in {SECONDARY}"):
        stage.drill().run()

    assert nothing_is_left(stage)
    assert stage.name.made == []


def test_a_name_that_never_leads_to_the_primary_ends_the_drill(stage: Stage) -> None:
    stage.delay = 999
    stage.turns = [(0.0, SECONDARY)]

    with pytest.raises(NotReadyYet, match=f"do not lead to {PRIMARY}: ns-1 says {SECONDARY}"):
        stage.drill(DrillOrder(clients=3, patience=-1)).run()

    assert nothing_is_left(stage)


def test_who_is_stopped_removes_what_was_made(stage: Stage) -> None:
    passes = stage.world.on_pause

    def stop() -> None:
        if stage.progress.steps[-1] == "Phase: baseline":
            stage.world.on_pause = passes
            raise KeyboardInterrupt
        passes()

    stage.world.on_pause = stop

    with pytest.raises(KeyboardInterrupt):
        stage.drill().run()

    assert nothing_is_left(stage)
    assert stage.devices.stopped == 1


def test_what_cannot_be_removed_misses_and_keeps_the_item_so_that_no_other_drill_begins(stage: Stage) -> None:
    stage.name.error = AccessDenied("no right to route53:DeleteHealthCheck")

    result = stage.drill().run()

    assert not is_met(result)
    assert "its name and health checks" in result.left[0]
    assert stage.control.forgotten == 0
