"""Every question is one call of the API that it is named after, with the largest page and in AWS's spelling."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from iot_dr.aws.registry.fleet_reader import REQUIRED_ACTIONS, IotFleetReader
from iot_dr.errors import Throttled
from iot_dr.model.registry.entities import (
    BillingGroup,
    Entity,
    Policy,
    PolicyAttachment,
    ThingGroup,
    ThingPrincipal,
    ThingType,
)
from iot_dr.model.registry.keys import shadow_key
from iot_dr.model.registry.kinds import LISTS
from iot_dr.model.registry.read_calls import SEARCHES, SUBJECTS, Page, PageRequest, ReadCall
from tests.builders import ACCOUNT, PRIMARY, a_document, iot_arn
from tests.shadow_fakes import InMemoryShadows

STUBBED = ("iot", PRIMARY)


def asked(stub: Stubber, call: PageRequest, expected: dict[str, Any], answer: dict[str, Any]) -> Page:
    operations = stub.client.meta.method_to_api_mapping
    operation = next(method for method, api in operations.items() if api == call.question.api)
    stub.add_response(operation, answer, expected)
    return IotFleetReader(stub.client, PRIMARY, ACCOUNT).ask(call)


def test_a_question_is_named_like_its_api_and_right(stub: Stubber) -> None:
    assert {*LISTS, *SUBJECTS, *SEARCHES} == set(ReadCall)
    data = boto3.client("iot-data", PRIMARY, aws_access_key_id="test", aws_secret_access_key="test")
    both = {*stub.client.meta.method_to_api_mapping.values(), *data.meta.method_to_api_mapping.values()}
    assert {question.api for question in ReadCall} <= both
    assert {f"iot:{question.api}" for question in (*LISTS, *SUBJECTS)} == REQUIRED_ACTIONS


@pytest.mark.parametrize(
    ("question", "size", "token", "member", "following"),
    [
        (ReadCall.THINGS, "maxResults", "nextToken", "things", "nextToken"),
        (ReadCall.THING_TYPES, "maxResults", "nextToken", "thingTypes", "nextToken"),
        (ReadCall.BILLING_GROUPS, "maxResults", "nextToken", "billingGroups", "nextToken"),
        (ReadCall.POLICIES, "pageSize", "marker", "policies", "nextMarker"),
        (ReadCall.CERTIFICATES, "pageSize", "marker", "certificates", "nextMarker"),
    ],
)
def test_a_page_is_as_large_as_can_be_and_says_where_the_next_begins(
    stub: Stubber, question: ReadCall, size: str, token: str, member: str, following: str
) -> None:
    call = PageRequest(question, token="bmV4dA==")

    assert asked(stub, call, {size: 250, token: "bmV4dA=="}, {member: [], following: "bW9yZQ=="}) == Page(
        token="bW9yZQ=="
    )


def test_nested_groups_are_listed_too(stub: Stubber) -> None:
    expected = {"maxResults": 250, "recursive": True}
    assert asked(stub, PageRequest(ReadCall.THING_GROUPS), expected, {"thingGroups": []}) == Page()


def test_a_certificate_is_asked_for_by_its_arn(stub: Stubber) -> None:
    answer = {"principalThingObjects": [{"thingName": "pump-17", "thingPrincipalType": "EXCLUSIVE_THING"}]}
    expected = {"maxResults": 250, "principal": iot_arn("cert/abc")}

    found = asked(stub, PageRequest(ReadCall.THINGS_OF_CERTIFICATE, "abc"), expected, answer)
    assert found.entities == (ThingPrincipal("pump-17", "abc", True),)


@pytest.mark.parametrize(
    ("question", "subject", "target"),
    [
        (ReadCall.POLICIES_OF_CERTIFICATE, "abc", "cert/abc"),
        (ReadCall.POLICIES_OF_GROUP, "site", "thinggroup/site"),
    ],
)
def test_what_has_policies_is_asked_for_by_its_arn(
    stub: Stubber, question: ReadCall, subject: str, target: str
) -> None:
    answer = {"policies": [{"policyName": "pumps"}, {"policyName": "valves"}], "nextMarker": "bW9yZQ=="}
    expected = {"pageSize": 250, "target": iot_arn(target)}

    found = asked(stub, PageRequest(question, subject), expected, answer)
    assert found == Page((PolicyAttachment("pumps", target), PolicyAttachment("valves", target)), "bW9yZQ==")


def test_what_is_neither_certificate_nor_group_is_left_out(stub: Stubber) -> None:
    targets = ["us-east-1:a-cognito-identity", iot_arn("cert/abc"), iot_arn("thinggroup/site")]
    found = asked(
        stub,
        PageRequest(ReadCall.TARGETS_OF_POLICY, "pumps", "bmV4dA=="),
        {"policyName": "pumps", "pageSize": 250, "marker": "bmV4dA=="},
        {"targets": targets},
    )
    assert found.entities == (PolicyAttachment("pumps", "cert/abc"), PolicyAttachment("pumps", "thinggroup/site"))

    principals = [{"principal": "us-east-1:a-cognito-identity"}, {"principal": iot_arn("cert/abc")}]
    found = asked(
        stub,
        PageRequest(ReadCall.CERTIFICATES_OF_THING, "pump-17"),
        {"thingName": "pump-17", "maxResults": 250},
        {"thingPrincipalObjects": principals},
    )
    assert found.entities == (ThingPrincipal("pump-17", "abc"),)


def test_a_document_comes_canonical_and_one_that_is_no_json_is_unreadable(stub: Stubber) -> None:
    call, expected = PageRequest(ReadCall.POLICY, "pumps"), {"policyName": "pumps"}
    blank = a_document().replace(",", " , ")
    answer = {"policyName": "pumps", "policyDocument": blank, "defaultVersionId": "3"}
    assert asked(stub, call, expected, answer).entities == (Policy("pumps", a_document()),)

    broken = asked(stub, call, expected, answer | {"policyDocument": "broken"})
    assert (broken.entities, "not JSON" in broken.unreadable) == ((), True)


def test_what_does_not_exist_is_missing_and_what_is_refused_is_raised(stub: Stubber) -> None:
    reader = IotFleetReader(stub.client, PRIMARY, ACCOUNT)
    stub.add_client_error("get_policy", "ResourceNotFoundException")
    assert reader.ask(PageRequest(ReadCall.POLICY, "none")) == Page(missing=True)
    stub.add_client_error("get_policy", "ThrottlingException")
    with pytest.raises(Throttled):
        reader.ask(PageRequest(ReadCall.POLICY, "none"))


def test_shadows_are_asked_of_the_data_plane(stub: Stubber) -> None:
    shadows = InMemoryShadows()
    shadows.put(shadow_key("pump-17"), '{"desired": {"on": true}}')
    shadows.put(shadow_key("pump-17", "config"), '{"desired": {"rate": 1.50}}')
    reader = IotFleetReader(stub.client, PRIMARY, ACCOUNT, shadows)

    (named,) = reader.ask(PageRequest(ReadCall.NAMED_SHADOWS, "pump-17")).entities
    assert named.key == shadow_key("pump-17", "config")
    assert reader.ask(PageRequest(ReadCall.SHADOW, "pump-17")).entities == (shadows.shadow(shadow_key("pump-17")),)
    (config,) = reader.ask(PageRequest(ReadCall.SHADOW, "pump-17#config")).entities
    assert config == shadows.shadow(named.key)
    assert reader.ask(PageRequest(ReadCall.SHADOW, "pump-17#none")) == Page(missing=True)


@pytest.mark.parametrize(
    ("question", "arn", "tagged"),
    [
        (ReadCall.TAGS_OF_TYPE, "thingtype/a", ThingType("a", tags={"team": "red"})),
        (ReadCall.TAGS_OF_BILLING_GROUP, "billinggroup/a", BillingGroup("a", tags={"team": "red"})),
        (ReadCall.TAGS_OF_POLICY, "policy/a", Policy("a", "", tags={"team": "red"})),
        (ReadCall.TAGS_OF_GROUP, "thinggroup/a", ThingGroup("a", tags={"team": "red"})),
    ],
)
def test_tags_are_asked_for_by_arn_a_page_of_aws_s_size_at_a_time_without_those_of_aws(
    stub: Stubber, question: ReadCall, arn: str, tagged: Entity
) -> None:
    answer = {"tags": [{"Key": "team", "Value": "red"}, {"Key": "aws:x", "Value": "y"}], "nextToken": "bW9yZQ=="}
    expected = {"resourceArn": iot_arn(arn), "nextToken": "bmV4dA=="}

    assert asked(stub, PageRequest(question, "a", "bmV4dA=="), expected, answer) == Page((tagged,), "bW9yZQ==")
