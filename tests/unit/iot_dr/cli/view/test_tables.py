"""How times and long readings look; examples stand in the functions' docstrings."""

from __future__ import annotations

import doctest

import pytest

from iot_dr.cli.view import answers, tables, texts
from iot_dr.services.status import status


@pytest.mark.parametrize("module", [answers, tables, texts, status], ids=lambda module: module.__name__)
def test_the_examples_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]  # looser than the type on purpose


def shown(width: int) -> list[str]:
    made = tables.table("Name", "More", "Least", optional=("Least", "More"))
    made.add_row("a" * 30, "b" * 20, "c" * 20)
    screen = tables.Screen(width=width)
    with screen.capture() as captured:
        screen.print(made)
        screen.print(made)
    lines = captured.get().splitlines()
    half = len(lines) // 2
    assert lines[:half] == lines[half:], "printing leaves nothing out for good"
    return lines[:half]


@pytest.mark.parametrize(
    ("width", "heads"), [(100, ["Name", "More", "Least"]), (70, ["Name", "More"]), (40, ["Name"]), (20, ["Name"])]
)
def test_a_narrow_screen_leaves_out_what_is_least_important(width: int, heads: list[str]) -> None:
    lines = shown(width)

    assert lines[0].split() == heads
    assert max(map(len, lines)) <= width


def test_a_pipe_has_all_columns_and_every_name_whole() -> None:
    assert shown(tables.PIPE)[2].split() == ["a" * 30, "b" * 20, "c" * 20]
