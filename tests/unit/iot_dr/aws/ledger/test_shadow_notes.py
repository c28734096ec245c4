"""What the ledger notes of shadows, over a `dynamodb` client: the conditions that other workers meet."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from iot_dr.aws.ledger.shadow_notes import DynamoDbShadowNotes
from iot_dr.errors import Conflict
from iot_dr.model.registry.keys import shadow_key
from iot_dr.model.replication.outcomes import Outcome, State
from iot_dr.model.shadows.shadow import ShadowNote, ShadowState

STUBBED = ("dynamodb", "us-west-2")
AT = 1_700_000_000_000
KEY = shadow_key("pump-17")
ITEM = {"TableName": "ledger", "Key": {"resource": {"S": "shadow#pump-17"}}}
UPDATE = ("UpdateExpression", "ExpressionAttributeNames", "ExpressionAttributeValues")
A_MONTH = 30 * 24 * 3600


@pytest.fixture
def notes(stub: Stubber) -> DynamoDbShadowNotes:
    return DynamoDbShadowNotes(stub.client, "ledger")


def expect_update(stub: Stubber, condition: Any, refused: bool = False, **others: Any) -> None:
    expected = {
        **ITEM,
        "UpdateExpression": ANY,
        "ExpressionAttributeValues": ANY,
        "ConditionExpression": condition,
        **others,
    }
    if refused:
        stub.add_client_error("update_item", "ConditionalCheckFailedException", expected_params=expected)
    else:
        stub.add_response("update_item", {}, expected)


def test_the_note_is_read_as_it_was_written_last(stub: Stubber, notes: DynamoDbShadowNotes) -> None:
    stub.add_response("get_item", {"Item": {"claims": {"N": "3"}}}, {**ITEM, "ConsistentRead": True})

    assert notes.read(KEY).claims == 3


@pytest.mark.parametrize(
    ("over", "condition"), [(ShadowNote(), "attribute_not_exists(claims)"), (ShadowNote(claims=2), "claims = :over")]
)
def test_a_claim_is_refused_once_another_worker_has_claimed(
    over: ShadowNote, condition: str, stub: Stubber, notes: DynamoDbShadowNotes
) -> None:
    expect_update(stub, condition, refused=True)

    with pytest.raises(Conflict):
        notes.claim(KEY, over, ShadowState(7, AT, {}))


def test_an_outcome_is_noted_only_over_what_was_read(stub: Stubber, notes: DynamoDbShadowNotes) -> None:
    claimed = ShadowNote(claims=2, waits=1, checked_at=AT)
    names = {"ExpressionAttributeNames": ANY}
    expect_update(
        stub,
        "claims = :known_claims AND waits = :known_waits AND checked_at = :known_checked_at",
        refused=True,
        **names,
    )
    expect_update(stub, "claims = :known_claims", **names)

    assert notes.settle(KEY, claimed, Outcome(KEY, State.IN_SYNC, "", at=AT), None)


def test_the_note_of_a_deleted_shadow_expires_a_month_later_in_seconds(
    stub: Stubber, notes: DynamoDbShadowNotes
) -> None:
    values = {
        ":known_claims": {"N": "1"},
        ":settled": {"N": "1"},
        ":copy_version": {"N": "0"},
        ":digest": {"S": ""},
        ":begun": {"L": []},
        ":unsure_until": {"N": "0"},
        ":expires": {"N": str(AT // 1000 + A_MONTH)},
    }
    condition = "claims = :known_claims AND attribute_not_exists(waits) AND attribute_not_exists(checked_at)"
    expect_update(stub, condition, ExpressionAttributeNames=ANY, ExpressionAttributeValues=values)

    assert notes.settle(KEY, ShadowNote(claims=1), Outcome(KEY, State.ABSENT, "", at=AT), None)


def test_what_is_held_back_waits_until_it_is_to_be_checked(stub: Stubber, notes: DynamoDbShadowNotes) -> None:
    stub.add_response("update_item", {}, {**ITEM, **dict.fromkeys(UPDATE, ANY)})
    sent: list[dict[str, Any]] = []
    stub.client.meta.events.register(
        "provide-client-params.dynamodb.UpdateItem", lambda params, **_: sent.append(params)
    )

    notes.hold(Outcome(KEY, State.PENDING, "the secondary serves", at=AT), AT + 300_000)

    (values,) = [one["ExpressionAttributeValues"] for one in sent]
    assert (values[":retry_state"], values[":next_attempt"]) == ({"S": "waiting"}, {"N": str(AT + 300_000)})
