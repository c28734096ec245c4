"""Who is connected where."""

from __future__ import annotations

import pytest

from iot_dr.model.failover.devices import DeviceCounts
from iot_dr.model.status.fleets import FleetSize
from iot_dr.model.status.status_parts import Unread

AWAY = Unread("away")


@pytest.mark.parametrize(
    ("here", "there", "arrived", "left", "over", "unknown"),
    [
        (FleetSize(3), FleetSize(0), 3, 0, True, False),
        (FleetSize(3), FleetSize(2), 3, 2, False, False),
        (FleetSize(3), AWAY, 3, 0, False, False),
        (AWAY, FleetSize(0), 0, 0, True, False),
        (AWAY, AWAY, 0, 0, False, True),
    ],
)
def test_what_a_region_does_not_tell_is_neither_nobody_nor_somebody(  # a row of the table
    here: FleetSize | Unread, there: FleetSize | Unread, arrived: int, left: int, over: bool, unknown: bool
) -> None:
    counts = DeviceCounts(here, there)

    assert (counts.arrived, counts.left_behind) == (arrived, left)
    assert (counts.is_over, counts.is_unknown) == (over, unknown)
