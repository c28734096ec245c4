"""Standard output and standard error as a command writes them: whoever reads may go away, whatever the encoding."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from io import TextIOWrapper
from typing import TextIO


class _Output(TextIOWrapper):
    """A stream whose reader may go away, as `head` does: the rest is dropped, and the command's own exit code stays."""

    dropped: tuple[type[OSError], ...] = (BrokenPipeError,)

    def write(self, text: str, /) -> int:
        """Write it, or drop it."""
        self._unless_dropped(lambda: super(_Output, self).write(text))
        return len(text)

    def flush(self) -> None:
        """Write what waits, or drop it."""
        self._unless_dropped(super().flush)

    def _unless_dropped(self, action: Callable[[], object]) -> None:
        try:
            action()
        except self.dropped:
            # What waits still goes there.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())


class _Errors(_Output):
    """A stream that nobody can be told of if it cannot be written."""

    dropped = (OSError,)


def steady() -> None:
    """Have both streams drop what nobody reads, and escape what their encoding cannot show."""
    sys.stdout = _over(_Output, sys.stdout)
    sys.stderr = _over(_Errors, sys.stderr)


def _over(kind: type[_Output], stream: TextIO) -> TextIO:
    if not isinstance(stream, TextIOWrapper):
        return stream
    return kind(
        stream.buffer,
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def flushed() -> OSError | None:
    """Write what is left of the output, and return why it cannot be; then nothing is left that Python would try."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return error
    return None
