"""Two documents that mean the same have one canonical text."""

import pytest

from iot_dr.errors import InvalidResource
from iot_dr.model.registry.documents import canonical


def test_blanks_and_the_order_of_members_mean_nothing() -> None:
    assert canonical('{"b": 1,\n "a": {"d": 2, "c": 3}}') == canonical('{"a":{"c":3,"d":2},"b":1}')


def test_the_order_inside_arrays_is_kept() -> None:
    assert canonical('{"a": [2, 1]}') == '{"a":[2,1]}'


def test_characters_beyond_ascii_stay_as_they_are() -> None:
    assert canonical('{"a": "\\u00e4"}') == '{"a":"ä"}'


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"text"'])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(InvalidResource, match="a policy document is not"):
        canonical(text)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 5_000 + "1" + "}" * 5_000])
def test_a_document_that_is_nested_too_deep_is_refused(text: str) -> None:
    with pytest.raises(InvalidResource, match="not JSON"):
        canonical(text)
