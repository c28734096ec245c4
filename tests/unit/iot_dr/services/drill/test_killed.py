"""A drill that is killed in any phase is removed by its name alone, and until then no other one begins."""

from __future__ import annotations

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.services.drill.orders import CanaryOrders
from iot_dr.services.drill.removal import Removal
from iot_dr.services.trial.leftovers import leftovers
from tests.builders import PAIR, PRIMARY, SECONDARY
from tests.drill_fakes import BOTH, DRILL, Stage, Told

PHASES = (
    *("make", "cross", "connect", "baseline", "fault", f"move to {SECONDARY}", f"stay in {SECONDARY}"),
    *("way back", f"move to {PRIMARY}", f"stay in {PRIMARY}", "remove"),
)


class Killed(BaseException):
    """Nothing is done after it."""


class KilledIn(Told):
    """Kills the drill where a phase begins, so that nothing is undone."""

    def __init__(self, phase: str) -> None:
        super().__init__()
        self._phase = phase

    def step(self, text: str) -> None:
        super().step(text)
        if text == f"Phase: {self._phase}":
            raise Killed


@pytest.mark.parametrize("phase", PHASES)
def test_whatever_a_killed_drill_left_is_found_by_its_name(phase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    stage.progress = KilledIn(phase)
    monkeypatch.setattr(Removal, "withdraw", lambda _removal: None)
    with pytest.raises(Killed):
        stage.drill().run()
    monkeypatch.undo()
    stage.devices.running = False

    with pytest.raises(ConfigurationError, match=f"iot-dr drill --clean {DRILL}"):
        CanaryOrders("another", PAIR, dict.fromkeys(BOTH, stage.control), stage.world.clock).begin()
    certificates = [one.credentials.certificate_id for one in stage.canaries.trial.devices]
    found = leftovers(DRILL, stage.world.primary, certificates)
    stage.removal(found).withdraw()

    assert not stage.world.left
    assert stage.name.removed == [DRILL]
    assert stage.control.forgotten > 0
