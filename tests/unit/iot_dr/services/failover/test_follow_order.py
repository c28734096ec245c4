"""A Region's fence follows the order that its replica of the control item tells, and only to lead."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from iot_dr.errors import Conflict
from iot_dr.model.failover.control import Control, Mode
from iot_dr.model.failover.fence import Fence, FenceRole, Leadership
from iot_dr.services.failover.follow_order import follow_order

PRIMARY, SECONDARY = "us-east-1", "us-west-2"
NOW = 1_700_000_000_000
ORDER = Control(SECONDARY, Mode.PINNED, 2, at=NOW - 5, by="jo", why="the primary is away")


@dataclass
class Items:
    """Both items of a Region, with the conditions of their tables."""

    control_item: Control = field(default_factory=lambda: Control(PRIMARY))
    fence_item: Fence = field(default_factory=Fence)

    def leadership(self) -> Leadership:
        """Return both."""
        return Leadership(self.control_item, self.fence_item)

    def control(self) -> Control:
        """Return the control item."""
        return self.control_item

    def fence(self) -> Fence:
        """Return the fence."""
        return self.fence_item

    def order(self, control: Control) -> None:
        """Write a higher order."""
        if control.epoch <= self.control_item.epoch:
            raise Conflict("overtaken")
        self.control_item = control

    def change(self, fence: Fence) -> None:
        """Write a higher fence."""
        if fence.epoch <= self.fence_item.epoch:
            raise Conflict("overtaken")
        self.fence_item = fence

    def note_elsewhere(self, at: int) -> None:
        """Nobody does so here."""
        raise NotImplementedError


def followed(items: Items, region: str = SECONDARY) -> Items:
    follow_order(region, items, items, items, lambda: NOW)
    return items


@pytest.mark.parametrize("mode", Mode)
def test_an_order_to_lead_is_followed_with_all_that_it_says(mode: Mode) -> None:
    found = followed(Items(replace(ORDER, mode=mode)))

    assert found.fence_item == Fence(FenceRole.LEADS, 2, mode, NOW, "jo", "the primary is away")
    assert found.control_item.leader == SECONDARY


@pytest.mark.parametrize(
    ("control", "fence"),
    [
        (Control(PRIMARY), Fence()),
        (replace(ORDER, leader=PRIMARY, epoch=3), Fence()),
        (replace(ORDER, leader=PRIMARY, epoch=3), Fence(FenceRole.LEADS, 2)),
        (ORDER, Fence(FenceRole.LEADS, 2)),
        (ORDER, Fence(FenceRole.FOLLOWS, 4)),
    ],
)
def test_nothing_makes_a_leader_follow_and_no_old_order_makes_a_follower_lead(control: Control, fence: Fence) -> None:
    found = followed(Items(control, fence))

    assert (found.control_item, found.fence_item) == (control, fence)


@pytest.mark.parametrize("leader", [PRIMARY, SECONDARY])
def test_an_order_that_a_replica_has_lost_is_told_again_with_its_mode(leader: str) -> None:
    fence = Fence(FenceRole.LEADS, 2, Mode.AUTOMATIC, NOW - 60_000, "the watch", "Route 53 answers us-west-2")

    found = followed(Items(replace(ORDER, leader=leader, epoch=1), fence))

    assert found.control_item == Control(SECONDARY, Mode.AUTOMATIC, 2, at=fence.since, by=fence.by, why=fence.why)
    assert found.fence_item == fence


def test_who_is_overtaken_meanwhile_leaves_it() -> None:
    items = Items(ORDER)
    seen = items.leadership()
    items.fence_item = Fence(FenceRole.LEADS, 4)
    reader = Items(seen.control, seen.fence)

    follow_order(SECONDARY, reader, items, items, lambda: NOW)

    assert items.fence_item == Fence(FenceRole.LEADS, 4)
