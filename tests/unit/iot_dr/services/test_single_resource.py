"""Any resource or relation can be read by itself, as the whole registry has it."""

from __future__ import annotations

import pytest
from hypothesis import given

from iot_dr.model.registry.keys import group_membership_key, thing_key, thing_principal_key
from iot_dr.services.single_resource import read_one
from tests.builders import a_dynamic_group, a_thing
from tests.fakes import InMemoryRegistry
from tests.strategies import Registry, registries


@given(registries())
def test_each_is_read_as_it_is_and_what_is_not_there_is_none(entities: Registry) -> None:
    full, empty = InMemoryRegistry(), InMemoryRegistry()
    full.put(*entities.values())

    assert {key: read_one(full, key) for key in entities} == entities
    assert {read_one(empty, key) for key in entities} <= {None}


def test_a_thing_that_a_query_finds_is_no_member() -> None:
    registry = InMemoryRegistry()
    registry.put(a_thing("pump-1"), a_dynamic_group("hot"))
    registry.found_by_query["hot"] = {"pump-1"}

    assert read_one(registry, group_membership_key("hot", "pump-1")) is None


def test_of_several_certificates_the_one_that_was_asked_for_is_read() -> None:
    assert read_one(InMemoryRegistry(), thing_principal_key("pump-1", "abc")) is None


def test_what_is_no_entity_of_the_registry_is_a_mistake() -> None:
    key = type(thing_key("a"))("thing_shadows", "a")  # type: ignore[arg-type]  # wrong on purpose

    with pytest.raises(ValueError, match="no entity"):
        read_one(InMemoryRegistry(), key)
