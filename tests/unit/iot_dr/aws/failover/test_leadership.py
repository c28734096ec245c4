"""The control item and the fence, read by one call."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import Stubber

from iot_dr.aws.failover import control, fence
from iot_dr.aws.failover.leadership import DynamoDbLeadershipReader
from iot_dr.errors import InvalidResource, Throttled
from iot_dr.model.failover.control import Control, Mode
from iot_dr.model.failover.fence import Fence, FenceRole, Leadership
from iot_dr.model.regions import RegionPair

STUBBED = ("dynamodb", "us-west-2")
PAIR = RegionPair("us-east-1", "us-west-2")
CONTROL = control.KEY | {"leader": {"S": "us-west-2"}, "mode": {"S": "pinned"}, "epoch": {"N": "2"}}
FENCE = fence.KEY | {"role": {"S": "leads"}, "epoch": {"N": "2"}}


def known(stub: Stubber, answer: dict[str, Any]) -> Leadership:
    stub.add_response(
        "batch_get_item",
        {"UnprocessedKeys": {}} | answer,
        {
            "RequestItems": {
                "events": {"Keys": [control.KEY], "ConsistentRead": True},
                "ledger": {"Keys": [fence.KEY], "ConsistentRead": True},
            }
        },
    )
    return DynamoDbLeadershipReader(stub.client, "events", "ledger", PAIR).leadership()


def test_both_items_come_by_one_strongly_consistent_call(stub: Stubber) -> None:
    found = known(stub, {"Responses": {"events": [CONTROL], "ledger": [FENCE]}})

    assert found == Leadership(Control("us-west-2", Mode.PINNED, 2), Fence(FenceRole.LEADS, 2))


@pytest.mark.parametrize("responses", [{}, {"events": [], "ledger": []}])
def test_without_items_the_secondary_follows_the_primary(stub: Stubber, responses: dict[str, Any]) -> None:
    assert known(stub, {"Responses": responses}) == Leadership(Control("us-east-1"), Fence())


def test_an_item_that_was_left_unread_is_no_default(stub: Stubber) -> None:
    left = {"ledger": {"Keys": [fence.KEY], "ConsistentRead": True}}

    with pytest.raises(Throttled):
        known(stub, {"Responses": {"events": [CONTROL]}, "UnprocessedKeys": left})


@pytest.mark.parametrize(
    "responses", [{"events": [CONTROL | {"mode": {"S": "pin"}}]}, {"ledger": [FENCE | {"role": {"S": "lead"}}]}]
)
def test_a_garbled_item_is_not_guessed_at(stub: Stubber, responses: dict[str, Any]) -> None:
    with pytest.raises(InvalidResource, match="is garbled"):
        known(stub, {"Responses": responses})
