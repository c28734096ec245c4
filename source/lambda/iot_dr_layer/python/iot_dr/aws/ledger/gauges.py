"""How many entries of the ledger wait and are held, by one page of its sparse index each."""

from __future__ import annotations

from typing import Any

from iot_dr.aws import errors
from iot_dr.aws.ledger.ledger import INDEX
from iot_dr.aws.ledger.updates import HELD, WAITING

REQUIRED_ACTIONS = frozenset({"dynamodb:Query"})
"""What it needs on the ledger's index."""


class DynamoDbLedgerGauges:
    """`ports.LedgerGauges` over a `dynamodb` client.

    DynamoDB ends a page at 1 MB, some thousand entries, so whoever asks each minute pays cents a month at most. What is
    more than that is told as that many.
    """

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    def number_waiting(self) -> int:
        """Return how many wait for another try, or a page of them."""
        return self._number(WAITING)

    def number_held(self) -> int:
        """Return how many are held because the target leads, or a page of them."""
        return self._number(HELD)

    def _number(self, state: str) -> int:
        answer = errors.call(
            self._client.query,
            TableName=self._table,
            IndexName=INDEX,
            KeyConditionExpression="retry_state = :state",
            ExpressionAttributeValues={":state": {"S": state}},
            Select="COUNT",
        )
        return int(answer["Count"])
