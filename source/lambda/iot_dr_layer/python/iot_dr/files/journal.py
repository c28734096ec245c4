"""What has been applied of a comparison, on disk: so that a run that was ended goes on and repeats nothing.

One sqlite file, which belongs to one comparison. Every end of a change is written before the next one is begun by that
thread, so what a killed process may repeat is what it had under way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from iot_dr.files.comparison_rows import storable
from iot_dr.files.databases import SharedDatabase
from iot_dr.files.faults import disk_errors
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


class SqliteJournal(SharedDatabase):
    """The journal's file; threads share it, and take turns."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, _TABLES)

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
        self._run("INSERT OR REPLACE INTO fact VALUES ('finished', 'yes')")

    def settle(self, settled: ChangeResult) -> None:
        """Write how a change ended, over what was written before."""
        self._run(
            "INSERT OR REPLACE INTO settled VALUES (?, ?, ?)",
            str(settled.key),
            settled.ending,
            storable(settled.reason),
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
        self._run("DELETE FROM settled WHERE ending != 'done' AND ending = ?", ending)

    def numbers(self, ending: Ending) -> Counter[Kind]:
        """Return how many ended so, by kind."""
        statement = (
            "SELECT substr(key, 1, instr(key || '#', '#') - 1), COUNT(*) FROM settled WHERE ending = ? GROUP BY 1"
        )
        return Counter({Kind(kind): int(number) for kind, number in self._all(statement, (ending,))})

    def _fact(self, name: str) -> str:
        rows = self._all("SELECT text FROM fact WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else ""
