"""How a drill looks: what it does now, and what it came to."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.text import Text

from iot_dr.cli.view.bars import Watch, paced_bar
from iot_dr.cli.view.tables import Screen, console, table
from iot_dr.cli.view.texts import say
from iot_dr.model.drill.results import DrillResult, Leg, spread
from iot_dr.model.drill.verdicts import REMOVED, is_met, judgements
from iot_dr.services.drill.drill import WITHDRAWN


class DrillWatch(Watch):
    """Tells on standard error which phase it is in and how far: a bar in a terminal, a line a step in a log."""

    def __init__(self, clean: Callable[[str], str]) -> None:
        self.cleaning = clean
        """Returns the command that removes what a drill of this name has left."""
        super().__init__(paced_bar(Screen(stderr=True)))
        self._task = self._bar.add_task("", total=None, pace="", visible=False)
        self._began = time.monotonic()
        self._drill = self._last = ""

    def announce(self, drill: str) -> None:
        """Tell what the names of all that is made begin with."""
        self._drill = drill
        # What a killed drill leaves is removed by that name, so it is told whatever else is.
        say(f"All that is made has a name that begins with {drill}", err=True)

    def step(self, text: str) -> None:
        """Say which phase begins, or what was seen."""
        self._last = text
        super().step(f"{time.monotonic() - self._began:6.1f} s  {text}")

    def begin(self, stage: str, total: int) -> None:
        """Begin with a stage."""
        self._bar.reset(self._task, total=total or None, description=stage, pace="", visible=True)
        if self.says_lines:
            self.step(stage)

    def advance(self, number: int) -> None:
        """Say that it went on by so many."""
        self._bar.advance(self._task, number)

    def left(self) -> str:
        """Say what a drill that was stopped leaves."""
        if not self._drill:
            return "Nothing was made."
        if self._last == WITHDRAWN:
            return f"{WITHDRAWN}."
        return f"Some of it may be left; to remove it, run `{self.cleaning(self._drill)}`."


def print_result(result: DrillResult, page: str, clean: str, homecoming: str = "") -> None:
    """Print the objectives and what was found, then what each way took.

    `clean` removes what is left, `homecoming` brings a fleet back.
    """
    screen = console()
    rows = table("", "Objective", "Found")
    for one in judgements(result):
        style = "green" if one.met else "bold red"
        rows.add_row(Text("met" if one.met else "missed", style=style), Text(one.about), Text(one.found))
    screen.print(rows)
    for leg in result.legs:
        screen.print(Text(_way(leg)), soft_wrap=True)
    repeated = f"{result.doubled:,} messages came twice and {result.reordered:,} out of order, which QoS 1 admits."
    screen.print(Text(repeated), soft_wrap=True)
    if page:
        screen.print(Text(f"The report: {page}, and as JSON {page}.json"), soft_wrap=True)
    verdict = "Objectives met" if is_met(result) else "Objectives missed"
    screen.print(f"\n{verdict} by {result.drill}, in {result.seconds:.0f} s.")
    if homecoming:
        screen.print(Text(homecoming, style="bold red"), soft_wrap=True)
    elif result.left:
        screen.print(Text(f"Not everything is {REMOVED}: run `{clean}`", style="bold red"))


def _way(leg: Leg) -> str:
    rto, silence = spread(leg.rtos), spread(leg.silences)
    phases = ", ".join(f"{phase} {spread(seconds)['p95']:.1f}" for phase, seconds in leg.phases().items())
    return (
        f"To {leg.target}: RTO median {rto['p50']:.1f} s, p95 {rto['p95']:.1f} s, max {rto['max']:.1f} s "
        f"(p95 of its phases: {phases}); without service {silence['max']:.1f} s at most."
    )
