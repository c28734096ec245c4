"""What has been applied of a comparison, on disk: so that a run that was ended goes on and repeats nothing.

One sqlite file, which belongs to one comparison. Every end of a change is written before the next one is begun by that
thread, so what a killed process may repeat is what it had under way.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from iot_dr.files.comparison_rows import storable
from iot_dr.files.databases import open_database
from iot_dr.files.faults import disk_errors
from iot_dr.files.private import make_file, make_folder
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.sync.progress import ChangeResult, Ending

# Of what is done there is no end, and nobody asks for it; a query names the index's own condition to be given it.
CHUNK = 500
"""Keys that are asked for, and ends that are read, at once."""

_TABLES = (
    "CREATE TABLE IF NOT EXISTS settled (key TEXT PRIMARY KEY, ending TEXT, reason TEXT) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS by_ending ON settled (ending, key) WHERE ending != 'done'",
    "CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, text TEXT) WITHOUT ROWID",
)


class SqliteJournal:
    """The journal's file; threads share it, and take turns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        with disk_errors(path), ExitStack() as undo:
            make_folder(path.parent)
            make_file(path)
            self._database = open_database(path)
            undo.callback(self._database.close)
            for table in _TABLES:
                self._database.execute(table)
            undo.pop_all()

    def begin(self, comparison: str) -> None:
        """Begin the journal of a comparison; what was in it is dropped."""
        with self._lock, disk_errors(self._path):
            self._database.execute("DELETE FROM settled")
            self._database.execute("DELETE FROM fact")
            self._database.execute("INSERT INTO fact VALUES ('comparison', ?)", (comparison,))

    @property
    def unfinished(self) -> str:
        """Return which comparison is being applied; empty if none is, or it has come to its end."""
        return "" if self._fact("finished") else self._fact("comparison")

    def finish(self) -> None:
        """Note that the run has come to its end."""
        with self._lock, disk_errors(self._path):
            self._database.execute("INSERT OR REPLACE INTO fact VALUES ('finished', 'yes')")

    def settle(self, settled: ChangeResult) -> None:
        """Write how a change ended, over what was written before."""
        with self._lock, disk_errors(self._path):
            self._database.execute(
                "INSERT OR REPLACE INTO settled VALUES (?, ?, ?)",
                (str(settled.key), settled.ending, storable(settled.reason)),
            )

    def ending(self, key: Key) -> Ending | None:
        """Return how a change ended; None if it has not."""
        return self.endings((key,)).get(key)

    def endings(self, keys: Collection[Key]) -> dict[Key, Ending]:
        """Return how those of these changes ended that have."""
        listed = [str(key) for key in keys]
        found: dict[Key, Ending] = {}
        for start in range(0, len(listed), CHUNK):
            part = listed[start : start + CHUNK]
            marks = ", ".join("?" * len(part))
            statement = f"SELECT key, ending FROM settled WHERE key IN ({marks})"  # noqa: S608  # question marks alone
            found |= {Key.parse(key): Ending(ending) for key, ending in self._all(statement, part)}
        return found

    def with_ending(self, ending: Ending) -> Iterator[ChangeResult]:
        """Yield what ended so, other than done, in the order of the keys' text."""
        after = ""
        statement = (
            "SELECT key, reason FROM settled WHERE ending != 'done' AND ending = ? AND key > ? ORDER BY key LIMIT ?"
        )
        while rows := self._all(statement, (ending, after, CHUNK)):
            after = rows[-1][0]
            for key, reason in rows:
                yield ChangeResult(Key.parse(key), ending, reason)

    def forget(self, ending: Ending) -> None:
        """Take what ended so as not yet begun."""
        with self._lock, disk_errors(self._path):
            self._database.execute("DELETE FROM settled WHERE ending != 'done' AND ending = ?", (ending,))

    def numbers(self, ending: Ending) -> Counter[Kind]:
        """Return how many ended so, by kind."""
        statement = (
            "SELECT substr(key, 1, instr(key || '#', '#') - 1), COUNT(*) FROM settled WHERE ending = ? GROUP BY 1"
        )
        return Counter({Kind(kind): int(number) for kind, number in self._all(statement, (ending,))})

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _fact(self, name: str) -> str:
        rows = self._all("SELECT text FROM fact WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else ""

    def _all(self, statement: str, parameters: Sequence[str | int]) -> list[tuple[str, ...]]:
        with self._lock, disk_errors(self._path):
            return self._database.execute(statement, parameters).fetchall()
