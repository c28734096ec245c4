"""What the ports promise of a registry, held against the fake and against the adapter over the emulator alike."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from moto import mock_aws

from iot_dr.aws.registry.policy_writes import MAX_POLICY_VERSIONS
from iot_dr.aws.registry.reader import IotRegistryReader
from iot_dr.aws.registry.writer import IotRegistryWriter
from iot_dr.errors import Conflict, InvalidResource, LimitExceeded, NotReadyYet
from iot_dr.model.registry.changes import Create, Delete, Update
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
from iot_dr.model.registry.keys import Kind, certificate_target, policy_key, thing_group_target
from iot_dr.model.registry.tagging import with_tags
from lab.emulator import SECONDARY_REGION
from lab.fleet import Identity, make_identity
from lab.pair import ACCOUNT
from tests.builders import a_document, iot_arn
from tests.contract import second_opinion
from tests.contract.emulated import Client, forget_certificates
from tests.fakes import InMemoryRegistry

IDENTITIES = tuple(make_identity(f"device-{number}") for number in range(3))
DOCUMENT, OTHER_DOCUMENT = a_document(), a_document(iot_arn("topic/x"), action="iot:Publish")


def an_attachment(policy: Policy, certificate: Certificate) -> PolicyAttachment:
    return PolicyAttachment(policy.name, certificate_target(certificate.certificate_id))


@dataclass
class Registry:
    """A registry behind the three ports, and names that no other test uses."""

    reader: Any
    writer: Any
    suffix: str

    def name(self, stem: str) -> str:
        return f"{stem}-{self.suffix}"

    def create(self, *entities: Entity) -> None:
        for entity in entities:
            self.writer.write(Create(entity, ""))

    def update(self, desired: Entity, actual: Entity) -> None:
        self.writer.write(Update(desired, actual, ""))

    def delete(self, *entities: Entity) -> None:
        for entity in entities:
            self.writer.write(Delete(entity, ""))

    def device(self, identity: Identity = IDENTITIES[0]) -> tuple[Policy, Certificate, Thing]:
        """Make the three that can be attached to each other."""
        policy, certificate = Policy(self.name("policy"), DOCUMENT), a_certificate(identity)
        thing = Thing(self.name("thing"), {"site": "north"})
        self.create(policy, certificate, thing)
        return policy, certificate, self.reader.thing(thing.name)


def a_certificate(identity: Identity, status: CertificateStatus = CertificateStatus.ACTIVE) -> Certificate:
    return Certificate(identity.certificate_id, status, identity.certificate_pem)


def _of_moto(request: pytest.FixtureRequest, suffix: str) -> Registry:
    """The registry as moto has it; what it does otherwise than AWS has to fail."""
    test: str = request.function.__name__
    if test in second_opinion.FAILING:
        request.applymarker(pytest.mark.xfail(strict=True, reason=f"moto {second_opinion.FAILING[test].moto}"))
    moto, region = second_opinion.client(), (SECONDARY_REGION, second_opinion.ACCOUNT)
    return Registry(IotRegistryReader(moto, *region), IotRegistryWriter(moto, *region), suffix)


@pytest.fixture(params=["fake", "moto", pytest.param("emulator", marks=pytest.mark.lab)])
def registry(request: pytest.FixtureRequest) -> Iterator[Registry]:
    suffix = uuid.uuid4().hex[:8]
    if request.param == "fake":
        fake = InMemoryRegistry()
        yield Registry(fake, fake, suffix)
        return
    if request.param == "moto":
        with mock_aws(config=second_opinion.SETTINGS):
            yield _of_moto(request, suffix)
        return
    client: Client = request.getfixturevalue("client")
    iot, region = client("iot", SECONDARY_REGION), (SECONDARY_REGION, ACCOUNT)
    # Dynamic groups are found by the index.
    iot.update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "REGISTRY"})
    yield Registry(IotRegistryReader(iot, *region), IotRegistryWriter(iot, *region), suffix)
    forget_certificates(iot)


# Reading


def test_what_does_not_exist_is_none(registry: Registry) -> None:
    assert registry.reader.thing(registry.name("none")) is None
    assert registry.reader.thing_type(registry.name("none")) is None
    assert registry.reader.policy(registry.name("none")) is None
    assert registry.reader.certificate("0" * 64) is None


def test_nothing_hangs_on_what_does_not_exist(registry: Registry) -> None:
    assert registry.reader.principals_of_thing(registry.name("none")) == frozenset()
    assert registry.reader.groups_of_thing(registry.name("none")) == frozenset()
    assert registry.reader.policies_of(certificate_target("0" * 64)) == frozenset()
    assert registry.reader.things_of_certificate("0" * 64) == frozenset()
    assert registry.reader.targets_of(registry.name("none")) == frozenset()
    assert registry.reader.things_of_group(registry.name("none")) == frozenset()
    assert registry.reader.things_of_billing_group(registry.name("none")) == frozenset()


def test_what_was_made_is_read_as_it_was_made(registry: Registry) -> None:
    thing_type = ThingType(registry.name("type"), "a description", ("room", "site"))
    thing = Thing(registry.name("thing"), {"site": "north", "unit": "7"}, thing_type.name)
    policy, certificate = Policy(registry.name("policy"), DOCUMENT), a_certificate(IDENTITIES[0])

    registry.create(thing_type, thing, policy, certificate)

    assert registry.reader.thing_type(thing_type.name) == thing_type
    assert registry.reader.thing(thing.name) == thing
    assert registry.reader.policy(policy.name) == policy
    assert registry.reader.certificate(certificate.certificate_id) == certificate
    assert registry.reader.certificate(certificate.certificate_id).pem == certificate.pem


def test_a_thing_without_type_and_attributes_is_read_so(registry: Registry) -> None:
    registry.create(Thing(registry.name("thing")))

    assert registry.reader.thing(registry.name("thing")) == Thing(registry.name("thing"))


@pytest.mark.row("R4")
def test_an_inactive_certificate_keeps_its_status(registry: Registry) -> None:
    registry.create(a_certificate(IDENTITIES[0], CertificateStatus.INACTIVE))

    assert registry.reader.certificate(IDENTITIES[0].certificate_id).status is CertificateStatus.INACTIVE


def test_what_was_made_is_listed(registry: Registry) -> None:
    thing_type = ThingType(registry.name("type"), "a description")
    registry.create(thing_type)
    policy, certificate, thing = registry.device()

    assert thing_type in set(registry.reader.listed(Kind.THING_TYPE))
    assert thing in list(registry.reader.listed(Kind.THING))
    assert certificate in set(registry.reader.listed(Kind.CERTIFICATE))
    assert Policy(policy.name, "{}") in set(registry.reader.listed(Kind.POLICY))


# Tags


@pytest.mark.row("R13")
@pytest.mark.parametrize("kind", [Kind.THING_TYPE, Kind.BILLING_GROUP, Kind.POLICY, Kind.THING_GROUP])
def test_tags_are_told_by_a_question_of_their_own_and_changed_apart_from_all_else(
    registry: Registry, kind: Kind
) -> None:
    name, tags = registry.name("tagged"), {"team": "red", "old": ""}
    possible: dict[Kind, Entity] = {
        Kind.THING_TYPE: ThingType(name, "a description", tags=tags),
        Kind.BILLING_GROUP: BillingGroup(name, "a description", tags=tags),
        Kind.POLICY: Policy(name, DOCUMENT, tags=tags),
        Kind.THING_GROUP: ThingGroup(name, "a description", tags=tags),
    }
    made = possible[kind]
    registry.create(made)

    found = registry.reader.resource(made.key)
    assert found is not None
    assert found == with_tags(made, None)
    assert registry.reader.tags(made.key) == tags

    registry.update(with_tags(found, {"team": "blue", "cost": "1"}), with_tags(found, tags))

    assert registry.reader.tags(made.key) == {"team": "blue", "cost": "1"}
    assert registry.reader.resource(made.key) == found


@pytest.mark.row("R13")
def test_a_dynamic_group_has_tags_too(registry: Registry) -> None:
    group = ThingGroup(registry.name("hot"), query="thingName:x", tags={"team": "red"})

    registry.create(group)

    assert registry.reader.tags(group.key) == {"team": "red"}


def test_what_does_not_exist_has_no_tags(registry: Registry) -> None:
    assert registry.reader.tags(policy_key(registry.name("none"))) == {}


# Relations


def test_what_was_attached_is_found_from_either_end(registry: Registry) -> None:
    policy, certificate, thing = registry.device()

    registry.create(
        an_attachment(policy, certificate),
        ThingPrincipal(thing.name, certificate.certificate_id),
    )

    target = certificate_target(certificate.certificate_id)
    attached = ThingPrincipal(thing.name, certificate.certificate_id)
    assert registry.reader.principals_of_thing(thing.name) == {attached}
    assert registry.reader.things_of_certificate(certificate.certificate_id) == {attached}
    assert registry.reader.policies_of(target) == {policy.name}
    assert registry.reader.targets_of(policy.name) == {target}


@pytest.mark.parametrize(("at_most", "number"), [(1, 1), (2, 2), (3, 2), (None, 2)])
def test_a_list_of_things_ends_after_as_many_as_were_asked_for(
    registry: Registry, at_most: int | None, number: int
) -> None:
    _, certificate, thing = registry.device()
    other = Thing(registry.name("other"))
    attached = {ThingPrincipal(one.name, certificate.certificate_id) for one in (thing, other)}
    registry.create(other, *attached)

    found = registry.reader.things_of_certificate(certificate.certificate_id, at_most)

    assert len(found) == number
    assert found <= attached


@pytest.mark.row("R4", "R6")
def test_attaching_and_detaching_may_be_repeated(registry: Registry) -> None:
    policy, certificate, thing = registry.device()
    relations = (
        an_attachment(policy, certificate),
        ThingPrincipal(thing.name, certificate.certificate_id),
    )

    registry.create(*relations, *relations)
    registry.delete(*relations, *relations)

    assert registry.reader.principals_of_thing(thing.name) == frozenset()
    assert registry.reader.policies_of(certificate_target(certificate.certificate_id)) == frozenset()


def test_what_is_not_there_yet_cannot_be_attached(registry: Registry) -> None:
    _, certificate, _ = registry.device()

    for relation in (
        PolicyAttachment(registry.name("none"), certificate_target(certificate.certificate_id)),
        ThingPrincipal(registry.name("none"), certificate.certificate_id),
    ):
        with pytest.raises(NotReadyYet):
            registry.create(relation)


# Creating what exists


@pytest.mark.parametrize("kind", [Kind.THING, Kind.THING_TYPE])
def test_the_same_thing_or_type_may_be_made_twice(registry: Registry, kind: Kind) -> None:
    name = registry.name("twice")
    entity = Thing(name, {"site": "north"}) if kind is Kind.THING else ThingType(name, "a description")

    registry.create(entity, entity)


def test_another_thing_of_the_same_name_is_a_conflict(registry: Registry) -> None:
    thing = Thing(registry.name("thing"), {"site": "north"})
    registry.create(thing)

    with pytest.raises(Conflict):
        registry.create(replace(thing, attributes={"site": "south"}))


def test_a_policy_is_made_once(registry: Registry) -> None:
    registry.create(Policy(registry.name("policy"), DOCUMENT))

    with pytest.raises(Conflict):
        registry.create(Policy(registry.name("policy"), OTHER_DOCUMENT))


def test_a_certificate_is_registered_once(registry: Registry) -> None:
    registry.create(a_certificate(IDENTITIES[0]))

    with pytest.raises(Conflict):
        registry.create(a_certificate(IDENTITIES[0]))


@pytest.mark.row("R1")
def test_a_thing_waits_for_its_type(registry: Registry) -> None:
    with pytest.raises(NotReadyYet):
        registry.create(Thing(registry.name("thing"), type_name=registry.name("none")))

    assert registry.reader.thing(registry.name("thing")) is None


# Updating


@pytest.mark.row("R2")
def test_an_update_of_a_thing_takes_away_what_is_gone(registry: Registry) -> None:
    thing_type = ThingType(registry.name("type"))
    thing = Thing(registry.name("thing"), {"site": "north", "unit": "7"}, thing_type.name)
    registry.create(thing_type, thing)

    registry.update(Thing(thing.name, {"room": "1"}), registry.reader.thing(thing.name))

    assert registry.reader.thing(thing.name) == Thing(thing.name, {"room": "1"})


@pytest.mark.row("R2")
def test_all_attributes_can_be_taken_away(registry: Registry) -> None:
    _, _, thing = registry.device()

    registry.update(Thing(thing.name), thing)

    assert registry.reader.thing(thing.name) == Thing(thing.name)


def test_every_update_of_a_thing_counts(registry: Registry) -> None:
    _, _, thing = registry.device()

    registry.update(replace(thing, attributes={"site": "south"}), thing)

    assert registry.reader.thing(thing.name).version == thing.version + 1


@pytest.mark.row("R2")
def test_a_thing_that_was_changed_since_it_was_read_is_a_conflict(registry: Registry) -> None:
    _, _, thing = registry.device()
    registry.update(replace(thing, attributes={"site": "south"}), thing)

    with pytest.raises(Conflict):
        registry.update(replace(thing, attributes={"site": "east"}), thing)
    with pytest.raises(Conflict):
        registry.delete(thing)

    assert registry.reader.thing(thing.name).attributes == {"site": "south"}


def test_an_update_of_what_is_gone_is_not_ready(registry: Registry) -> None:
    thing = Thing(registry.name("none"), {"site": "north"}, version=1)

    with pytest.raises(NotReadyYet):
        registry.update(replace(thing, attributes={}), thing)


@pytest.mark.row("R6")
def test_a_policy_has_2048_characters_white_space_left_out(registry: Registry) -> None:
    def of(characters: int) -> Policy:
        document = a_document(iot_arn("topic/"))
        return Policy(registry.name("long"), document.replace("topic/", "topic/" + "x" * (characters - len(document))))

    longest, longer = of(2048), of(2049)

    with pytest.raises(InvalidResource):
        registry.create(longer)
    registry.create(longest)
    with pytest.raises(InvalidResource):
        registry.update(longer, longest)
    assert registry.reader.policy(longest.name).document == longest.document


def test_a_policys_document_can_be_changed_more_often_than_it_has_versions(registry: Registry) -> None:
    policy = Policy(registry.name("policy"), DOCUMENT)
    registry.create(policy)

    for number in range(MAX_POLICY_VERSIONS + 2):
        actual = registry.reader.policy(policy.name)
        registry.update(replace(policy, document=a_document(iot_arn(f"topic/{number}"))), actual)

    assert registry.reader.policy(policy.name).document == a_document(iot_arn(f"topic/{MAX_POLICY_VERSIONS + 1}"))


@pytest.mark.row("R5")
@pytest.mark.parametrize("status", [CertificateStatus.INACTIVE, CertificateStatus.REVOKED])
def test_a_certificates_status_can_be_changed(registry: Registry, status: CertificateStatus) -> None:
    certificate = a_certificate(IDENTITIES[0])
    registry.create(certificate)

    registry.update(replace(certificate, status=status), certificate)

    assert registry.reader.certificate(certificate.certificate_id).status is status


@pytest.mark.row("R8")
def test_a_type_can_be_deprecated_and_restored(registry: Registry) -> None:
    thing_type = ThingType(registry.name("type"), "a description")
    deprecated = replace(thing_type, deprecated=True)
    registry.create(thing_type)

    registry.update(deprecated, thing_type)
    assert registry.reader.thing_type(thing_type.name) == deprecated
    registry.update(thing_type, deprecated)
    assert registry.reader.thing_type(thing_type.name) == thing_type


def test_a_type_is_made_usable_and_deprecated_by_an_update(registry: Registry) -> None:
    thing_type = ThingType(registry.name("type"), "a description", deprecated=True)

    registry.create(thing_type)

    assert registry.reader.thing_type(thing_type.name) == replace(thing_type, deprecated=False)


@pytest.mark.row("R8")
def test_no_thing_enters_a_deprecated_type_and_those_in_it_stay(registry: Registry) -> None:
    thing_type = ThingType(registry.name("type"))
    inside, outside = Thing(registry.name("in"), type_name=thing_type.name), Thing(registry.name("out"))
    registry.create(thing_type, inside, outside)
    registry.update(replace(thing_type, deprecated=True), thing_type)

    with pytest.raises(NotReadyYet):
        registry.create(Thing(registry.name("new"), type_name=thing_type.name))
    with pytest.raises(NotReadyYet):
        registry.update(replace(outside, type_name=thing_type.name), registry.reader.thing(outside.name))
    registry.update(replace(inside, attributes={"a": "b"}), registry.reader.thing(inside.name))

    assert registry.reader.thing(inside.name).attributes == {"a": "b"}


@pytest.mark.row("R8")
def test_what_mqtt_messages_carry_of_a_type_can_be_changed(registry: Registry) -> None:
    site = PropagatingAttribute("where", "thingAttribute", "site")
    client = PropagatingAttribute("who", "connectionAttribute", "iot:ClientId")
    thing_type = ThingType(registry.name("type"), "a description", propagating_attributes=(site,))
    registry.create(thing_type)
    assert registry.reader.thing_type(thing_type.name) == thing_type

    both = replace(thing_type, propagating_attributes=(site, client))
    registry.update(both, thing_type)
    assert registry.reader.thing_type(thing_type.name) == both

    none = replace(thing_type, propagating_attributes=(), deprecated=True)
    registry.update(none, both)
    assert registry.reader.thing_type(thing_type.name) == none


def test_a_relation_has_nothing_to_update(registry: Registry) -> None:
    policy, certificate, _ = registry.device()
    relation = an_attachment(policy, certificate)
    registry.create(relation)

    with pytest.raises(InvalidResource):
        registry.update(relation, relation)


# Deleting


def test_what_is_already_gone_is_deleted_with_success(registry: Registry) -> None:
    policy, certificate, thing = registry.device()

    registry.delete(policy, certificate, thing)
    registry.delete(policy, certificate, thing)

    assert registry.reader.policy(policy.name) is None
    assert registry.reader.certificate(certificate.certificate_id) is None
    assert registry.reader.thing(thing.name) is None


@pytest.mark.row("R6")
def test_a_policy_with_several_versions_is_deleted_whole(registry: Registry) -> None:
    policy, *_ = registry.device()
    registry.update(replace(policy, document=OTHER_DOCUMENT), policy)

    registry.delete(policy)

    assert registry.reader.policy(policy.name) is None


def test_what_something_hangs_on_is_not_deleted(registry: Registry) -> None:
    policy, certificate, thing = registry.device()
    registry.create(
        an_attachment(policy, certificate),
        ThingPrincipal(thing.name, certificate.certificate_id),
    )

    for entity in (policy, certificate, thing):
        with pytest.raises(Conflict):
            registry.delete(entity)

    assert registry.reader.policy(policy.name) is not None
    assert registry.reader.thing(thing.name) is not None


def test_a_certificate_that_cannot_be_deleted_yet_is_inactive_all_the_same(registry: Registry) -> None:
    policy, certificate, _ = registry.device()
    registry.create(an_attachment(policy, certificate))

    with pytest.raises(Conflict):
        registry.delete(certificate)

    assert registry.reader.certificate(certificate.certificate_id).status is CertificateStatus.INACTIVE


@pytest.mark.row("R8")
def test_a_type_is_not_deleted_while_a_thing_uses_it_or_before_aws_wants(registry: Registry) -> None:
    thing_type = ThingType(registry.name("type"))
    registry.create(thing_type, Thing(registry.name("thing"), type_name=thing_type.name))

    for actual in (thing_type, replace(thing_type, deprecated=True)):
        with pytest.raises(NotReadyYet):
            registry.delete(actual)

    assert registry.reader.thing_type(thing_type.name) == thing_type, "deprecated, it would take no new things"

    registry.delete(registry.reader.thing(registry.name("thing")))
    with pytest.raises(NotReadyYet):
        registry.delete(thing_type)

    assert registry.reader.thing_type(thing_type.name) == replace(thing_type, deprecated=True)


def test_a_type_that_is_gone_is_deleted_with_success(registry: Registry) -> None:
    registry.delete(ThingType(registry.name("none"), deprecated=True))
    registry.delete(ThingType(registry.name("none")))


# Groups


def a_tree(registry: Registry) -> tuple[ThingGroup, ThingGroup, ThingGroup]:
    """Make three groups, each below the one before."""
    top = ThingGroup(registry.name("site"), "all of it", {"country": "nl"})
    middle = ThingGroup(registry.name("floor"), parent=top.name, ancestors=(top.name,))
    leaf = ThingGroup(registry.name("room"), parent=middle.name, ancestors=(top.name, middle.name))
    registry.create(top, middle, leaf)
    return top, middle, leaf


def a_dynamic_group(registry: Registry, value: str = "north") -> ThingGroup:
    """Make a dynamic group."""
    group = ThingGroup(
        registry.name("dynamic"),
        "found by a query",
        {"a": "b"},
        query=f"attributes.site:{value}",
        query_version="2017-09-30",
        index_name="AWS_Things",
    )
    registry.create(group)
    return group


def test_no_group_is_none(registry: Registry) -> None:
    assert registry.reader.thing_group(registry.name("none")) is None
    assert registry.reader.billing_group(registry.name("none")) is None
    assert registry.reader.policies_of(thing_group_target(registry.name("none"))) == frozenset()


@pytest.mark.row("R9")
def test_a_tree_of_groups_is_read_as_it_was_made(registry: Registry) -> None:
    tree = a_tree(registry)

    assert tuple(registry.reader.thing_group(group.name) for group in tree) == tree
    assert {group.key for group in tree} <= {one.key for one in registry.reader.listed(Kind.THING_GROUP)}


def test_the_same_group_may_be_made_twice_and_another_of_its_name_is_a_conflict(registry: Registry) -> None:
    top, *_ = a_tree(registry)

    registry.create(top)
    with pytest.raises(Conflict):
        registry.create(replace(top, description="another"))


@pytest.mark.row("R9")
def test_a_group_waits_for_its_parent(registry: Registry) -> None:
    with pytest.raises((NotReadyYet, InvalidResource)):
        registry.create(ThingGroup(registry.name("room"), parent=registry.name("none")))

    assert registry.reader.thing_group(registry.name("room")) is None


@pytest.mark.row("R9")
def test_an_update_of_a_group_takes_away_what_is_gone_and_counts(registry: Registry) -> None:
    top, *_ = a_tree(registry)
    read = registry.reader.thing_group(top.name)

    registry.update(replace(top, description="", attributes={"city": "x"}), read)

    found = registry.reader.thing_group(top.name)
    assert found == ThingGroup(top.name, attributes={"city": "x"})
    assert found.version == read.version + 1


def test_a_group_that_was_changed_since_it_was_read_is_a_conflict(registry: Registry) -> None:
    *_, leaf = a_tree(registry)
    read = registry.reader.thing_group(leaf.name)
    registry.update(replace(read, description="changed"), read)

    with pytest.raises(Conflict):
        registry.update(replace(read, description="late"), read)
    with pytest.raises(Conflict):
        registry.delete(read)

    assert registry.reader.thing_group(leaf.name).description == "changed"


@pytest.mark.row("R9")
def test_a_group_with_children_is_not_deleted_and_the_leaf_is(registry: Registry) -> None:
    top, _, leaf = (registry.reader.thing_group(group.name) for group in a_tree(registry))

    with pytest.raises((NotReadyYet, Conflict)):
        registry.delete(top)
    registry.delete(leaf, leaf)

    assert registry.reader.thing_group(top.name) == top
    assert registry.reader.thing_group(leaf.name) is None


@pytest.mark.row("R10")
def test_a_thing_joins_and_leaves_groups_repeatedly(registry: Registry) -> None:
    top, *_ = a_tree(registry)
    _, _, thing = registry.device()
    membership = GroupMembership(top.name, thing.name)

    registry.create(membership, membership)
    assert registry.reader.groups_of_thing(thing.name) == {top.name}

    registry.delete(membership, membership)
    assert registry.reader.groups_of_thing(thing.name) == frozenset()


def test_a_group_tells_the_things_in_itself_alone(registry: Registry) -> None:
    top, middle, leaf = a_tree(registry)
    things = [Thing(registry.name(stem)) for stem in ("one", "two", "below")]
    registry.create(*things)
    one, two, below = (thing.name for thing in things)
    registry.create(GroupMembership(middle.name, one), GroupMembership(middle.name, two))
    registry.create(GroupMembership(leaf.name, below))

    assert registry.reader.things_of_group(middle.name) == {one, two}
    assert registry.reader.things_of_group(leaf.name) == {below}
    assert registry.reader.things_of_group(top.name) == frozenset()

    registry.delete(GroupMembership(middle.name, one))
    assert registry.reader.things_of_group(middle.name) == {two}


def test_a_membership_waits_for_thing_and_group(registry: Registry) -> None:
    top, *_ = a_tree(registry)
    _, _, thing = registry.device()

    for membership in (GroupMembership(registry.name("none"), thing.name), GroupMembership(top.name, "none")):
        with pytest.raises(NotReadyYet):
            registry.create(membership)


@pytest.mark.row("R10")
def test_a_thing_is_in_one_group_of_a_hierarchy(registry: Registry) -> None:
    _, middle, leaf = a_tree(registry)
    _, _, thing = registry.device()
    registry.create(GroupMembership(middle.name, thing.name))

    with pytest.raises(InvalidResource):
        registry.create(GroupMembership(leaf.name, thing.name))


def test_what_goes_takes_its_memberships_along(registry: Registry) -> None:
    *_, leaf = a_tree(registry)
    _, _, thing = registry.device()
    registry.create(GroupMembership(leaf.name, thing.name))

    registry.delete(registry.reader.thing_group(leaf.name))
    assert registry.reader.groups_of_thing(thing.name) == frozenset()

    registry.delete(thing)
    assert registry.reader.thing(thing.name) is None


@pytest.mark.row("R7")
def test_a_policy_is_attached_to_a_group_and_found_from_either_end(registry: Registry) -> None:
    top, *_ = a_tree(registry)
    policy, *_ = registry.device()
    attachment = PolicyAttachment(policy.name, thing_group_target(top.name))

    registry.create(attachment, attachment)

    assert registry.reader.policies_of(thing_group_target(top.name)) == {policy.name}
    assert registry.reader.targets_of(policy.name) == {thing_group_target(top.name)}
    with pytest.raises(Conflict):
        registry.delete(policy)

    registry.delete(attachment, attachment)
    assert registry.reader.targets_of(policy.name) == frozenset()


@pytest.mark.row("R10")
def test_a_dynamic_group_is_read_as_it_was_made_and_changed_in_what_can_change(registry: Registry) -> None:
    group = a_dynamic_group(registry)
    read = registry.reader.thing_group(group.name)
    assert read == group
    assert read.dynamic

    changed = replace(group, query="attributes.site:south", description="another", attributes={})
    registry.update(changed, read)

    assert registry.reader.thing_group(group.name) == changed
    with pytest.raises(Conflict):
        registry.update(replace(group, description="a third"), read)
    with pytest.raises(Conflict):
        registry.delete(read)


def test_nobody_puts_a_thing_into_a_dynamic_group(registry: Registry) -> None:
    group = a_dynamic_group(registry)
    _, _, thing = registry.device()

    with pytest.raises(InvalidResource):
        registry.create(GroupMembership(group.name, thing.name))


def test_a_dynamic_group_is_deleted(registry: Registry) -> None:
    read = registry.reader.thing_group(a_dynamic_group(registry).name)

    registry.delete(read, read)

    assert registry.reader.thing_group(read.name) is None


# Billing groups


@pytest.mark.row("R10")
def test_a_billing_group_is_made_changed_listed_and_deleted(registry: Registry) -> None:
    group = BillingGroup(registry.name("costs"), "a description")
    registry.create(group, group)
    read = registry.reader.billing_group(group.name)
    assert read == group
    assert group.key in {one.key for one in registry.reader.listed(Kind.BILLING_GROUP)}

    registry.update(replace(group, description=""), read)
    assert registry.reader.billing_group(group.name) == BillingGroup(group.name)
    with pytest.raises(Conflict):
        registry.delete(read)

    registry.delete(registry.reader.billing_group(group.name), registry.reader.billing_group(group.name))
    assert registry.reader.billing_group(group.name) is None


@pytest.mark.row("R10")
def test_a_thing_is_made_in_a_billing_group_moved_and_taken_out(registry: Registry) -> None:
    one, two = BillingGroup(registry.name("one")), BillingGroup(registry.name("two"))
    thing = Thing(registry.name("thing"), {"site": "north"}, billing_group=one.name)
    registry.create(one, two, thing)
    assert registry.reader.thing(thing.name) == thing

    for wanted in (two.name, ""):
        registry.update(replace(thing, billing_group=wanted), registry.reader.thing(thing.name))
        assert registry.reader.thing(thing.name) == replace(thing, billing_group=wanted)


def test_a_thing_waits_for_its_billing_group(registry: Registry) -> None:
    thing = Thing(registry.name("thing"))
    registry.create(thing)

    with pytest.raises(NotReadyYet):
        registry.create(Thing(registry.name("other"), billing_group=registry.name("none")))
    with pytest.raises(NotReadyYet):
        registry.update(replace(thing, billing_group=registry.name("none")), registry.reader.thing(thing.name))


def test_things_stay_when_their_billing_group_goes(registry: Registry) -> None:
    group = BillingGroup(registry.name("costs"))
    thing = Thing(registry.name("thing"), billing_group=group.name)
    registry.create(group, thing, Thing(registry.name("other")))
    assert registry.reader.things_of_billing_group(group.name) == {thing.name}

    registry.delete(registry.reader.billing_group(group.name))

    assert registry.reader.thing(thing.name) == replace(thing, billing_group="")
    assert registry.reader.things_of_billing_group(group.name) == frozenset()


# Principals


@pytest.mark.row("R11")
def test_a_certificate_is_attached_exclusively_or_not_and_that_can_be_changed(registry: Registry) -> None:
    _, certificate, thing = registry.device()
    shared = ThingPrincipal(thing.name, certificate.certificate_id)
    exclusive = replace(shared, exclusive=True)
    registry.create(exclusive, exclusive)
    assert registry.reader.principals_of_thing(thing.name) == {exclusive}
    assert registry.reader.things_of_certificate(certificate.certificate_id) == {exclusive}

    registry.update(shared, exclusive)
    assert registry.reader.principals_of_thing(thing.name) == {shared}

    registry.update(exclusive, shared)
    assert registry.reader.principals_of_thing(thing.name) == {exclusive}


@pytest.mark.row("R11")
def test_an_exclusive_certificate_has_one_thing(registry: Registry) -> None:
    _, certificate, thing = registry.device()
    other = Thing(registry.name("other"))
    registry.create(other, ThingPrincipal(thing.name, certificate.certificate_id, exclusive=True))

    for exclusive in (False, True):
        with pytest.raises(InvalidResource):
            registry.create(ThingPrincipal(other.name, certificate.certificate_id, exclusive))


def test_a_shared_certificate_has_many_things(registry: Registry) -> None:
    _, certificate, thing = registry.device()
    other = Thing(registry.name("other"))
    both = {ThingPrincipal(one.name, certificate.certificate_id) for one in (thing, other)}

    registry.create(other, *both)

    assert registry.reader.things_of_certificate(certificate.certificate_id) == both
    with pytest.raises(InvalidResource):
        registry.update(
            ThingPrincipal(other.name, certificate.certificate_id, exclusive=True),
            ThingPrincipal(other.name, certificate.certificate_id),
        )


@pytest.mark.row("R6")
def test_a_certificate_has_ten_policies(registry: Registry) -> None:
    _, certificate, _ = registry.device()
    policies = [Policy(registry.name(f"policy-{number}"), DOCUMENT) for number in range(11)]
    registry.create(*policies, *(an_attachment(policy, certificate) for policy in policies[:10]))

    with pytest.raises(LimitExceeded):
        registry.create(an_attachment(policies[10], certificate))
