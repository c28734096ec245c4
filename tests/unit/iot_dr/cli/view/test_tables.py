"""How times and long readings look; examples stand in the functions' docstrings."""

from __future__ import annotations

import doctest

import pytest

from iot_dr.cli.view import tables
from iot_dr.services.status import status


@pytest.mark.parametrize("module", [tables, status], ids=lambda module: module.__name__)
def test_the_examples_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]  # looser than the type on purpose


def test_nobody_is_bothered_with_a_quick_reading(capsys: pytest.CaptureFixture[str]) -> None:
    with tables.Counting() as counting:
        counting.begin("Reading", 2)
        counting.advance(2)

    assert capsys.readouterr() == ("", "")


def test_a_long_reading_shows_how_far_it_is_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with tables.Counting(patience=0) as counting:
        counting.begin("Replaying", 4)
        counting.advance(3)
        counting.advance(1)

    printed = capsys.readouterr()
    assert printed.out == ""
    assert "4/4" in printed.err
