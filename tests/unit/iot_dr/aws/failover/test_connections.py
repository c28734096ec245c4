"""Connections over the wire: counted and listed by the index, ended by the data plane, at a pace."""

from __future__ import annotations

import boto3
import pytest

from iot_dr.aws.clients import client
from iot_dr.aws.failover.connections import CONNECTS, IotConnections, connects_per_second
from iot_dr.errors import AccessDenied
from iot_dr.model.status.fleets import FleetSize
from tests.endpoint import MISSING, Answer, Endpoint, Request

DENIED = Answer({"message": "no right"}, 403, "AccessDeniedException")
OFF = Answer({"message": "connectivity is not indexed"}, 400, "InvalidQueryException")


@pytest.fixture(autouse=True)
def one_address_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")


def connections(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> IotConnections:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)
    return IotConnections(client("iot", "us-east-1"), client("iot-data", "us-east-1"))


class Index:
    """Answers statistics as a test says, and searches page by page."""

    def __init__(self, statistics: Answer, *pages: list[dict]) -> None:
        self._statistics, self._pages = statistics, pages
        self.searched: list[dict] = []

    def __call__(self, request: Request) -> Answer:
        if request.operation == "POST /indices/statistics":
            assert request.body["queryString"] == "connectivity.connected:true"
            return self._statistics
        assert request.operation == "POST /indices/search"
        self.searched.append(request.body)
        number = int(request.body.get("nextToken", "0"))
        token = {"nextToken": str(number + 1)} if number + 1 < len(self._pages) else {}
        return Answer({"things": self._pages[number], **token})


def a_thing(name: str, **connectivity: object) -> dict:
    return {"thingName": name, "connectivity": {"connected": True, **connectivity}}


def test_one_call_counts_who_is_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    with Endpoint(Index(Answer({"statistics": {"count": 12345}}))) as endpoint:
        assert connections(endpoint, monkeypatch).number() == FleetSize(12345)


def test_without_that_right_the_list_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    with Endpoint(Index(DENIED, [a_thing("a"), a_thing("b")], [a_thing("c")])) as endpoint:
        assert connections(endpoint, monkeypatch).number() == FleetSize(3)


def test_a_list_without_end_is_counted_in_part_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [[a_thing("a")]] * 200
    with Endpoint(Index(DENIED, *pages)) as endpoint:
        assert connections(endpoint, monkeypatch).number() == FleetSize(100, exact=False)


def test_an_index_without_connectivity_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    with Endpoint(lambda _: OFF) as endpoint, pytest.raises(Exception, match="connectivity is not indexed"):
        connections(endpoint, monkeypatch).number()


def test_clients_are_listed_by_their_client_id_where_the_index_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    index = Index(DENIED, [a_thing("a", clientId="client-of-a")], [a_thing("b")])
    with Endpoint(index) as endpoint:
        assert list(connections(endpoint, monkeypatch).clients()) == ["client-of-a", "b"]
    assert [one["queryString"] for one in index.searched] == ["connectivity.connected:true"] * 2


def test_a_connection_is_ended_with_its_session_kept_and_without_its_will(monkeypatch: pytest.MonkeyPatch) -> None:
    with Endpoint(lambda _: Answer()) as endpoint:
        assert connections(endpoint, monkeypatch).end("pump/17")

        assert endpoint.operations() == ["DELETE /connections/pump%2F17?cleanSession=false&preventWillMessage=true"]


def test_a_connection_that_is_gone_already_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    with Endpoint(lambda _: MISSING) as endpoint:
        assert not connections(endpoint, monkeypatch).end("pump-17")


def test_a_missing_right_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with Endpoint(lambda _: DENIED) as endpoint, pytest.raises(AccessDenied):
        connections(endpoint, monkeypatch).end("pump-17")


def test_the_calls_are_those_of_the_service_model() -> None:
    iot, data = (boto3.client(service, "us-east-1").meta.service_model for service in ("iot", "iot-data"))

    assert {"cleanSession", "preventWillMessage"} <= data.operation_model("DeleteConnection").input_shape.members.keys()
    assert "queryString" in iot.operation_model("GetStatistics").input_shape.members
    assert "clientId" in iot.shape_for("ThingConnectivity").members


@pytest.mark.parametrize(
    ("quotas", "told", "why"),
    [
        ([{"QuotaName": "Connect requests per second per account", "Value": 3000.0}], 3000.0, ""),
        ([{"QuotaName": "CreateThing API TPS", "Value": 100.0}], CONNECTS, "Service Quotas does not list it"),
    ],
)
def test_the_quota_of_connects_is_the_accounts_own(
    monkeypatch: pytest.MonkeyPatch, quotas: list[dict], told: float, why: str
) -> None:
    with Endpoint(lambda _: Answer({"Quotas": quotas})) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)

        assert connects_per_second(client("service-quotas", "us-west-2")) == (told, why)


def test_a_quota_that_cannot_be_read_is_awss_default(monkeypatch: pytest.MonkeyPatch) -> None:
    with Endpoint(lambda _: DENIED) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)
        told, why = connects_per_second(client("service-quotas", "us-west-2"))

    assert told == CONNECTS
    assert "no right" in why
