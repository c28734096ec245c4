"""An account with both items of a failover, over the wire: DynamoDB's conditions included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from tests.builders import PRIMARY, SECONDARY
from tests.endpoint import Answer, Endpoint, Request
from tests.failover_fakes import ENDPOINTS

CONTROL_TABLE, LEDGER = "events", "ledger"
CONTROL, FENCE = "iot-dr#control", "iot-dr#fence"
REFUSED = Answer({"__type": "ConditionalCheckFailedException", "message": "The conditional request failed"}, 400)
AWAY = Answer({"message": "away"}, 503, "ServiceUnavailable")
DENIED = Answer({"__type": "AccessDeniedException", "message": "no right"}, 400)
ENVIRONMENT = {
    "PRIMARY_REGION": PRIMARY,
    "SECONDARY_REGION": SECONDARY,
    "LEDGER_TABLE": LEDGER,
    "DYNAMODB_GLOBAL_TABLE": CONTROL_TABLE,
    "IOT_ENDPOINT_SECONDARY": ENDPOINTS[SECONDARY],
}

_EMPTY: dict[str, Any] = {name: [] for name in ("Items", "Metrics", "MetricDataResults", "Quotas", "things")}


class FailoverAccount:
    """Both Regions' items, by Region and resource; `answers` are given before all that, by Region and operation."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], dict[str, Any]] = {}
        self.answers: dict[tuple[str, str], Answer] = {}
        self.away: frozenset[str] = frozenset()
        self.connected: dict[str, list[str]] = {PRIMARY: [], SECONDARY: []}
        self.requests: list[Request] = []

    def writes(self) -> list[tuple[str, str]]:
        """Return Region and key of each item that was to be written."""
        return [
            (one.region, one.body["Key"]["resource"]["S"]) for one in self.requests if one.operation == "UpdateItem"
        ]

    def called(self) -> set[str]:
        """Return all operations that were called."""
        return {one.operation for one in self.requests}

    def item(self, resource: str, region: str = SECONDARY) -> Mapping[str, Any]:
        """Return an item as plain values."""
        found = self.items.get((region, resource), {})
        return {name: TypeDeserializer().deserialize(value) for name, value in found.items()}

    def put(self, resource: str, region: str = SECONDARY, **values: Any) -> None:
        """Put an item of plain values."""
        self.items[region, resource] = {name: TypeSerializer().serialize(value) for name, value in values.items()}

    def __call__(self, request: Request) -> Answer:
        self.requests.append(request)
        if request.region in self.away:
            return AWAY
        operation = request.operation.partition("?")[0]
        if given := self.answers.get((request.region, operation)):
            return given
        return self._answer(request, operation)

    def _answer(self, request: Request, operation: str) -> Answer:  # noqa: PLR0911  # an answer an operation
        match operation:
            case "BatchGetItem":
                return Answer(
                    {"Responses": {CONTROL_TABLE: self._one(request, CONTROL), LEDGER: self._one(request, FENCE)}}
                )
            case "GetItem":
                found = self._one(request, request.body["Key"]["resource"]["S"])
                return Answer({"Item": found[0]} if found else {})
            case "UpdateItem":
                return self._updated(request)
            case "POST /indices/statistics":
                return Answer({"statistics": {"count": len(self.connected[request.region])}})
            case "POST /indices/search":
                things = [{"thingName": name} for name in self.connected[request.region]]
                return Answer({"things": things})
            case _ if operation.startswith("DELETE /connections/"):
                name = operation.rpartition("/")[2]
                self.connected[request.region].remove(name)
                self.connected[SECONDARY].append(name)
                return Answer()
            case _:
                return Answer(_EMPTY)

    def _one(self, request: Request, resource: str) -> list[dict[str, Any]]:
        found = self.items.get((request.region, resource))
        return [found] if found else []

    def _updated(self, request: Request) -> Answer:
        place = request.region, request.body["Key"]["resource"]["S"]
        item = self.items.setdefault(place, {})
        if request.body["UpdateExpression"] == "SET #elsewhere_at = if_not_exists(#elsewhere_at, :elsewhere_at)":
            item.setdefault("elsewhere_at", request.body["ExpressionAttributeValues"][":elsewhere_at"])
            return Answer()
        assert request.body["ConditionExpression"] == "attribute_not_exists(#epoch) OR #epoch < :epoch"
        new = {name.removeprefix(":"): value for name, value in request.body["ExpressionAttributeValues"].items()}
        if "epoch" in item and int(item["epoch"]["N"]) >= int(new["epoch"]["N"]):
            return REFUSED
        item.pop("serving", None)
        item.update(new)
        return Answer()


@contextmanager
def served(account: FailoverAccount, patch: pytest.MonkeyPatch) -> Iterator[FailoverAccount]:
    """Have the SDK find the account."""
    with Endpoint(account) as endpoint:
        patch.setenv("AWS_ENDPOINT_URL", endpoint.url)
        patch.setenv("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")
        yield account
