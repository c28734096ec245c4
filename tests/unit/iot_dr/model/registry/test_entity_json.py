"""An entity comes back from its JSON as it was, and two texts are equal exactly if two entities are."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given

from iot_dr.model.registry.entities import Thing
from iot_dr.model.registry.entity_json import counted, from_json, to_json
from tests.builders import a_certificate
from tests.strategies import Registry, registries


@given(registries())
def test_every_entity_comes_back_as_it_was(registry: Registry) -> None:
    for key, entity in registry.items():
        assert from_json(key, json.loads(json.dumps(to_json(entity)))) == entity


@given(registries(), registries())
def test_two_texts_are_equal_exactly_if_two_entities_are(one: Registry, other: Registry) -> None:
    for key in one.keys() & other.keys():
        texts = [json.dumps(to_json(registry[key])) for registry in (one, other)]
        assert (texts[0] == texts[1]) == (one[key] == other[key])


def test_what_a_region_counts_for_itself_is_kept_apart() -> None:
    thing = Thing("pump-17", {"site": "north"}, version=7, thing_id="an-id")

    assert "version" not in to_json(thing)
    back = from_json(thing.key, to_json(thing), counted(thing))
    assert isinstance(back, Thing)
    assert (back.version, back.thing_id) == (7, "an-id")


def test_the_order_of_attributes_makes_no_difference() -> None:
    one, other = Thing("a", {"x": "1", "y": "2"}), Thing("a", {"y": "2", "x": "1"})
    assert json.dumps(to_json(one)) == json.dumps(to_json(other))


def test_no_pem_is_written() -> None:
    certificate = a_certificate()
    assert certificate.pem not in json.dumps({**to_json(certificate), **counted(certificate)})
    assert from_json(certificate.key, to_json(certificate)) == replace(certificate, pem="")
