"""A query selects things by the index where there is one, else by what a list can filter, or is refused."""

from __future__ import annotations

import pytest
from botocore.stub import Stubber

from iot_dr.aws.registry.selected_things import SelectedThings
from iot_dr.errors import ConfigurationError
from tests.builders import PRIMARY

STUBBED = ("iot", PRIMARY)
NAMES = {"things": [{"thingName": name} for name in ("pump-1", "pump-2", "valve-1")]}


def indexed(stub: Stubber, mode: str) -> None:
    answer = {"thingIndexingConfiguration": {"thingIndexingMode": mode}}
    stub.add_response("get_indexing_configuration", answer, {})


def test_the_index_answers_any_query_page_by_page(stub: Stubber) -> None:
    query = "attributes.site:mill OR connectivity.connected:true"
    indexed(stub, "REGISTRY")
    stub.add_response(
        "search_index", {"things": NAMES["things"][:2], "nextToken": "more"}, {"queryString": query, "maxResults": 100}
    )
    stub.add_response(
        "search_index", {"things": NAMES["things"][2:]}, {"queryString": query, "maxResults": 100, "nextToken": "more"}
    )

    assert list(SelectedThings(stub.client, PRIMARY).names(query)) == ["pump-1", "pump-2", "valve-1"]


def test_a_query_that_the_index_refuses_is_wrong_use(stub: Stubber) -> None:
    indexed(stub, "REGISTRY")
    stub.add_client_error("search_index", "InvalidRequestException", "no such field")

    with pytest.raises(ConfigurationError, match="no such field"):
        list(SelectedThings(stub.client, PRIMARY).names("nonsense:("))


@pytest.mark.parametrize(
    ("query", "parameters", "names"),
    [
        ("thingName:pump*", {}, ["pump-1", "pump-2"]),
        ("thingName:pump-2", {}, ["pump-2"]),
        ("thingTypeName:pump", {"thingTypeName": "pump"}, ["pump-1", "pump-2", "valve-1"]),
        (
            "attributes.site:mill AND thingTypeName:pump AND thingName:pump*",
            {"attributeName": "site", "attributeValue": "mill", "thingTypeName": "pump"},
            ["pump-1", "pump-2"],
        ),
    ],
)
def test_without_index_a_list_answers_what_it_can_filter(
    stub: Stubber, query: str, parameters: dict[str, str], names: list[str]
) -> None:
    indexed(stub, "OFF")
    stub.add_response("list_things", NAMES, {**parameters, "maxResults": 250})

    assert list(SelectedThings(stub.client, PRIMARY).names(query)) == names


@pytest.mark.parametrize(
    "query",
    [
        "connectivity.connected:true",
        "thingName:pump* OR thingName:valve*",
        "attributes.site:mill AND attributes.floor:2",
        "attributes.site:mi*",
        "",
    ],
)
def test_a_query_that_a_list_cannot_answer_is_refused_with_the_mend(stub: Stubber, query: str) -> None:
    indexed(stub, "OFF")

    with pytest.raises(ConfigurationError, match=r"aws iot update-indexing-configuration --region us-east-1"):
        list(SelectedThings(stub.client, PRIMARY).names(query))
