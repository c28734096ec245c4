"""What a drill leaves is removed, again if need be, and what stays is named."""

from __future__ import annotations

from typing import Any

import pytest

from iot_dr.errors import NotReadyYet, Throttled
from iot_dr.model.registry.keys import shadow_key
from iot_dr.services.drill.removal import Removal
from tests.drill_fakes import DRILL, Stage


def removal_of(stage: Stage) -> Removal:
    return stage.drill()._parts.removal


def test_removing_what_is_not_there_is_success() -> None:
    stage = Stage()

    assert removal_of(stage).remove() == ()
    assert removal_of(stage).remove() == ()


def test_what_devices_wrote_in_the_secondary_is_removed_though_replication_keeps_it() -> None:
    stage = Stage()
    stage.world.replicate = lambda: None  # type: ignore[method-assign]  # as it does with what others wrote
    key = shadow_key(f"{DRILL}-0001")
    written: Any = {"reported": {"count": 7}}
    stage.world.secondary_shadows.become(key, written)

    assert removal_of(stage).remove() == ()
    assert key not in stage.world.secondary_shadows.documents


def test_what_stays_is_named_with_the_command_that_goes_on() -> None:
    stage = Stage()
    stage.drill()._rehearsal.make()
    stage.world.stays = lambda key: key.name == f"{DRILL}-0001"

    with pytest.raises(NotReadyYet, match=rf"secondary Region: .*{DRILL}-0001.*iot-dr drill --clean {DRILL}"):
        removal_of(stage).withdraw()


def test_one_part_that_cannot_be_removed_does_not_keep_the_others() -> None:
    stage = Stage()
    stage.drill()._rehearsal.make()
    stage.name.error = Throttled("Rate exceeded")

    (left,) = removal_of(stage).remove()

    assert left.startswith("its name and health checks: ")
    assert not stage.world.left
