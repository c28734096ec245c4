"""Only what is a Region by grammar is rewritten: fields of ARNs where a policy has ARNs."""

import json
from typing import Any

import pytest

from iot_dr.errors import InvalidResource
from iot_dr.model.registry.entities import SETTABLE_STATUSES, CertificateStatus
from iot_dr.model.sites import Direction, Site
from iot_dr.reconcile.translate import translate, translate_document
from tests.builders import (
    ACCOUNT,
    PRIMARY,
    REGIONS,
    SECONDARY,
    a_certificate,
    a_document,
    a_policy,
    a_thing,
    a_thing_type,
    iot_arn,
)


def _moved(document: str, direction: Direction = REGIONS) -> Any:
    return json.loads(translate_document(document, direction))


def _statement(**members: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:Connect", **members}]})


def _moved_statement(**members: Any) -> Any:
    return _moved(_statement(**members))["Statement"][0]


@pytest.mark.parametrize("member", ["Resource", "NotResource"])
def test_an_arn_of_the_primary_becomes_one_of_the_secondary(member: str) -> None:
    assert _moved_statement(**{member: iot_arn("client/a")})[member] == iot_arn("client/a", SECONDARY)


def test_each_arn_of_an_array_is_moved_for_itself() -> None:
    arns = [iot_arn("client/a"), iot_arn("topic/b", "eu-west-1"), iot_arn("topic/c", SECONDARY), "*"]

    assert _moved_statement(Resource=arns)["Resource"] == [iot_arn("client/a", SECONDARY), *arns[1:]]


@pytest.mark.parametrize("resource", ["topic/us-east-1/x", "client/us-east-1", f"topic/arn:aws:iot:{PRIMARY}:1:x"])
def test_a_name_that_contains_a_regions_name_stays(resource: str) -> None:
    assert _moved_statement(Resource=iot_arn(resource))["Resource"] == iot_arn(resource, SECONDARY)


@pytest.mark.parametrize(
    "resource", ["client/${iot:Connection.Thing.ThingName}", "topic/${iot:ClientId}/${iot:Certificate.Subject.Country}"]
)
def test_policy_variables_survive(resource: str) -> None:
    assert _moved_statement(Resource=iot_arn(resource))["Resource"] == iot_arn(resource, SECONDARY)


def test_a_resource_in_any_region_stays_in_any_region() -> None:
    resource = f"arn:aws:iot:*:{ACCOUNT}:topic/x"

    assert _moved_statement(Resource=resource)["Resource"] == resource


@pytest.mark.parametrize("region", ["us-east-*", "us-east-?", "*-east-1", "us-e*t-1", "us-????-1", f"{PRIMARY}*"])
def test_a_pattern_that_admits_the_primary_alone_becomes_the_secondarys_region(region: str) -> None:
    assert _moved_statement(Resource=f"arn:aws:iot:{region}:{ACCOUNT}:topic/x")["Resource"] == iot_arn(
        "topic/x", SECONDARY
    )


@pytest.mark.parametrize("region", ["us-*", "*", "us-????-?", "**", "us-west-*", "eu-*", "", "us-east-1?", "us.east.1"])
def test_a_pattern_that_admits_both_regions_or_not_the_primary_stays(region: str) -> None:
    resource = f"arn:aws:iot:{region}:{ACCOUNT}:topic/x"

    assert _moved_statement(Resource=resource)["Resource"] == resource


@pytest.mark.parametrize("operator", ["ArnLike", "ArnEquals", "ArnNotLike", "ArnLikeIfExists", "ForAnyValue:ArnEquals"])
def test_a_condition_that_compares_arns_is_moved(operator: str) -> None:
    condition = {operator: {"aws:SourceArn": [iot_arn("thing/a"), "*"]}}

    moved = _moved_statement(Resource="*", Condition=condition)["Condition"]

    assert moved == {operator: {"aws:SourceArn": [iot_arn("thing/a", SECONDARY), "*"]}}


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"aws:RequestedRegion": PRIMARY}},
        {"StringLike": {"iot:Connection.Thing.ThingName": iot_arn("thing/a")}},
        {"Bool": {"iot:Connection.Thing.IsAttached": ["true"]}},
        {"NumericLessThan": {"x": 3}},
    ],
)
def test_a_condition_that_compares_something_else_stays(condition: dict) -> None:
    assert _moved_statement(Resource="*", Condition=condition)["Condition"] == condition


def test_everything_else_in_a_statement_stays() -> None:
    named = {"ArnLike": {"aws:SourceArn": iot_arn("x")}}
    members = {"Sid": PRIMARY, "Action": [f"iot:{PRIMARY}", iot_arn("x")], "Principal": named}

    assert _moved_statement(**members) == {"Effect": "Allow", **members}


def test_a_single_statement_without_array_is_moved_and_stays_single() -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Resource": iot_arn("client/a")}})

    assert _moved(document)["Statement"] == {"Effect": "Allow", "Resource": iot_arn("client/a", SECONDARY)}


def test_a_document_without_statement_gets_none() -> None:
    assert translate_document("{}", REGIONS) == "{}"


@pytest.mark.parametrize(
    "statement", ["text", 7, ["text", 7], {"Condition": "text"}, {"Condition": {"ArnLike": "text"}}, {"Resource": 7}]
)
def test_what_the_grammar_does_not_know_stays_as_it_is(statement: Any) -> None:
    assert _moved(json.dumps({"Statement": statement}))["Statement"] == statement


def test_the_primarys_account_becomes_the_secondarys_where_they_differ() -> None:
    regions = Direction(Site(PRIMARY, ACCOUNT), Site(SECONDARY, "000000000000"))
    theirs, elsewhere, anywhere, anyone = (
        f"arn:aws:iot:{PRIMARY}:999999999999:client/a",
        iot_arn("client/a", "eu-west-1"),
        f"arn:aws:iot:*:{ACCOUNT}:client/a",
        f"arn:aws:iot:{PRIMARY}:*:client/a",
    )

    document = _moved(_statement(Resource=[iot_arn("client/a"), theirs, elsewhere, anywhere, anyone]), regions)

    assert document["Statement"][0]["Resource"] == [
        f"arn:aws:iot:{SECONDARY}:000000000000:client/a",
        f"arn:aws:iot:{SECONDARY}:999999999999:client/a",
        elsewhere,
        "arn:aws:iot:*:000000000000:client/a",
        f"arn:aws:iot:{SECONDARY}:*:client/a",
    ]


def test_a_document_that_is_no_object_is_refused() -> None:
    with pytest.raises(InvalidResource):
        translate_document("[]", REGIONS)


def test_a_policy_is_translated_and_keeps_its_name() -> None:
    policy = a_policy("us-east-1-pumps", a_document(iot_arn("client/a")))

    assert translate(policy, REGIONS) == a_policy("us-east-1-pumps", a_document(iot_arn("client/a", SECONDARY)))


@pytest.mark.parametrize("status", CertificateStatus)
def test_a_status_that_only_aws_can_set_becomes_inactive_and_any_other_stays(status: CertificateStatus) -> None:
    wanted = status if status in SETTABLE_STATUSES else CertificateStatus.INACTIVE

    assert translate(a_certificate(status=status), REGIONS) == a_certificate(status=wanted)


@pytest.mark.parametrize("entity", [a_thing("us-east-1", {"arn": iot_arn("x")}), a_thing_type("us-east-1")])
def test_things_and_types_are_the_same_everywhere(entity: Any) -> None:
    assert translate(entity, REGIONS) is entity
