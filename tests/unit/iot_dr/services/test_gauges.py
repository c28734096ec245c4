"""What stands still is measured: what waits, what is held, and control items that do not agree."""

from __future__ import annotations

import pytest

from iot_dr.errors import AccessDenied, InvalidResource, IotDrError, RegionUnavailable
from iot_dr.model.failover.control import Control, Mode
from iot_dr.services.gauges import Measured, measure
from tests.builders import PRIMARY, SECONDARY
from tests.failover_fakes import InMemoryControlStore, UnreadControl


class Counted:
    """A ledger in which three wait and two are held."""

    def number_waiting(self) -> int:
        return 3

    def number_held(self) -> int:
        return 2


@pytest.mark.parametrize(
    ("there", "unequal"),
    [
        (Control(PRIMARY, Mode.PINNED, 1), False),
        (Control(PRIMARY, Mode.PINNED, 3), True),
        (Control(SECONDARY, Mode.PINNED, 1), True),
    ],
)
def test_control_items_are_equal_only_if_they_say_the_same(there: Control, unequal: bool) -> None:
    here = InMemoryControlStore(Control(PRIMARY, Mode.PINNED, 1))

    assert measure(Counted(), here, InMemoryControlStore(there)) == Measured(3, 2, unequal)


@pytest.mark.parametrize("error", [RegionUnavailable("away"), AccessDenied("no right")])
def test_a_region_that_does_not_answer_leaves_it_open_whether_they_agree(error: IotDrError) -> None:
    assert measure(Counted(), InMemoryControlStore(), UnreadControl(error)) == Measured(3, 2, None)


def test_a_garbled_item_agrees_with_none() -> None:
    assert measure(Counted(), UnreadControl(InvalidResource("garbled")), InMemoryControlStore()).unequal is True
