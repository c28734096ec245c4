"""What the lab is doing, said as it happens."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.markup import escape


class Progress(Protocol):
    """Where the lab reports to."""

    def line(self, text: str) -> None:
        """One line of detail under the current step."""
        ...

    def step(self, title: str) -> None:
        """A step begins."""
        ...

    def done(self, title: str, seconds: float) -> None:
        """A step has ended well."""
        ...


class ConsoleProgress:
    """Steps and their details on a terminal or in a log."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def line(self, text: str) -> None:
        """Print it dim and indented."""
        self._console.print(f"    [dim]{escape(text)}[/dim]", highlight=False, soft_wrap=True)

    def step(self, title: str) -> None:
        """Print the title."""
        self._console.print(f"[bold cyan]▸[/bold cyan] {escape(title)} ...", highlight=False)

    def done(self, title: str, seconds: float) -> None:
        """Print the title with its time."""
        self._console.print(f"[bold green]✓[/bold green] {escape(title)} [dim]{seconds:.1f} s[/dim]", highlight=False)


class QuietProgress:
    """Keeps the lines for the message of a failure; for tests, whose runner shows nothing until one fails."""

    def __init__(self, write: Callable[[str], None] = print) -> None:
        self._write = write

    def line(self, text: str) -> None:
        """Hand it on."""
        self._write(f"    {text}")

    def step(self, title: str) -> None:
        """Hand it on."""
        self._write(f"> {title}")

    def done(self, title: str, seconds: float) -> None:
        """Hand it on."""
        self._write(f"= {title} ({seconds:.1f} s)")


@contextmanager
def step(progress: Progress, title: str) -> Iterator[None]:
    """Announce a step, and its time once it has ended well."""
    progress.step(title)
    begun = time.monotonic()
    yield
    progress.done(title, time.monotonic() - begun)
