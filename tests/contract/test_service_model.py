"""What the adapters send and read, against the SDK's own model of each service: a misspelt parameter fails here."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ParamValidationError
from botocore.stub import ANY, Stubber

from iot_dr.aws.ledger import ledger as ledgers
from iot_dr.aws.ledger.ledger import DynamoDbLedger
from iot_dr.aws.registry import reader as registry_reader
from iot_dr.aws.registry import writer as registry_writer
from iot_dr.aws.registry.reader import PAGE_SIZE, IotRegistryReader
from iot_dr.aws.registry.writer import IotRegistryWriter
from iot_dr.aws.workflow import queues as request_queues
from iot_dr.aws.workflow import workflow as workflows
from iot_dr.aws.workflow.queues import SqsRequestQueues
from iot_dr.aws.workflow.workflow import StepFunctionsReplicationRun
from iot_dr.errors import (
    AccessDenied,
    ConfigurationError,
    Conflict,
    InvalidResource,
    IotDrError,
    NotReadyYet,
    RegionUnavailable,
    RetryableError,
    TerminalError,
    Throttled,
)
from iot_dr.model.registry.changes import Create, Delete, Update
from iot_dr.model.registry.differences import Unreadable
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
from iot_dr.model.registry.keys import (
    Kind,
    certificate_key,
    certificate_target,
    policy_key,
    thing_group_target,
    thing_key,
    thing_type_key,
)
from iot_dr.model.replication.marks import Mark
from iot_dr.model.replication.messages import MESSAGE_BYTES, RequestMessage, Run
from iot_dr.model.replication.outcomes import Outcome, State
from iot_dr.model.replication.requests import ReconcileRequest
from tests.builders import ACCOUNT, SECONDARY, a_document, iot_arn

ID, OTHER_ID = "a" * 64, "b" * 64
ARN, OTHER_ARN = (f"arn:aws:iot:{SECONDARY}:{ACCOUNT}:cert/{one}" for one in (ID, OTHER_ID))
DATE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
STATE_MACHINE = f"arn:aws:states:{SECONDARY}:{ACCOUNT}:stateMachine:replication"

GROUP_ARN = iot_arn("thinggroup/site", SECONDARY)
PROPAGATING = (
    PropagatingAttribute("where", "thingAttribute", "site"),
    PropagatingAttribute("who", "connectionAttribute", "iot:ClientId"),
)
PROPAGATING_ANSWER = [
    {"userPropertyKey": "where", "thingAttribute": "site"},
    {"userPropertyKey": "who", "connectionAttribute": "iot:ClientId"},
]
THING_ANSWER = {"thingName": "pump-17", "attributes": {"site": "north"}, "thingTypeName": "pump", "version": 3}
THING = Thing("pump-17", {"site": "north"}, "pump")


@dataclass
class Stubbed:
    """A client whose answers are scripted, each for the exact parameters that AWS would get."""

    client: Any
    stubber: Stubber

    def answers(self, operation: str, answer: dict[str, Any] | None = None, **expected: Any) -> None:
        self.stubber.add_response(operation, answer or {}, expected)

    def fails(self, operation: str, code: str, status: int = 400) -> None:
        self.stubber.add_client_error(operation, code, "in AWS's own words", status)


@pytest.fixture(scope="module")
def clients() -> Iterator[Callable[[str], Any]]:
    made: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in made:
            made[service] = boto3.client(service, SECONDARY)
        return made[service]

    yield client
    for one in made.values():
        one.close()


@pytest.fixture
def stubbed(clients: Callable[[str], Any]) -> Iterator[Callable[[str], Stubbed]]:
    stubbers = []

    def stub(service: str) -> Stubbed:
        client = clients(service)
        stubber = Stubber(client)
        stubber.activate()
        stubbers.append(stubber)
        return Stubbed(client, stubber)

    yield stub
    for stubber in stubbers:
        stubber.deactivate()
        stubber.assert_no_pending_responses()


@pytest.fixture
def iot(stubbed: Callable[[str], Stubbed]) -> Stubbed:
    return stubbed("iot")


@pytest.fixture
def dynamodb(stubbed: Callable[[str], Stubbed]) -> Stubbed:
    return stubbed("dynamodb")


@pytest.fixture
def reader(iot: Stubbed) -> IotRegistryReader:
    return IotRegistryReader(iot.client, SECONDARY, ACCOUNT)


@pytest.fixture
def writer(iot: Stubbed) -> IotRegistryWriter:
    return IotRegistryWriter(iot.client, SECONDARY, ACCOUNT)


@pytest.fixture
def ledger(dynamodb: Stubbed) -> DynamoDbLedger:
    return DynamoDbLedger(dynamodb.client, "ledger")


# Reader


def test_a_thing_is_read(iot: Stubbed, reader: IotRegistryReader) -> None:
    iot.answers("describe_thing", {**THING_ANSWER, "thingId": "id-1"}, thingName="pump-17")

    thing = reader.thing("pump-17")

    assert thing == THING
    assert thing is not None
    assert (thing.version, thing.thing_id) == (3, "id-1")


def test_an_attribute_without_value_which_no_update_could_copy_is_none(iot: Stubbed, reader: IotRegistryReader) -> None:
    attributes = {"site": "north", "unit": ""}
    iot.answers("describe_thing", {**THING_ANSWER, "attributes": attributes}, thingName="pump-17")
    payload = {"attributePayload": {"attributes": attributes}}
    group = {"thingGroupName": "site", "thingGroupProperties": payload}
    iot.answers("describe_thing_group", group, thingGroupName="site")

    assert reader.thing("pump-17") == THING
    assert reader.thing_group("site") == ThingGroup("site", attributes={"site": "north"})


def test_a_thing_type_is_read_with_its_attributes_in_order(iot: Stubbed, reader: IotRegistryReader) -> None:
    properties = {"thingTypeDescription": "any pump", "searchableAttributes": ["site", "room"]}
    answer = {"thingTypeName": "pump", "thingTypeProperties": properties, "thingTypeMetadata": {"deprecated": True}}
    iot.answers("describe_thing_type", answer, thingTypeName="pump")

    assert reader.thing_type("pump") == ThingType("pump", "any pump", ("room", "site"), deprecated=True)


def test_a_certificate_is_read_with_its_pem(iot: Stubbed, reader: IotRegistryReader) -> None:
    description = {"certificateId": ID, "status": "REVOKED", "certificatePem": "PEM"}
    iot.answers("describe_certificate", {"certificateDescription": description}, certificateId=ID)

    certificate = reader.certificate(ID)

    assert certificate == Certificate(ID, CertificateStatus.REVOKED)
    assert certificate is not None
    assert certificate.pem == "PEM"


def test_a_policy_is_read_in_its_canonical_form(iot: Stubbed, reader: IotRegistryReader) -> None:
    answer = {"policyName": "pumps", "policyDocument": '{ "b": 1, "a": 2 }', "defaultVersionId": "4"}
    iot.answers("get_policy", answer, policyName="pumps")

    policy = reader.policy("pumps")

    assert policy == Policy("pumps", '{"a":2,"b":1}')
    assert policy is not None
    assert policy.version_id == "4"


@pytest.mark.parametrize(
    ("operation", "read"),
    [
        ("describe_thing", lambda reader: reader.thing("x")),
        ("describe_thing_type", lambda reader: reader.thing_type("x")),
        ("describe_certificate", lambda reader: reader.certificate(ID)),
        ("get_policy", lambda reader: reader.policy("x")),
        ("describe_thing_group", lambda reader: reader.thing_group("x")),
        ("describe_billing_group", lambda reader: reader.billing_group("x")),
        ("list_thing_principals_v2", lambda reader: reader.principals_of_thing("x")),
        ("list_thing_groups_for_thing", lambda reader: reader.groups_of_thing("x")),
        ("list_things_in_thing_group", lambda reader: reader.things_of_group("x")),
        ("list_things_in_billing_group", lambda reader: reader.things_of_billing_group("x")),
        ("list_attached_policies", lambda reader: reader.policies_of(certificate_target(ID))),
        ("list_principal_things_v2", lambda reader: reader.things_of_certificate(ID)),
        ("list_targets_for_policy", lambda reader: reader.targets_of("x")),
        ("list_targets_for_policy", lambda reader: reader.few_targets_of("x")),
    ],
)
def test_missing_is_what_aws_says_and_a_refusal_is_not(
    iot: Stubbed, reader: IotRegistryReader, operation: str, read: Callable[[IotRegistryReader], Any]
) -> None:
    iot.fails(operation, "ResourceNotFoundException", 404)
    assert not read(reader)

    for code, error in (("AccessDeniedException", AccessDenied), ("ThrottlingException", Throttled)):
        iot.fails(operation, code)
        with pytest.raises(error):
            read(reader)


def test_certificates_of_a_thing_are_read_page_by_page_and_cognito_identities_left_out(
    iot: Stubbed, reader: IotRegistryReader
) -> None:
    expected = {"thingName": "pump-17", "maxResults": PAGE_SIZE}
    identity = f"{SECONDARY}:11111111-2222-3333-4444-555555555555"
    pages = ([(ARN, "EXCLUSIVE_THING")], [(identity, "NON_EXCLUSIVE_THING"), (OTHER_ARN, "NON_EXCLUSIVE_THING")])
    first, second = (
        {"thingPrincipalObjects": [{"principal": one, "thingPrincipalType": kind} for one, kind in page]}
        for page in pages
    )
    iot.answers("list_thing_principals_v2", first | {"nextToken": "2"}, **expected)
    iot.answers("list_thing_principals_v2", second, nextToken="2", **expected)

    assert reader.principals_of_thing("pump-17") == {
        ThingPrincipal("pump-17", ID, exclusive=True),
        ThingPrincipal("pump-17", OTHER_ID),
    }


def test_policies_of_a_certificate_are_read_page_by_page(iot: Stubbed, reader: IotRegistryReader) -> None:
    expected = {"target": ARN, "pageSize": PAGE_SIZE}
    iot.answers("list_attached_policies", {"policies": [{"policyName": "a"}], "nextMarker": "2"}, **expected)
    iot.answers("list_attached_policies", {"policies": [{"policyName": "b"}]}, marker="2", **expected)

    assert reader.policies_of(certificate_target(ID)) == {"a", "b"}


def test_things_of_a_certificate_are_read_page_by_page(iot: Stubbed, reader: IotRegistryReader) -> None:
    expected = {"principal": ARN, "maxResults": PAGE_SIZE}
    first = {"principalThingObjects": [{"thingName": "a", "thingPrincipalType": "EXCLUSIVE_THING"}]}
    iot.answers("list_principal_things_v2", first | {"nextToken": "2"}, **expected)
    iot.answers("list_principal_things_v2", {"principalThingObjects": [{"thingName": "b"}]}, nextToken="2", **expected)

    assert reader.things_of_certificate(ID) == {ThingPrincipal("a", ID, exclusive=True), ThingPrincipal("b", ID)}


def test_a_list_of_things_that_is_to_end_early_reads_no_page_in_vain(iot: Stubbed, reader: IotRegistryReader) -> None:
    entries = [{"thingName": name, "thingPrincipalType": "NON_EXCLUSIVE_THING"} for name in ("a", "b")]
    page = {"principalThingObjects": entries, "nextToken": "2"}
    iot.answers("list_principal_things_v2", page, principal=ARN, maxResults=PAGE_SIZE)

    assert reader.things_of_certificate(ID, at_most=2) == {ThingPrincipal("a", ID), ThingPrincipal("b", ID)}


def test_groups_of_a_thing_are_read_page_by_page(iot: Stubbed, reader: IotRegistryReader) -> None:
    expected = {"thingName": "pump-17", "maxResults": PAGE_SIZE}
    iot.answers("list_thing_groups_for_thing", {"thingGroups": [{"groupName": "a"}], "nextToken": "2"}, **expected)
    iot.answers("list_thing_groups_for_thing", {"thingGroups": [{"groupName": "b"}]}, nextToken="2", **expected)

    assert reader.groups_of_thing("pump-17") == {"a", "b"}


def test_things_of_a_group_are_read_page_by_page_without_those_of_the_groups_below(
    iot: Stubbed, reader: IotRegistryReader
) -> None:
    expected = {"thingGroupName": "site", "recursive": False, "maxResults": PAGE_SIZE}
    iot.answers("list_things_in_thing_group", {"things": [], "nextToken": "2"}, **expected)
    iot.answers("list_things_in_thing_group", {"things": ["a"], "nextToken": "3"}, nextToken="2", **expected)
    iot.answers("list_things_in_thing_group", {"things": ["b"]}, nextToken="3", **expected)

    assert reader.things_of_group("site") == {"a", "b"}


def test_things_of_a_billing_group_are_read_page_by_page(iot: Stubbed, reader: IotRegistryReader) -> None:
    expected = {"billingGroupName": "costs", "maxResults": PAGE_SIZE}
    iot.answers("list_things_in_billing_group", {"things": ["a"], "nextToken": "2"}, **expected)
    iot.answers("list_things_in_billing_group", {"things": ["b"]}, nextToken="2", **expected)

    assert reader.things_of_billing_group("costs") == {"a", "b"}


def test_targets_of_a_policy_are_read_page_by_page_and_other_principals_left_out(
    iot: Stubbed, reader: IotRegistryReader
) -> None:
    expected = {"policyName": "pumps", "pageSize": PAGE_SIZE}
    group = f"arn:aws:iot:{SECONDARY}:{ACCOUNT}:thinggroup/all"
    iot.answers("list_targets_for_policy", {"targets": [ARN, group], "nextMarker": "2"}, **expected)
    identity = f"{SECONDARY}:11111111-2222-3333-4444-555555555555"
    others = [OTHER_ARN, identity, iot_arn("role/x", SECONDARY)]
    iot.answers("list_targets_for_policy", {"targets": others}, marker="2", **expected)

    assert reader.targets_of("pumps") == {f"cert/{ID}", f"cert/{OTHER_ID}", "thinggroup/all"}


@pytest.mark.parametrize(("more", "found"), [({}, {f"cert/{ID}"}), ({"nextMarker": "2"}, None)])
def test_few_targets_of_a_policy_are_read_in_one_call_and_many_are_not_told(
    iot: Stubbed, reader: IotRegistryReader, more: dict[str, str], found: set[str] | None
) -> None:
    answer = {"targets": [ARN, iot_arn("role/x", SECONDARY)], **more}
    iot.answers("list_targets_for_policy", answer, policyName="pumps", pageSize=PAGE_SIZE)

    assert reader.few_targets_of("pumps") == found


def test_the_whole_registry_is_listed_page_by_page(iot: Stubbed, reader: IotRegistryReader) -> None:
    iot.answers("list_things", {"things": [THING_ANSWER], "nextToken": "2"}, maxResults=PAGE_SIZE)
    iot.answers("list_things", {"things": [{"thingName": "bare"}]}, maxResults=PAGE_SIZE, nextToken="2")
    iot.answers("list_thing_types", {"thingTypes": [{"thingTypeName": "a"}]}, maxResults=PAGE_SIZE)
    certificates = [{"certificateId": ID, "status": "ACTIVE"}]
    iot.answers("list_certificates", {"certificates": certificates, "nextMarker": "2"}, pageSize=PAGE_SIZE)
    iot.answers("list_certificates", {"certificates": []}, pageSize=PAGE_SIZE, marker="2")
    iot.answers("list_policies", {"policies": [{"policyName": "a"}]}, pageSize=PAGE_SIZE)
    for operation, member, expected in (
        ("list_thing_groups", "thingGroups", {"maxResults": PAGE_SIZE, "recursive": True}),
        ("list_billing_groups", "billingGroups", {"maxResults": PAGE_SIZE}),
    ):
        iot.answers(operation, {member: [{"groupName": "a"}], "nextToken": "2"}, **expected)
        iot.answers(operation, {member: [{"groupName": "b"}]}, nextToken="2", **expected)

    assert list(reader.listed(Kind.THING)) == [THING, Thing("bare")]
    assert list(reader.listed(Kind.THING_TYPE)) == [ThingType("a")]
    assert list(reader.listed(Kind.CERTIFICATE)) == [Certificate(ID, CertificateStatus.ACTIVE)]
    assert list(reader.listed(Kind.POLICY)) == [Policy("a", "{}")]
    assert list(reader.listed(Kind.THING_GROUP)) == [ThingGroup("a"), ThingGroup("b")]
    assert list(reader.listed(Kind.BILLING_GROUP)) == [BillingGroup("a"), BillingGroup("b")]


def test_an_entry_that_cannot_be_read_does_not_end_the_list(iot: Stubbed, reader: IotRegistryReader) -> None:
    certificates = [{"certificateId": OTHER_ID, "status": "QUARANTINED"}, {"certificateId": ID, "status": "ACTIVE"}]
    iot.answers("list_certificates", {"certificates": certificates}, pageSize=PAGE_SIZE)
    propagating = {"propagatingAttributes": [{"thingAttribute": "site"}]}
    types = [
        {"thingTypeName": "odd", "thingTypeProperties": {"mqtt5Configuration": propagating}},
        {"thingTypeName": "a"},
    ]
    iot.answers("list_thing_types", {"thingTypes": types}, maxResults=PAGE_SIZE)

    assert list(reader.listed(Kind.CERTIFICATE)) == [
        Unreadable(
            certificate_key(OTHER_ID),
            "InvalidResource: this release does not know the certificate status 'QUARANTINED'",
        ),
        Certificate(ID, CertificateStatus.ACTIVE),
    ]
    assert list(reader.listed(Kind.THING_TYPE)) == [
        Unreadable(thing_type_key("odd"), "KeyError: 'userPropertyKey'"),
        ThingType("a"),
    ]


def test_a_certificate_whose_status_is_unknown_is_an_invalid_resource(iot: Stubbed, reader: IotRegistryReader) -> None:
    description = {"certificateId": ID, "status": "QUARANTINED", "certificatePem": "PEM"}
    iot.answers("describe_certificate", {"certificateDescription": description}, certificateId=ID)

    with pytest.raises(InvalidResource, match="QUARANTINED"):
        reader.certificate(ID)


@pytest.mark.parametrize(
    ("code", "error"), [("ThrottlingException", Throttled), ("AccessDeniedException", AccessDenied)]
)
def test_a_page_that_fails_ends_the_list_with_an_error(
    iot: Stubbed, reader: IotRegistryReader, code: str, error: type[IotDrError]
) -> None:
    iot.answers("list_things", {"things": [THING_ANSWER], "nextToken": "2"}, maxResults=PAGE_SIZE)
    iot.fails("list_things", code)

    with pytest.raises(error):
        list(reader.listed(Kind.THING))


def test_what_mqtt_messages_carry_is_read_in_order(iot: Stubbed, reader: IotRegistryReader) -> None:
    configuration = {"propagatingAttributes": PROPAGATING_ANSWER[::-1]}
    answer = {"thingTypeName": "pump", "thingTypeProperties": {"mqtt5Configuration": configuration}}
    iot.answers("describe_thing_type", answer, thingTypeName="pump")

    assert reader.thing_type("pump") == ThingType("pump", propagating_attributes=PROPAGATING)


def test_a_group_is_read_with_its_place_in_the_tree(iot: Stubbed, reader: IotRegistryReader) -> None:
    ancestors = [{"groupName": name, "groupArn": iot_arn(f"thinggroup/{name}")} for name in ("site", "floor")]
    answer = {
        "thingGroupName": "room",
        "version": 4,
        "thingGroupProperties": {
            "thingGroupDescription": "one room",
            "attributePayload": {"attributes": {"number": "7"}},
        },
        "thingGroupMetadata": {"parentGroupName": "floor", "rootToParentThingGroups": ancestors},
    }
    iot.answers("describe_thing_group", answer, thingGroupName="room")

    group = reader.thing_group("room")

    assert group == ThingGroup("room", "one room", {"number": "7"}, "floor", ancestors=("site", "floor"))
    assert group is not None
    assert (group.version, group.dynamic) == (4, False)


def test_a_dynamic_group_is_read_with_its_query(iot: Stubbed, reader: IotRegistryReader) -> None:
    answer = {
        "thingGroupName": "hot",
        "indexName": "AWS_Things",
        "queryString": "attributes.site:north",
        "queryVersion": "2017-09-30",
        "status": "ACTIVE",
    }
    iot.answers("describe_thing_group", answer, thingGroupName="hot")

    assert reader.thing_group("hot") == DYNAMIC


def test_a_billing_group_is_read(iot: Stubbed, reader: IotRegistryReader) -> None:
    properties = {"billingGroupDescription": "who pays"}
    answer = {"billingGroupName": "costs", "version": 2, "billingGroupProperties": properties}
    iot.answers("describe_billing_group", answer, billingGroupName="costs")
    iot.answers("describe_billing_group", {"billingGroupName": "bare"}, billingGroupName="bare")

    group = reader.billing_group("costs")

    assert group == BillingGroup("costs", "who pays")
    assert group is not None
    assert group.version == 2
    assert reader.billing_group("bare") == BillingGroup("bare")


def test_a_thing_in_a_billing_group_says_so(iot: Stubbed, reader: IotRegistryReader) -> None:
    iot.answers("describe_thing", {**THING_ANSWER, "billingGroupName": "costs"}, thingName="pump-17")

    assert reader.thing("pump-17") == replace(THING, billing_group="costs")


# Writer


def test_everything_is_made_with_what_aws_asks_for(iot: Stubbed, writer: IotRegistryWriter) -> None:
    iot.answers(
        "create_thing_type",
        thingTypeName="pump",
        thingTypeProperties={
            "thingTypeDescription": "any pump",
            "searchableAttributes": ["site"],
            "mqtt5Configuration": {"propagatingAttributes": PROPAGATING_ANSWER},
        },
    )
    iot.answers("create_thing_type", thingTypeName="bare", thingTypeProperties={})
    iot.answers(
        "create_thing",
        thingName="pump-17",
        thingTypeName="pump",
        billingGroupName="costs",
        attributePayload={"attributes": {"site": "north"}},
    )
    iot.answers("create_thing", thingName="bare")
    iot.answers("register_certificate_without_ca", certificatePem="PEM", status="INACTIVE")
    iot.answers("create_policy", policyName="pumps", policyDocument=a_document())
    iot.answers("attach_policy", policyName="pumps", target=ARN)
    iot.answers("attach_policy", policyName="pumps", target=GROUP_ARN)
    for kind in ("NON_EXCLUSIVE_THING", "EXCLUSIVE_THING"):
        iot.answers("attach_thing_principal", thingName="pump-17", principal=ARN, thingPrincipalType=kind)

    for desired in (
        ThingType("pump", "any pump", ("site",), PROPAGATING),
        ThingType("bare"),
        replace(THING, billing_group="costs"),
        Thing("bare"),
        Certificate(ID, CertificateStatus.INACTIVE, "PEM"),
        Policy("pumps", a_document()),
        PolicyAttachment("pumps", certificate_target(ID)),
        PolicyAttachment("pumps", thing_group_target("site")),
        ThingPrincipal("pump-17", ID),
        ThingPrincipal("pump-17", ID, exclusive=True),
    ):
        writer.write(Create(desired, ""))


def test_an_update_of_a_thing_replaces_its_attributes_under_its_version(
    iot: Stubbed, writer: IotRegistryWriter
) -> None:
    payload = {"attributes": {"site": "north"}, "merge": False}
    iot.answers("update_thing", thingName="pump-17", attributePayload=payload, expectedVersion=3, thingTypeName="pump")
    iot.answers(
        "update_thing",
        thingName="pump-17",
        attributePayload={"attributes": {}, "merge": False},
        expectedVersion=4,
        removeThingType=True,
    )

    writer.write(Update(THING, Thing("pump-17", version=3), ""))
    writer.write(Update(Thing("pump-17"), Thing("pump-17", type_name="pump", version=4), ""))


@pytest.mark.parametrize("type_name", ["pump", ""])
def test_an_update_that_leaves_the_type_names_none(iot: Stubbed, writer: IotRegistryWriter, type_name: str) -> None:
    payload = {"attributes": {"site": "north"}, "merge": False}
    iot.answers("update_thing", thingName="pump-17", attributePayload=payload, expectedVersion=3)

    wanted = replace(THING, type_name=type_name)
    writer.write(Update(wanted, replace(wanted, attributes={}, version=3), ""))


def test_types_and_certificates_are_updated_in_what_can_change(iot: Stubbed, writer: IotRegistryWriter) -> None:
    iot.answers("deprecate_thing_type", thingTypeName="pump", undoDeprecate=False)
    iot.answers("deprecate_thing_type", thingTypeName="pump", undoDeprecate=True)
    configuration = {"propagatingAttributes": PROPAGATING_ANSWER}
    properties = {"mqtt5Configuration": configuration}
    iot.answers("update_thing_type", thingTypeName="pump", thingTypeProperties=properties)
    properties = {"mqtt5Configuration": {"propagatingAttributes": []}}
    iot.answers("update_thing_type", thingTypeName="pump", thingTypeProperties=properties)
    iot.answers("deprecate_thing_type", thingTypeName="pump", undoDeprecate=False)
    iot.answers("update_certificate", certificateId=ID, newStatus="REVOKED")
    current, deprecated = ThingType("pump"), ThingType("pump", deprecated=True)

    writer.write(Update(deprecated, current, ""))
    writer.write(Update(current, deprecated, ""))
    writer.write(Update(replace(current, propagating_attributes=PROPAGATING), current, ""))
    writer.write(Update(deprecated, replace(current, propagating_attributes=PROPAGATING), ""))
    writer.write(Update(Certificate(ID, CertificateStatus.REVOKED), Certificate(ID, CertificateStatus.ACTIVE), ""))


DYNAMIC = ThingGroup(
    "hot", query="attributes.site:north", query_version="2017-09-30", index_name="AWS_Things", version=3
)
STATIC = ThingGroup("room", "one room", {"number": "7"}, "floor", version=4)
QUERY: dict[str, Any] = {
    "queryString": "attributes.site:north",
    "queryVersion": "2017-09-30",
    "indexName": "AWS_Things",
}


def _group(description: str = "", **attributes: str) -> dict[str, Any]:
    # `merge` is not valid where a group is made.
    return {"thingGroupDescription": description, "attributePayload": {"attributes": attributes}}


def test_groups_are_made_changed_and_deleted_under_their_version(iot: Stubbed, writer: IotRegistryWriter) -> None:
    properties = _group("one room", number="7")
    iot.answers("create_thing_group", thingGroupName="room", thingGroupProperties=properties, parentGroupName="floor")
    iot.answers("create_thing_group", thingGroupName="root", thingGroupProperties=_group())
    iot.answers("update_thing_group", thingGroupName="room", thingGroupProperties=properties, expectedVersion=4)
    iot.answers("delete_thing_group", thingGroupName="room", expectedVersion=4)

    writer.write(Create(STATIC, ""))
    writer.write(Create(ThingGroup("root"), ""))
    writer.write(Update(STATIC, replace(STATIC, description=""), ""))
    writer.write(Delete(STATIC, ""))


def test_dynamic_groups_have_calls_of_their_own(iot: Stubbed, writer: IotRegistryWriter) -> None:
    named: dict[str, Any] = {"thingGroupName": "hot", "thingGroupProperties": _group()}
    iot.answers("create_dynamic_thing_group", **named, **QUERY)
    iot.answers("update_dynamic_thing_group", **named, **QUERY, expectedVersion=3)
    iot.answers("delete_dynamic_thing_group", thingGroupName="hot", expectedVersion=3)

    writer.write(Create(DYNAMIC, ""))
    writer.write(Update(DYNAMIC, replace(DYNAMIC, query="another"), ""))
    writer.write(Delete(DYNAMIC, ""))


def test_things_join_and_leave_groups(iot: Stubbed, writer: IotRegistryWriter) -> None:
    membership = GroupMembership("room", "pump-17")
    iot.answers("add_thing_to_thing_group", thingGroupName="room", thingName="pump-17")
    iot.answers("remove_thing_from_thing_group", thingGroupName="room", thingName="pump-17")

    writer.write(Create(membership, ""))
    writer.write(Delete(membership, ""))


def test_billing_groups_are_made_changed_and_deleted_under_their_version(
    iot: Stubbed, writer: IotRegistryWriter
) -> None:
    group = BillingGroup("costs", "who pays", version=2)
    named: dict[str, Any] = {
        "billingGroupName": "costs",
        "billingGroupProperties": {"billingGroupDescription": "who pays"},
    }
    iot.answers("create_billing_group", **named)
    iot.answers("update_billing_group", **named, expectedVersion=2)
    iot.answers("delete_billing_group", billingGroupName="costs", expectedVersion=2)

    writer.write(Create(group, ""))
    writer.write(Update(group, replace(group, description=""), ""))
    writer.write(Delete(group, ""))


def test_a_thing_leaves_its_billing_group_before_it_joins_another(iot: Stubbed, writer: IotRegistryWriter) -> None:
    iot.answers("remove_thing_from_billing_group", billingGroupName="old", thingName="pump-17")
    iot.answers("add_thing_to_billing_group", billingGroupName="new", thingName="pump-17")
    iot.answers("remove_thing_from_billing_group", billingGroupName="new", thingName="pump-17")

    old, new = replace(THING, billing_group="old"), replace(THING, billing_group="new")
    writer.write(Update(new, old, ""))
    writer.write(Update(THING, new, ""))


def test_whether_an_attachment_is_exclusive_is_changed_by_attaching_anew(
    iot: Stubbed, writer: IotRegistryWriter
) -> None:
    shared = ThingPrincipal("pump-17", ID)
    iot.answers("detach_thing_principal", thingName="pump-17", principal=ARN)
    iot.answers("attach_thing_principal", thingName="pump-17", principal=ARN, thingPrincipalType="EXCLUSIVE_THING")

    writer.write(Update(replace(shared, exclusive=True), shared, ""))


@pytest.mark.parametrize("relation", [GroupMembership("room", "pump-17"), PolicyAttachment("pumps", f"cert/{ID}")])
def test_a_relation_has_nothing_to_update(writer: IotRegistryWriter, relation: Any) -> None:
    with pytest.raises(InvalidResource, match="no field that could be updated"):
        writer.write(Update(relation, relation, ""))


def test_a_group_that_got_a_child_meanwhile_is_not_deleted_yet(iot: Stubbed, writer: IotRegistryWriter) -> None:
    iot.fails("delete_thing_group", "InvalidRequestException")

    with pytest.raises(RetryableError):
        writer.write(Delete(STATIC, ""))


def test_what_is_gone_is_left_with_success(iot: Stubbed, writer: IotRegistryWriter) -> None:
    gone: dict[str, Entity] = {
        "delete_thing_group": STATIC,
        "delete_dynamic_thing_group": DYNAMIC,
        "delete_billing_group": BillingGroup("costs"),
        "remove_thing_from_thing_group": GroupMembership("room", "pump-17"),
    }
    for operation, entity in gone.items():
        iot.fails(operation, "ResourceNotFoundException", 404)

        writer.write(Delete(entity, ""))


def _versions(count: int, default: int) -> dict[str, Any]:
    numbers = range(7, 7 + count)
    return {"policyVersions": [{"versionId": str(n), "isDefaultVersion": n == default} for n in numbers]}


def test_a_new_document_is_a_new_default_version(iot: Stubbed, writer: IotRegistryWriter) -> None:
    iot.answers("list_policy_versions", _versions(4, 8), policyName="pumps")
    iot.answers("create_policy_version", policyName="pumps", policyDocument=a_document(), setAsDefault=True)

    writer.write(Update(Policy("pumps", a_document()), Policy("pumps", "{}"), ""))


def test_the_oldest_version_that_is_not_the_default_makes_room(iot: Stubbed, writer: IotRegistryWriter) -> None:
    iot.answers("list_policy_versions", _versions(5, 7), policyName="pumps")
    iot.answers("delete_policy_version", policyName="pumps", policyVersionId="8")
    iot.answers("create_policy_version", policyName="pumps", policyDocument=a_document(), setAsDefault=True)

    writer.write(Update(Policy("pumps", a_document()), Policy("pumps", "{}"), ""))


def test_everything_is_deleted_with_what_aws_wants_first(iot: Stubbed, writer: IotRegistryWriter) -> None:
    iot.answers("detach_policy", policyName="pumps", target=ARN)
    iot.answers("detach_policy", policyName="pumps", target=GROUP_ARN)
    iot.answers("detach_thing_principal", thingName="pump-17", principal=ARN)
    iot.answers("delete_thing", thingName="pump-17", expectedVersion=3)
    iot.answers("update_certificate", certificateId=ID, newStatus="INACTIVE")
    iot.answers("delete_certificate", certificateId=ID)
    iot.answers("delete_certificate", certificateId=OTHER_ID)
    iot.answers("list_policy_versions", _versions(2, 7), policyName="pumps")
    iot.answers("delete_policy_version", policyName="pumps", policyVersionId="8")
    iot.answers("delete_policy", policyName="pumps")
    iot.answers("list_things", {"things": []}, thingTypeName="pump", maxResults=PAGE_SIZE)
    iot.answers("deprecate_thing_type", thingTypeName="pump")
    iot.answers("delete_thing_type", thingTypeName="pump")
    iot.answers("delete_thing_type", thingTypeName="old")

    for actual in (
        PolicyAttachment("pumps", certificate_target(ID)),
        PolicyAttachment("pumps", thing_group_target("site")),
        ThingPrincipal("pump-17", ID),
        Thing("pump-17", version=3),
        Certificate(ID, CertificateStatus.ACTIVE),
        Certificate(OTHER_ID, CertificateStatus.REVOKED),
        Policy("pumps", "{}"),
        ThingType("pump"),
        ThingType("old", deprecated=True),
    ):
        writer.write(Delete(actual, ""))


def test_a_policy_that_is_gone_needs_no_versions_deleted(iot: Stubbed, writer: IotRegistryWriter) -> None:
    iot.fails("list_policy_versions", "ResourceNotFoundException", 404)
    iot.fails("delete_policy", "ResourceNotFoundException", 404)

    writer.write(Delete(Policy("pumps", "{}"), ""))


@pytest.mark.parametrize(
    ("metadata", "error"), [({"deprecated": True}, NotReadyYet), ({}, InvalidResource)], ids=["deprecated", "usable"]
)
def test_a_refusal_to_take_a_thing_into_a_type_passes_if_the_type_is_deprecated(
    iot: Stubbed, writer: IotRegistryWriter, metadata: dict[str, Any], error: type[IotDrError]
) -> None:
    for operation in ("create_thing", "update_thing"):
        iot.fails(operation, "InvalidRequestException")
        answer = {"thingTypeName": "pump", "thingTypeMetadata": metadata}
        iot.answers("describe_thing_type", answer, thingTypeName="pump")

    for write in (
        lambda: writer.write(Create(THING, "")),
        lambda: writer.write(Update(THING, replace(THING, type_name=""), "")),
    ):
        with pytest.raises(error, match="in AWS's own words"):
            write()


def test_a_refusal_of_a_thing_that_enters_no_type_is_for_good(iot: Stubbed, writer: IotRegistryWriter) -> None:
    iot.fails("create_thing", "InvalidRequestException")
    iot.fails("update_thing", "InvalidRequestException")

    with pytest.raises(InvalidResource):
        writer.write(Create(Thing("pump-17"), ""))
    with pytest.raises(InvalidResource):
        writer.write(Update(THING, replace(THING, attributes={}), ""))


@pytest.mark.parametrize("empty_pages", [0, 1, 2])
def test_a_type_that_is_in_use_is_not_even_deprecated(
    iot: Stubbed, writer: IotRegistryWriter, empty_pages: int
) -> None:
    of_type = {"thingTypeName": "pump", "maxResults": PAGE_SIZE}
    for page in range(empty_pages):
        iot.answers("list_things", {"things": [], "nextToken": str(page)}, **of_type)
        of_type["nextToken"] = str(page)
    iot.answers("list_things", {"things": [THING_ANSWER]}, **of_type)

    with pytest.raises(NotReadyYet, match="in use"):
        writer.write(Delete(ThingType("pump"), ""))


def test_a_type_that_aws_does_not_delete_yet_is_not_ready(iot: Stubbed, writer: IotRegistryWriter) -> None:
    iot.fails("delete_thing_type", "InvalidRequestException")

    with pytest.raises(NotReadyYet):
        writer.write(Delete(ThingType("pump", deprecated=True), ""))


def test_a_thing_that_something_was_attached_to_meanwhile_is_a_conflict(
    iot: Stubbed, writer: IotRegistryWriter
) -> None:
    iot.fails("delete_thing", "InvalidRequestException")

    with pytest.raises(Conflict):
        writer.write(Delete(Thing("pump-17", version=3), ""))


def test_what_the_model_of_the_service_does_not_know_is_never_sent(clients: Callable[[str], Any]) -> None:
    writer = IotRegistryWriter(clients("iot"), SECONDARY, ACCOUNT)

    with pytest.raises(TerminalError) as caught:
        writer.write(Create(Thing(""), ""))

    assert isinstance(caught.value.__cause__, ParamValidationError)


# Ledger


def test_ownership_is_asked_for_with_a_consistent_read(dynamodb: Stubbed, ledger: DynamoDbLedger) -> None:
    request = {
        "ledger": {
            "Keys": [{"resource": {"S": "thing#a"}}, {"resource": {"S": "thing#b"}}],
            "ProjectionExpression": "#resource, owned_at",
            "ExpressionAttributeNames": {"#resource": "resource"},
            "ConsistentRead": True,
        }
    }
    items = [{"resource": {"S": "thing#a"}, "owned_at": {"N": "1"}}, {"resource": {"S": "thing#b"}}]
    dynamodb.answers("batch_get_item", {"Responses": {"ledger": items}}, RequestItems=request)

    assert ledger.owned([thing_key("b"), thing_key("a")]) == {thing_key("a")}


def test_what_dynamodb_leaves_undone_is_throttling(dynamodb: Stubbed, ledger: DynamoDbLedger) -> None:
    left = {"ledger": {"Keys": [{"resource": {"S": "thing#a"}}]}}
    dynamodb.answers("batch_get_item", {"Responses": {}, "UnprocessedKeys": left}, RequestItems=ANY)

    with pytest.raises(Throttled):
        ledger.owned([thing_key("a")])


_EXPRESSIONS = {"UpdateExpression": ANY, "ExpressionAttributeNames": ANY, "ExpressionAttributeValues": ANY}


def test_a_mark_and_ownership_are_noted_in_one_transaction_that_another_worker_can_refuse(
    dynamodb: Stubbed, ledger: DynamoDbLedger
) -> None:
    unread = {"ConditionExpression": "(attribute_not_exists(#checked_at) OR #checked_at < :began)"}
    notes = [
        {"Update": {"TableName": "ledger", "Key": {"resource": {"S": name}}} | unread | _EXPRESSIONS}
        for name in ("thing#a", "thing#b")
    ]
    dynamodb.answers("transact_write_items", {}, TransactItems=notes)
    dynamodb.fails("transact_write_items", "TransactionCanceledException")

    mark = ledger.begin([thing_key("a")], 5, below=[thing_key("b")], began=1)
    with pytest.raises(Conflict):
        ledger.begin([thing_key("a")], 5, below=[thing_key("b")], began=1)

    assert (mark.at, mark.keys) == (5, {thing_key("a"), thing_key("b")})


def test_a_mark_at_one_resource_needs_no_transaction(dynamodb: Stubbed, ledger: DynamoDbLedger) -> None:
    _updates(dynamodb)

    ledger.begin([], 5, below=[thing_key("a")])


def test_an_outcome_and_the_end_of_its_mark_are_one_call(dynamodb: Stubbed, ledger: DynamoDbLedger) -> None:
    notes = [
        {"Update": {"TableName": "ledger", "Key": {"resource": {"S": name}}, "ConditionExpression": ANY} | _EXPRESSIONS}
        for name in ("thing#a", "policy#p")
    ]
    dynamodb.answers("transact_write_items", {}, TransactItems=notes)

    ledger.record(
        Outcome(thing_key("a"), State.IN_SYNC, "", at=7, read_at=1),
        Mark("5-x", frozenset({thing_key("a"), policy_key("p")})),
    )


def test_what_another_is_about_is_recorded_by_what_the_item_says(dynamodb: Stubbed, ledger: DynamoDbLedger) -> None:
    dynamodb.fails("update_item", "ConditionalCheckFailedException")
    item = {"marks": {"SS": ["3-other"]}, "noted_at": {"N": "0"}}
    dynamodb.answers("get_item", {"Item": item}, TableName="ledger", Key=ANY, ConsistentRead=True)
    _updates(dynamodb, ConditionExpression="#marks = :seen_marks AND attribute_not_exists(#noted_at)")

    ledger.record(Outcome(thing_key("a"), State.IN_SYNC, "", at=7, read_at=1))


def _updates(dynamodb: Stubbed, answer: dict[str, Any] | None = None, **expected: Any) -> None:
    key = {"TableName": "ledger", "Key": {"resource": {"S": "thing#a"}}}
    dynamodb.answers("update_item", answer, **key, **(_EXPRESSIONS | expected))


def test_an_outcome_is_one_update_that_dates_its_state_and_clears_what_waited(
    dynamodb: Stubbed, ledger: DynamoDbLedger
) -> None:
    _updates(
        dynamodb,
        UpdateExpression=(
            "SET #state = :state, #reason = :reason, #checked_at = :checked_at, #source_id = :source_id, "
            "#source_version = :source_version, #since_in_sync = if_not_exists(#since_in_sync, :since_in_sync) "
            "REMOVE #expires, #marks, #since_pending, #since_failed, #since_held, #since_unsupported, #since_absent, "
            "#since_superseded, #retry_state, #next_attempt, #attempts, #trying, #noted_at, #noted_whole"
        ),
        ConditionExpression=(
            "attribute_not_exists(#marks) AND (attribute_not_exists(#noted_at) OR #noted_at < :began) "
            "AND (attribute_not_exists(#closed_at) OR #closed_at < :began)"
        ),
        ExpressionAttributeValues={
            ":state": {"S": "in_sync"},
            ":reason": {"S": ""},
            ":checked_at": {"N": "1"},
            ":source_id": {"S": "id-1"},
            ":source_version": {"N": "7"},
            ":since_in_sync": {"N": "1"},
            ":began": {"N": "1"},
        },
    )

    ledger.record(Outcome(thing_key("a"), State.IN_SYNC, "", at=1, source_id="id-1", source_version=7))


def test_an_outcome_of_the_resource_alone_keeps_the_verdict(dynamodb: Stubbed, ledger: DynamoDbLedger) -> None:
    _updates(
        dynamodb,
        UpdateExpression=(
            "SET #state = if_not_exists(#state, :state), #reason = if_not_exists(#reason, :reason), "
            "#checked_at = :checked_at REMOVE #expires, #marks, #retry_state, #next_attempt, #attempts, #trying"
        ),
        ConditionExpression=ANY,
    )

    ledger.record(Outcome(thing_key("a"), State.IN_SYNC, "", at=1, partial=True))


def test_what_waits_for_the_first_time_is_put_on_the_list_by_one_update(
    dynamodb: Stubbed, ledger: DynamoDbLedger
) -> None:
    _updates(
        dynamodb,
        UpdateExpression=(
            "SET #state = :state, #reason = :reason, #checked_at = :checked_at, "
            "#since_pending = if_not_exists(#since_pending, :since_pending), #noted_at = :noted_at, "
            "#noted_whole = :noted_whole, #retry_state = :retry_state, "
            "#next_attempt = :next_attempt, #attempts = :attempts "
            "REMOVE #expires, #since_in_sync, #since_failed, #since_held, #since_unsupported, #since_absent, "
            "#since_superseded"
        ),
        ConditionExpression="attribute_not_exists(#attempts)",
        ExpressionAttributeValues={
            ":state": {"S": "pending"},
            ":reason": {"S": "down"},
            ":checked_at": {"N": "5"},
            ":since_pending": {"N": "5"},
            ":noted_at": {"N": "5"},
            ":noted_whole": {"BOOL": True},
            ":retry_state": {"S": "waiting"},
            ":next_attempt": {"N": str(5 + 60_000)},
            ":attempts": {"N": "1"},
        },
    )

    ledger.record(Outcome(thing_key("a"), State.PENDING, "down", at=5, again=True))


def test_what_waits_again_waits_as_long_as_its_tries_ask_for(dynamodb: Stubbed, ledger: DynamoDbLedger) -> None:
    dynamodb.fails("update_item", "ConditionalCheckFailedException")
    before = {"attempts": {"N": "3"}, "trying": {"BOOL": True}, "state": {"S": "pending"}}
    _updates(dynamodb, {"Attributes": before}, ReturnValues="ALL_OLD")
    _updates(
        dynamodb,
        UpdateExpression="SET #next_attempt = :next_attempt, #attempts = :attempts",
        ExpressionAttributeValues={":next_attempt": {"N": str(5 + 240_000)}, ":attempts": {"N": "3"}},
    )

    ledger.record(Outcome(thing_key("a"), State.PENDING, "down", at=5, again=True))


@pytest.mark.parametrize(
    ("item", "wanted"),
    [
        ({"Item": {"source_id": {"S": "id-1"}, "source_version": {"N": "7"}}}, ("id-1", 7)),
        ({"Item": {"state": {"S": "in_sync"}}}, ("", 0)),
        ({}, ("", 0)),
    ],
)
def test_the_version_that_was_applied_is_read_consistently(
    dynamodb: Stubbed, ledger: DynamoDbLedger, item: dict[str, Any], wanted: tuple[str, int]
) -> None:
    key = {"resource": {"S": "thing#a"}}
    dynamodb.answers("get_item", item, TableName="ledger", Key=key, ConsistentRead=True)

    assert ledger.source_version(thing_key("a")) == wanted


def test_forgetting_spares_what_was_noted_anew(dynamodb: Stubbed, ledger: DynamoDbLedger) -> None:
    key = {"resource": {"S": "thing#a"}}
    dynamodb.answers(
        "delete_item",
        TableName="ledger",
        Key=key,
        ConditionExpression=(
            "attribute_not_exists(#marks) AND (attribute_not_exists(#noted_at) OR #noted_at < :began) "
            "AND (attribute_not_exists(#closed_at) OR #closed_at < :began) "
            "AND (attribute_not_exists(#owned_at) OR #owned_at < :began)"
        ),
        ExpressionAttributeNames=ANY,
        ExpressionAttributeValues={":began": {"N": "5"}},
    )
    dynamodb.fails("delete_item", "ConditionalCheckFailedException")
    item = {"owned_at": {"N": "6"}}
    dynamodb.answers("get_item", {"Item": item}, TableName="ledger", Key=key, ConsistentRead=True)
    _updates(dynamodb, ConditionExpression="attribute_exists(#resource)")
    dynamodb.fails("delete_item", "ThrottlingException")

    ledger.forget([thing_key("a")], 5)
    ledger.forget([thing_key("a")], 5)
    with pytest.raises(Throttled):
        ledger.forget([thing_key("a")], 5)


def _due(name: str, at: int) -> dict[str, Any]:
    return {"resource": {"S": name}, "next_attempt": {"N": str(at)}}


def _asked(state: str) -> dict[str, Any]:
    return {
        "TableName": "ledger",
        "IndexName": ledgers.INDEX,
        "KeyConditionExpression": "retry_state = :state AND next_attempt <= :now",
        "ExpressionAttributeValues": {":state": {"S": state}, ":now": {"N": "7"}},
    }


def test_what_is_due_is_read_page_by_page_from_the_index(dynamodb: Stubbed, ledger: DynamoDbLedger) -> None:
    last = {"resource": {"S": "thing#a"}}
    dynamodb.answers("query", {"Items": [_due("thing#a", 1)], "LastEvaluatedKey": last}, **_asked("waiting"))
    dynamodb.answers("query", {"Items": [_due("thing#c", 2)]}, **_asked("look_again"))
    dynamodb.answers("query", {"Items": [_due("thing#b", 3)]}, ExclusiveStartKey=last, **_asked("waiting"))

    assert list(ledger.due(7)) == [thing_key("a"), thing_key("c"), thing_key("b")]


def test_what_is_due_of_another_releases_kinds_is_told_and_keeps_nothing_back(
    dynamodb: Stubbed, ledger: DynamoDbLedger
) -> None:
    due = [_due(name, at) for at, name in enumerate(("role_alias#a", "thing#b", "#", "thing#c"))]
    for _ in range(2):
        dynamodb.answers("query", {"Items": due}, **_asked("waiting"))
        dynamodb.answers("query", {"Items": []}, **_asked("look_again"))
    unknown: list[str] = []

    assert list(ledger.due(7, unknown.append)) == [thing_key("b"), thing_key("c")]
    assert unknown == ["role_alias#a", "#"]
    assert list(ledger.due(7)) == [thing_key("b"), thing_key("c")]


# Queues of requests, and the workflow

REQUEST_QUEUE, BACKGROUND_QUEUE, DEAD_LETTERS = (f"https://sqs.us-west-2.amazonaws.com/1/{name}" for name in "lbd")


def _sent(sqs: Stubbed) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Return what is sent from here on: of each call the queue and the entries."""
    calls: list[tuple[str, list[Mapping[str, Any]]]] = []

    def answer(params: Mapping[str, Any], **_: Any) -> None:
        calls.append((params["QueueUrl"], params["Entries"]))

    sqs.client.meta.events.register("provide-client-params.sqs.SendMessageBatch", answer)
    return calls


def _queues(sqs: Stubbed) -> SqsRequestQueues:
    return SqsRequestQueues(sqs.client, REQUEST_QUEUE, BACKGROUND_QUEUE, DEAD_LETTERS)


SENT: dict[str, list[Any]] = {"Successful": [], "Failed": []}


def test_requests_are_sent_ten_messages_a_call_of_ten_requests_each(stubbed: Callable[[str], Stubbed]) -> None:
    sqs = stubbed("sqs")
    for _ in range(2):
        sqs.answers("send_message_batch", SENT, QueueUrl=REQUEST_QUEUE, Entries=ANY)
    calls = _sent(sqs)

    _queues(sqs).start([ReconcileRequest(thing_key(f"pump-{n}")) for n in range(101)])

    assert [len(entries) for _, entries in calls] == [10, 1]
    assert all(len({entry["Id"] for entry in entries}) == len(entries) for _, entries in calls)


def test_a_call_stays_below_what_sqs_takes_at_once(stubbed: Callable[[str], Stubbed]) -> None:
    sqs = stubbed("sqs")
    for _ in range(2):
        sqs.answers("send_message_batch", SENT, QueueUrl=REQUEST_QUEUE, Entries=ANY)
    calls = _sent(sqs)
    big = [
        ReconcileRequest(thing_key(f"p-{n}"), carried=Thing(f"p-{n}", {"site": "x" * (MESSAGE_BYTES // 2)}))
        for n in range(4)
    ]

    _queues(sqs).start(big)

    assert sum(len(entries) for _, entries in calls) == 4
    assert all(sum(len(entry["MessageBody"]) for entry in entries) < 256 * 1024 for _, entries in calls)


def test_each_message_goes_to_its_queue_after_its_delay(stubbed: Callable[[str], Stubbed]) -> None:
    sqs = stubbed("sqs")
    sqs.answers("send_message_batch", SENT, QueueUrl=REQUEST_QUEUE, Entries=ANY)
    sqs.answers("send_message_batch", SENT, QueueUrl=BACKGROUND_QUEUE, Entries=ANY)
    calls = _sent(sqs)
    requests = (ReconcileRequest(thing_key("pump")),)

    _queues(sqs).send([RequestMessage(requests, delay=3), RequestMessage(requests, background=True)])

    assert [(url, entry["DelaySeconds"]) for url, entries in calls for entry in entries] == [
        (REQUEST_QUEUE, 3),
        (BACKGROUND_QUEUE, 0),
    ]


def test_a_message_that_sqs_did_not_take_is_told(stubbed: Callable[[str], Stubbed]) -> None:
    sqs = stubbed("sqs")
    failed = {"Id": "0", "Code": "InternalError", "SenderFault": False}
    sqs.answers("send_message_batch", {"Successful": [], "Failed": [failed]}, QueueUrl=REQUEST_QUEUE, Entries=ANY)

    with pytest.raises(RegionUnavailable, match="1 of 1"):
        _queues(sqs).start([ReconcileRequest(thing_key("pump"))])


def test_no_requests_send_nothing(stubbed: Callable[[str], Stubbed]) -> None:
    _queues(stubbed("sqs")).start([])


def test_background_work_has_no_queue_where_none_is_named(stubbed: Callable[[str], Stubbed]) -> None:
    with pytest.raises(ConfigurationError):
        SqsRequestQueues(stubbed("sqs").client, REQUEST_QUEUE).start(
            [ReconcileRequest(thing_key("pump"))], background=True
        )


def test_what_waits_is_what_could_be_taken_now(stubbed: Callable[[str], Stubbed]) -> None:
    sqs, name = stubbed("sqs"), "ApproximateNumberOfMessages"
    answer = {"Attributes": {name: "12"}}
    sqs.answers("get_queue_attributes", answer, QueueUrl=REQUEST_QUEUE, AttributeNames=[name])

    assert _queues(sqs).waiting() == 12


def test_what_cannot_be_read_is_kept_as_it_came(stubbed: Callable[[str], Stubbed]) -> None:
    sqs = stubbed("sqs")
    sqs.answers("send_message", {"MessageId": "m"}, QueueUrl=DEAD_LETTERS, MessageBody="garbled")

    _queues(sqs).set_aside("garbled")


def _ended(status: str, **fields: Any) -> dict[str, Any]:
    return {"executionArn": f"{STATE_MACHINE}:1", "startDate": DATE, "stopDate": DATE, "status": status, **fields}


MESSAGE = RequestMessage((ReconcileRequest(thing_key("pump")),), background=True)


@pytest.mark.parametrize(
    ("output", "run"),
    [
        ({"looks": [MESSAGE.requests[0].to_json()], "pause": 1}, Run(MESSAGE.requests)),
        ({"looks": []}, Run()),
        ({"busy": True}, Run(busy=True)),
        ({"failed": True, "error": "Sandbox.Timedout"}, Run(failed=True, error="Sandbox.Timedout")),
    ],
)
def test_the_workflow_is_run_for_a_message_and_tells_how_it_ended(
    output: dict[str, Any], run: Run, stubbed: Callable[[str], Stubbed]
) -> None:
    states = stubbed("stepfunctions")
    given = json.dumps({"looks": [MESSAGE.requests[0].to_json()], "background": True})
    answer = _ended("SUCCEEDED", output=json.dumps(output))
    states.answers("start_sync_execution", answer, stateMachineArn=STATE_MACHINE, input=given)

    assert StepFunctionsReplicationRun(states.client, STATE_MACHINE).run(MESSAGE) == run


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT"])
def test_an_execution_that_did_not_end_well_is_to_be_run_again(status: str, stubbed: Callable[[str], Stubbed]) -> None:
    states = stubbed("stepfunctions")
    states.answers("start_sync_execution", _ended(status), stateMachineArn=STATE_MACHINE, input=ANY)

    with pytest.raises(RegionUnavailable, match=status):
        StepFunctionsReplicationRun(states.client, STATE_MACHINE).run(MESSAGE)


@pytest.mark.parametrize("code", ["ThrottlingException", "ExecutionLimitExceeded"])
def test_executions_that_aws_admits_no_more_of_are_throttled(code: str, stubbed: Callable[[str], Stubbed]) -> None:
    states = stubbed("stepfunctions")
    states.stubber.add_client_error("start_sync_execution", code)

    with pytest.raises(Throttled):
        StepFunctionsReplicationRun(states.client, STATE_MACHINE).run(MESSAGE)


# Rights


@pytest.mark.parametrize(
    "actions",
    [
        registry_reader.REQUIRED_ACTIONS,
        registry_reader.REQUIRED_ACTIONS_BEFORE_DELETING,
        registry_reader.LISTER_REQUIRED_ACTIONS,
        registry_writer.REQUIRED_ACTIONS,
        ledgers.REQUIRED_ACTIONS,
        ledgers.SWEEP_REQUIRED_ACTIONS,
        workflows.REQUIRED_ACTIONS,
        request_queues.REQUIRED_ACTIONS,
        request_queues.RUNNER_REQUIRED_ACTIONS,
    ],
)
def test_every_right_is_an_operation_of_its_service(clients: Callable[[str], Any], actions: frozenset[str]) -> None:
    services = {"iot": "iot", "dynamodb": "dynamodb", "states": "stepfunctions", "sqs": "sqs"}
    for action in actions:
        service, _, operation = action.partition(":")
        assert operation in clients(services[service]).meta.service_model.operation_names
