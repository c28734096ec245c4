"""What the ledger's writes say, as far as no later reading would show; tests/contract has the rest."""

from __future__ import annotations

from iot_dr.aws.clients import client
from iot_dr.aws.ledger.ledger import DynamoDbLedger, ending
from iot_dr.model.registry.keys import policy_key, thing_key
from iot_dr.model.replication.marks import Mark
from iot_dr.model.replication.outcomes import Outcome, State
from tests.account import LEDGER, Account
from tests.builders import SECONDARY
from tests.endpoint import Answer, Request

THING = thing_key("pump-17")
OWN, SHARED = policy_key("own"), policy_key("shared")


def test_an_outcome_that_leaves_nothing_to_try_has_tries_counted_anew() -> None:
    removed = ending(Outcome(THING, State.IN_SYNC, "", at=5))["UpdateExpression"].partition(" REMOVE ")[2]

    assert {"#retry_state", "#next_attempt", "#attempts", "#trying"} <= set(removed.replace(",", "").split())


def cancelled(request: Request, *reasons: str) -> Answer | None:
    """Cancel the transaction that records an outcome, for these reasons; all other calls succeed."""
    if request.operation != "TransactWriteItems" or len(request.body["TransactItems"]) != len(reasons):
        return None
    told = [{"Code": reason} for reason in reasons]
    return Answer({"__type": "TransactionCanceledException", "CancellationReasons": told}, 400)


def test_a_mark_ends_in_one_call_where_only_one_of_its_resources_is_somebody_elses_too(account: Account) -> None:
    account.answering = lambda request: cancelled(request, "None", "None", "ConditionalCheckFailed")

    DynamoDbLedger(client("dynamodb", SECONDARY), LEDGER).record(
        Outcome(THING, State.IN_SYNC, "", at=7, read_at=1), Mark("5-x", frozenset({THING, OWN, SHARED}))
    )

    _, ended = [request.body["TransactItems"] for request in account.calls("TransactWriteItems")]
    own, shared = [one["Update"] for one in ended]
    assert "#next_attempt" in own["UpdateExpression"].partition(" REMOVE ")[2]
    # Whatever else is noted of what somebody else is about stays there.
    assert shared["UpdateExpression"].endswith(" DELETE #marks :del_marks")
    (recorded,) = account.calls("UpdateItem")
    assert recorded.body["Key"] == {"resource": {"S": str(THING)}}


def test_where_one_call_cannot_end_a_mark_it_is_taken_off_each_by_itself(account: Account) -> None:
    def answering(request: Request) -> Answer | None:
        return cancelled(request, *["TransactionConflict"] * len(request.body.get("TransactItems", ())))

    account.answering = answering

    DynamoDbLedger(client("dynamodb", SECONDARY), LEDGER).end(Mark("5-x", frozenset({OWN, SHARED})), {OWN, SHARED}, 7)

    ended = [request.body["Key"]["resource"]["S"] for request in account.calls("UpdateItem")]
    assert sorted(ended) == sorted(map(str, (OWN, SHARED)))
