"""What Ctrl-C does to every command: it ends in one line that says how to go on, and with the exit code 2.

0 and 1 are answers of a run that came to its end; a script must not take one that was stopped for one that found
something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

STOPPED = 2


@contextmanager
def stoppable(go_on: Callable[[], str] = str) -> Iterator[None]:
    """End a command that is stopped in this block; `go_on` tells then what is left and how to go on, or nothing."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"\nStopped. {go_on()}".rstrip(), err=True)
        raise click.exceptions.Exit(STOPPED) from None
