"""Opens the files of SQLite that hold what a run has done so far."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from iot_dr.files.faults import disk_errors
from iot_dr.files.private import make_file, make_folder

SECONDS = 60.0
"""How long a writer waits for another."""


def open_database(path: Path) -> sqlite3.Connection:
    """Return a connection that any thread may use and close; statements outside a transaction count at once.

    Raises:
        sqlite3.Error: the file is no database, or cannot be opened.
    """
    with ExitStack() as undo:
        database = sqlite3.connect(path, timeout=SECONDS, isolation_level=None, check_same_thread=False)
        undo.callback(database.close)
        # A process that is ended loses nothing by this; only a machine that loses power may, and does it again.
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA journal_mode = TRUNCATE")
        undo.pop_all()
    return database


class SharedDatabase:
    """A file of tables that threads share, and take turns in, for the length of a `with` block.

    Raises, as do its methods:
        ConfigurationError: the disk refuses, or the file is no database.
    """

    def __init__(self, path: Path, tables: Iterable[str]) -> None:
        self._path = path
        self._lock = threading.Lock()
        with disk_errors(path), ExitStack() as undo:
            make_folder(path.parent)
            make_file(path)
            self._database = open_database(path)
            undo.callback(self._database.close)
            for table in tables:
                self._database.execute(table)
            undo.pop_all()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _run(self, statement: str, *parameters: str | int | None) -> None:
        with self._lock, disk_errors(self._path):
            self._database.execute(statement, parameters)

    def _all(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock, disk_errors(self._path):
            return self._database.execute(statement, parameters).fetchall()
