"""A drill's control item: one drill at a time, and what its orders say."""

from __future__ import annotations

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.model.drill.orders import DrillFault
from iot_dr.model.failover.control import Control, Mode
from iot_dr.services.drill.orders import CanaryOrders
from tests.builders import PAIR, PRIMARY, SECONDARY
from tests.drill_fakes import DRILL, InMemoryCanaryControl

BEFORE = Control(PRIMARY)


class Replicas:
    """Both Regions' replicas, apart."""

    def __init__(self) -> None:
        self.here, self.there = InMemoryCanaryControl(), InMemoryCanaryControl()
        self.orders = CanaryOrders(DRILL, PAIR, {PRIMARY: self.here, SECONDARY: self.there}, lambda: 7)

    def replicate(self) -> None:
        newest = max(self.here.item, self.there.item, key=lambda item: item.epoch)
        self.here.item = self.there.item = newest


@pytest.fixture
def replicas() -> Replicas:
    return Replicas()


def test_a_drill_begins_with_the_primary_leading_by_itself(replicas: Replicas) -> None:
    replicas.orders.begin()

    assert replicas.there.item == Control(PRIMARY, Mode.AUTOMATIC, 1, at=7, by=DRILL, why="a drill")
    assert replicas.here.item == BEFORE


def test_a_second_drill_is_refused_whatever_the_first_has_ordered(replicas: Replicas) -> None:
    for epoch in (1, 2, 5):
        replicas.there.item = Control(SECONDARY, Mode.PINNED, epoch, by="another")
        with pytest.raises(ConfigurationError, match="another is under way"):
            replicas.orders.begin()


def test_a_drain_is_ordered_in_the_secondary_alone_as_a_failover_is(replicas: Replicas) -> None:
    replicas.orders.begin()
    replicas.replicate()

    replicas.orders.fail(DrillFault.DRAIN)

    assert (replicas.there.item.leader, replicas.there.item.mode, replicas.there.item.epoch) == (SECONDARY, "pinned", 2)
    assert replicas.here.item.epoch == 1


def test_the_primary_is_made_unwell_by_its_own_replica_and_an_order_ends_it(replicas: Replicas) -> None:
    replicas.orders.begin()
    replicas.replicate()

    replicas.orders.fail(DrillFault.UNWELL)
    assert (replicas.here.item.unwell, replicas.here.item.mode) == (PRIMARY, Mode.AUTOMATIC)
    replicas.replicate()
    replicas.orders.bring_back()

    assert (replicas.here.item.unwell, replicas.here.item.mode, replicas.here.item.leader) == ("", "pinned", PRIMARY)


def test_the_item_of_another_drill_is_left_alone(replicas: Replicas) -> None:
    replicas.here.item = Control(PRIMARY, epoch=1, by=DRILL)
    replicas.there.item = Control(PRIMARY, epoch=1, by="another")

    replicas.orders.forget()

    assert (replicas.here.forgotten, replicas.there.forgotten) == (1, 0)
