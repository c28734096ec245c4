"""What the ledger notes for later is checked soon too: it mostly waits for somebody who ends a moment later."""

from dataclasses import replace

import pytest

from iot_dr.model.registry.entities import GroupMembership, ThingGroup
from iot_dr.model.registry.keys import group_membership_key, thing_group_key, thing_key
from iot_dr.model.replication.requests import Depth, ReconcileRequest
from iot_dr.services.replication.once_more import FAR_PAUSE, MOST, PAUSES, of_far_ends, once_more
from tests.builders import a_thing
from tests.world import World

PUMP = ReconcileRequest(thing_key("pump-17"), occurred_at=900, created=True, event_id="e-1", fingerprint="f")
SITE, IN_SITE = ThingGroup("site"), GroupMembership("site", "pump-17")


def test_it_takes_in_everything_comes_soon_and_can_wait() -> None:
    (request,) = once_more(PUMP, 1000)

    assert request == ReconcileRequest(
        PUMP.key,
        depth=Depth.EVERYTHING,
        event_id="e-1",
        checks=1,
        due=1000 + PAUSES[0] * 1000,
        noted_at=1000,
        can_wait=True,
    )


def test_it_comes_later_each_time_and_then_no_more_since_the_ledger_has_it() -> None:
    request, pauses = PUMP, []
    while again := once_more(request, 1000):
        (request,) = again
        pauses.append((request.due - 1000) // 1000)

    assert tuple(pauses) == PAUSES


def test_of_something_made_anew_a_few_ends_are_checked_soon_and_many_are_left_to_the_background() -> None:
    few = [group_membership_key("site", f"pump-{number}") for number in range(MOST)]

    assert [(one.key, one.due) for one in of_far_ends(few, "e-1", 1000)] == [
        (key, 1000 + FAR_PAUSE * 1000) for key in few
    ]
    assert not of_far_ends([*few, group_membership_key("site", "one too many")], "e-1", 1000)


def test_beside_another_writer_a_request_comes_that_takes_the_ledgers_note_away(world: World) -> None:
    world.customer.put(a_thing())
    mark = world.ledger.begin([], world.clock(), below=[PUMP.key])
    (request,) = world.check(PUMP.key).further
    world.ledger.end(mark, [PUMP.key], world.clock())
    assert list(world.ledger.due(world.clock() + 600_000)) == [PUMP.key]

    world.clock.advance(PAUSES[0])
    result = world.replication.replicate(request)

    assert (result.further, list(world.ledger.due(world.clock() + 600_000))) == ((), [])


def test_without_another_writer_nothing_comes(world: World) -> None:
    world.customer.put(a_thing())

    assert world.check(PUMP.key).further == ()


def a_world_whose_group_was_gone() -> World:
    """Return one in which a group was made anew while a request that found it gone took it and its members away."""
    world = World()
    world.customer.put(a_thing(), SITE, IN_SITE)
    for key in sorted(world.primary.entities):
        world.check(key)
    world.clock.advance(60)
    world.customer.remove(SITE.key)
    world.check(SITE.key)
    world.clock.advance(60)
    world.customer.put(SITE, IN_SITE)
    return world


def test_what_hung_on_a_group_that_was_gone_is_checked_soon_after_it_is_made_anew() -> None:
    world = a_world_whose_group_was_gone()

    (request,) = world.check(thing_group_key("site")).further
    assert request.key == IN_SITE.key

    world.replication.replicate(request)
    assert IN_SITE.key in world.secondary.entities


@pytest.mark.parametrize("arrives", [True, False])
def test_whether_it_arrives_or_is_lost_all_is_equal_in_the_end(arrives: bool) -> None:
    world = a_world_whose_group_was_gone()
    world.once_more = arrives

    world.workflow.start([replace(ReconcileRequest(SITE.key), occurred_at=world.clock())])
    world.run_workflow()
    assert (world.secondary.entities == world.wanted) is arrives

    world.clock.advance(120)
    world.retry.start()
    world.run_workflow()
    assert world.secondary.entities == world.wanted
