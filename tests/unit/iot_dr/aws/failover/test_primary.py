"""The primary Region's fence, in its replica of the global table."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from iot_dr.aws.clients import client
from iot_dr.aws.failover.primary import (
    KEY,
    DynamoDbPrimaryFenceStore,
    DynamoDbPrimaryLeadershipReader,
    primary_fence_of,
)
from iot_dr.errors import Conflict, InvalidResource, Throttled
from iot_dr.model.failover.control import Mode
from iot_dr.model.failover.fence import Fence, FenceRole
from tests.builders import PAIR, PRIMARY, SECONDARY
from tests.endpoint import Answer
from tests.failover_account import CONTROL, CONTROL_TABLE, FENCE, FailoverAccount, served

FOLLOWS = Fence(FenceRole.FOLLOWS, 3, Mode.PINNED, 1000, "an operator", "a failback")


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[FailoverAccount]:
    with served(FailoverAccount(), monkeypatch) as found:
        yield found


@pytest.fixture
def fences(account: FailoverAccount) -> DynamoDbPrimaryFenceStore:  # it answers
    return DynamoDbPrimaryFenceStore(client("dynamodb", PRIMARY), CONTROL_TABLE)


def test_a_primary_that_was_never_told_to_follow_leads(fences: DynamoDbPrimaryFenceStore) -> None:
    assert fences.fence() == Fence(FenceRole.LEADS)


def test_what_was_written_is_read(fences: DynamoDbPrimaryFenceStore, account: FailoverAccount) -> None:
    fences.change(FOLLOWS)

    assert fences.fence() == FOLLOWS
    (update,) = [one.body for one in account.requests if one.operation == "UpdateItem"]
    assert (update["TableName"], update["Key"]) == (CONTROL_TABLE, KEY)


def test_an_older_order_is_refused(fences: DynamoDbPrimaryFenceStore) -> None:
    fences.change(FOLLOWS)

    with pytest.raises(Conflict):
        fences.change(Fence(FenceRole.LEADS, 3))


def test_both_items_are_read_by_one_call(account: FailoverAccount) -> None:
    control = {
        "resource": {"S": CONTROL},
        "event_id": {"S": "control"},
        "leader": {"S": SECONDARY},
        "epoch": {"N": "2"},
    }
    fence = {**KEY, "role": {"S": "follows"}, "epoch": {"N": "3"}}
    account.answers[PRIMARY, "BatchGetItem"] = Answer({"Responses": {CONTROL_TABLE: [fence, control]}})

    found = DynamoDbPrimaryLeadershipReader(client("dynamodb", PRIMARY), CONTROL_TABLE, PAIR).leadership()

    assert (found.control.leader, found.control.epoch) == (SECONDARY, 2)
    assert (found.fence.role, found.fence.epoch) == (FenceRole.FOLLOWS, 3)
    (asked,) = account.requests
    assert len(asked.body["RequestItems"][CONTROL_TABLE]["Keys"]) == 2
    assert asked.body["RequestItems"][CONTROL_TABLE]["ConsistentRead"] is True


def test_what_dynamodb_left_unread_is_nothing_known(account: FailoverAccount) -> None:
    account.answers[PRIMARY, "BatchGetItem"] = Answer(
        {"Responses": {}, "UnprocessedKeys": {CONTROL_TABLE: {"Keys": [KEY]}}}
    )

    with pytest.raises(Throttled):
        DynamoDbPrimaryLeadershipReader(client("dynamodb", PRIMARY), CONTROL_TABLE, PAIR).leadership()


def test_a_garbled_fence_is_no_fence() -> None:
    with pytest.raises(InvalidResource, match=FENCE):
        primary_fence_of({**KEY, "role": {"S": "rules"}}, CONTROL_TABLE)
