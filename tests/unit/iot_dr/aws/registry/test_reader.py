"""How tags of a registry are read; tests/contract has all other calls."""

from __future__ import annotations

import pytest
from botocore.stub import Stubber

from iot_dr.aws.registry.reader import IotRegistryReader
from iot_dr.errors import IotDrError
from iot_dr.model.registry.keys import policy_key
from tests.builders import ACCOUNT, PRIMARY, iot_arn

STUBBED = ("iot", PRIMARY)


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
