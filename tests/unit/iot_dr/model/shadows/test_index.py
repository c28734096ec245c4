"""What a search tells of a thing is its shadows, exactly, or is not taken."""

from __future__ import annotations

import pytest

from iot_dr.model.exact_json import Number, parse
from iot_dr.model.registry.keys import shadow_key
from iot_dr.model.shadows.index import IndexCoverage, indexed_shadows
from iot_dr.model.shadows.shadow import Shadow

CLASSIC = '"reported":{"stats":{"battery":78.50}},"metadata":{"reported":{}},"hasDelta":false,"version":10'
NAMED = '"name":{"config":{"desired":{"on":true},"hasDelta":true,"version":3},"empty":{"version":1}}'


def test_classic_and_named_shadows_are_told_apart() -> None:
    classic = Shadow(shadow_key("pump"), parse('{"reported":{"stats":{"battery":78.50}}}'))
    named = (Shadow(shadow_key("pump", "config"), {"desired": {"on": True}}), Shadow(shadow_key("pump", "empty"), {}))

    assert indexed_shadows("pump", f"{{{CLASSIC},{NAMED}}}") == (classic, *named)
    assert indexed_shadows("pump", f"{{{NAMED}}}") == named
    assert [one.version for one in indexed_shadows("pump", f"{{{CLASSIC},{NAMED}}}")] == [10, 3, 1]


def test_a_thing_without_shadows_has_none() -> None:
    assert indexed_shadows("pump", "{}") == ()


def test_an_empty_classic_shadow_is_one() -> None:
    assert indexed_shadows("pump", '{"metadata":{},"hasDelta":false,"version":1}') == (Shadow(shadow_key("pump"), {}),)


def test_numbers_stay_as_they_are_written() -> None:
    (found,) = indexed_shadows("pump", '{"desired":{"rate":1.50},"version":1}')

    assert found.document == {"desired": {"rate": Number("1.50")}}


@pytest.mark.parametrize("number", ["9007199254740993", "0.12345678901234567", "1e400", "-1e-400"])
def test_a_number_that_the_index_may_have_rounded_is_not_taken(number: str) -> None:
    with pytest.raises(ValueError, match="more digits"):
        indexed_shadows("pump", f'{{"desired":{{"deep":[{{"n":{number}}}]}},"version":1}}')


@pytest.mark.parametrize("text", ['{"desired":{}}', '{"hasDelta":false}', '{"name":{"config":{}}}'])
def test_a_shadow_without_a_version_is_not_taken(text: str) -> None:
    with pytest.raises(ValueError, match="version"):
        indexed_shadows("pump", text)


@pytest.mark.parametrize("text", ["[]", "nonsense", '{"name":[1]}', '{"name":{"config":1}}', '{"desired":1}'])
def test_anything_else_is_not_taken(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the reasons are the parsers'
        indexed_shadows("pump", text)


def test_both_cover_what_either_covers() -> None:
    one, other = IndexCoverage(True, frozenset("ab")), IndexCoverage(True, frozenset("bc"))

    assert one & other == IndexCoverage(True, frozenset("b"))
    assert one & IndexCoverage(why="building") == IndexCoverage(why="building")
