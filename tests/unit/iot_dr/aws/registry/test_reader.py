"""What a registry's answers are read as, where the pair of tests/contract is not asked."""

from __future__ import annotations

import pytest
from botocore.stub import Stubber

from iot_dr.aws.registry.reader import IotRegistryReader
from iot_dr.errors import IotDrError
from iot_dr.model.registry.entities import ThingPrincipal
from iot_dr.model.registry.keys import Kind, policy_key
from tests.builders import ACCOUNT, PRIMARY, a_certificate_id, iot_arn

STUBBED = ("iot", PRIMARY)
CERTIFICATE = a_certificate_id("pump-17")


@pytest.mark.parametrize("exclusive", [True, False])
def test_an_exclusive_attachment_is_read_as_such_from_either_end(stub: Stubber, exclusive: bool) -> None:
    kind = "EXCLUSIVE_THING" if exclusive else "NON_EXCLUSIVE_THING"
    reader = IotRegistryReader(stub.client, PRIMARY, ACCOUNT)
    of_thing = {"principal": iot_arn(f"cert/{CERTIFICATE}"), "thingPrincipalType": kind}
    of_certificate = {"thingName": "pump-17", "thingPrincipalType": kind}
    stub.add_response("list_thing_principals_v2", {"thingPrincipalObjects": [of_thing]})
    stub.add_response("list_principal_things_v2", {"principalThingObjects": [of_certificate]})

    found = reader.principals_of_thing("pump-17"), reader.things_of_certificate(CERTIFICATE)

    assert found == ({ThingPrincipal("pump-17", CERTIFICATE, exclusive)},) * 2


@pytest.mark.parametrize(("code", "status"), [("ThrottlingException", 429), ("AccessDeniedException", 403)])
def test_a_list_that_is_refused_on_its_way_is_no_list(stub: Stubber, code: str, status: int) -> None:
    stub.add_response("list_things", {"things": [{"thingName": "pump-1"}], "nextToken": "more"})
    stub.add_client_error("list_things", code, "no", status)

    with pytest.raises(IotDrError):
        list(IotRegistryReader(stub.client, PRIMARY, ACCOUNT).listed(Kind.THING))


def test_groups_are_listed_with_those_below_them(stub: Stubber) -> None:
    stub.add_response("list_thing_groups", {"thingGroups": []}, {"recursive": True, "maxResults": 250})

    assert list(IotRegistryReader(stub.client, PRIMARY, ACCOUNT).listed(Kind.THING_GROUP)) == []


def test_tags_are_read_to_the_last_page_without_those_of_aws(stub: Stubber) -> None:
    arn = iot_arn("policy/pumps")
    first = {"tags": [{"Key": "team", "Value": "red"}], "nextToken": "bW9yZQ=="}
    stub.add_response("list_tags_for_resource", first, {"resourceArn": arn})
    second = {"tags": [{"Key": "aws:cloudformation:stack-name", "Value": "x"}, {"Key": "empty", "Value": ""}]}
    stub.add_response("list_tags_for_resource", second, {"resourceArn": arn, "nextToken": "bW9yZQ=="})

    assert IotRegistryReader(stub.client, PRIMARY, ACCOUNT).tags(policy_key("pumps")) == {"team": "red", "empty": ""}


def test_what_does_not_exist_has_no_tags_and_what_is_refused_is_raised(stub: Stubber) -> None:
    reader = IotRegistryReader(stub.client, PRIMARY, ACCOUNT)
    stub.add_client_error("list_tags_for_resource", "ResourceNotFoundException")
    assert reader.tags(policy_key("none")) == {}
    stub.add_client_error("list_tags_for_resource", "AccessDeniedException", http_status_code=403)
    with pytest.raises(IotDrError):
        reader.tags(policy_key("pumps"))
