"""How many entries wait and are held, by one counting query each."""

from __future__ import annotations

import pytest
from botocore.stub import Stubber

from iot_dr.aws.ledger.gauges import DynamoDbLedgerGauges
from iot_dr.errors import AccessDenied

STUBBED = ("dynamodb", "us-west-2")


def asked(state: str) -> dict[str, object]:
    return {
        "TableName": "ledger",
        "IndexName": "by_state",
        "KeyConditionExpression": "retry_state = :state",
        "ExpressionAttributeValues": {":state": {"S": state}},
        "Select": "COUNT",
    }


def test_each_number_takes_one_query_that_returns_no_entry(stub: Stubber) -> None:
    stub.add_response("query", {"Count": 7, "LastEvaluatedKey": {"resource": {"S": "thing#a"}}}, asked("waiting"))
    stub.add_response("query", {"Count": 0}, asked("held"))
    gauges = DynamoDbLedgerGauges(stub.client, "ledger")

    assert (gauges.number_waiting(), gauges.number_held()) == (7, 0)


def test_a_missing_right_is_told(stub: Stubber) -> None:
    stub.add_client_error("query", "AccessDeniedException")

    with pytest.raises(AccessDenied):
        DynamoDbLedgerGauges(stub.client, "ledger").number_held()
