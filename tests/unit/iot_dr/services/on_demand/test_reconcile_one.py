"""One resource is checked by the workflow itself, and what came of it is told; a plan changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import pytest

from iot_dr.errors import NotReadyYet
from iot_dr.model.registry.changes import Create, Delete, Update
from iot_dr.model.registry.keys import Key, certificate_key, policy_key, shadow_key, thing_key
from iot_dr.model.replication.ledger_items import LedgerItem
from iot_dr.model.replication.outcomes import State
from iot_dr.model.sites import Side
from iot_dr.services.on_demand.reconcile_one import CheckPreview, ReconcileOne
from iot_dr.services.replication.scopes import ScopeReader
from tests.builders import REGIONS, a_device, a_policy, a_thing
from tests.shadow_fakes import InMemoryShadows
from tests.world import World

THING = thing_key("pump-17")


@dataclass
class Waiting:
    """Time that passes by pauses, in which a world's workflow runs, or never does."""

    world: World
    runs: bool = True
    seconds: float = 0.0

    def pause(self, seconds: float) -> None:
        self.seconds += seconds
        if self.runs:
            self.world.clock.advance(int(seconds))
            self.world.run_workflow()


def opened(world: World, waiting: Waiting | None = None, *, just_in_time: bool = False) -> ReconcileOne:
    waiting = waiting or Waiting(world)
    shadows = {side: InMemoryShadows(world.clock) for side in Side}

    def item(key: Key) -> LedgerItem | None:
        note = world.ledger.notes.get(key)
        return LedgerItem(key, note.outcome.state) if note and note.outcome else None

    def checked_at(key: Key) -> int:
        note = world.ledger.notes.get(key)
        return note.checked_at if note else 0

    return ReconcileOne(
        comparison=CheckPreview(
            ScopeReader(world.primary, world.secondary, REGIONS),
            dict(shadows),
            REGIONS,
            world.ledger.owned,
            just_in_time,
        ),
        item=item,
        checked_at=checked_at,
        workflow=world.workflow,
        clock=lambda: waiting.seconds,
        pause=waiting.pause,
    )


def test_a_plan_names_all_that_a_check_would_change_and_asks_for_nothing(world: World) -> None:
    world.primary.put(*a_device("pump-17"))

    changes = opened(world).plan(THING)

    assert {type(one) for one in changes} == {Create}
    assert {THING, policy_key("pumps")} < {one.key for one in changes}
    assert (world.workflow.take(), world.ledger.notes, world.secondary.entities) == ([], {}, {})


def test_a_plan_of_equal_regions_is_empty(world: World) -> None:
    world.primary.put(*a_device("pump-17"))
    world.check(THING)

    assert opened(world).plan(THING) == ()


def test_a_plan_deletes_what_replication_made_alone(world: World) -> None:
    world.primary.put(a_thing("pump-17"))
    world.check(THING)
    world.primary.remove(THING)
    world.secondary.put(a_thing("of-its-own"))

    assert [type(one) for one in opened(world).plan(THING)] == [Delete]
    assert not any(isinstance(one, Delete) for one in opened(world).plan(thing_key("of-its-own")))


def test_a_plan_leaves_out_certificates_that_come_with_their_devices() -> None:
    world = World(just_in_time=True)
    device = a_device("pump-17")
    world.primary.put(*device)
    certificates = {one.key for one in device if one.key == certificate_key(one.key.name)}

    changed = {one.key for one in opened(world, just_in_time=True).plan(THING)}

    assert certificates
    assert THING in changed
    assert changed.isdisjoint(certificates)


def test_a_shadow_is_compared_by_itself(world: World) -> None:
    one = opened(world)
    key = shadow_key("pump-17", "")
    shadows = one.comparison.shadows[Side.SOURCE]
    assert isinstance(shadows, InMemoryShadows)
    assert one.plan(key) == ()

    shadows.put(key, '{"desired": {"speed": 3}}')

    assert [type(change) for change in one.plan(key)] == [Create]


def test_what_is_applied_is_checked_by_the_workflow_and_told(world: World) -> None:
    world.primary.put(*a_device("pump-17"))

    checked = opened(world).apply(THING, 60)

    assert checked.in_order
    assert checked.item is not None
    assert checked.item.state is State.IN_SYNC
    assert world.secondary.entities == world.wanted


def test_the_result_is_that_of_the_check_and_not_of_one_before(world: World) -> None:
    world.primary.put(a_policy("pumps"))
    world.check(policy_key("pumps"))
    waiting = Waiting(world, runs=False)

    with pytest.raises(NotReadyYet, match="was not checked within 5 s; its request waits in the queue"):
        opened(world, waiting).apply(policy_key("pumps"), 5)
    assert [request.key for request in world.workflow.take()] == [policy_key("pumps")]


def test_what_no_region_has_is_in_order_and_not_waited_for(world: World) -> None:
    waiting = Waiting(world)

    checked = opened(world, waiting).apply(thing_key("nobody"), 60)

    assert checked.in_order
    assert waiting.seconds < 10


def test_what_is_gone_from_the_primary_goes_from_the_secondary(world: World) -> None:
    world.primary.put(a_thing("pump-17"))
    world.check(THING)
    world.primary.remove(THING)

    assert opened(world).apply(THING, 60).in_order
    assert world.secondary.entities == {}


def test_an_update_is_named_as_one(world: World) -> None:
    world.primary.put(a_thing("pump-17"))
    world.check(THING)
    world.primary.put(a_thing("pump-17", MappingProxyType({"site": "north"})))

    assert [type(one) for one in opened(world).plan(THING)] == [Update]
