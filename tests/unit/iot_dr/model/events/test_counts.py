"""Versions and times that an event tells are whole numbers that AWS could have counted."""

from decimal import Decimal
from typing import Any

import pytest

from iot_dr.model.events.counts import LARGEST, count


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (7, 7),
        (0, 0),
        (LARGEST, LARGEST),
        (Decimal(7), 7),
        (Decimal("1E+3"), 1000),
        (Decimal("7.0"), 7),
        (1234567890123.0, 1234567890123),
        ("1700000000", 1_700_000_000),
    ],
)
def test_a_whole_number_is_a_count(told: Any, expected: int) -> None:
    assert count(told) == expected


@pytest.mark.parametrize(
    "told",
    [
        -1,
        2**53,
        10**100,
        1.5,
        float("inf"),
        float("nan"),
        1e100,
        Decimal("1E+100"),
        Decimal("1E+1000000"),
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("0.5"),
        True,
        None,
        "",
        "seven",
        "-1",
        "1_000",
        "\u0667",
        "9" * 16,
        "9" * 5000,
        [],
    ],
)
def test_anything_else_is_a_value_error_in_few_words(told: Any) -> None:
    with pytest.raises(ValueError, match="as a count") as raised:
        count(told)

    assert len(str(raised.value)) < 100
