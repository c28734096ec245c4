"""Opens the files of SQLite that hold what a run has done so far."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack
from pathlib import Path

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
