"""A number stands with the form of its noun that goes with it."""

from __future__ import annotations

import pytest

from iot_dr.model.words import counted


@pytest.mark.parametrize(
    ("number", "told"), [(0, "0 policies"), (1, "1 policy"), (2, "2 policies"), (12_345, "12,345 policies")]
)
def test_one_is_one_and_all_else_is_many(number: int, told: str) -> None:
    assert counted(number, "policy", "policies") == told


def test_a_plural_with_an_s_need_not_be_given() -> None:
    assert (counted(1, "thing"), counted(3, "thing")) == ("1 thing", "3 things")
