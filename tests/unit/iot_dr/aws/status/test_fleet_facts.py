"""What is asked of a fleet, against the SDK's stub."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import Stubber

from iot_dr.aws.status.fleet_facts import COUNTED_PAGES, PAGE_SIZE, IotFleetFacts
from iot_dr.errors import RegionUnavailable
from iot_dr.model.registry.entities import Policy
from iot_dr.model.status.fleets import FleetSize, Sample, Validity

STUBBED = ("iot", "us-east-1")
END = datetime(2030, 1, 1, tzinfo=UTC)
ID = "a" * 64


@pytest.fixture
def facts(stub: Stubber) -> IotFleetFacts:
    return IotFleetFacts(stub.client)


def page(number: int, token: str = "") -> dict[str, Any]:
    things = [{"thingName": str(one)} for one in range(number)]
    return {"things": things, **({"nextToken": token} if token else {})}


def test_the_index_counts_the_things_in_one_call(stub: Stubber, facts: IotFleetFacts) -> None:
    stub.add_response("get_statistics", {"statistics": {"count": 1_000_000}}, {"queryString": "thingName:*"})

    assert facts.size() == FleetSize(1_000_000)


def test_where_no_index_counts_the_list_does(stub: Stubber, facts: IotFleetFacts) -> None:
    stub.add_client_error("get_statistics", "IndexNotReadyException")
    stub.add_response("list_things", page(250, "more"), {"maxResults": PAGE_SIZE})
    stub.add_response("list_things", page(3), {"maxResults": PAGE_SIZE, "nextToken": "more"})

    assert facts.size() == FleetSize(253)


def test_a_list_without_end_is_counted_for_a_few_seconds_only(stub: Stubber, facts: IotFleetFacts) -> None:
    stub.add_client_error("get_statistics", "InvalidRequestException")
    for number in range(COUNTED_PAGES):
        stub.add_response("list_things", page(PAGE_SIZE, f"page {number}"))

    assert facts.size() == FleetSize(PAGE_SIZE * COUNTED_PAGES, exact=False)


def test_a_region_that_does_not_answer_is_not_an_empty_fleet(stub: Stubber, facts: IotFleetFacts) -> None:
    stub.add_client_error("get_statistics", "InternalFailureException", http_status_code=500)

    with pytest.raises(RegionUnavailable):
        facts.size()


def described(identifier: str, **fields: Any) -> dict[str, Any]:
    return {"certificateDescription": {"certificateId": identifier, "status": "ACTIVE", **fields}}


def test_the_certificates_registered_first_are_read_and_no_more_than_asked(stub: Stubber, facts: IotFleetFacts) -> None:
    listed = {"certificates": [{"certificateId": one * 64} for one in "abc"]}
    stub.add_response("list_certificates", listed, {"ascendingOrder": True, "pageSize": PAGE_SIZE})
    stub.add_response(
        "describe_certificate", described("a" * 64, validity={"notAfter": END}), {"certificateId": "a" * 64}
    )
    stub.add_client_error("describe_certificate", "ResourceNotFoundException")

    assert list(facts.oldest(2)) == [Validity("a" * 64, int(END.timestamp() * 1000), active=True)]


def test_the_certificates_of_a_policy_are_found_among_its_targets(stub: Stubber, facts: IotFleetFacts) -> None:
    targets = [f"arn:aws:iot:us-east-1:123456789012:cert/{ID}", "arn:aws:iot:us-east-1:123456789012:thinggroup/g"]
    stub.add_response("list_targets_for_policy", {"targets": targets}, {"policyName": "probe"})
    stub.add_response("describe_certificate", described(ID, status="INACTIVE"), {"certificateId": ID})

    assert list(facts.of_policy("probe")) == [Validity(ID, None, active=False)]


def test_a_policy_that_is_not_there_has_no_certificates(stub: Stubber, facts: IotFleetFacts) -> None:
    stub.add_client_error("list_targets_for_policy", "ResourceNotFoundException")

    assert list(facts.of_policy("probe")) == []


def test_the_first_dynamic_group_ends_the_search(stub: Stubber, facts: IotFleetFacts) -> None:
    groups = {"thingGroups": [{"groupName": name} for name in ("plain", "dynamic", "other")]}
    stub.add_response("list_thing_groups", groups, {"recursive": True, "maxResults": PAGE_SIZE})
    stub.add_response("describe_thing_group", {"thingGroupName": "plain"}, {"thingGroupName": "plain"})
    answer = {"thingGroupName": "dynamic", "queryString": "attributes.site:mill"}
    stub.add_response("describe_thing_group", answer, {"thingGroupName": "dynamic"})

    assert facts.first_dynamic_group() == "dynamic"


def test_no_dynamic_group_is_no_name(stub: Stubber, facts: IotFleetFacts) -> None:
    stub.add_response("list_thing_groups", {"thingGroups": []}, {"recursive": True, "maxResults": PAGE_SIZE})

    assert facts.first_dynamic_group() == ""


def test_the_first_policies_are_read_with_their_documents(stub: Stubber, facts: IotFleetFacts) -> None:
    first = {"policies": [{"policyName": "a"}, {"policyName": "gone"}], "nextMarker": "more"}
    stub.add_response("list_policies", first, {"pageSize": PAGE_SIZE})
    rest = {"policies": [{"policyName": "b"}, {"policyName": "c"}]}
    stub.add_response("list_policies", rest, {"pageSize": PAGE_SIZE, "marker": "more"})
    stub.add_response("get_policy", {"policyName": "a", "policyDocument": "{}"}, {"policyName": "a"})
    stub.add_client_error("get_policy", "ResourceNotFoundException", http_status_code=404)
    stub.add_response("get_policy", {"policyName": "b", "policyDocument": "{}"}, {"policyName": "b"})

    assert facts.policies(3) == ([Policy("a", "{}"), Policy("b", "{}")], Sample(3, 4))


def test_few_policies_are_all_read_over_all_pages(stub: Stubber, facts: IotFleetFacts) -> None:
    stub.add_response("list_policies", {"policies": [{"policyName": "a"}], "nextMarker": "more"})
    stub.add_response("list_policies", {"policies": [{"policyName": "b"}]})
    for name in "ab":
        stub.add_response("get_policy", {"policyName": name, "policyDocument": "{}"}, {"policyName": name})

    assert facts.policies(2) == ([Policy("a", "{}"), Policy("b", "{}")], Sample(2, 2))


def test_policies_without_end_are_counted_for_a_few_seconds_only(stub: Stubber, facts: IotFleetFacts) -> None:
    policies = [{"policyName": "a"}] * PAGE_SIZE
    for number in range(COUNTED_PAGES):
        stub.add_response("list_policies", {"policies": policies, "nextMarker": f"page {number}"})
    stub.add_response("get_policy", {"policyName": "a", "policyDocument": "{}"})

    assert facts.policies(1) == ([Policy("a", "{}")], Sample(1, PAGE_SIZE * COUNTED_PAGES, exact=False))
