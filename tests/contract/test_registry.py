"""What the ports promise of a registry, held against the fake and against the adapter over the emulator alike."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest

from iot_dr.aws.clients import config
from iot_dr.aws.registry_reader import IotRegistryReader
from iot_dr.aws.registry_writer import MAX_POLICY_VERSIONS, IotRegistryWriter
from iot_dr.errors import Conflict, InvalidResource, NotReadyYet
from iot_dr.model.changes import Create, Delete, Update
from iot_dr.model.entities import (
    Certificate,
    CertificateStatus,
    Entity,
    Policy,
    PolicyAttachment,
    Thing,
    ThingPrincipal,
    ThingType,
)
from iot_dr.model.keys import Kind
from lab.emulator import SECONDARY_REGION
from lab.fleet import Identity, make_identity
from lab.pair import ACCOUNT
from tests.builders import a_document, iot_arn
from tests.fakes import InMemoryRegistry

IDENTITIES = tuple(make_identity(f"device-{number}") for number in range(3))
DOCUMENT, OTHER_DOCUMENT = a_document(), a_document(iot_arn("topic/x"), action="iot:Publish")


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
            self.writer.create(Create(entity, ""))

    def update(self, desired: Entity, actual: Entity) -> None:
        self.writer.update(Update(desired, actual, ""))

    def delete(self, *entities: Entity) -> None:
        for entity in entities:
            self.writer.delete(Delete(entity, ""))

    def device(self, identity: Identity = IDENTITIES[0]) -> tuple[Policy, Certificate, Thing]:
        """Make the three that can be attached to each other."""
        policy, certificate = Policy(self.name("policy"), DOCUMENT), a_certificate(identity)
        thing = Thing(self.name("thing"), {"site": "north"})
        self.create(policy, certificate, thing)
        return policy, certificate, self.reader.thing(thing.name)


def a_certificate(identity: Identity, status: CertificateStatus = CertificateStatus.ACTIVE) -> Certificate:
    return Certificate(identity.certificate_id, status, identity.certificate_pem)


@pytest.fixture(params=["fake", pytest.param("emulator", marks=pytest.mark.lab)])
def registry(request: pytest.FixtureRequest) -> Iterator[Registry]:
    suffix = uuid.uuid4().hex[:8]
    if request.param == "fake":
        fake = InMemoryRegistry()
        yield Registry(fake, fake, suffix)
        return
    emulator = request.getfixturevalue("emulator")
    client = boto3.client("iot", SECONDARY_REGION, endpoint_url=emulator.endpoint_url, config=config())
    region = SECONDARY_REGION, ACCOUNT
    yield Registry(IotRegistryReader(client, *region), IotRegistryWriter(client, *region), suffix)
    _forget_certificates(client)
    client.close()


def _forget_certificates(client: Any) -> None:
    """Certificates have no names of their own choosing, so each test leaves none behind."""
    for certificate in client.list_certificates()["certificates"]:
        arn, certificate_id = certificate["certificateArn"], certificate["certificateId"]
        for policy in client.list_attached_policies(target=arn)["policies"]:
            client.detach_policy(policyName=policy["policyName"], target=arn)
        for thing in client.list_principal_things(principal=arn)["things"]:
            client.detach_thing_principal(thingName=thing, principal=arn)
        client.update_certificate(certificateId=certificate_id, newStatus="INACTIVE")
        client.delete_certificate(certificateId=certificate_id)


# Reading


def test_what_does_not_exist_is_none(registry: Registry) -> None:
    assert registry.reader.thing(registry.name("none")) is None
    assert registry.reader.thing_type(registry.name("none")) is None
    assert registry.reader.policy(registry.name("none")) is None
    assert registry.reader.certificate("0" * 64) is None


def test_nothing_hangs_on_what_does_not_exist(registry: Registry) -> None:
    assert registry.reader.certificates_of_thing(registry.name("none")) == frozenset()
    assert registry.reader.policies_of_certificate("0" * 64) == frozenset()
    assert registry.reader.things_of_certificate("0" * 64) == frozenset()
    assert registry.reader.certificates_of_policy(registry.name("none")) == frozenset()


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


def test_an_inactive_certificate_keeps_its_status(registry: Registry) -> None:
    registry.create(a_certificate(IDENTITIES[0], CertificateStatus.INACTIVE))

    assert registry.reader.certificate(IDENTITIES[0].certificate_id).status is CertificateStatus.INACTIVE


def test_what_was_made_is_listed(registry: Registry) -> None:
    thing_type = ThingType(registry.name("type"), "a description")
    registry.create(thing_type)
    policy, certificate, thing = registry.device()

    assert thing_type in set(registry.reader.thing_types())
    assert thing in list(registry.reader.things())
    assert certificate in set(registry.reader.certificates())
    assert policy.name in set(registry.reader.policy_names())


# Relations


def test_what_was_attached_is_found_from_either_end(registry: Registry) -> None:
    policy, certificate, thing = registry.device()

    registry.create(
        PolicyAttachment(policy.name, certificate.certificate_id),
        ThingPrincipal(thing.name, certificate.certificate_id),
    )

    assert registry.reader.certificates_of_thing(thing.name) == {certificate.certificate_id}
    assert registry.reader.things_of_certificate(certificate.certificate_id) == {thing.name}
    assert registry.reader.policies_of_certificate(certificate.certificate_id) == {policy.name}
    assert registry.reader.certificates_of_policy(policy.name) == {certificate.certificate_id}


def test_attaching_and_detaching_may_be_repeated(registry: Registry) -> None:
    policy, certificate, thing = registry.device()
    relations = (
        PolicyAttachment(policy.name, certificate.certificate_id),
        ThingPrincipal(thing.name, certificate.certificate_id),
    )

    registry.create(*relations, *relations)
    registry.delete(*relations, *relations)

    assert registry.reader.certificates_of_thing(thing.name) == frozenset()
    assert registry.reader.policies_of_certificate(certificate.certificate_id) == frozenset()


def test_what_is_not_there_yet_cannot_be_attached(registry: Registry) -> None:
    _, certificate, _ = registry.device()

    for relation in (
        PolicyAttachment(registry.name("none"), certificate.certificate_id),
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


def test_a_thing_waits_for_its_type(registry: Registry) -> None:
    with pytest.raises(NotReadyYet):
        registry.create(Thing(registry.name("thing"), type_name=registry.name("none")))

    assert registry.reader.thing(registry.name("thing")) is None


# Updating


def test_an_update_of_a_thing_takes_away_what_is_gone(registry: Registry) -> None:
    thing_type = ThingType(registry.name("type"))
    thing = Thing(registry.name("thing"), {"site": "north", "unit": "7"}, thing_type.name)
    registry.create(thing_type, thing)

    registry.update(Thing(thing.name, {"room": "1"}), registry.reader.thing(thing.name))

    assert registry.reader.thing(thing.name) == Thing(thing.name, {"room": "1"})


def test_all_attributes_can_be_taken_away(registry: Registry) -> None:
    _, _, thing = registry.device()

    registry.update(Thing(thing.name), thing)

    assert registry.reader.thing(thing.name) == Thing(thing.name)


def test_every_update_of_a_thing_counts(registry: Registry) -> None:
    _, _, thing = registry.device()

    registry.update(replace(thing, attributes={"site": "south"}), thing)

    assert registry.reader.thing(thing.name).version == thing.version + 1


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
        registry.update(thing, thing)


def test_a_policys_document_can_be_changed_more_often_than_it_has_versions(registry: Registry) -> None:
    policy = Policy(registry.name("policy"), DOCUMENT)
    registry.create(policy)

    for number in range(MAX_POLICY_VERSIONS + 2):
        actual = registry.reader.policy(policy.name)
        registry.update(replace(policy, document=a_document(iot_arn(f"topic/{number}"))), actual)

    assert registry.reader.policy(policy.name).document == a_document(iot_arn(f"topic/{MAX_POLICY_VERSIONS + 1}"))


@pytest.mark.parametrize("status", [CertificateStatus.INACTIVE, CertificateStatus.REVOKED])
def test_a_certificates_status_can_be_changed(registry: Registry, status: CertificateStatus) -> None:
    certificate = a_certificate(IDENTITIES[0])
    registry.create(certificate)

    registry.update(replace(certificate, status=status), certificate)

    assert registry.reader.certificate(certificate.certificate_id).status is status


def test_a_type_can_be_deprecated_and_restored(registry: Registry) -> None:
    thing_type = ThingType(registry.name("type"), "a description")
    deprecated = replace(thing_type, deprecated=True)
    registry.create(thing_type)

    registry.update(deprecated, thing_type)
    assert registry.reader.thing_type(thing_type.name) == deprecated
    registry.update(thing_type, deprecated)
    assert registry.reader.thing_type(thing_type.name) == thing_type


def test_a_type_can_be_made_deprecated(registry: Registry) -> None:
    thing_type = ThingType(registry.name("type"), "a description", deprecated=True)

    registry.create(thing_type)

    assert registry.reader.thing_type(thing_type.name) == thing_type


def test_a_relation_has_nothing_to_update(registry: Registry) -> None:
    policy, certificate, _ = registry.device()
    relation = PolicyAttachment(policy.name, certificate.certificate_id)
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


def test_a_policy_with_several_versions_is_deleted_whole(registry: Registry) -> None:
    policy, *_ = registry.device()
    registry.update(replace(policy, document=OTHER_DOCUMENT), policy)

    registry.delete(policy)

    assert registry.reader.policy(policy.name) is None


def test_what_something_hangs_on_is_not_deleted(registry: Registry) -> None:
    policy, certificate, thing = registry.device()
    registry.create(
        PolicyAttachment(policy.name, certificate.certificate_id),
        ThingPrincipal(thing.name, certificate.certificate_id),
    )

    for entity in (policy, certificate, thing):
        with pytest.raises(Conflict):
            registry.delete(entity)

    assert registry.reader.policy(policy.name) is not None
    assert registry.reader.thing(thing.name) is not None


def test_a_certificate_that_cannot_be_deleted_yet_is_inactive_all_the_same(registry: Registry) -> None:
    policy, certificate, _ = registry.device()
    registry.create(PolicyAttachment(policy.name, certificate.certificate_id))

    with pytest.raises(Conflict):
        registry.delete(certificate)

    assert registry.reader.certificate(certificate.certificate_id).status is CertificateStatus.INACTIVE


def test_a_type_is_not_deleted_while_a_thing_uses_it_or_before_aws_wants(registry: Registry) -> None:
    thing_type = ThingType(registry.name("type"))
    registry.create(thing_type, Thing(registry.name("thing"), type_name=thing_type.name))

    with pytest.raises(NotReadyYet):
        registry.delete(thing_type)

    assert registry.reader.thing_type(thing_type.name).deprecated


def test_a_type_that_is_gone_is_deleted_with_success(registry: Registry) -> None:
    registry.delete(ThingType(registry.name("none"), deprecated=True))
    registry.delete(ThingType(registry.name("none")))
