"""The digest of what is compared of an entity."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iot_dr.model.registry.digests import DIGITS, digest_of
from iot_dr.model.registry.entities import BillingGroup, Entity
from iot_dr.model.registry.keys import shadow_key
from iot_dr.model.shadows.shadow import Document, Shadow, digest
from iot_dr.reconcile.translate import translate
from tests.builders import REGIONS, a_certificate, a_device, a_dynamic_group, a_group, a_policy, a_thing_type

ENTITIES = (*a_device(), a_thing_type(), a_group(parent="root"), a_dynamic_group(), BillingGroup("plant", "all"))


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda one: str(one.key.kind))
def test_what_a_region_counts_for_itself_does_not_change_it(entity: Entity) -> None:
    counted = {"version", "thing_id", "version_id", "pem"} & vars(entity).keys()
    other = replace(entity, **{name: type(getattr(entity, name))("7") for name in counted})

    assert digest_of(other) == digest_of(entity)
    assert len(digest_of(entity)) == DIGITS


def test_what_is_compared_does() -> None:
    found = [digest_of(one) for one in (a_group(), replace(a_group(), attributes={"a": "1"}), a_group(parent="x"))]

    assert len(set(found)) == 3


def test_the_order_of_attributes_does_not_change_it() -> None:
    one, other = ({"a": "1", "b": "2"}, {"b": "2", "a": "1"})

    assert digest_of(replace(a_group(), attributes=one)) == digest_of(replace(a_group(), attributes=other))


def test_both_regions_policies_give_the_same_once_they_stand_in_the_target() -> None:
    here = a_policy()
    there = translate(here, REGIONS)

    assert there != here
    assert digest_of(translate(here, REGIONS)) == digest_of(there) != digest_of(here)


def test_of_a_certificate_the_status_counts() -> None:
    assert digest_of(a_certificate("one")) == digest_of(a_certificate("two"))


def test_of_a_shadow_it_is_what_the_ledger_notes_of_its_document() -> None:
    document: Document = {"reported": {"on": True}}

    assert digest_of(Shadow(shadow_key("pump"), document, version=3)) == digest(document)
