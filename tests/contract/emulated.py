"""What the tests of several ports need of the emulator: the ledger's table, and a registry without certificates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from iot_dr.aws.ledger.ledger import INDEX

Client = Callable[[str, str], Any]
"""Makes a client of a service in a Region, as the product does."""


@contextmanager
def ledger_table(dynamodb: Any, name: str) -> Iterator[None]:
    """A table as the secondary's stack makes it for the ledger, with its sparse index, for a `with` block."""
    attributes = {"resource": "S", "retry_state": "S", "next_attempt": "N"}
    dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": kind} for each, kind in attributes.items()],
        KeySchema=[{"AttributeName": "resource", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        GlobalSecondaryIndexes=[
            {
                "IndexName": INDEX,
                "KeySchema": [
                    {"AttributeName": "retry_state", "KeyType": "HASH"},
                    {"AttributeName": "next_attempt", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )
    try:
        yield
    finally:
        dynamodb.delete_table(TableName=name)


def forget_certificates(iot: Any) -> None:
    """Remove every certificate: their IDs are not a test's own to choose, so each test leaves none behind."""
    for certificate in iot.list_certificates()["certificates"]:
        arn, certificate_id = certificate["certificateArn"], certificate["certificateId"]
        for policy in iot.list_attached_policies(target=arn)["policies"]:
            iot.detach_policy(policyName=policy["policyName"], target=arn)
        for thing in iot.list_principal_things(principal=arn)["things"]:
            iot.detach_thing_principal(thingName=thing, principal=arn)
        iot.update_certificate(certificateId=certificate_id, newStatus="INACTIVE")
        iot.delete_certificate(certificateId=certificate_id)
