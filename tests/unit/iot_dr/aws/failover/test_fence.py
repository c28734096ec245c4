"""The fence over a `dynamodb` client."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import Stubber

from iot_dr.aws.failover.fence import KEY, DynamoDbFenceStore
from iot_dr.errors import Conflict, InvalidResource
from iot_dr.model.failover.control import Mode
from iot_dr.model.failover.fence import Fence, FenceRole

STUBBED = ("dynamodb", "us-west-2")


def the_fence(stub: Stubber, **attributes: Any) -> Fence:
    stub.add_response(
        "get_item",
        {"Item": KEY | attributes} if attributes else {},
        {"TableName": "ledger", "Key": KEY, "ConsistentRead": True},
    )
    return DynamoDbFenceStore(stub.client, "ledger").fence()


def test_without_an_item_the_region_follows(stub: Stubber) -> None:
    assert the_fence(stub) == Fence(FenceRole.FOLLOWS, 0)


def test_a_fence_is_read_as_it_was_written(stub: Stubber) -> None:
    found = the_fence(
        stub,
        role={"S": "leads"},
        epoch={"N": "2"},
        mode={"S": "automatic"},
        since={"N": "7"},
        by={"S": "jo"},
        why={"S": "a test"},
    )

    assert found == Fence(FenceRole.LEADS, 2, Mode.AUTOMATIC, 7, "jo", "a test")


@pytest.mark.parametrize(
    "garbled", [{"role": {"S": "lead"}}, {"Role": {"S": "leads"}}, {"epoch": {"S": "two"}}, {"mode": {"S": ""}}]
)
def test_a_garbled_fence_is_not_guessed_at(stub: Stubber, garbled: dict[str, Any]) -> None:
    with pytest.raises(InvalidResource, match='may have "role", which is follows or leads'):
        the_fence(stub, **garbled)


def test_that_the_name_led_elsewhere_is_noted_once_and_nothing_else_is_changed(stub: Stubber) -> None:
    expected = {
        "TableName": "ledger",
        "Key": KEY,
        "UpdateExpression": "SET #elsewhere_at = if_not_exists(#elsewhere_at, :elsewhere_at)",
        "ExpressionAttributeNames": {"#elsewhere_at": "elsewhere_at"},
        "ExpressionAttributeValues": {":elsewhere_at": {"N": "7"}},
    }
    stub.add_response("update_item", {}, expected)

    DynamoDbFenceStore(stub.client, "ledger").note_elsewhere(7)

    stub.assert_no_pending_responses()


def test_a_change_that_is_overtaken_is_a_conflict(stub: Stubber) -> None:
    stub.add_client_error("update_item", "ConditionalCheckFailedException")

    with pytest.raises(Conflict):
        DynamoDbFenceStore(stub.client, "ledger").change(Fence(FenceRole.LEADS, 2))
