"""Two entities are equal when AWS would serve devices alike; what a Region counts for itself takes no part."""

from dataclasses import replace

import pytest

from iot_dr.model.registry.entities import (
    BillingGroup,
    Certificate,
    CertificateStatus,
    Entity,
    GroupMembership,
    Policy,
    PolicyAttachment,
    PropagatingAttribute,
    Thing,
    ThingGroup,
    ThingPrincipal,
    ThingType,
)
from iot_dr.model.registry.keys import SHADOW_KINDS, Kind

EXAMPLES: dict[Kind, Entity] = {
    Kind.THING_TYPE: ThingType("pump"),
    Kind.POLICY: Policy("pumps", "{}"),
    Kind.CERTIFICATE: Certificate("abc", CertificateStatus.ACTIVE, "PEM"),
    Kind.THING: Thing("pump-17"),
    Kind.BILLING_GROUP: BillingGroup("costs"),
    Kind.THING_GROUP: ThingGroup("site"),
    Kind.POLICY_ATTACHMENT: PolicyAttachment("pumps", "cert/abc"),
    Kind.GROUP_MEMBERSHIP: GroupMembership("site", "pump-17"),
    Kind.THING_PRINCIPAL: ThingPrincipal("pump-17", "abc"),
}


@pytest.mark.parametrize("kind", sorted(set(Kind) - SHADOW_KINDS))
def test_every_kind_of_the_registry_has_an_entity_whose_key_is_of_that_kind(kind: Kind) -> None:
    assert EXAMPLES[kind].key.kind is kind


def test_what_a_region_counts_for_itself_makes_no_difference() -> None:
    thing, policy = Thing("pump-17", {"a": "1"}), Policy("pumps", "{}")

    assert replace(thing, version=7, thing_id="x") == thing
    assert replace(policy, version_id="3") == policy
    assert ThingGroup("site", version=2) == ThingGroup("site")
    assert BillingGroup("costs", version=2) == BillingGroup("costs")
    assert Certificate("abc", CertificateStatus.ACTIVE, "PEM") == Certificate("abc", CertificateStatus.ACTIVE)


def test_an_empty_attribute_is_not_the_same_as_none() -> None:
    assert Thing("pump-17", {"site": ""}) != Thing("pump-17")


def test_a_thing_without_attributes_equals_one_with_an_empty_map() -> None:
    assert Thing("pump-17") == Thing("pump-17", {})


def test_a_certificate_does_not_show_its_pem() -> None:
    assert "PEM" not in repr(EXAMPLES[Kind.CERTIFICATE])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Thing("pump-17", billing_group="costs"), Thing("pump-17")),
        (ThingPrincipal("pump-17", "abc", exclusive=True), ThingPrincipal("pump-17", "abc")),
        (ThingGroup("site", parent="all"), ThingGroup("site")),
        (ThingGroup("site", ancestors=("all", "of")), ThingGroup("site", ancestors=("of",))),
        (ThingGroup("site", query="a"), ThingGroup("site", query="b")),
        (
            ThingType("pump", propagating_attributes=(PropagatingAttribute("k", "thingAttribute", "site"),)),
            ThingType("pump"),
        ),
    ],
)
def test_what_a_customer_sets_makes_a_difference(one: Entity, other: Entity) -> None:
    assert one != other
    assert one.key == other.key


def test_a_group_with_a_query_is_dynamic() -> None:
    assert ThingGroup("hot", query="attributes.temperature > 60").dynamic
    assert not ThingGroup("site").dynamic
