"""Bars in a terminal; elsewhere a line every so many seconds, also while nothing goes on; --quiet shows neither."""

from __future__ import annotations

import threading
from collections.abc import Callable

import click
import pytest
from click.testing import CliRunner

from iot_dr.cli.command import Command
from iot_dr.cli.view import bars
from iot_dr.cli.view.bars import Counting, Lines, ReadingPace, Watch, draws_bars, paced_bar
from iot_dr.cli.view.tables import Screen


def told(monkeypatch: pytest.MonkeyPatch, lines: Callable[[], Lines]) -> list[str]:
    """What is said until two lines are, or for a while."""
    said: list[str] = []
    enough = threading.Event()

    def say(text: str, *, err: bool) -> None:
        said.append(text)
        if len(said) == 2:
            enough.set()

    monkeypatch.setattr(bars, "say", say)
    made = lines()
    made.start()
    enough.wait(0.2)
    made.stop()
    return said


def test_a_line_is_said_again_and_again_while_nothing_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, lambda: Lines(lambda: "still here", 0.001))[:2] == ["still here", "still here"]


def test_nothing_is_said_before_the_first_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, lambda: Lines(lambda: "still here", 30)) == []


def test_where_there_is_nothing_to_tell_no_line_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, lambda: Lines(str, 0.001)) == []


def test_a_line_has_what_a_bar_would_show_of_each_task() -> None:
    bar = paced_bar(Screen(stderr=True))
    watch = Watch(bar)
    bar.add_task("Reading lists", total=None, completed=1200, pace="calls")
    bar.add_task("Applying", total=5000, completed=100, pace="95.0/s")
    bar.add_task("Hidden", total=1, pace="", visible=False)

    assert watch.line() == "Reading lists: 1,200 calls; Applying: 100 of 5,000 95.0/s"


@pytest.mark.parametrize(
    ("words", "drawn", "lines"), [((), True, False), (("--quiet",), False, False), (("--verbose",), False, True)]
)
def test_what_is_told_is_what_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], drawn: bool, lines: bool
) -> None:
    found: list[bool] = []

    @click.command("it", cls=Command)
    def command() -> None:
        found.append(draws_bars(Screen(stderr=True)))
        found.append(Watch(paced_bar(Screen(stderr=True))).says_lines)

    CliRunner().invoke(command, words, env={"FORCE_COLOR": "1"}, catch_exceptions=False)

    assert found == [drawn, lines]


def test_the_pace_of_a_reading_tells_how_long_all_its_stages_take() -> None:
    now = [0.0]
    pace = ReadingPace(lambda: now[0])
    pace.begin(100, 500)
    assert pace.advance(10) == "calls"
    now[0] = 2.0
    assert pace.advance(10) == "calls, 10/s, about 58 s left"

    pace.begin(None, 0)
    now[0] = 4.0
    assert pace.advance(30) == "calls, 15/s"


def test_nobody_is_bothered_with_a_quick_reading(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Counting() as counting:
        counting.begin("Reading", 2)
        counting.advance(2)

    assert capsys.readouterr() == ("", "")


def test_a_long_reading_shows_how_far_it_is_on_standard_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Counting(patience=0) as counting:
        counting.begin("Replaying", 4)
        counting.advance(3)
        counting.advance(1)

    printed = capsys.readouterr()
    assert printed.out == ""
    assert "4/4" in click.unstyle(printed.err)
