"""Waits for a trial's devices to cross and to go; what a proof tells of it is tested there."""

from __future__ import annotations

from iot_dr.model.registry.keys import thing_key
from iot_dr.services.trial.crossing import ASKED_AFTER, Crossing
from tests.builders import REGIONS
from tests.trial_fakes import World, a_trial


def crossing_of(world: World) -> Crossing:
    proof = world.proof()
    return Crossing(
        world.trial,
        direction=REGIONS,
        primary=proof._primary,
        secondary=proof._secondary,
        workflow=world,
        rounds=world.rounds,
        seconds=60,
    )


def test_what_has_crossed_is_told_with_the_time_that_it_took() -> None:
    world = World(a_trial(2))
    world.fleet.make()

    found = crossing_of(world).crossed()

    assert (len(found.devices), found.left) == (2, {})
    assert 0 < found.seconds < 5


def test_what_stays_behind_in_the_secondary_is_asked_for_once() -> None:
    world = World(a_trial(1))
    world.fleet.make()
    crossing_of(world).crossed()
    world.fleet.remove()
    world.stays = lambda key: key == thing_key("trial-0001")

    found = crossing_of(world).followed(())

    assert set(found.left) == {thing_key("trial-0001")}
    assert found.seconds > ASKED_AFTER
    assert world.asked == [thing_key("trial-0001")]
