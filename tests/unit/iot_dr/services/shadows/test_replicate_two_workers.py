"""Two workers on one shadow: each is stopped after every number of calls, while the other goes on.

All ways in which one is stopped once and the other once are tried, so that no rare moment is left to chance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from iot_dr.model.registry.keys import shadow_key
from iot_dr.model.replication.marks import MARK_LIFETIME
from iot_dr.model.replication.outcomes import State
from iot_dr.model.shadows.shadow import decode_shadow_event
from tests.fakes import Calls
from tests.shadow_fakes import ShadowWorld, Turns, Work, dying, each_way, states

KEY = shadow_key("pump-17")
ON, OFF = '{"reported":{"on":true,"at":1}}', '{"reported":{"on":false,"at":null},"desired":{"on":true}}'
BACK = '{"reported":{"on":true,"at":1},"desired":null}'
MOMENTS = range(17)
"""The longest story is over after so many calls of one worker."""

Story = Callable[[ShadowWorld], tuple[Work, Work]]


def _applying(world: ShadowWorld, *items: dict[str, Any]) -> Work:
    return lambda calls: [world.worker(calls).apply([decode_shadow_event(item)]) for item in items]


def _looking(world: ShadowWorld) -> Work:
    return lambda calls: world.worker(calls).check([KEY])


def _meanwhile(world: ShadowWorld, happens: Callable[[], dict[str, Any]]) -> Work:
    """Work on something that happens only once the worker has its first turn."""

    happened: list[dict[str, Any]] = []

    def work(calls: Calls) -> None:
        replication = world.worker(calls)
        # Waits for its turn, and changes nothing.
        calls.through("a", world.control).control()
        if not happened:
            happened.append(happens())
        replication.apply(map(decode_shadow_event, happened))

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


def _deletion_told_twice_and_what_is_made_anew(world: ShadowWorld) -> tuple[Work, Work]:
    _replicated(world)
    deletion = world.primary.remove(KEY)
    anew = _meanwhile(world, lambda: world.primary.put(KEY, OFF))

    def both(calls: Calls) -> None:
        _applying(world, deletion)(calls)
        anew(calls)

    return _applying(world, deletion), both


def _first_of_several_updates_and_deletion(world: ShadowWorld) -> tuple[Work, Work]:
    first = world.primary.put(KEY, ON)
    world.primary.put(KEY, OFF)
    return _applying(world, first), _applying(world, world.primary.remove(KEY))


def _deletion_and_check_what_is_made_anew_meanwhile(world: ShadowWorld) -> tuple[Work, Work]:
    _replicated(world)
    deletion = world.primary.remove(KEY)

    def request(calls: Calls) -> None:
        replication = world.worker(calls)
        calls.through("a", world.control).control()
        if KEY not in world.primary.documents:
            world.primary.put(KEY, OFF)
        replication.check([KEY])

    return _applying(world, deletion), request


def _the_same_event_twice(world: ShadowWorld) -> tuple[Work, Work]:
    _replicated(world)
    item = world.primary.put(KEY, OFF)
    return _applying(world, item), _applying(world, item)


def _request_and_update_meanwhile(world: ShadowWorld) -> tuple[Work, Work]:
    _replicated(world)
    world.primary.put(KEY, OFF)
    return _looking(world), _meanwhile(world, lambda: world.primary.put(KEY, BACK))


def _check_a_new_shadow_and_update_meanwhile(world: ShadowWorld) -> tuple[Work, Work]:
    world.primary.put(KEY, ON)
    return _looking(world), _meanwhile(world, lambda: world.primary.put(KEY, OFF))


def _request_and_deletion_meanwhile(world: ShadowWorld) -> tuple[Work, Work]:
    _replicated(world)
    world.primary.put(KEY, OFF)
    return _looking(world), _meanwhile(world, lambda: world.primary.remove(KEY))


def _check_what_is_deleted_and_made_anew_meanwhile(world: ShadowWorld) -> tuple[Work, Work]:
    _replicated(world)
    world.primary.remove(KEY)
    return _looking(world), _meanwhile(world, lambda: world.primary.put(KEY, OFF))


def _two_requests(world: ShadowWorld) -> tuple[Work, Work]:
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
    _deletion_and_check_what_is_made_anew_meanwhile,
    _deletion_told_twice_and_what_is_made_anew,
    _first_of_several_updates_and_deletion,
    _the_same_event_twice,
    _request_and_update_meanwhile,
    _check_a_new_shadow_and_update_meanwhile,
    _request_and_deletion_meanwhile,
    _check_what_is_deleted_and_made_anew_meanwhile,
    _two_requests,
)


def _alone(work: Work) -> None:
    work(Calls())


LIFETIMES = range(1, 4)
"""Calls that the one who dies still makes after the other has gone on; more is the story of one who died later."""


@pytest.mark.parametrize("dies", [False, True], ids=["first", "second"])
@pytest.mark.parametrize("story", STORIES)
def test_whenever_one_dies_beside_the_other_all_is_equal_within_minutes(story: Story, dies: bool) -> None:
    def play(one: int, other: int) -> Turns:
        order = [False] * one + [True] * other + [False] * 60
        for lifetime in LIFETIMES:
            world = ShadowWorld()
            workers = story(world)
            mortal, sound = workers[dies], workers[not dies]

            turns = Turns(order)
            turns.run(dying(mortal, one + lifetime), sound)
            # Lambda hands the batch in again; the sound one's is not.
            _alone(mortal)

            for _ in range(2):
                world.retry(after=MARK_LIFETIME / 1000)
            assert world.secondary.documents == world.primary.documents, (one, other, lifetime)
            assert list(world.ledger.due(10**15)) == [], (one, other, lifetime)
            if not turns.killed:
                break
        return turns

    each_way(play, range(14), (*range(1, 15), 30))


@pytest.mark.parametrize("begins", [False, True], ids=["first", "second"])
@pytest.mark.parametrize("story", STORIES)
def test_whenever_each_is_stopped_the_newest_state_stays(story: Story, begins: bool) -> None:
    def play(one: int, other: int) -> Turns:
        world = ShadowWorld()
        workers = story(world)

        turns = Turns([begins] * one + [not begins] * other + [begins] * 60)
        turns.run(*workers)

        # Only what a worker gave up for the other's haste is due, and says so.
        world.retry(after=MARK_LIFETIME / 1000)
        assert world.secondary.documents == world.primary.documents, (one, other)
        assert set(states(world.replication.check([KEY]))) <= {State.IN_SYNC, State.ABSENT}, (one, other)
        return turns

    each_way(play, MOMENTS, MOMENTS)
