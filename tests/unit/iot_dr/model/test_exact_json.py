"""JSON whose numbers stay what they were."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from iot_dr.model.exact_json import Number, loads, parse, render, to_bytes

LITERALS = ("0.1", "-0", "1.0", "1E+2", "5e-324", "123456789012345678901234567890", "-9007199254740993", "9" * 5000)


@pytest.mark.parametrize("literal", LITERALS)
def test_a_number_is_written_as_it_was_read(literal: str) -> None:
    assert render(parse(literal)) == literal


@pytest.mark.parametrize(("one", "other"), [("1", "1.0"), ("10", "1e1"), ("0.1", "0.10"), ("-0", "0")])
def test_a_number_is_the_same_however_it_is_written(one: str, other: str) -> None:
    assert parse(one) == parse(other)
    assert len({parse(one), parse(other)}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [("true", "1"), ("false", "0"), ('"1"', "1"), ("null", "0"), ("{}", "[]"), ("1", "1.0000000000000000000000001")],
)
def test_what_json_tells_apart_is_not_equal(one: str, other: str) -> None:
    assert parse(one) != parse(other)


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "", "{", "1e9999999999999999999", "[" * 200_000])
def test_what_is_not_json_or_cannot_be_held_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # of many origins, and the caller tells what it was of
        parse(text)


def test_the_same_value_gives_the_same_text() -> None:
    assert render(parse('{"b": 1, "a": [{"d": null, "c": "x"}]}')) == '{"a":[{"c":"x","d":null}],"b":1}'


def test_text_is_utf_8_and_half_a_surrogate_pair_stays_an_escape() -> None:
    assert to_bytes(parse('{"\u00fc": "\\ud83d"}')) == b'{"\xc3\xbc":"\\ud83d"}'


def test_a_number_tells_its_value_with_all_digits() -> None:
    assert Number("0.1").value == Decimal("0.1")


@pytest.mark.parametrize("read", [parse, loads])
@pytest.mark.parametrize("text", ["[" * 101 + "]" * 101, '{"a":' * 5_000 + "1" + "}" * 5_000, "[" * 1_000_000])
def test_what_is_nested_too_deep_to_be_written_again_is_not_read(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(ValueError, match=r"nested too deep|Expecting"):
        read(text)


def test_a_hundred_levels_are_read_and_written() -> None:
    text = "[" * 100 + "]" * 100

    assert render(parse(text)) == text
    assert loads(text) == parse(text)
