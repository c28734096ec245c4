"""Files and folders that only their owner can read: a copy of a fleet tells what an attacker would like to know."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO

FOLDER_MODE, FILE_MODE = 0o700, 0o600


def make_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing; one that is there stays as it is."""
    for missing in reversed([one for one in (path, *path.parents) if not one.exists()]):
        missing.mkdir(FOLDER_MODE, exist_ok=True)
    # What is there and is no folder is refused.
    path.mkdir(FOLDER_MODE, exist_ok=True)


def make_file(path: Path) -> None:
    """Make an empty file, or take from others what they may do with the one that is there, if it is ours."""
    os.close(_private(path, os.O_CREAT | os.O_RDWR))


def opened_to_write(path: Path) -> IO[str]:
    """Open a text file anew, and take from others what they may do with the one that is there, if it is ours.

    A character that UTF-8 cannot hold is written as JSON escapes it, like `\\udc80`.
    """
    # `Path.open` takes no opener.
    return open(path, "w", encoding="utf-8", errors="backslashreplace", newline="\n", opener=_private)


def _private(path: str | Path, flags: int) -> int:
    file = os.open(path, flags, FILE_MODE)
    try:
        found = os.fstat(file)
        # A device, like /dev/stdout, is nobody's file.
        if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and found.st_mode & 0o077:
            os.fchmod(file, FILE_MODE)
    except OSError:
        os.close(file)
        raise
    return file
