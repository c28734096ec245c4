"""What the ledger tells a failback of a shadow, over a `dynamodb` client; tests/contract has the rest."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from boto3.dynamodb.types import TypeSerializer
from botocore.stub import ANY, Stubber

from iot_dr.aws.ledger.bases import DynamoDbBaseStore
from iot_dr.model.failback.plan import LastEqual
from iot_dr.model.registry.keys import shadow_key

KEY = shadow_key("pump-17")


def base_of(**noted: int | str | list[str]) -> LastEqual:
    item: dict[str, Any] = {"resource": {"S": str(KEY)}}
    item |= {name: TypeSerializer().serialize(value) for name, value in noted.items()}
    with Stubber(boto3.client("dynamodb", "us-west-2")) as stub:
        stub.add_response("batch_get_item", {"Responses": {"ledger": [item]}}, {"RequestItems": ANY})
        return DynamoDbBaseStore(stub.client, "ledger").bases([KEY])[KEY]


@pytest.mark.parametrize(
    ("noted", "base"),
    [
        ({"digest": "0a", "claims": 3, "settled": 3, "copy_version": 7}, LastEqual(True, "0a", version=7)),
        # The version of the last write that has ended, whatever is under way.
        (
            {"digest": "0a", "claims": 4, "settled": 3, "copy_version": 7, "begun": ["0b"]},
            LastEqual(True, "0a", version=7),
        ),
        ({"digest": "0a", "claims": 4, "settled": 4, "copy_version": 7, "begun": []}, LastEqual(True, "0a", version=7)),
        ({"digest": "", "claims": 3, "settled": 3, "copy_version": 0, "read_at": 5}, LastEqual()),
        ({}, LastEqual()),
    ],
)
def test_of_a_shadow_the_version_is_told_that_replication_has_left(noted: dict[str, Any], base: LastEqual) -> None:
    assert base_of(**noted) == base
