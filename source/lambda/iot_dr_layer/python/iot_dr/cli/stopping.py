"""What Ctrl-C does to every command: it ends in one line that says how to go on, and with the exit code 2.

0 and 1 are answers of a run that came to its end; a script must not take one that was stopped for one that found
something. SIGTERM, which `timeout`, systemd and a cancelled build send, and the end of the terminal do the same.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click

from iot_dr.cli.view.texts import say

STOPPED = 2


def stop_by_signals() -> None:
    """Have SIGTERM and SIGHUP do what Ctrl-C does; one that was to be ignored, as nohup has it, stays ignored."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def stoppable(go_on: Callable[[], str] = str) -> Iterator[None]:
    """End a command that is stopped in this block; `go_on` tells then what is left and how to go on, or nothing."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"\nStopped. {go_on()}".rstrip(), err=True)
        raise click.exceptions.Exit(STOPPED) from None
