"""What an operator is told when the disk does not do what it is asked."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from iot_dr.errors import ConfigurationError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def is_full(error: BaseException) -> bool:
    """Tell whether there was no space left."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in _FULL


def failure_of(error: OSError | sqlite3.Error) -> ConfigurationError:
    """Return the error for whatever the system refused elsewhere.

    A full disk without a file's name is what the shell writes output to, a database's is that of the folder of
    `--state`; without a name anything else may be a socket.
    """
    name = getattr(error, "filename", None)
    if isinstance(error, OSError) and not is_full(error):
        disk_errors = str(error.strerror or error)
        return ConfigurationError(f"{name}: {disk_errors}" if name else disk_errors)
    return unusable(Path(name or ("standard output" if isinstance(error, OSError) else "the state folder")), error)


def unusable(path: Path, error: Exception, other: str = "another folder by --state") -> ConfigurationError:
    """Return the error for a file that cannot be written or read; `other` is what to give instead."""
    if is_full(error):
        return ConfigurationError(
            f"the disk of {path} is full; free some space and run it again: what was done so far is kept"
        )
    if isinstance(error, OSError):
        return ConfigurationError(f"{path} cannot be written: {error.strerror or error}; give {other}")
    if getattr(error, "sqlite_errorcode", None) in _BROKEN:
        return ConfigurationError(f"{path} cannot be used: {error}; delete it, or give {other}")
    return ConfigurationError(f"{path} cannot be used: {error}; give {other}")


@contextmanager
def disk_errors(path: Path, other: str = "another folder by --state") -> Iterator[None]:
    """Have what the disk refuses inside this block end as an error that says so.

    Raises:
        ConfigurationError: the disk is full, or the file cannot be used.
    """
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise unusable(path, error, other) from error
