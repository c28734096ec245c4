"""What the command line tells of a disk that refuses, and the log that it writes there."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from iot_dr.files.faults import disk_errors, failure_of
from iot_dr.files.private import make_file

__all__ = ["failure_of", "open_log"]


def open_log(path: str) -> IO[str]:
    """Open a log to be appended to, which only its owner can read.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    with disk_errors(Path(path), "another file by --log-file"):
        make_file(Path(path))
        return Path(path).open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
