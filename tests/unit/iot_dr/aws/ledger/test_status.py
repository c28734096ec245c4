"""The ledger's items as the table holds them, against the SDK's stub."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from iot_dr.aws.ledger.status import AttachedCertificates, DynamoDbLedgerReader
from iot_dr.errors import AccessDenied, ConfigurationError, Throttled
from iot_dr.model.registry.keys import thing_key
from iot_dr.model.replication.ledger_items import LedgerItem
from iot_dr.model.replication.outcomes import State

THING = thing_key("pump-17")
FAILED = {
    "resource": {"S": "thing#pump-17"},
    "state": {"S": "failed"},
    "reason": {"S": "not today"},
    "since_failed": {"N": "5"},
    "checked_at": {"N": "9"},
    "applied_at": {"N": "3"},
    "lag": {"N": "2"},
    "event_id": {"S": "e-1"},
    "owned_at": {"N": "1"},
    "attempts": {"N": "4"},
    "retry_state": {"S": "waiting"},
    "next_attempt": {"N": "90"},
}


class Service:
    """A stubbed client."""

    def __init__(self, name: str) -> None:
        self.client = boto3.client(name, region_name="us-west-2")
        self.stub = Stubber(self.client)


@pytest.fixture
def table() -> Iterator[Service]:
    service = Service("dynamodb")
    with service.stub:
        yield service
        service.stub.assert_no_pending_responses()


@pytest.fixture
def registry() -> Iterator[Service]:
    service = Service("iot")
    with service.stub:
        yield service
        service.stub.assert_no_pending_responses()


def holds(table: Service, item: dict[str, Any] | None) -> LedgerItem | None:
    table.stub.add_response(
        "get_item",
        {"Item": item} if item else {},
        {"TableName": "ledger", "Key": {"resource": {"S": "thing#pump-17"}}, "ConsistentRead": True},
    )
    return DynamoDbLedgerReader(table.client, "ledger").item(THING)


def finds(table: Service, *resources: str, cursor: str = "", more: str = "") -> None:
    request: dict[str, Any] = {
        "TableName": "ledger",
        "IndexName": "by_state",
        "KeyConditionExpression": "retry_state = :state",
        "ExpressionAttributeValues": {":state": {"S": "waiting"}},
        "Limit": 100,
    }
    answer: dict[str, Any] = {"Items": [{"resource": {"S": resource}} for resource in resources]}
    if cursor:
        request["ExclusiveStartKey"] = {"resource": {"S": cursor}}
    if more:
        answer["LastEvaluatedKey"] = {"resource": {"S": more}}
    table.stub.add_response("query", answer, request)


def reads(table: Service, *items: dict[str, Any], asked: list[str], **answer: Any) -> None:
    keys = {"ledger": {"Keys": [{"resource": {"S": resource}} for resource in asked]}}
    table.stub.add_response("batch_get_item", {"Responses": {"ledger": list(items)}, **answer}, {"RequestItems": keys})


def test_an_item_is_read_with_all_that_is_noted(table: Service) -> None:
    assert holds(table, FAILED) == LedgerItem(
        THING, State.FAILED, "not today", 5, 9, 3, 2, attempts=4, next_attempt=90, event_id="e-1", owned=True
    )


def test_an_item_that_no_request_has_ended_for_has_no_state(table: Service) -> None:
    assert holds(table, {"resource": {"S": "thing#pump-17"}, "owned_at": {"N": "1"}}) == LedgerItem(
        THING, None, owned=True
    )


def test_since_is_that_of_the_state_it_is_in(table: Service) -> None:
    item = holds(table, FAILED | {"state": {"S": "in_sync"}})

    assert item is not None
    assert item.since is None


def test_what_is_not_noted_is_none(table: Service) -> None:
    assert holds(table, None) is None


def test_a_ledger_that_is_not_there_is_explained(table: Service) -> None:
    table.stub.add_client_error("get_item", "ResourceNotFoundException")
    table.stub.add_client_error("query", "ResourceNotFoundException")
    ledger = DynamoDbLedgerReader(table.client, "ledger")

    for ask in (lambda: ledger.item(THING), lambda: list(ledger.waiting())):
        with pytest.raises(ConfigurationError, match=r"no ledger ledger in us-west-2; LEDGER_TABLE must be"):
            ask()


def test_what_waits_is_read_page_by_page_in_the_indexs_order(table: Service) -> None:
    other = FAILED | {"resource": {"S": "thing#pump-18"}}
    finds(table, "thing#pump-18", "thing#pump-17", more="thing#pump-17")
    reads(table, FAILED, other, asked=["thing#pump-18", "thing#pump-17"])
    finds(table, cursor="thing#pump-17")

    assert [item.key.name for item in DynamoDbLedgerReader(table.client, "ledger").waiting()] == ["pump-18", "pump-17"]


def test_what_has_come_right_since_the_index_was_read_is_left_out(table: Service) -> None:
    finds(table, "thing#pump-17", "thing#pump-18")
    settled = {name: value for name, value in FAILED.items() if name != "retry_state"}
    reads(table, settled, asked=["thing#pump-17", "thing#pump-18"])

    assert list(DynamoDbLedgerReader(table.client, "ledger").waiting()) == []


def test_a_batch_that_was_not_read_whole_is_no_answer(table: Service) -> None:
    finds(table, "thing#pump-17")
    left = {"ledger": {"Keys": [{"resource": {"S": "thing#pump-17"}}]}}
    reads(table, asked=["thing#pump-17"], UnprocessedKeys=left)

    with pytest.raises(Throttled):
        list(DynamoDbLedgerReader(table.client, "ledger").waiting())


def test_a_things_certificates_are_told_by_their_ids_and_other_principals_are_left_out(registry: Service) -> None:
    arn = "arn:aws:iot:us-west-2:123456789012:cert/"
    registry.stub.add_response(
        "list_thing_principals",
        {"principals": [f"{arn}b", "us-west-2:cognito-identity"], "nextToken": "more"},
        {"thingName": "pump-17"},
    )
    registry.stub.add_response(
        "list_thing_principals", {"principals": [f"{arn}a"]}, {"thingName": "pump-17", "nextToken": "more"}
    )

    assert AttachedCertificates(registry.client).of("pump-17") == ("a", "b")


def test_a_thing_that_is_not_there_has_no_certificates(registry: Service) -> None:
    registry.stub.add_client_error("list_thing_principals", "ResourceNotFoundException")

    assert AttachedCertificates(registry.client).of("pump-17") == ()


def test_a_missing_right_is_not_taken_for_no_certificates(registry: Service) -> None:
    registry.stub.add_client_error("list_thing_principals", "UnauthorizedException")

    with pytest.raises(AccessDenied):
        AttachedCertificates(registry.client).of("pump-17")
