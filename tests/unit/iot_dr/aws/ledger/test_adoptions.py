"""Under which condition an adoption is written, as far as no later reading would show; tests/contract has more."""

from __future__ import annotations

import pytest

from iot_dr.aws.clients import client
from iot_dr.aws.ledger.adoptions import DynamoDbAdoptionStore
from iot_dr.errors import Throttled
from iot_dr.model.registry.keys import shadow_key, thing_key
from tests.account import LEDGER, Account
from tests.builders import SECONDARY
from tests.endpoint import Answer

THING, SHADOW = thing_key("pump-17"), shadow_key("pump-17")


@pytest.fixture
def store(account: Account) -> DynamoDbAdoptionStore:
    return DynamoDbAdoptionStore(client("dynamodb", SECONDARY), LEDGER)


def test_what_is_adopted_must_be_unowned_unmarked_and_neither_checked_nor_written_since(
    account: Account, store: DynamoDbAdoptionStore
) -> None:
    store.adopt({THING: "0a"}, 9, 5)

    (call,) = account.calls("TransactWriteItems")
    (item,) = call.body["TransactItems"]
    condition = item["Update"]["ConditionExpression"]
    for part in (
        "attribute_not_exists(#owned_at)",
        "attribute_not_exists(#marks)",
        "(attribute_not_exists(#checked_at) OR #checked_at < :began)",
        "(attribute_not_exists(#noted_at) OR #noted_at < :began)",
        "(attribute_not_exists(#closed_at) OR #closed_at < :began)",
    ):
        assert part in condition
    assert item["Update"]["ExpressionAttributeValues"][":began"] == {"N": "5"}


def test_of_a_shadow_that_replication_wrote_before_the_digest_stays(
    account: Account, store: DynamoDbAdoptionStore
) -> None:
    store.adopt({SHADOW: "0a"}, 9, 5)

    (call,) = account.calls("TransactWriteItems")
    update = call.body["TransactItems"][0]["Update"]
    assert "#digest = if_not_exists(#digest, :digest)" in update["UpdateExpression"]
    assert "closed_at" not in update["UpdateExpression"]


def test_what_is_released_must_be_adopted_and_not_made_since(account: Account, store: DynamoDbAdoptionStore) -> None:
    store.disown_adopted([SHADOW], 9)

    (call,) = account.calls("TransactWriteItems")
    update = call.body["TransactItems"][0]["Update"]
    assert update["ConditionExpression"] == "attribute_exists(#adopted_at) AND #owned_at = #adopted_at"
    assert "ExpressionAttributeValues" not in update


def test_owners_are_read_as_they_were_noted_last(account: Account, store: DynamoDbAdoptionStore) -> None:
    store.owners([THING])

    (call,) = account.calls("BatchGetItem")
    assert call.body["RequestItems"][LEDGER]["ConsistentRead"] is True


def test_what_dynamodb_left_unread_is_not_taken_for_nobodys(account: Account, store: DynamoDbAdoptionStore) -> None:
    left = {LEDGER: {"Keys": [{"resource": {"S": str(THING)}}]}}
    account.answering = lambda _request: Answer({"Responses": {}, "UnprocessedKeys": left})

    with pytest.raises(Throttled):
        store.owners([THING])
