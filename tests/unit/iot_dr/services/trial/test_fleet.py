from __future__ import annotations

from dataclasses import replace

import pytest

from iot_dr.errors import AccessDenied, Conflict, InvalidResource, IotDrError, NotReadyYet, Throttled
from iot_dr.model.registry.changes import Delete
from iot_dr.model.registry.entities import Entity, GroupMembership, Thing, ThingGroup
from iot_dr.model.registry.keys import Kind, thing_key
from iot_dr.services.trial.fleet import reasons_text
from tests.fakes import FakeClock, InMemoryRegistry
from tests.trial_fakes import FailingWriter, World, a_trial


def test_everything_is_made_as_it_was_planned() -> None:
    world = World(a_trial(3, with_type=True))

    assert world.fleet.make() == {}

    assert world.primary.entities == world.trial.entities
    assert world.primary_shadows.documents == world.trial.shadows
    stage, total = world.seen.stages[0]
    assert (stage, total) == ("Making 3 devices in us-east-1", len(world.trial.entities) + 6)
    assert world.seen.done == total


def test_making_and_removing_can_be_repeated() -> None:
    world = World(a_trial(with_type=True))

    assert [world.fleet.make(), world.fleet.make()] == [{}, {}]
    assert world.primary.entities == world.trial.entities
    assert [world.fleet.remove(), world.fleet.remove()] == [{}, {}]

    assert world.primary.entities == {}
    assert world.primary_shadows.documents == {}


def test_a_deprecated_type_is_waited_for() -> None:
    world = World(a_trial(with_type=True))
    world.fleet.make()
    began = world.clock()

    assert world.fleet.remove() == {}

    assert world.clock() - began >= 300_000


def test_a_half_made_fleet_is_removed() -> None:
    world = World(a_trial())
    world.primary.put(*list(world.trial.entities.values())[:5])

    assert world.fleet.remove() == {}

    assert world.left == set()


def test_a_fleet_of_the_customers_stays() -> None:
    world = World(a_trial())
    world.fleet.make()
    theirs: list[Entity] = [Thing("pump-17"), ThingGroup("mill"), GroupMembership("mill", "pump-17")]
    world.primary.put(*theirs)

    world.fleet.remove()

    assert world.left == {entity.key for entity in theirs}


def test_a_refusal_for_the_rate_is_tried_again() -> None:
    world = World(a_trial())
    writer = FailingWriter(world.primary, Kind.CERTIFICATE, Throttled("Rate exceeded"), times=3)

    assert replace(world.fleet, writer=writer).make() == {}

    assert world.primary.entities == world.trial.entities


def test_what_cannot_be_made_in_time_is_told_and_nothing_behind_it_is_made() -> None:
    world = World(a_trial())
    writer = FailingWriter(world.primary, Kind.CERTIFICATE, Throttled("Rate exceeded"), times=10_000)

    left = replace(world.fleet, writer=writer).make()

    assert {key.kind for key in left} == {Kind.CERTIFICATE}
    assert set(left.values()) == {"Rate exceeded"}
    assert {key.kind for key in world.primary.entities} == {Kind.POLICY}


def test_a_name_that_is_refused_as_taken_and_is_not_there_counts_as_not_made() -> None:
    world = World(a_trial(1))
    writer = FailingWriter(world.primary, Kind.THING, Conflict("exists"), times=10_000)

    left = replace(world.fleet, writer=writer).make()

    assert left == {thing_key("trial-0001"): "refused as if it were there"}


class Keeping(InMemoryRegistry):
    """Lets no certificate go."""

    def __init__(self, error: IotDrError, clock: FakeClock) -> None:
        super().__init__(clock)
        self._error = error

    def delete(self, change: Delete) -> None:
        if change.key.kind is Kind.CERTIFICATE:
            raise self._error
        super().delete(change)


@pytest.mark.parametrize("error", [Conflict("attached"), AccessDenied("attached")])
def test_what_stays_does_not_keep_the_rest_and_is_told(error: IotDrError) -> None:
    world = World(a_trial(2))
    world.primary = Keeping(error, world.clock)
    world.fleet.make()

    left = world.fleet.remove()

    assert {key.kind for key in left} == {Kind.CERTIFICATE}
    assert set(world.primary.entities) == set(left)
    with pytest.raises(NotReadyYet, match="not removed from us-east-1: certificate#id-of-trial-0001: attached; also"):
        world.fleet.withdraw()


def test_a_refusal_for_good_is_raised() -> None:
    world = World(a_trial())
    writer = FailingWriter(world.primary, Kind.POLICY, InvalidResource("malformed"), times=1)

    with pytest.raises(InvalidResource):
        replace(world.fleet, writer=writer).make()


def test_of_many_reasons_the_first_is_told_in_full() -> None:
    reasons = {thing_key(name): f"why {name}" for name in "abcdef"}

    assert reasons_text(reasons) == "thing#a: why a; also thing#b, thing#c, thing#d and 2 more"
    assert reasons_text({thing_key("a"): "why a"}) == "thing#a: why a"
