"""What `ports.FleetReader` promises, held against the fake and against the adapter over the emulator alike."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from iot_dr.aws.registry.fleet_reader import IotFleetReader
from iot_dr.aws.registry.writer import IotRegistryWriter
from iot_dr.aws.shadows.shadow_store import IotShadowStore
from iot_dr.errors import InvalidResource
from iot_dr.model.registry.changes import Create
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
from iot_dr.model.registry.keys import certificate_target, thing_group_target
from iot_dr.model.registry.kinds import TAGGED_KINDS
from iot_dr.model.registry.read_calls import SUBJECTS, Page, PageRequest, ReadCall
from iot_dr.ports.fleet import FleetReader
from lab.emulator import PRIMARY_REGION
from lab.fleet import make_identity
from lab.pair import ACCOUNT
from tests.builders import a_document
from tests.contract.emulated import Client, forget_certificates
from tests.fakes import InMemoryRegistry
from tests.fleets import InMemoryFleet

IDENTITY = make_identity("device")


UNTOLD = (
    ReadCall.CERTIFICATES_OF_THING,
    ReadCall.NAMED_SHADOWS,
    ReadCall.POLICIES_OF_CERTIFICATE,
    ReadCall.POLICIES_OF_GROUP,
)
"""Lists about what does not exist, which not everybody refuses; an empty one does as well."""


@dataclass
class Fleet:
    """A reader, a writer beside it, and names that no other test uses."""

    reader: FleetReader
    writer: Any
    suffix: str

    def name(self, stem: str) -> str:
        return f"{stem}-{self.suffix}"

    def create(self, *entities: Entity) -> None:
        for entity in entities:
            self.writer.write(Create(entity, ""))

    def ask(self, question: ReadCall, subject: str = "") -> tuple[Entity, ...]:
        """All pages of an answer, this test's own entries."""
        found: list[Entity] = []
        answer = self.reader.ask(PageRequest(question, subject))
        found += answer.entities
        while answer.token:
            answer = self.reader.ask(PageRequest(question, subject, answer.token))
            found += answer.entities
        own = (self.suffix, IDENTITY.certificate_id)
        return tuple(one for one in found if any(part in str(one.key) for part in own))


@pytest.fixture(params=["fake", pytest.param("emulator", marks=pytest.mark.lab)])
def fleet(request: pytest.FixtureRequest) -> Iterator[Fleet]:
    suffix = uuid.uuid4().hex[:8]
    if request.param == "fake":
        registry = InMemoryRegistry()
        yield Fleet(InMemoryFleet(registry), registry, suffix)
        return
    client: Client = request.getfixturevalue("client")
    iot, region = client("iot", PRIMARY_REGION), (PRIMARY_REGION, ACCOUNT)
    iot.update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "REGISTRY"})
    shadows = IotShadowStore(client("iot-data", PRIMARY_REGION))
    yield Fleet(IotFleetReader(iot, *region, shadows), IotRegistryWriter(iot, *region), suffix)
    forget_certificates(iot)


def test_lists_tell_all_of_types_certificates_and_things_but_a_billing_group(fleet: Fleet) -> None:
    propagating = (PropagatingAttribute("site", "thingAttribute", "site"),)
    thing_type = ThingType(fleet.name("type"), "any", ("site",), propagating)
    group = BillingGroup(fleet.name("costs"), "all of them")
    certificate = Certificate(IDENTITY.certificate_id, CertificateStatus.INACTIVE, IDENTITY.certificate_pem)
    thing = Thing(fleet.name("thing"), {"site": "north", "empty": "x"}, thing_type.name, group.name)
    fleet.create(thing_type, group, certificate, thing)

    assert fleet.ask(ReadCall.THING_TYPES) == (thing_type,)
    assert fleet.ask(ReadCall.CERTIFICATES) == (certificate,)
    assert fleet.ask(ReadCall.THINGS) == (Thing(thing.name, thing.attributes, thing_type.name),)
    assert fleet.ask(ReadCall.THINGS_OF_BILLING_GROUP, group.name) == (Thing(thing.name, billing_group=group.name),)


def test_the_versions_that_guard_writes_are_told_by_the_list_of_things(fleet: Fleet) -> None:
    fleet.create(Thing(fleet.name("thing")))

    (found,) = fleet.ask(ReadCall.THINGS)
    assert isinstance(found, Thing)
    assert found.version == 1


def test_of_policies_and_groups_lists_tell_the_names_and_descriptions_the_rest(fleet: Fleet) -> None:
    policy = Policy(fleet.name("policy"), a_document())
    site = ThingGroup(fleet.name("site"), "all of it", {"a": "b"})
    floor = ThingGroup(fleet.name("floor"), parent=site.name, ancestors=(site.name,))
    costs = BillingGroup(fleet.name("costs"), "all of them")
    fleet.create(policy, site, floor, costs)

    assert fleet.ask(ReadCall.POLICIES) == (Policy(policy.name, ""),)
    assert set(map(str, (one.key for one in fleet.ask(ReadCall.THING_GROUPS)))) == {str(site.key), str(floor.key)}
    assert fleet.ask(ReadCall.BILLING_GROUPS) == (BillingGroup(costs.name),)
    assert fleet.ask(ReadCall.POLICY, policy.name) == (policy,)
    assert fleet.ask(ReadCall.THING_GROUP, floor.name) == (floor,)
    assert fleet.ask(ReadCall.THING_GROUP, site.name) == (site,)
    assert fleet.ask(ReadCall.BILLING_GROUP, costs.name) == (costs,)


@pytest.mark.parametrize("exclusive", [False, True])
def test_relations_are_told_from_either_end(fleet: Fleet, exclusive: bool) -> None:
    policy = Policy(fleet.name("policy"), a_document())
    certificate = Certificate(IDENTITY.certificate_id, CertificateStatus.ACTIVE, IDENTITY.certificate_pem)
    thing, group = Thing(fleet.name("thing")), ThingGroup(fleet.name("site"))
    principal = ThingPrincipal(thing.name, certificate.certificate_id, exclusive)
    targets = (certificate_target(certificate.certificate_id), thing_group_target(group.name))
    attachments = tuple(PolicyAttachment(policy.name, target) for target in targets)
    member = GroupMembership(group.name, thing.name)
    fleet.create(policy, certificate, thing, group, principal, *attachments, member)

    assert set(fleet.ask(ReadCall.TARGETS_OF_POLICY, policy.name)) == set(attachments)
    assert fleet.ask(ReadCall.POLICIES_OF_CERTIFICATE, certificate.certificate_id) == attachments[:1]
    assert fleet.ask(ReadCall.POLICIES_OF_GROUP, group.name) == attachments[1:]
    assert fleet.ask(ReadCall.THINGS_OF_CERTIFICATE, certificate.certificate_id) == (principal,)
    assert fleet.ask(ReadCall.CERTIFICATES_OF_THING, thing.name) == (principal,)
    assert fleet.ask(ReadCall.THINGS_OF_GROUP, group.name) == (member,)


@pytest.mark.parametrize("question", [one for one in SUBJECTS if one not in TAGGED_KINDS.values()])
def test_what_does_not_exist_is_missing(fleet: Fleet, question: ReadCall) -> None:
    answer = fleet.reader.ask(PageRequest(question, "0" * 64))

    assert answer in (Page(missing=True), Page())
    if question not in UNTOLD:
        assert answer.missing


def test_a_list_comes_in_pages_of_250(fleet: Fleet) -> None:
    fleet.create(*(Thing(fleet.name(f"thing-{number}")) for number in range(251)))

    first = fleet.reader.ask(PageRequest(ReadCall.THINGS))
    assert len(first.entities) == 250
    assert first.token
    assert len(fleet.ask(ReadCall.THINGS)) == 251


def test_a_place_that_is_none_is_refused(fleet: Fleet) -> None:
    with pytest.raises(InvalidResource):
        fleet.reader.ask(PageRequest(ReadCall.THINGS, token="bGFiIHBsYWNlIGluIGEgbGlzdDog99"))
