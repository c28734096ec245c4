"""How times and long readings look; examples stand in the functions' docstrings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iot_dr.cli.view import checks, tables
from iot_dr.cli.view.status_view import screen_of
from iot_dr.model.registry.keys import thing_key
from iot_dr.model.replication.ledger_items import LedgerItem
from iot_dr.model.replication.outcomes import State
from iot_dr.model.status.checks import ok, warning
from iot_dr.model.status.status_parts import Lag
from iot_dr.services.status.status import Backlog
from tests.unit.iot_dr.cli.view import test_texts as played


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
    ("width", "heads"), [(100, ["Name", "More", "Least"]), (70, ["Name", "More"]), (40, ["Name"]), (30, ["Name"])]
)
def test_a_narrow_screen_leaves_out_what_is_least_important(width: int, heads: list[str]) -> None:
    lines = shown(width)

    assert lines[0].split() == heads
    assert max(map(len, lines)) <= width


def test_where_not_even_names_have_room_each_row_is_a_block_with_everything_and_a_sign_where_a_name_goes_on() -> None:
    assert shown(24) == ["a" * 23 + "\\", "a" * 7, "  More:", "  " + "b" * 20, "  Least:", "  " + "c" * 20]


def printed(width: int, *objects: Any) -> list[str]:
    screen = tables.Screen(width=width)
    with screen.capture() as captured:
        for one in objects:
            screen.print(one)
    return captured.get().splitlines()


@given(
    st.integers(10, 150),
    st.lists(st.tuples(*[st.text("abc #:-", max_size=80)] * 3), max_size=4),
    st.sampled_from([(), ("C",), ("C", "B")]),
)
def test_no_screen_is_too_narrow_for_a_word_that_fits_it(
    width: int, rows: list[tuple[str, str, str]], optional: tuple[str, ...]
) -> None:
    made = tables.table("A", "B", "C", optional=optional)
    for row in rows:
        made.add_row(*row)

    lines = printed(width, made)

    assert max((len(line) for line in lines), default=0) <= width
    words = {word for line in lines for word in line.split()}
    kept = rows if "B" in words or "B:" in words else [(first, "", "") for first, _, _ in rows]
    wanted = {word for first, second, _ in kept for word in f"{first} {second}".split()}
    assert {word for word in wanted if len(word) <= width - 2} <= words


WIDTHS = pytest.mark.parametrize("width", [60, 80, 100, 140])


@WIDTHS
def test_an_overview_keeps_every_name_whole(width: int) -> None:
    queue = "IoTDRPrimary20261124120000-RuleErrorQueue"
    waiting = LedgerItem(thing_key("pump-" + "7" * 40), State.FAILED, "InvalidResource: no " * 9, since=0, attempts=18)
    lags = (Lag("registry", 120, 0.4e3, 1.2e3, 9.1e3, 1420, 2.2e3, 12.1e3),)
    shown = replace(played.OVERVIEW, backlog=Backlog(1, (), (waiting,)), lags=lags, queues={queue: 1})

    lines = printed(width, screen_of(shown))

    assert max(map(len, lines)) <= width
    assert [name for name in (str(waiting.key), queue) if not any(name in line for line in lines)] == []
    assert [line for line in lines if line.startswith("registry ")], "the lag is a table at any width"


@WIDTHS
def test_the_doctors_answers_keep_every_name_whole(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = "0123456789abcdef" * 3
    found = [
        warning("certificates that expire in us-east-1", f"{certificate} ends soon", "renew"),
        ok("stack", "there"),
    ]
    screen = tables.Screen(width=width)
    monkeypatch.setattr(checks, "console", lambda: screen)

    with screen.capture() as captured:
        checks.print_checks(found, click.Context(click.Command("doctor")))

    lines = captured.get().splitlines()
    assert max(map(len, lines)) <= width
    assert [line for line in lines if certificate in line]
    assert ("Check" in lines[0]) is (width > 60), "a table where there is room for one"


def test_a_pipe_has_all_columns_and_every_name_whole() -> None:
    assert shown(tables.PIPE)[2].split() == ["a" * 30, "b" * 20, "c" * 20]
