"""What the index holds is asked once, and its things page by page, as many at once as can be."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import Stubber

from iot_dr.aws.registry.fleet_reader import IotFleetReader
from iot_dr.aws.shadows.index import IotShadowIndex
from iot_dr.errors import InvalidResource
from iot_dr.model.registry.keys import shadow_key
from iot_dr.model.registry.read_calls import Page, PageRequest, ReadCall
from iot_dr.model.shadows.index import IndexCoverage
from iot_dr.model.shadows.shadow import Shadow
from tests.builders import ACCOUNT, PRIMARY

STUBBED = ("iot", PRIMARY)
SEARCH = {"indexName": "AWS_Things", "queryString": "thingName:*", "maxResults": 100}
NAMED = {"namedShadowIndexingMode": "ON", "filter": {"namedShadowNames": ["config", "$package"]}}
NAMES = frozenset({"config", "$package"})


def configured(stub: Stubber, mode: str, status: str = "", **more: Any) -> None:
    answer = {"thingIndexingConfiguration": {"thingIndexingMode": mode, **more}}
    stub.add_response("get_indexing_configuration", answer, {})
    if status:
        stub.add_response("describe_index", {"indexStatus": status}, {"indexName": "AWS_Things"})


@pytest.mark.parametrize(
    ("mode", "more", "covers"),
    [
        ("REGISTRY_AND_SHADOW", {}, IndexCoverage(True)),
        ("REGISTRY_AND_SHADOW", NAMED, IndexCoverage(True, NAMES)),
        ("REGISTRY", NAMED, IndexCoverage(False, NAMES)),
        ("REGISTRY_AND_SHADOW", NAMED | {"namedShadowIndexingMode": "OFF"}, IndexCoverage(True)),
    ],
)
def test_it_covers_what_it_was_told_to_index(
    stub: Stubber, mode: str, more: dict[str, Any], covers: IndexCoverage
) -> None:
    configured(stub, mode, "ACTIVE", **more)

    assert IotShadowIndex(stub.client, PRIMARY).coverage() == covers


@pytest.mark.parametrize("mode", ["OFF", "REGISTRY"])
def test_without_shadows_in_it_it_is_not_checked(stub: Stubber, mode: str) -> None:
    configured(stub, mode)

    assert IotShadowIndex(stub.client, PRIMARY).coverage() == IndexCoverage()


@pytest.mark.parametrize("status", ["BUILDING", "REBUILDING"])
def test_while_it_is_being_built_it_covers_nothing_and_says_why(stub: Stubber, status: str) -> None:
    configured(stub, "REGISTRY_AND_SHADOW", status)

    assert IotShadowIndex(stub.client, PRIMARY).coverage() == IndexCoverage(
        why=f"the index of {PRIMARY} is {status.lower()}"
    )


def test_a_page_tells_of_the_things_whose_shadows_are_told_exactly(stub: Stubber) -> None:
    things = [
        {"thingName": "pump-1", "shadow": '{"desired":{"on":true},"version":7}'},
        {"thingName": "pump-2"},
        {"thingName": "pump-3", "shadow": '{"desired":{"serial":12345678901234567890},"version":1}'},
    ]
    stub.add_response("search_index", {"things": things, "nextToken": "more"}, SEARCH)
    stub.add_response("search_index", {"things": []}, {**SEARCH, "nextToken": "more"})
    reader = IotFleetReader(stub.client, PRIMARY, ACCOUNT, index=IotShadowIndex(stub.client, PRIMARY))

    assert reader.ask(PageRequest(ReadCall.SHADOW_INDEX)) == Page(
        (Shadow(shadow_key("pump-1"), {"desired": {"on": True}}),), "more", told=("pump-1", "pump-2")
    )
    assert reader.ask(PageRequest(ReadCall.SHADOW_INDEX, token="more")) == Page()


def test_a_place_that_is_none_is_refused(stub: Stubber) -> None:
    stub.add_client_error("search_index", "InvalidRequestException", "no such token")

    with pytest.raises(InvalidResource):
        IotShadowIndex(stub.client, PRIMARY).page("stale")
