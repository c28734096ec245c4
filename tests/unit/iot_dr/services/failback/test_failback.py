"""A whole failback over two Regions in memory: what is written where, in which order, and what goes on after a kill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iot_dr.errors import AccessDenied, ConfigurationError, RegionUnavailable, TargetLeads, UnsafePlan
from iot_dr.model.failback.plan import Party
from iot_dr.model.failback.steps import APPLYING, SWITCHING, FailbackStep
from iot_dr.model.failover.control import Control, Mode
from iot_dr.model.failover.devices import DeviceCounts
from iot_dr.model.failover.fence import FenceRole
from iot_dr.model.registry.digests import digest_of
from iot_dr.model.registry.entities import CertificateStatus, GroupMembership, Policy, ThingGroup
from iot_dr.model.registry.keys import certificate_key, shadow_key, thing_group_key, thing_key
from iot_dr.model.replication.outcomes import Outcome, State
from iot_dr.model.status.fleets import FleetSize
from iot_dr.reconcile.safety import DEFAULT_LIMITS
from iot_dr.services.failback.failback import FRESH
from iot_dr.services.failback.lead_back import NotAgreed
from iot_dr.services.failback.moving import Moved
from iot_dr.services.failover.follow import NameSeen
from tests.builders import (
    PRIMARY,
    SECONDARY,
    a_certificate,
    a_certificate_id,
    a_device,
    a_group,
    a_thing,
    a_thing_type,
    an_attachment,
)
from tests.failback_world import FailbackWorld
from tests.fakes import Killed, once, raising

ON: Any = {"reported": {"on": True}}
OFF: Any = {"reported": {"on": False}}
NAMES = ("pump-1", "pump-2", "pump-3", "pump-4", "pump-5")


@pytest.fixture
def world(tmp_path: Path) -> FailbackWorld:
    """Devices that have crossed, a failover, and changes of every class on both sides; none is a conflict."""
    found = FailbackWorld(tmp_path)
    things = [one for name in NAMES for one in a_device(name, type_name="pump")]
    found.cross(a_thing_type("pump"), *things, a_group("site"), shadows={shadow_key(name): ON for name in NAMES})
    found.fail_over()
    found.leader.put(*a_device("born-there", type_name="pump")[1:], a_thing("pump-1", {"site": "south"}, "pump"))
    found.leader.put(GroupMembership("site", "born-there"), a_certificate("pump-5", CertificateStatus.REVOKED))
    found.old.put(*a_device("born-late")[1:], a_thing("pump-2", {"site": "late"}, "pump"))
    found.secondary.put(shadow_key("pump-1"), OFF)
    found.secondary.put(shadow_key("born-there"), ON)
    found.primary.put(shadow_key("pump-2"), OFF)
    found.plan()
    found.calls.made.clear()
    return found


def the_whole(world: FailbackWorld, *, again: int = 30, **choices: Any) -> None:
    """Run the same command until it has come to its end, whatever kills it."""
    for _ in range(again):
        try:
            if world.run(switch=True, **choices).complete:
                return
        except (Killed, RegionUnavailable):
            continue
    raise AssertionError("it never ends")


# Apply


def test_both_regions_hold_the_same_after_it(world: FailbackWorld) -> None:
    result = world.run()

    assert result.complete
    assert result.done == APPLYING
    assert world.equal
    assert world.old.thing("pump-1").attributes == {"site": "south"}
    assert world.leader.thing("pump-2").attributes == {"site": "late"}
    assert world.old.certificate(a_certificate_id("pump-5")).status is CertificateStatus.REVOKED
    assert {"born-there", "born-late"} <= {thing.name for thing in world.old.things()}
    assert world.primary.documents[shadow_key("pump-1")] == OFF
    assert world.secondary.documents[shadow_key("pump-2")] == OFF


def test_the_old_primary_is_written_down_before_anything_is_changed(world: FailbackWorld) -> None:
    before = world.old.entities

    assert world.run().snapshot == "a folder"
    assert world.snapshots == [before]


def test_the_old_primary_follows_before_it_is_written_and_goes_on_to(world: FailbackWorld) -> None:
    world.run()

    writes = world.writes()
    assert writes[0] == "old fence.change"
    assert (world.fences[PRIMARY].item.role, world.fences[SECONDARY].item.role) == (FenceRole.FOLLOWS, FenceRole.LEADS)
    assert world.controls[PRIMARY].item.leader == SECONDARY


def test_the_ledger_knows_what_both_hold_by_now(world: FailbackWorld) -> None:
    world.run()

    for key in (thing_key("born-there"), thing_key("pump-1"), thing_key("pump-2")):
        assert world.base.ledger.bases([key])[key].digest == digest_of(world.leader.entities[key])
    assert world.base.ledger.owned([thing_key("born-there")])
    assert world.plan() == {}


def test_it_is_done_once(world: FailbackWorld) -> None:
    world.run()
    world.calls.made.clear()

    assert world.run().complete
    assert world.writes() == []


def test_what_was_deleted_in_the_leader_stays_unless_deletions_are_asked_for(world: FailbackWorld) -> None:
    world.leader.remove(thing_key("pump-3"), certificate_key(a_certificate_id("pump-3")))
    world.secondary.remove(shadow_key("pump-3"))
    world.plan()

    result = world.run()

    assert result.complete
    assert world.old.thing("pump-3") is not None
    assert world.old.certificate(a_certificate_id("pump-3")).status is CertificateStatus.INACTIVE
    assert result.checked is not None
    assert result.checked.left == 4

    assert world.run(with_deletes=True).complete
    assert world.old.thing("pump-3") is None
    assert world.old.certificate(a_certificate_id("pump-3")) is None
    assert shadow_key("pump-3") not in world.primary.documents
    assert world.equal


def test_deletions_of_more_than_the_share_are_refused_before_anything_is_changed(world: FailbackWorld) -> None:
    world.leader.remove(*(thing_key(name) for name in NAMES), *(a_certificate(name).key for name in NAMES))
    world.plan()
    world.calls.made.clear()

    with (
        world.opened(limits=DEFAULT_LIMITS, with_deletes=True, prefer=Party.LEADER) as failback,
        pytest.raises(UnsafePlan, match="--delete-share"),
    ):
        failback.apply()

    assert world.writes() == []
    assert world.snapshots == []


# What is not applied


def test_without_a_plan_nothing_is_applied(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no plan"):
        FailbackWorld(tmp_path).run()


def test_another_plan_than_the_accepted_one_is_not_applied(world: FailbackWorld) -> None:
    with world.opened() as failback:
        accepted = failback.shown
    world.leader.put(a_thing("newer"))
    world.plan()

    with pytest.raises(ConfigurationError, match=accepted):
        world.run(accept=accepted)

    assert world.writes() == []


def test_the_accepted_plan_is_applied(world: FailbackWorld) -> None:
    with world.opened() as failback:
        accepted = failback.shown

    assert world.run(accept=accepted).complete


def test_a_conflict_is_not_decided_in_silence(world: FailbackWorld) -> None:
    world.leader.put(a_thing("pump-3", {"site": "ours"}, "pump"))
    world.old.put(a_thing("pump-3", {"site": "theirs"}, "pump"))
    world.plan()
    world.calls.made.clear()

    with pytest.raises(ConfigurationError, match="--prefer leader"):
        world.run()
    assert world.writes() == []
    with world.opened() as failback:
        (row,) = failback.open_rows()
    assert (row.leader.attributes, row.old.attributes) == ({"site": "ours"}, {"site": "theirs"})  # type: ignore[union-attr]  # both are things


@pytest.mark.parametrize(("prefer", "site"), [(Party.LEADER, "ours"), (Party.OLD, "theirs")])
def test_a_conflict_is_decided_as_the_operator_says(world: FailbackWorld, prefer: Party, site: str) -> None:
    world.leader.put(a_thing("pump-3", {"site": "ours"}, "pump"))
    world.old.put(a_thing("pump-3", {"site": "theirs"}, "pump"))
    world.plan()

    assert world.run(prefer=prefer).complete
    assert world.equal
    assert world.old.thing("pump-3").attributes == {"site": site}
    assert world.snapshots[0][thing_key("pump-3")].attributes == {"site": "theirs"}  # type: ignore[union-attr]  # a thing


def test_a_certificate_that_the_old_primary_deleted_comes_back_asleep(world: FailbackWorld) -> None:
    world.old.remove(certificate_key(a_certificate_id("pump-3")))
    world.plan()

    assert world.run(prefer=Party.LEADER).complete
    for region in (world.old, world.leader):
        assert region.certificate(a_certificate_id("pump-3")).status is CertificateStatus.INACTIVE
    assert world.equal


def test_what_the_leader_deletes_for_the_old_primary_goes_there_too(world: FailbackWorld) -> None:
    world.old.remove(thing_key("pump-3"))
    world.plan()

    assert world.run(prefer=Party.OLD, with_deletes=True).complete
    assert world.leader.thing("pump-3") is None


def test_what_could_not_be_read_keeps_all_from_being_applied(world: FailbackWorld) -> None:
    world.old.put(Policy("odd", "[]"))
    world.plan()
    world.calls.made.clear()

    with pytest.raises(ConfigurationError, match="could not be read"):
        world.run(prefer=Party.LEADER)
    assert world.writes() == []


@pytest.mark.parametrize("side", ["leader", "old"])
def test_what_was_changed_since_the_plan_is_not_written_over(world: FailbackWorld, side: str) -> None:
    changed = a_thing("pump-1", {"site": "since"}, "pump")
    (world.leader if side == "leader" else world.old).put(changed)

    result = world.run()

    assert (result.stopped, [one.key for one in result.problems]) == (FailbackStep.BRING, [thing_key("pump-1")])
    assert "since the plan" in result.problems[0].reason
    assert (world.leader if side == "leader" else world.old).thing("pump-1").attributes == {"site": "since"}


def test_what_was_made_in_the_old_primary_since_the_plan_is_not_written_over(world: FailbackWorld) -> None:
    theirs = a_thing("born-there", {"site": "theirs"}, "pump")
    world.old.put(theirs)

    result = world.run()

    assert thing_key("born-there") in [one.key for one in result.problems]
    assert world.old.thing("born-there") == theirs


def test_a_certificate_that_was_revoked_since_the_plan_stays_revoked(world: FailbackWorld) -> None:
    world.old.put(a_certificate("pump-4", CertificateStatus.INACTIVE))
    world.plan()
    world.leader.put(a_certificate("pump-4", CertificateStatus.REVOKED))

    assert world.run().stopped is FailbackStep.LATE
    assert world.leader.certificate(a_certificate_id("pump-4")).status is CertificateStatus.REVOKED
    world.plan()
    assert world.run().complete
    assert world.old.certificate(a_certificate_id("pump-4")).status is CertificateStatus.REVOKED


def test_what_is_new_in_the_leader_since_the_plan_is_told_and_comes_with_the_switch(world: FailbackWorld) -> None:
    world.leader.put(*a_device("newest")[1:])

    result = world.run()

    assert result.complete
    assert result.checked is not None
    assert result.checked.since.total() == 4
    assert world.old.thing("newest") is None
    assert world.run(switch=True).complete
    assert world.old.thing("newest") is not None


def test_what_an_operator_changes_while_it_is_applied_is_found_by_the_check(world: FailbackWorld) -> None:
    world.calls.before = once("old.create", lambda: world.leader.put(a_thing("pump-4", {"site": "meanwhile"}, "pump")))

    result = world.run()

    assert (result.stopped, result.checked and [key for key, _ in result.checked.differing]) == (
        FailbackStep.CHECK,
        [thing_key("pump-4")],
    )


def test_a_shadow_goes_back_as_the_device_wrote_it_last(world: FailbackWorld) -> None:
    last: Any = {"reported": {"on": False, "n": 7}}
    world.secondary.put(shadow_key("pump-1"), last)
    world.secondary.put(shadow_key("pump-4"), last)

    assert world.run().complete
    assert world.equal


def test_while_the_regions_do_not_agree_who_leads_nothing_is_changed(world: FailbackWorld) -> None:
    world.controls[PRIMARY].item = Control(PRIMARY)

    with pytest.raises(NotAgreed, match="control item says"):
        world.run()

    assert world.writes() == []


def test_a_plan_of_an_earlier_failover_is_not_applied(world: FailbackWorld) -> None:
    the_whole(world)
    world.fail_over()

    with pytest.raises(ConfigurationError, match="another failover"):
        world.run()


def test_a_plan_of_before_a_new_order_is_not_applied(world: FailbackWorld) -> None:
    for controls in world.controls.values():
        controls.item = replace(controls.item, epoch=controls.item.epoch + 2)

    with pytest.raises(ConfigurationError, match="another failover"):
        world.run()


def test_a_group_that_stands_elsewhere_is_left_and_told(world: FailbackWorld) -> None:
    world.leader.put(a_group("other"))
    world.leader.remove(thing_group_key("site"))
    world.leader.put(ThingGroup("site", "all of site", parent="other"))
    world.plan()

    result = world.run()

    assert result.stopped is FailbackStep.CHECK
    assert result.checked is not None
    assert thing_group_key("site") in dict(result.checked.differing)


# Switch


def test_devices_come_back_and_replication_goes_on_in_the_old_direction(world: FailbackWorld) -> None:
    result = world.run(switch=True)

    assert result.complete
    assert result.done == (*APPLYING, *SWITCHING)
    assert (world.fences[PRIMARY].item.role, world.fences[SECONDARY].item.role) == (FenceRole.LEADS, FenceRole.FOLLOWS)
    for region in (PRIMARY, SECONDARY):
        assert (world.controls[region].item.leader, world.controls[region].item.mode) == (PRIMARY, Mode.AUTOMATIC)
    epochs = [world.fences[PRIMARY].item.epoch, world.controls[PRIMARY].item.epoch]
    assert all(epoch % 2 for epoch in epochs)
    assert epochs == sorted(epochs)


def test_devices_are_sent_before_the_other_region_follows(world: FailbackWorld) -> None:
    seen: list[tuple[Mode, bool]] = []

    def moved() -> Moved:
        seen.append((world.controls[SECONDARY].item.mode, world.fences[SECONDARY].item.leads))
        return Moved(NameSeen(seen=True))

    world.moved = moved
    world.run(switch=True)

    assert seen == [(Mode.MOVING, True)]


def test_the_switch_can_come_later_and_checks_once_more(world: FailbackWorld) -> None:
    world.run()
    world.secondary.put(shadow_key("pump-4"), OFF)
    world.clock.advance(FRESH // 1000 + 1)
    world.steps.clear()

    assert world.run(switch=True).complete
    assert world.equal
    assert "Reading both Regions again" in world.steps[0]


def test_what_devices_write_in_the_leader_until_they_move_is_carried(world: FailbackWorld) -> None:
    last: Any = {"reported": {"on": False, "n": 9}}

    def moving() -> Moved:
        world.secondary.put(shadow_key("pump-3"), last)
        world.secondary.put(shadow_key("pump-1"), last)
        return Moved(NameSeen(seen=True))

    world.moved = moving
    assert world.run(switch=True).complete

    assert world.primary.documents[shadow_key("pump-3")] == last
    assert world.primary.documents[shadow_key("pump-1")] == last


def test_a_device_that_comes_back_to_the_state_of_before_the_failover_is_carried(world: FailbackWorld) -> None:
    world.secondary.put(shadow_key("pump-1"), OFF)
    world.run()
    assert world.primary.documents[shadow_key("pump-1")] == OFF

    def moving() -> Moved:
        world.secondary.put(shadow_key("pump-1"), ON)
        return Moved(NameSeen(seen=True))

    world.moved = moving
    assert world.run(switch=True).complete

    assert world.primary.documents[shadow_key("pump-1")] == ON


def test_what_devices_write_in_the_old_primary_after_they_moved_stays(world: FailbackWorld) -> None:
    newest: Any = {"reported": {"on": False, "n": 10}}

    def moving() -> Moved:
        world.clock.advance(2)
        world.secondary.put(shadow_key("pump-3"), OFF)
        world.primary.put(shadow_key("pump-3"), newest)
        return Moved(NameSeen(seen=True))

    world.moved = moving
    assert world.run(switch=True).complete

    assert world.primary.documents[shadow_key("pump-3")] == newest


def test_a_registry_change_in_the_old_primary_after_the_order_is_not_overwritten(world: FailbackWorld) -> None:
    def moving() -> Moved:
        world.old.put(a_thing("pump-1", {"site": "newest"}, "pump"))
        return Moved(NameSeen(seen=True))

    world.moved = moving
    assert world.run(switch=True).complete
    assert world.old.thing("pump-1").attributes == {"site": "newest"}


def test_what_was_held_is_checked_again(world: FailbackWorld) -> None:
    world.base.ledger.record(Outcome(thing_key("pump-4"), State.HELD, "the secondary led", at=world.clock()))

    assert world.run(switch=True).complete

    assert thing_key("pump-4") in list(world.base.ledger.due(world.clock()))


LEFT = Moved(NameSeen(seen=True), DeviceCounts(FleetSize(3), FleetSize(2)), ("pump-1", "pump-2"))


def test_devices_that_are_left_behind_stop_it_unless_the_operator_goes_on_without_them(world: FailbackWorld) -> None:
    world.moved = lambda: LEFT

    result = world.run(switch=True)

    assert (result.stopped, result.left_behind) == (FailbackStep.MOVE, ("pump-1", "pump-2"))
    assert "--leave-behind" in result.why
    assert world.fences[SECONDARY].item.leads
    with world.opened(leave_behind=True) as failback:
        assert failback.apply(switch=True).complete


def test_where_dns_does_not_move_nobody_is_left_behind_by_a_word(world: FailbackWorld) -> None:
    world.moved = lambda: Moved(NameSeen(), why="the name servers are silent")

    with world.opened(leave_behind=True) as failback:
        result = failback.apply(switch=True)

    assert (result.stopped, result.why) == (FailbackStep.MOVE, "the name servers are silent")


def test_a_failover_back_in_the_middle_of_the_switch_stops_it(world: FailbackWorld) -> None:
    world.moved = lambda: LEFT
    world.run(switch=True)
    world.fail_over()
    world.moved = lambda: Moved(NameSeen(seen=True))

    with pytest.raises(TargetLeads, match="leads no more"):
        world.run(switch=True)

    assert world.fences[SECONDARY].item.leads


# Killed


@pytest.mark.parametrize("step", FailbackStep)
def test_a_run_that_is_killed_before_any_step_is_taken_up_by_the_same_command(
    world: FailbackWorld, step: FailbackStep
) -> None:
    number = list(FailbackStep).index(step)
    with world.opened() as failback:
        dying = replace(failback, step=_killing(number))
        with pytest.raises(Killed):
            dying.apply(switch=True)
        assert len(failback.done) == number

    the_whole(world)

    assert world.equal
    assert len(world.snapshots) == 1


def _killing(after: int) -> Callable[[str], None]:
    left = [after]

    def step(_words: str) -> None:
        if not left[0]:
            raise Killed
        left[0] -= 1

    return step


def test_a_run_that_is_killed_at_any_write_is_taken_up_by_the_same_command(tmp_path: Path) -> None:
    number, ended = 0, False
    while not ended:
        number += 1
        world = _small(tmp_path / str(number))
        world.calls.before = _dying_at(number, world)
        ended = _ended(world)
        world.calls.before = lambda _name, _number: None
        the_whole(world)
        assert world.equal, number
        assert world.old.thing("pump-1").attributes == {"site": "south"}
        assert (world.fences[PRIMARY].item.leads, world.fences[SECONDARY].item.leads) == (True, False)
    assert number > 10


def ended_right_before_the_order(tmp_path: Path) -> FailbackWorld:
    """Return a world in which the moment of the order was noted, and the old primary was not told to lead."""
    world = _small(tmp_path)
    assert world.run().complete
    world.calls.before = raising(Killed(), on=["old fence.change"])
    with pytest.raises(Killed):
        world.run(switch=True)
    world.calls.before = lambda _name, _number: None
    return world


def test_what_stragglers_write_before_the_order_is_given_is_no_newer_than_what_devices_wrote(tmp_path: Path) -> None:
    world = ended_right_before_the_order(tmp_path)
    world.clock.advance(3600)
    shadow = shadow_key("pump-1")
    world.secondary.put(shadow, {"reported": {"by": "device"}})
    world.clock.advance(1)
    world.primary.put(shadow, {"reported": {"by": "straggler"}})

    assert world.run(switch=True).complete
    assert world.primary.documents[shadow]["reported"] == {"on": False, "by": "device"}


def test_a_plan_whose_order_was_not_given_is_not_applied_after_another_failover(tmp_path: Path) -> None:
    world = ended_right_before_the_order(tmp_path)
    for controls in world.controls.values():
        controls.item = replace(controls.item, epoch=controls.item.epoch + 2)

    with pytest.raises(ConfigurationError, match="another failover"):
        world.run(switch=True)


def test_a_run_that_is_killed_as_the_old_primary_takes_the_lead_is_taken_up_an_hour_later(tmp_path: Path) -> None:
    for name in ("old control.order", "leader control.order", "leader fence.change"):
        world = _small(tmp_path / name.partition(" ")[0] / name[-5:])
        world.calls.after = raising(Killed(), on=[name])
        with pytest.raises(Killed):
            world.run(switch=True)
        world.calls.after = lambda _name, _number: None
        world.clock.advance(3600)

        assert world.run(switch=True).complete
        assert world.equal


@pytest.mark.parametrize("in_both", [True, False])
def test_a_thing_of_a_deprecated_type_is_made_in_the_old_primary(tmp_path: Path, in_both: bool) -> None:
    world = FailbackWorld(tmp_path)
    world.cross(a_thing_type("pump", deprecated=in_both), a_thing("pump-1"))
    world.fail_over()
    world.leader.put(a_thing_type("pump"))
    world.leader.put(a_thing("born", type_name="pump"))
    world.leader.put(a_thing_type("pump", deprecated=True))
    world.plan()

    assert world.run().complete
    assert world.old.thing("born").type_name == "pump"
    assert world.old.thing_type("pump").deprecated
    assert world.equal


def _small(folder: Path) -> FailbackWorld:
    found = FailbackWorld(folder)
    found.cross(*a_device("pump-1"), a_thing("pump-2"), shadows={shadow_key("pump-1"): ON})
    found.fail_over()
    found.leader.put(a_thing("pump-1", {"site": "south"}), a_thing("born"))
    found.old.put(a_thing("pump-2", {"site": "late"}))
    found.secondary.put(shadow_key("pump-1"), OFF)
    found.plan()
    found.calls.made.clear()
    return found


def _dying_at(number: int, world: FailbackWorld) -> Callable[[str, int], None]:
    def before(_name: str, _number: int) -> None:
        if len(world.writes()) == number:
            raise Killed

    return before


def _ended(world: FailbackWorld) -> bool:
    try:
        return world.run(switch=True).complete
    except Killed:
        return False


def test_an_old_primary_that_does_not_answer_leaves_the_leader_as_it_is_and_the_rerun_completes(
    world: FailbackWorld,
) -> None:
    before = world.leader.entities
    world.calls.before = raising(RegionUnavailable("away"), on=["old.create", "old.update"])

    result = world.run()

    assert result.stopped is FailbackStep.BRING
    assert world.leader.entities == before
    world.calls.before = lambda _name, _number: None
    assert world.run().complete
    assert world.equal


def test_a_missing_right_ends_it_at_once(world: FailbackWorld) -> None:
    world.calls.before = raising(AccessDenied("iot:UpdateThing"), on=["old.update"])

    with pytest.raises(AccessDenied):
        world.run()


def test_an_attachment_that_was_detached_in_the_leader_goes_with_deletes(world: FailbackWorld) -> None:
    world.leader.remove(an_attachment(of="pump-4").key)
    world.plan()

    assert world.run(with_deletes=True).complete
    assert an_attachment(of="pump-4").key not in world.old.entities
