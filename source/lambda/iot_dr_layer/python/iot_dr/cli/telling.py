"""How much a command tells on standard error, and to a log file: four options that every command has.

Results are not concerned: they are on standard output, whatever is asked for here.
"""

from __future__ import annotations

import enum
import logging
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any

import click

from iot_dr.cli.view.texts import SAID, visible
from iot_dr.errors import ConfigurationError
from iot_dr.runtime.disk import open_log

LOG_FILE = "iot_dr.log_file"
"""Where a command's context has the path of the log."""
_TELLING = "iot_dr.telling"
_LOGGER = "iot_dr"


class Telling(enum.Enum):
    """What stands on standard error beside errors."""

    QUIET = "quiet"
    PROGRESS = "progress"
    """Bars in a terminal; elsewhere a line every 30 seconds."""
    LINES = "lines"
    """A line for each request to AWS; bars would stand between them."""


def telling_options() -> list[click.Option]:
    """Make the options."""

    def option(name: str, callback: Callable[..., None], text: str, **more: Any) -> click.Option:
        return click.Option([name], expose_value=False, is_eager=True, callback=callback, help=text, **more)

    told = "operation, Region, status, time, request ID"
    return [
        option("--verbose", _verbose, f"Tell each request to AWS on standard error: {told}.", is_flag=True),
        option(
            "--debug",
            _debug,
            "As --verbose, with the parameters of each request, but no secrets, PEM or payloads.",
            is_flag=True,
        ),
        option("--quiet", _quiet, "Show no progress; only the result, errors, and how to go on.", is_flag=True),
        option(
            "--log-file",
            _log_file,
            "Append to this file what --debug tells, and all that is said on standard error.",
            metavar="FILE",
        ),
    ]


def telling() -> Telling:
    """Return what the command that is under way was asked to tell."""
    context = click.get_current_context(silent=True)
    found: Telling = Telling.PROGRESS if context is None else context.meta.get(_TELLING, Telling.PROGRESS)
    return found


class _Visible(logging.Formatter):
    """A line a record, its time in UTC, and nothing in it that acts on a terminal."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03dZ %(message)s", "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


class _LogFile(logging.StreamHandler[IO[str]]):
    """A log whose disk may refuse: no command ends for that after its first line, nor says it for each line."""

    failed = ""
    """Why the disk refused; empty as long as it takes everything."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the name that logging calls
        """Keep why a line could not be written; what is wrong with the line itself is told as logging does."""
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            self.failed = error.strerror or str(error)
        else:
            super().handleError(record)

    def give_up(self) -> None:
        """Close the file; what its disk refused to take is lost."""
        with suppress(OSError):
            self.stream.close()


def _verbose(context: click.Context, _option: click.Parameter, given: bool) -> None:
    if given:
        _to_standard_error(context, logging.INFO)


def _debug(context: click.Context, _option: click.Parameter, given: bool) -> None:
    if given:
        _to_standard_error(context, logging.DEBUG)


def _quiet(context: click.Context, _option: click.Parameter, given: bool) -> None:
    if given:
        context.meta[_TELLING] = Telling.QUIET


def _log_file(context: click.Context, _option: click.Parameter, path: str | None) -> None:
    if path is not None:
        context.meta[LOG_FILE] = path
    if path is not None and path.strip() and not context.resilient_parsing:
        file = open_log(path)
        handler = _LogFile(file)
        context.call_on_close(handler.give_up)
        _add(context, handler, logging.DEBUG)
        SAID.info("%s", context.command_path)
        if handler.failed:
            raise ConfigurationError(f"cannot write {path}: {handler.failed}; give another file by --log-file")


def _to_standard_error(context: click.Context, level: int) -> None:
    context.meta[_TELLING] = Telling.LINES
    handler = logging.StreamHandler(sys.stderr)
    # What is said stands there already.
    handler.addFilter(lambda record: record.name != SAID.name)
    _add(context, handler, level)


def _add(context: click.Context, handler: logging.Handler, level: int) -> None:
    """Have the product's log go there for as long as the command runs."""
    logger = logging.getLogger(_LOGGER)
    before = logger.level
    handler.setLevel(level)
    handler.setFormatter(_Visible())
    logger.addHandler(handler)
    logger.setLevel(min(level, before or level))

    def remove() -> None:
        logger.removeHandler(handler)
        logger.setLevel(before)

    context.call_on_close(remove)
