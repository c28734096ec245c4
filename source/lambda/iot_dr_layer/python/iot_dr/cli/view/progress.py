"""How a launch looks while it goes: one line an event, the same in a terminal and in a build's log."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from iot_dr.cli.view.bars import is_quiet, tell
from iot_dr.model.launch.launches import StackEvent


class ConsoleProgress:
    """Prints steps and stack events; colours only where a terminal shows them, no line is ever rewritten.

    It is made in the thread that runs the command, which knows whether it is quiet.
    """

    def __init__(self, console: Console) -> None:
        self._console, self._quiet = console, is_quiet()

    def step(self, text: str) -> None:
        """Begin a step."""
        self._print(Text(f"==> {text}", style="bold"))

    def event(self, event: StackEvent) -> None:
        """Show what happened to a resource."""
        line = Text(f"{event.time}  {event.region:<14}  ")
        line.append(f"{event.status:<28}", style=_style(event.status))
        line.append(f"  {event.resource} ({event.resource_type})")
        if event.reason:
            line.append(f"  {event.reason}", style="dim")
        self._print(line)

    def _print(self, line: Text) -> None:
        # A log's width is not a terminal's: lines are left whole for whoever searches them.
        tell(self._console, line, quiet=self._quiet)


def _style(status: str) -> str:
    if status.endswith("_FAILED") or "ROLLBACK" in status:
        return "red"
    return "green" if status.endswith("_COMPLETE") else "yellow"
