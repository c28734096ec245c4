"""Patterns of shadows' names: those that end soon are taken, whatever the name; the others are refused before use."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iot_dr.errors import ConfigurationError
from iot_dr.model.shadows.patterns import LONGEST_NAME, check
from iot_dr.model.shadows.shadow import ShadowSelection


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        ".*",
        "config|status",
        "(?:config|status)(-v[0-9]+)?",
        "[a-z]+-[0-9]+-[a-z]+",
        ".*-(eu|us)-.*",
        "(a|b)?(c|d)?x{3}y{2,5}",
        "(?!metrics).*",
        "^config$",
        "(ab)*",
        r"\d{1,4}:\w+",
    ],
)
def test_a_pattern_as_people_write_it_is_taken(pattern: str) -> None:
    check(pattern)

    assert ShadowSelection("named", pattern).pattern == pattern


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b",
        "(a*)*b",
        "(a|a)*b",
        "(a|ab|b)+c",
        ".*.*.*.*x",
        "(.*a){12}b",
        "((a?){20}){20}b",
        "(a?){60}a{60}",
        "(a|a)" * 30 + "b",
        r"(a*)\1+b",
        "(?=(a+)+b).*",
    ],
)
def test_a_pattern_that_could_take_for_ever_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigurationError, match="could take very long; use at most three repetitions"):
        ShadowSelection("named", pattern)


@pytest.mark.parametrize("pattern", ["(", "[", "*", "a{99999999999}", "(" * 200, "a" * 257])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigurationError, match=r"no regular expression|characters"):
        check(pattern)


parts = st.sampled_from(
    ["a", "b", ".", "[ab]", "a*", "b+", "a?", ".*", "(a|ab)", "(a|b)?", "a{0,9}", "(ab)*", "(a+)", "|"]
)


@given(st.lists(parts, max_size=9).map("".join), st.text("ab", max_size=LONGEST_NAME))
def test_what_is_taken_ends_soon(pattern: str, name: str) -> None:
    try:
        check(pattern)
    except ConfigurationError:
        return
    began = time.process_time()
    for one in (name, "a" * LONGEST_NAME, "a" * (LONGEST_NAME - 1) + "c", "ab" * (LONGEST_NAME // 2 - 1) + "c"):
        re.fullmatch(pattern, one)

    assert time.process_time() - began < 2
