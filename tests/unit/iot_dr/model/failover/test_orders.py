"""What an order says of a Region, and what a Region's standing refuses."""

from __future__ import annotations

import pytest

from iot_dr.model.failover.control import Control, Mode
from iot_dr.model.failover.fence import OPEN, Fence, FenceRole, Standing
from tests.builders import PRIMARY, SECONDARY


@pytest.mark.parametrize(("mode", "ordered"), [(Mode.AUTOMATIC, False), (Mode.PINNED, True), (Mode.MOVING, True)])
def test_only_a_leader_that_health_does_not_decide_on_is_ordered(mode: Mode, ordered: bool) -> None:
    assert Control(SECONDARY, mode).orders(SECONDARY) is ordered
    assert not Control(SECONDARY, mode).orders(PRIMARY)


def test_a_fence_that_nobody_has_changed_follows() -> None:
    assert not Fence().leads
    assert Fence(FenceRole.LEADS).leads


def test_what_is_closed_is_refused_before_what_is_led() -> None:
    assert OPEN.refusal == ""
    assert Standing(leads="it leads").refusal == "it leads"
    assert Standing(closed="it is closed", leads="it leads").refusal == "it is closed"
