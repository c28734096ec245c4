"""A drill that is killed anywhere is removed by its name alone, and until then no other one begins."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.model.drill.orders import DrillOrder
from iot_dr.services.drill.orders import CanaryOrders
from iot_dr.services.trial.leftovers import leftovers
from tests.builders import PAIR, PRIMARY, SECONDARY
from tests.drill_fakes import BOTH, DRILL, Death, Stage
from tests.fakes import Killed

QUICK = DrillOrder(clients=1, baseline=0, stay=0, patience=20)

PHASES = (
    *("make", "cross", "connect", "baseline", "fault", f"move to {SECONDARY}", f"stay in {SECONDARY}"),
    *("way back", f"move to {PRIMARY}", f"stay in {PRIMARY}", "remove"),
)


def another(stage: Stage) -> CanaryOrders:
    return CanaryOrders("another", PAIR, dict.fromkeys(BOTH, stage.control), stage.world.clock)


def clean(stage: Stage) -> None:
    """Remove the drill as `--clean` does, which knows its name and finds the rest."""
    certificates = [one.credentials.certificate_id for one in stage.canaries.trial.devices]
    found = leftovers(DRILL, stage.world.primary, certificates)
    stage.removal(found).withdraw()


def nothing_is_left(stage: Stage) -> bool:
    return not stage.world.left and stage.name.removed[-1:] == [DRILL] and stage.control.item.by == ""


@pytest.mark.parametrize("phase", PHASES)
def test_whatever_a_killed_drill_left_is_found_by_its_name(phase: str) -> None:
    stage = Stage()
    death = Death(stage, step=f"Phase: {phase}")
    with pytest.raises(Killed):
        stage.drill().run()
    death.revive()

    with pytest.raises(ConfigurationError, match=f"iot-dr drill --clean {DRILL}"):
        another(stage).begin()
    clean(stage)

    assert nothing_is_left(stage)
    another(stage).begin()


def died(stage: Stage, run: Callable[[], object], *, write: int) -> bool:
    """Tell whether a run was killed at this write; the rest is cleaned then."""
    death = Death(stage, write=write)
    try:
        run()
    except Killed:
        death.revive()
        clean(stage)
        return True
    return False


def test_a_drill_that_is_killed_at_any_write_is_removed_by_its_name() -> None:
    for number in count(1):
        stage = Stage(1)
        if not died(stage, stage.drill(QUICK).run, write=number):
            break
        assert nothing_is_left(stage), stage.calls.made
    made = {*stage.calls.made}
    assert {"primary.create", "name.make", "item.order", "primary.delete", "name.remove", "item.forget"} <= made
    assert number > 30


def test_a_removal_that_is_killed_at_any_write_is_gone_on_with_by_the_same_name() -> None:
    for number in count(1):
        stage = Stage(1)
        death = Death(stage, step="Phase: way back")
        with pytest.raises(Killed):
            stage.drill(QUICK).run()
        death.revive()
        if not died(stage, lambda stage=stage: clean(stage), write=number):  # type: ignore[misc]  # this round's stage
            break
        assert nothing_is_left(stage), stage.calls.made
    assert nothing_is_left(stage)
    assert number > 15
