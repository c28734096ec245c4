"""A Region's fence follows the order that its replica of the control item tells, and only to lead."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iot_dr.model.failover.control import Control, Mode
from iot_dr.model.failover.fence import Fence, FenceRole, Leadership
from iot_dr.services.failover.follow_order import follow_order
from tests.builders import PRIMARY, SECONDARY
from tests.failover_fakes import Secondary

NOW = 1_700_000_000_000
ORDER = Control(SECONDARY, Mode.PINNED, 2, at=NOW - 5, by="jo", why="the primary is away")


def followed(control: Control, fence: Fence | None = None) -> Leadership:
    """Follow what the secondary's items tell, and return what they tell then."""
    secondary = Secondary(control, fence)
    follow_order(SECONDARY, secondary.reader, secondary.fences, secondary.controls, lambda: NOW)
    return secondary.reader.leadership()


@pytest.mark.parametrize("mode", Mode)
def test_an_order_to_lead_is_followed_with_all_that_it_says(mode: Mode) -> None:
    found = followed(replace(ORDER, mode=mode))

    assert found.fence == Fence(FenceRole.LEADS, 2, mode, NOW, "jo", "the primary is away")
    assert found.control.leader == SECONDARY


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
    found = followed(control, fence)

    assert (found.control, found.fence) == (control, fence)


@pytest.mark.parametrize("leader", [PRIMARY, SECONDARY])
def test_an_order_that_a_replica_has_lost_is_told_again_with_its_mode(leader: str) -> None:
    fence = Fence(FenceRole.LEADS, 2, Mode.AUTOMATIC, NOW - 60_000, "the watch", "Route 53 answers us-west-2")

    found = followed(replace(ORDER, leader=leader, epoch=1), fence)

    assert found.control == Control(SECONDARY, Mode.AUTOMATIC, 2, at=fence.since, by=fence.by, why=fence.why)
    assert found.fence == fence


def test_who_is_overtaken_meanwhile_leaves_it() -> None:
    before, now = Secondary(ORDER), Secondary(ORDER, Fence(FenceRole.LEADS, 4))

    follow_order(SECONDARY, before.reader, now.fences, now.controls, lambda: NOW)

    assert now.fences.item == Fence(FenceRole.LEADS, 4)
