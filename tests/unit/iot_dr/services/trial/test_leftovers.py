"""What a killed trial has left is found by its name, all of it and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iot_dr.errors import ConfigurationError
from iot_dr.model.registry.entities import Certificate, Entity, GroupMembership, Thing, ThingGroup
from iot_dr.model.registry.keys import Kind
from iot_dr.model.trials import began
from iot_dr.services.trial.leftovers import leftovers
from tests.trial_fakes import World, a_trial


@given(st.integers(0, 30), st.booleans())
def test_whatever_was_made_when_the_process_was_killed_is_removed(number: int, with_type: bool) -> None:
    world = World(a_trial(with_type=with_type))
    made = list(world.trial.entities.values())[:number]
    world.primary.put(*made)
    unattached = [one.certificate_id for one in made if isinstance(one, Certificate)]

    found = leftovers(world.trial.name, world.primary, unattached)
    assert replace(world.fleet, trial=found).remove() == {}

    assert world.primary.entities == {}


def test_certificates_that_are_attached_are_found_without_being_named() -> None:
    world = World(a_trial(3))
    world.fleet.make()

    found = leftovers("trial", world.primary, ())

    assert set(found.entities) == set(world.trial.entities)
    assert set(found.shadows) == set(world.trial.shadows)


def test_what_is_the_customers_stays() -> None:
    world = World(a_trial())
    theirs: list[Entity] = [Thing("pump-17"), Thing("a-trial"), ThingGroup("mill"), GroupMembership("mill", "pump-17")]
    world.primary.put(*theirs)
    world.fleet.make()

    replace(world.fleet, trial=leftovers("trial", world.primary, ())).remove()

    assert world.left == {entity.key for entity in theirs}
    assert not any(key.kind is Kind.CERTIFICATE for key in world.primary.entities)


@pytest.mark.parametrize("ending", ["", "pump", "20261127-163000", "20261127-163000-0AF3", "99999999-999999-0af3"])
def test_less_than_a_whole_name_is_refused(ending: str) -> None:
    with pytest.raises(ConfigurationError, match="the whole name is needed"):
        began(f"iot-dr-trial-{ending}")
