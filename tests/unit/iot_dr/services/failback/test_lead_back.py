"""Who leads during a failback: each transition, what it demands, and what a stop in between leaves."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from iot_dr.errors import Conflict, NotReadyYet, RegionUnavailable
from iot_dr.model.failover.control import Control, Mode
from iot_dr.model.failover.fence import Fence, FenceRole, Leadership
from iot_dr.services.failback.lead_back import LeadBack, LeaderWriteGate, NotAgreed, RegionItems, leading
from iot_dr.services.failover.follow_order import follow_order
from iot_dr.services.failover.take_lead import UnfinishedOrder
from iot_dr.services.gate import LeadershipWriteGate
from tests.builders import PAIR, PRIMARY, SECONDARY
from tests.failover_fakes import InMemoryControlStore, InMemoryFenceStore, InMemoryLeadershipReader
from tests.fakes import FakeClock

ORDERED = Control(SECONDARY, Mode.PINNED, 2)


@dataclass
class Both:
    """The items of both Regions after a failover."""

    old: tuple[InMemoryControlStore, InMemoryFenceStore] = field(
        default_factory=lambda: (InMemoryControlStore(ORDERED), InMemoryFenceStore(Fence(FenceRole.LEADS)))
    )
    leader: tuple[InMemoryControlStore, InMemoryFenceStore] = field(
        default_factory=lambda: (InMemoryControlStore(ORDERED), InMemoryFenceStore(Fence(FenceRole.LEADS, 2)))
    )
    clock: FakeClock = field(default_factory=FakeClock)

    def reader(self, region: str) -> InMemoryLeadershipReader:
        return InMemoryLeadershipReader(*(self.old if region == PRIMARY else self.leader))

    @property
    def lead(self) -> LeadBack:
        items = {
            region: RegionItems(self.reader(region), fences, controls)
            for region, (controls, fences) in ((PRIMARY, self.old), (SECONDARY, self.leader))
        }
        return LeadBack(PAIR, items[SECONDARY], items[PRIMARY], self.clock, "an operator", "well again")

    @property
    def roles(self) -> tuple[FenceRole, FenceRole]:
        return self.old[1].item.role, self.leader[1].item.role


@pytest.fixture
def both() -> Both:
    return Both()


def test_the_old_primary_follows_by_an_epoch_of_its_own_above_all_others(both: Both) -> None:
    both.lead.follow()

    assert both.roles == (FenceRole.FOLLOWS, FenceRole.LEADS)
    assert both.old[1].item.epoch == 3
    assert (both.old[1].item.by, both.old[1].item.why) == ("an operator", "well again")


def test_what_follows_already_is_left_as_it_is(both: Both) -> None:
    both.lead.follow()
    both.lead.follow()

    assert len(both.old[1].changes) == 1


@pytest.mark.parametrize(
    ("region", "control"),
    [
        (PRIMARY, Control(PRIMARY)),
        (PRIMARY, Control(PRIMARY, Mode.PINNED, 3)),
        (SECONDARY, Control(PRIMARY, Mode.PINNED, 3)),
        (PRIMARY, Control(SECONDARY, Mode.PINNED, 4)),
        (SECONDARY, Control(SECONDARY, Mode.PINNED, 1)),
    ],
)
def test_unless_both_regions_agree_that_the_secondary_leads_nothing_follows(
    region: str, control: Control, both: Both
) -> None:
    (both.old if region == PRIMARY else both.leader)[0].item = control

    with pytest.raises(NotAgreed):
        both.lead.follow()

    assert both.old[1].changes == []


def test_a_secondary_that_follows_has_nothing_to_fail_back_from(both: Both) -> None:
    both.leader[1].item = Fence()

    with pytest.raises(NotAgreed, match="does not lead"):
        both.lead.follow()
    assert both.lead.leads_by() is None


def test_the_old_primary_may_be_written_once_it_follows_and_not_before_nor_after(both: Both) -> None:
    gate = LeadershipWriteGate(both.reader(PRIMARY), PRIMARY)

    assert gate.standing().leads
    both.lead.follow()
    assert not gate.standing().refusal
    both.lead.lead()
    assert gate.standing().leads


def test_the_order_to_lead_is_known_in_both_regions_and_the_secondary_leads_still(both: Both) -> None:
    both.lead.follow()

    control = both.lead.lead()

    assert (control.leader, control.mode, control.epoch) == (PRIMARY, Mode.MOVING, 5)
    assert both.old[0].item == both.leader[0].item == control
    assert both.roles == (FenceRole.LEADS, FenceRole.LEADS)


def test_an_order_that_was_stopped_before_the_control_item_goes_on_with_the_same_epoch(both: Both) -> None:
    both.lead.follow()
    order = both.old[0].order
    both.old[0].order = _refusing(RegionUnavailable("away"))  # type: ignore[method-assign]  # a fault of this call alone
    with pytest.raises(UnfinishedOrder):
        both.lead.lead()
    both.old[0].order = order  # type: ignore[method-assign]  # well again

    assert both.lead.lead().epoch == both.old[1].item.epoch == 5


def test_a_secondary_that_was_not_told_is_told_by_the_next_run(both: Both) -> None:
    both.lead.follow()
    order = both.leader[0].order
    both.leader[0].order = _refusing(RegionUnavailable("away"))  # type: ignore[method-assign]  # a fault of this call alone
    with pytest.raises(NotReadyYet, match="run it again"):
        both.lead.lead()
    both.leader[0].order = order  # type: ignore[method-assign]  # well again

    assert both.lead.lead().epoch == 5
    assert both.leader[0].item.leader == PRIMARY


def _refusing(error: Exception):  # type: ignore[no-untyped-def]  # takes the place of any method
    def refuse(*_: object) -> None:
        raise error

    return refuse


def test_the_secondary_follows_when_its_own_item_says_that_the_primary_leads(both: Both) -> None:
    both.lead.follow()
    both.lead.lead()

    both.lead.leave()
    both.lead.leave()

    assert both.roles == (FenceRole.LEADS, FenceRole.FOLLOWS)
    assert len(both.leader[1].changes) == 1
    gate = LeadershipWriteGate(both.reader(SECONDARY), SECONDARY)
    assert not gate.standing().refusal


def test_the_secondary_does_not_follow_before_that(both: Both) -> None:
    both.lead.follow()

    with pytest.raises(NotAgreed, match="and not that us-east-1 leads"):
        both.lead.leave()
    assert both.leader[1].item.leads


def test_health_decides_again_once_it_is_released(both: Both) -> None:
    for step in (both.lead.follow, both.lead.lead, both.lead.leave, both.lead.release, both.lead.release):
        step()

    assert both.old[0].item == both.leader[0].item
    assert (both.old[0].item.leader, both.old[0].item.mode, both.old[0].item.epoch) == (PRIMARY, Mode.AUTOMATIC, 7)


def test_a_later_failover_is_not_released(both: Both) -> None:
    with pytest.raises(NotAgreed, match="us-west-2 leads"):
        both.lead.release()


def test_no_stream_has_the_secondary_lead_again_by_what_a_failback_orders(both: Both) -> None:
    for step in (both.lead.follow, both.lead.lead, both.lead.leave, both.lead.release):
        step()
        follow_order(SECONDARY, both.reader(SECONDARY), both.leader[1], both.leader[0], both.clock)

    assert both.roles == (FenceRole.LEADS, FenceRole.FOLLOWS)
    assert both.leader[0].item.leader == PRIMARY


def test_at_no_moment_do_both_follow(both: Both) -> None:
    for step in (both.lead.follow, both.lead.lead, both.lead.leave, both.lead.release):
        step()
        assert FenceRole.LEADS in both.roles


def test_another_order_at_the_same_time_is_a_conflict(both: Both) -> None:
    both.old[1].change = _refusing(Conflict("somebody was faster"))  # type: ignore[method-assign]  # a fault of this call alone

    with pytest.raises(Conflict):
        both.lead.follow()


@pytest.mark.parametrize(
    ("control", "fence", "closed"),
    [
        (ORDERED, Fence(FenceRole.LEADS, 2), False),
        (ORDERED, Fence(), True),
        (Control(PRIMARY, Mode.MOVING, 5), Fence(FenceRole.LEADS, 2), True),
    ],
)
def test_what_a_plan_writes_into_the_leader_is_written_while_it_leads(
    control: Control, fence: Fence, closed: bool
) -> None:
    reader = InMemoryLeadershipReader(InMemoryControlStore(control), InMemoryFenceStore(fence))

    assert bool(LeaderWriteGate(reader, SECONDARY).standing().closed) is closed
    assert bool(leading(SECONDARY, Leadership(control, replace(fence))).refusal) is closed
