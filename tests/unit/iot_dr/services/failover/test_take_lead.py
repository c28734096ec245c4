"""Taking the lead: three calls, by compare-and-set, and whoever is stopped is gone on with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iot_dr.errors import AccessDenied, Conflict, InvalidResource, IotDrError, RegionUnavailable
from iot_dr.model.failover.control import Control, Mode, ReplicationState
from iot_dr.model.failover.fence import Fence, FenceRole
from iot_dr.reconcile.failover import Endpoint, answered, next_epoch
from iot_dr.services.failover.follow_order import follow_order
from iot_dr.services.failover.take_lead import LeadOrder, TakeLead, Told, UnfinishedOrder, tell_other
from tests.answers import promised
from tests.builders import PRIMARY, SECONDARY
from tests.failover_fakes import LEADING, InMemoryControlStore, InMemoryLeadershipReader, Secondary
from tests.fakes import Calls, Killed, once, raising

ORDER = LeadOrder(Mode.PINNED, "an operator", "an outage")
PINNED = Control(SECONDARY, Mode.PINNED, 2, at=1, by="an operator", why="an outage")


def through(secondary: Secondary, calls: Calls) -> TakeLead:
    return replace(
        secondary.lead,
        reader=calls.through("reader", secondary.reader),
        fence=calls.through("fence", secondary.fences),
        control=calls.through("control", secondary.controls),
    )


def test_three_calls_have_the_region_lead() -> None:
    secondary, calls = Secondary(), Calls()
    lead = through(secondary, calls)

    taken = lead.take(lead.read(), ORDER)

    assert calls.made == ["reader.leadership", "fence.change", "control.order"]
    assert taken.changed
    assert taken.epoch == 2, "even in the secondary"
    since = secondary.fences.item.since
    assert secondary.fences.item == Fence(FenceRole.LEADS, 2, Mode.PINNED, since, "an operator", "an outage")
    assert replace(secondary.controls.item, at=1) == PINNED


def test_the_number_is_above_all_that_are_known() -> None:
    secondary = Secondary(Control(PRIMARY, Mode.PINNED, 7), Fence(epoch=4))

    assert secondary.lead.take(secondary.lead.read(), ORDER).epoch == 8


def test_what_leads_so_already_is_left_as_it_is() -> None:
    secondary = Secondary(PINNED, LEADING)

    taken = secondary.lead.take(secondary.lead.read(), ORDER)

    assert not taken.changed
    assert (secondary.controls.item, secondary.fences.item) == (PINNED, LEADING)


def test_what_leads_by_itself_is_pinned_by_an_operator_since_it_began_to_lead() -> None:
    secondary = Secondary(replace(PINNED, mode=Mode.AUTOMATIC), LEADING)

    taken = secondary.lead.take(secondary.lead.read(), ORDER)

    assert (taken.changed, taken.epoch) == (True, 4)
    assert secondary.controls.item.mode is Mode.PINNED
    assert secondary.fences.item.since == LEADING.since


def test_a_suspension_of_replication_stays_in_force() -> None:
    secondary = Secondary(Control(PRIMARY, replication=ReplicationState.SUSPENDED))

    secondary.lead.take(secondary.lead.read(), ORDER)

    assert secondary.controls.item.replication is ReplicationState.SUSPENDED


@pytest.mark.parametrize("stopped_at", [2, 3])
def test_whoever_is_stopped_between_two_calls_is_gone_on_with(stopped_at: int) -> None:
    secondary = Secondary()
    lead = through(secondary, Calls(before=raising(Killed(), at={stopped_at})))
    with pytest.raises(Killed):
        lead.take(lead.read(), ORDER)

    taken = secondary.lead.take(secondary.lead.read(), ORDER)

    assert taken.epoch == 2
    assert len(secondary.fences.changes) == 1
    assert secondary.lead.stands(secondary.lead.read(), Mode.PINNED)


@pytest.mark.parametrize("overtaken_at", ["fence.change", "control.order"])
def test_two_operators_at_once_end_with_one_order_and_both_succeed(overtaken_at: str) -> None:
    secondary = Secondary()
    other = LeadOrder(Mode.PINNED, "another operator", "the same outage")
    first = through(
        secondary,
        Calls(before=once(overtaken_at, lambda: secondary.lead.take(secondary.lead.read(), other))),
    )

    taken = first.take(first.read(), ORDER)

    assert taken.epoch == 2
    assert [one.epoch for one in secondary.fences.changes] == [2]
    assert secondary.lead.stands(secondary.lead.read(), Mode.PINNED)


def test_two_operators_of_whom_one_is_between_his_calls_end_with_one_order() -> None:
    secondary = Secondary()
    slow = Calls(before=once("fence.change", lambda: secondary.fences.change(LEADING)))

    taken = through(secondary, slow).take(secondary.lead.read(), ORDER)

    assert (taken.epoch, taken.changed) == (2, True)
    assert secondary.controls.item.epoch == 2
    assert len(secondary.fences.changes) == 1


def test_an_order_for_the_other_region_that_arrives_meanwhile_is_overruled_by_a_higher_one() -> None:
    secondary = Secondary()
    theirs = Control(PRIMARY, Mode.PINNED, 3)
    lead = through(secondary, Calls(before=once("control.order", lambda: secondary.controls.order(theirs))))

    taken = lead.take(lead.read(), ORDER)

    assert taken.epoch == 4
    assert secondary.controls.item.leader == SECONDARY
    assert secondary.fences.item.epoch == 4


def test_a_failback_at_the_same_time_is_not_overruled() -> None:
    secondary = Secondary()
    follows = Fence(FenceRole.FOLLOWS, 3)
    lead = through(secondary, Calls(before=once("fence.change", lambda: secondary.fences.change(follows))))

    with pytest.raises(Conflict):
        lead.take(lead.read(), ORDER)

    assert secondary.fences.item == follows


@pytest.mark.parametrize("error", [InvalidResource("garbled"), AccessDenied("no right"), RegionUnavailable("503")])
def test_what_cannot_be_read_is_not_written(error: IotDrError) -> None:
    calls = Calls(before=raising(error, on={"reader.leadership"}))

    with pytest.raises(type(error)):
        through(Secondary(), calls).read()

    assert calls.to("fence", "control") == []


def test_a_fence_that_cannot_be_changed_changes_nothing() -> None:
    secondary = Secondary()
    lead = through(secondary, Calls(before=raising(AccessDenied("no right"), on={"fence.change"})))

    with pytest.raises(AccessDenied):
        lead.take(lead.read(), ORDER)

    assert (secondary.controls.item, secondary.fences.item) == (Control(PRIMARY), Fence())


def test_a_control_item_that_cannot_be_written_is_told_as_an_order_that_is_not_finished() -> None:
    secondary = Secondary()
    lead = through(secondary, Calls(before=raising(AccessDenied("no right"), on={"control.order"})))

    with pytest.raises(UnfinishedOrder, match="no right"):
        lead.take(lead.read(), ORDER)

    assert secondary.lead.unfinished(secondary.lead.read())


def test_the_other_region_is_told_the_same_order() -> None:
    other = InMemoryControlStore()

    assert tell_other(other, PINNED) == Told()
    assert other.item == PINNED
    assert tell_other(other, PINNED) == Told(), "the table's replication was faster"


def test_a_later_order_in_the_other_region_is_told_and_stays() -> None:
    theirs = Control(PRIMARY, Mode.PINNED, 3)
    other = InMemoryControlStore(theirs)

    assert tell_other(other, PINNED) == Told(f"a later order stands there: {PRIMARY} pinned, epoch 3", theirs)
    assert other.item == theirs


def test_a_region_that_is_away_is_no_fault() -> None:
    class Away(InMemoryControlStore):
        def order(self, control: Control) -> None:
            raise RegionUnavailable(f"Could not connect to the endpoint of epoch {control.epoch}")

    assert "Could not connect" in tell_other(Away(), PINNED).why


@dataclass
class Replica(InMemoryControlStore):
    """A replica that knows when it was written last, by a count that all replicas share."""

    times: Iterator[int] = field(default_factory=count)
    written: int = 0

    def order(self, control: Control) -> None:
        super().order(control)
        self.written = next(self.times)


class Pair:
    """Both Regions: replicas of which the last writer wins, and what health checks find of APIs and round trips."""

    def __init__(self) -> None:
        times = count(1)
        self.primary, self.there = Replica(times=times), Replica(times=times)
        self.secondary = Secondary()
        self.secondary.controls = self.there
        self.secondary.reader = InMemoryLeadershipReader(self.there, self.secondary.fences)
        self.parted = False
        self.answers = dict.fromkeys((PRIMARY, SECONDARY), True)
        self.probes = dict.fromkeys((PRIMARY, SECONDARY), True)

    @property
    def items(self) -> tuple[Control, Control]:
        """What each replica has."""
        return self.primary.item, self.there.item

    def _heal(self) -> None:
        if not self.parted:
            last = max(self.primary, self.there, key=lambda one: one.written)
            for replica in (self.primary, self.there):
                replica.item, replica.written = last.item, last.written

    def replicate(self, killed_at: int = 0) -> None:
        """Let the last writer win, and the secondary's stream follow, which may be killed."""
        self._heal()
        secondary = self.secondary
        calls = Calls(before=raising(Killed(), at={killed_at} if killed_at else ()))
        ports = (
            calls.through("reader", secondary.reader),
            calls.through("fence", secondary.fences),
            calls.through("control", secondary.controls),
        )
        with suppress(Killed):
            follow_order(SECONDARY, *ports, secondary.clock)
        self._heal()

    def ends(self) -> tuple[Endpoint, Endpoint]:
        """Both Regions as Route 53 sees them."""
        known = zip((PRIMARY, SECONDARY), self.items, strict=True)
        here, there = (Endpoint(one, item, self.answers[one], self.probes[one]) for one, item in known)
        return here, there


KILLED_AT = st.sampled_from([0, 0, 1, 2, 3])
REGION = st.sampled_from([PRIMARY, SECONDARY])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["failover", "watch", "heal", "stream"]), KILLED_AT),
        st.tuples(st.sampled_from(["pin the primary", "part"]), st.just(0)),
        st.tuples(st.sampled_from(["API", "round trip"]), REGION),
    ),
    max_size=14,
)


@given(STEPS)
def test_whatever_is_ordered_parted_and_stopped_the_name_leads_as_promised_and_nothing_follows_without_a_command(
    steps: list[tuple[str, int | str]],
) -> None:
    """Scenario 11 of the design: histories of orders, pauses and crashes; tests/simulation has longer ones.

    Orders are given by the secondary's own calls, and for the primary by hand, as long as no command does. Each may be
    killed before each of its calls, and so may the stream that follows them.
    """
    pair, led, ordered = Pair(), False, False
    for step, given_to in steps:
        secondary, killed_at = pair.secondary, given_to if isinstance(given_to, int) else 0
        match step:
            case "failover" | "watch":
                ordered = True
                mode = Mode.PINNED if step == "failover" else Mode.AUTOMATIC
                lead = through(secondary, Calls(before=raising(Killed(), at={killed_at} if killed_at else ())))
                with suppress(Killed):
                    taken = lead.take(lead.read(), LeadOrder(mode, step, "because"))
                    assert secondary.lead.stands(taken.leadership, mode)
            case "pin the primary":
                epoch = next_epoch(pair.primary.item.epoch, in_primary=True)
                pair.primary.order(Control(PRIMARY, Mode.PINNED, epoch, at=secondary.clock()))
            case "part" | "heal":
                pair.parted = step == "part"
            case "API" | "round trip":
                told = pair.answers if step == "API" else pair.probes
                told[str(given_to)] = not told[str(given_to)]
        pair.replicate(killed_at)
        here, there = pair.ends()
        for letter, leads_to in promised(here, there):
            assert answered(here, there) == leads_to, (letter, here, there)
        led = led or secondary.fences.item.leads
        assert secondary.fences.item.leads is led, "a Region that leads goes on to lead"
        assert ordered or not led, "nobody leads without an order"
    pair.parted = False
    pair.replicate()

    at_primary, at_secondary = pair.items
    assert at_primary == at_secondary
    assert at_secondary.epoch >= pair.secondary.fences.item.epoch, "no order of the secondary is lost"
    assert led or at_secondary.leader == PRIMARY, "an order to lead is followed"
    epochs = [one.epoch for one in pair.secondary.fences.changes]
    assert epochs == sorted(set(epochs))
    assert all(epoch % 2 == 0 for epoch in epochs), "the two Regions never give the same number"
