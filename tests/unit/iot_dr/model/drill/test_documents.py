"""A drill's result as JSON, and an earlier one read again."""

from __future__ import annotations

import json

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.model.drill.documents import earlier_summary, text_of
from iot_dr.model.drill.orders import region_of
from iot_dr.model.drill.verdicts import summary
from tests.unit.iot_dr.model.drill.test_verdicts import WELL


def test_the_numbers_of_a_drill_are_read_again_as_they_were_written() -> None:
    assert earlier_summary(text_of(WELL), "old.json") == summary(WELL)


def test_the_document_has_the_verdict_and_all_that_it_rests_on() -> None:
    found = json.loads(text_of(WELL))

    assert found["met"] is True
    assert found["legs"][0]["lines"][1]["puback"] == 19.0
    assert found["phases_of_rto"]["us-west-2"]["reconnect"] == {"p50": 0.5, "p95": 6.5, "max": 6.5}
    assert {one["about"] for one in found["judgements"]} >= {"messages lost", "removed"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"summary": 7}', '{"summary": {"a": "b"}}', "[" * 9999])
def test_what_is_no_drill_is_refused_with_what_would_be(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"old\.json is no result of a drill; give the \.json file"):
        earlier_summary(text, "old.json")


def test_an_endpoint_with_a_port_is_told_from_another_of_the_same_host() -> None:
    endpoints = {"us-east-1": "localhost:1", "us-west-2": "localhost:2"}

    assert region_of("LOCALHOST:2.", endpoints) == "us-west-2"
    assert region_of("elsewhere", endpoints) == "elsewhere"
