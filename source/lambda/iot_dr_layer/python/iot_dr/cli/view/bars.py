"""How a command shows how far it is: bars in a terminal, elsewhere a line now and then, as in a build's log."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from iot_dr.cli.telling import Telling, telling
from iot_dr.cli.view.tables import Screen, distance
from iot_dr.cli.view.texts import SAID, say, visible

PATIENCE = 2.0
"""Seconds that nobody needs to be told about."""

LINE_EVERY = 30.0
"""Seconds between two lines where no bar can be drawn."""


def paced_bar(console: Console) -> Progress:
    """Return a bar whose tasks have a field `pace`, for rate, ETA and what limits them; hidden outside a terminal."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}", markup=False),
        TimeElapsedColumn(),
        console=console,
        disable=not draws_bars(console),
    )


def is_quiet() -> bool:
    """Tell whether no progress is shown; asked of the thread that runs the command."""
    return telling() is Telling.QUIET


def tell(console: Console, line: Text, *, quiet: bool) -> None:
    """Print a line of progress, whole, unless the command is quiet; the log of --log-file has it either way."""
    SAID.info("%s", visible(line.plain))
    if not quiet:
        console.print(line, soft_wrap=True)


def draws_bars(console: Console) -> bool:
    """Tell whether bars are drawn there: in a terminal, unless every request is told or nothing at all."""
    return console.is_terminal and telling() is Telling.PROGRESS


class Lines:
    """Says every so many seconds, from a thread of its own, what `line` returns: also while nothing goes on."""

    def __init__(self, line: Callable[[], str], every: float | None = None) -> None:
        self._line = line
        self._every = LINE_EVERY if every is None else every
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; the first line comes after the first so many seconds."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._tell, name="lines", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Say nothing more."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _tell(self) -> None:
        while not self._ended.wait(self._every):
            if line := self._line():
                say(line, err=True)


class Watch:
    """A bar for the length of a `with` block; whoever derives from it says what is counted.

    Where no bar is drawn, a line is said every 30 seconds, unless `lines` is false: then the deriving class says some.
    """

    def __init__(self, bar: Progress, *, lines: bool = True) -> None:
        self._bar = bar
        self._quiet = is_quiet()
        self.says_lines = bar.disable and not self._quiet
        """Whether lines are said, where no bar is drawn."""
        self._lines = Lines(self.line) if lines and self.says_lines else None

    def __enter__(self) -> Self:
        self._bar.start()
        if self._lines is not None:
            self._lines.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()

    def end(self) -> None:
        """Show nothing more."""
        if self._lines is not None:
            self._lines.stop()
        self._bar.stop()

    def step(self, text: str) -> None:
        """Say what comes next, or what was seen, in a line of its own; --quiet leaves it to the log."""
        tell(self._bar.console, Text(text), quiet=self._quiet)

    def line(self) -> str:
        """Return how far it is, in one line."""
        return "; ".join(line_of(task) for task in self._bar.tasks if task.visible and task.description)


def line_of(task: Task) -> str:
    """Return what a bar would show of a task."""
    number = f"{task.completed:,.0f}" + (f" of {task.total:,.0f}" if task.total is not None else "")
    return f"{task.description}: {number} {task.fields.get('pace', '')}".rstrip()


def left_text(seconds: float) -> str:
    """Return how long it still takes, as an operator reads it.

    >>> left_text(150)
    'about 2 min left'
    """
    return f"about {distance(int(seconds * 1000), 0).removeprefix('in ')} left"


class ReadingPace:
    """Tells the rate of a reading, and how long all of its stages still take at it."""

    def __init__(self, stopwatch: Callable[[], float] = time.monotonic) -> None:
        self._stopwatch = stopwatch
        self.begin(None, 0)

    def begin(self, calls: int | None, ahead: int) -> None:
        """Begin with a stage of so many calls, after which so many others are known to follow."""
        self._left = None if calls is None else calls + ahead
        self._made, self._begun = 0, self._stopwatch()

    def advance(self, calls: int) -> str:
        """Count calls; return the pace, as it stands behind their number."""
        self._made += calls
        left = self.seconds_left
        return self.rate_text + (f", {left_text(left)}" if left else "")

    @property
    def rate_text(self) -> str:
        """Return the pace alone, once it is known."""
        rate = self._rate
        return f"calls, {rate:,.0f}/s" if rate else "calls"

    @property
    def seconds_left(self) -> float | None:
        """Return how long the stages still take that are known, 0 if that is over, None while nobody can tell."""
        left = (self._left or 0) - self._made
        return max(0.0, left / self._rate) if self._rate else None if left > 0 else 0.0

    @property
    def share(self) -> float:
        """Return the share of the known calls that is made; 1 where nobody has said how many there are."""
        return min(1.0, self._made / self._left) if self._left else 1.0

    @property
    def _rate(self) -> float:
        seconds = self._stopwatch() - self._begun
        return self._made / seconds if seconds > 1 else 0.0


class Counting(Watch):
    """Shows how far a reading is, once it has taken longer than anybody's patience."""

    def __init__(self, patience: float = PATIENCE) -> None:
        super().__init__(paced_bar(Screen(stderr=True)))
        self._task = self._bar.add_task("Reading", total=None, pace="")
        self._from = time.monotonic() + patience

    def __enter__(self) -> Self:
        if self._lines is not None:
            self._lines.start()
        return self

    def begin(self, what: str, total: int | None = None) -> None:
        """Begin to count something else."""
        self._bar.reset(self._task, description=what, total=total)

    def reached(self, number: int) -> None:
        """Say how far it is."""
        self._bar.update(self._task, completed=number)
        if time.monotonic() >= self._from and not self._bar.live.is_started:
            self._bar.start()

    def advance(self, number: int) -> None:
        """Say that it went on by so many."""
        self.reached(int(self._bar.tasks[0].completed) + number)
