"""A query selects things by the index where there is one, else by what a list can filter, or is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from iot_dr.aws.registry.selected_things import SelectedThings
from iot_dr.errors import ConfigurationError
from tests.builders import PRIMARY

NAMES = {"things": [{"thingName": name} for name in ("pump-1", "pump-2", "valve-1")]}


@pytest.fixture
def iot() -> Any:
    return boto3.client("iot", PRIMARY, aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture
def stubber(iot: Any) -> Iterator[Stubber]:
    with Stubber(iot) as stubbed:
        yield stubbed
        stubbed.assert_no_pending_responses()


def indexed(stubber: Stubber, mode: str) -> None:
    answer = {"thingIndexingConfiguration": {"thingIndexingMode": mode}}
    stubber.add_response("get_indexing_configuration", answer, {})


def test_the_index_answers_any_query_page_by_page(iot: Any, stubber: Stubber) -> None:
    query = "attributes.site:mill OR connectivity.connected:true"
    indexed(stubber, "REGISTRY")
    stubber.add_response(
        "search_index", {"things": NAMES["things"][:2], "nextToken": "more"}, {"queryString": query, "maxResults": 100}
    )
    stubber.add_response(
        "search_index", {"things": NAMES["things"][2:]}, {"queryString": query, "maxResults": 100, "nextToken": "more"}
    )

    assert list(SelectedThings(iot, PRIMARY).names(query)) == ["pump-1", "pump-2", "valve-1"]


def test_a_query_that_the_index_refuses_is_wrong_use(iot: Any, stubber: Stubber) -> None:
    indexed(stubber, "REGISTRY")
    stubber.add_client_error("search_index", "InvalidRequestException", "no such field")

    with pytest.raises(ConfigurationError, match="no such field"):
        list(SelectedThings(iot, PRIMARY).names("nonsense:("))


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
    iot: Any, stubber: Stubber, query: str, parameters: dict[str, str], names: list[str]
) -> None:
    indexed(stubber, "OFF")
    stubber.add_response("list_things", NAMES, {**parameters, "maxResults": 250})

    assert list(SelectedThings(iot, PRIMARY).names(query)) == names


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
def test_a_query_that_a_list_cannot_answer_is_refused_with_the_mend(iot: Any, stubber: Stubber, query: str) -> None:
    indexed(stubber, "OFF")

    with pytest.raises(ConfigurationError, match=r"aws iot update-indexing-configuration --region us-east-1"):
        list(SelectedThings(iot, PRIMARY).names(query))
