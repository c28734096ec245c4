"""Two workers on one shadow: each is stopped after every number of calls, while the other goes on.

All ways in which one is stopped once and the other once are tried, so that no rare moment is left to chance.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from iot_dr.model.keys import shadow_key
from iot_dr.model.outcomes import State
from iot_dr.model.shadows import decode_shadow_event
from tests.fakes import Calls
from tests.shadow_fakes import ShadowWorld, Turns, Work, states

KEY = shadow_key("pump-17")
ON, OFF = '{"reported":{"on":true,"at":1}}', '{"reported":{"on":false,"at":null},"desired":{"on":true}}'
BACK = '{"reported":{"on":true,"at":1},"desired":null}'
MOMENTS = range(17)
"""The longest story is over after so many calls of one worker."""

Story = Callable[[ShadowWorld], tuple[Work, Work]]


def _applying(world: ShadowWorld, *items: dict[str, Any]) -> Work:
    return lambda calls: [world.worker(calls).apply([decode_shadow_event(item)]) for item in items]


def _looking(world: ShadowWorld) -> Work:
    return lambda calls: world.worker(calls).look([KEY])


def _meanwhile(world: ShadowWorld, happens: Callable[[], dict[str, Any]]) -> Work:
    """Work on something that happens only once the worker has its first turn."""

    def work(calls: Calls) -> None:
        replication = world.worker(calls)
        # Waits for its turn, and changes nothing.
        calls.through("a", world.control).control()
        replication.apply([decode_shadow_event(happens())])

    return work


def _replicated(world: ShadowWorld, state: str = ON) -> None:
    world.replication.apply([decode_shadow_event(world.primary.put(KEY, state))])


def _updates_of_a_new_shadow(world: ShadowWorld) -> tuple[Work, Work]:
    return _applying(world, world.primary.put(KEY, ON)), _applying(world, world.primary.put(KEY, OFF))


def _updates(world: ShadowWorld) -> tuple[Work, Work]:
    _replicated(world)
    return _applying(world, world.primary.put(KEY, OFF)), _applying(
        world, world.primary.put(KEY, '{"desired":{"b":1}}')
    )


def _updates_there_and_back(world: ShadowWorld) -> tuple[Work, Work]:
    _replicated(world)
    return _applying(world, world.primary.put(KEY, OFF)), _applying(world, world.primary.put(KEY, BACK))


def _update_and_deletion(world: ShadowWorld) -> tuple[Work, Work]:
    _replicated(world)
    return _applying(world, world.primary.put(KEY, OFF)), _applying(world, world.primary.remove(KEY))


def _new_shadow_and_its_deletion(world: ShadowWorld) -> tuple[Work, Work]:
    return _applying(world, world.primary.put(KEY, ON)), _applying(world, world.primary.remove(KEY))


def _deletion_and_what_is_made_anew(world: ShadowWorld) -> tuple[Work, Work]:
    _replicated(world)
    return _applying(world, world.primary.remove(KEY)), _applying(world, world.primary.put(KEY, OFF))


def _deletion_and_what_is_made_anew_meanwhile(world: ShadowWorld) -> tuple[Work, Work]:
    _replicated(world)
    return _applying(world, world.primary.remove(KEY)), _meanwhile(world, lambda: world.primary.put(KEY, OFF))


def _the_same_event_twice(world: ShadowWorld) -> tuple[Work, Work]:
    _replicated(world)
    item = world.primary.put(KEY, OFF)
    return _applying(world, item), _applying(world, item)


def _look_and_update_meanwhile(world: ShadowWorld) -> tuple[Work, Work]:
    _replicated(world)
    world.primary.put(KEY, OFF)
    return _looking(world), _meanwhile(world, lambda: world.primary.put(KEY, BACK))


def _look_at_a_new_shadow_and_update_meanwhile(world: ShadowWorld) -> tuple[Work, Work]:
    world.primary.put(KEY, ON)
    return _looking(world), _meanwhile(world, lambda: world.primary.put(KEY, OFF))


def _look_and_deletion_meanwhile(world: ShadowWorld) -> tuple[Work, Work]:
    _replicated(world)
    world.primary.put(KEY, OFF)
    return _looking(world), _meanwhile(world, lambda: world.primary.remove(KEY))


def _look_at_what_is_deleted_and_made_anew_meanwhile(world: ShadowWorld) -> tuple[Work, Work]:
    _replicated(world)
    world.primary.remove(KEY)
    return _looking(world), _meanwhile(world, lambda: world.primary.put(KEY, OFF))


def _two_looks(world: ShadowWorld) -> tuple[Work, Work]:
    _replicated(world)
    world.primary.put(KEY, OFF)
    return _looking(world), _looking(world)


STORIES: tuple[Story, ...] = (
    _updates_of_a_new_shadow,
    _updates,
    _updates_there_and_back,
    _update_and_deletion,
    _new_shadow_and_its_deletion,
    _deletion_and_what_is_made_anew,
    _deletion_and_what_is_made_anew_meanwhile,
    _the_same_event_twice,
    _look_and_update_meanwhile,
    _look_at_a_new_shadow_and_update_meanwhile,
    _look_and_deletion_meanwhile,
    _look_at_what_is_deleted_and_made_anew_meanwhile,
    _two_looks,
)


@pytest.mark.parametrize("begins", [False, True], ids=["first", "second"])
@pytest.mark.parametrize("story", STORIES)
def test_whenever_each_is_stopped_the_newest_state_stays(story: Story, begins: bool) -> None:
    for one, other in product(MOMENTS, MOMENTS):
        world = ShadowWorld()
        workers = story(world)
        order = [begins] * one + [not begins] * other + [begins] * 60

        Turns(order).run(*workers)

        # Only what a worker gave up for the other's haste is due, and says so.
        world.retry()
        assert world.secondary.documents == world.primary.documents, (one, other)
        assert set(states(world.replication.look([KEY]))) <= {State.IN_SYNC, State.ABSENT}, (one, other)
