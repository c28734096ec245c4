"""A failback's plan, on disk: what both Regions have of each resource that differs, and what becomes of it.

One sqlite file. It is kept beside what was read, which the next reading drops: what is applied is what was shown.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from iot_dr.files.comparison_rows import KINDS, RANKS, Row, key_at, place_of, storable, text_of
from iot_dr.files.databases import SharedDatabase
from iot_dr.files.faults import disk_errors
from iot_dr.model.failback.plan import Decision, FailbackVerdict, PlannedRow, PlanNumbers
from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.entity_json import counted, from_json, to_json
from iot_dr.model.registry.keys import Key, Kind

CHUNK = 500
"""Rows that are read or written at once."""

_HELD = ("leader", "old", "wanted")
_COLUMNS = ("kind", "name", "other", "verdict", "reason", *_HELD, *(f"{name}_counts" for name in _HELD))
_TABLES = (
    f"CREATE TABLE IF NOT EXISTS row ({', '.join(_COLUMNS)}, PRIMARY KEY (kind, name, other)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, text TEXT) WITHOUT ROWID",
)
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM row WHERE kind = ? AND"  # noqa: S608  # names of this module


class SqliteFailbackPlan(SharedDatabase):
    """`ports.FailbackPlan` in a file; threads share it, and take turns."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, _TABLES)

    def put(self, rows: Iterable[PlannedRow]) -> None:
        """Keep rows, some hundreds in a transaction."""
        marks = ", ".join("?" * len(_COLUMNS))
        waiting = iter(rows)
        while chunk := list(islice(waiting, CHUNK)):
            with self._lock, disk_errors(self._path):
                self._database.execute("BEGIN IMMEDIATE")
                with self._database:
                    self._database.executemany(
                        f"INSERT OR REPLACE INTO row VALUES ({marks})",  # noqa: S608  # question marks alone
                        map(_written, chunk),
                    )

    def rows(self, kind: Kind, after: Key | None = None) -> Iterator[PlannedRow]:
        """Yield the rows of a kind in the order of their places, behind a key."""
        first, second = place_of(after)[1:] if after else ("", "")
        while found := self._all(
            f"{_SELECT} (name, other) > (?, ?) ORDER BY name, other LIMIT ?", (RANKS[kind], first, second, CHUNK)
        ):
            first, second = found[-1][1:3]
            yield from map(_read, found)

    def row(self, key: Key) -> PlannedRow | None:
        """Return one row; None if the plan has none."""
        return next(map(_read, self._all(f"{_SELECT} name = ? AND other = ?", place_of(key))), None)

    def numbers(self) -> PlanNumbers:
        """Count the rows."""
        found = self._all("SELECT kind, verdict, COUNT(*) FROM row GROUP BY kind, verdict")
        counts = {(KINDS[kind], FailbackVerdict(verdict)): int(number) for kind, verdict, number in found}
        return PlanNumbers(Counter(counts))

    def digest(self) -> str:
        """Return a short text that differs whenever a row does."""
        made = hashlib.sha256()
        for kind in Kind:
            for row in self.rows(kind):
                made.update(json.dumps(_written(row)[:8]).encode("utf-8", "backslashreplace"))
        return made.hexdigest()[:16]

    def fact(self, name: str) -> str:
        """Return a small fact; empty if it was not set."""
        found = self._all("SELECT text FROM fact WHERE name = ?", (name,))
        return str(found[0][0]) if found else ""

    def set_fact(self, name: str, text: str) -> None:
        """Keep a small fact."""
        self._run("INSERT OR REPLACE INTO fact VALUES (?, ?)", name, storable(text))

    def clear(self) -> None:
        """Drop everything."""
        self.clear_rows()
        self._run("DELETE FROM fact")

    def clear_rows(self) -> None:
        """Drop the rows; facts stay."""
        self._run("DELETE FROM row")


def _written(row: PlannedRow) -> Row:
    held = (row.leader, row.old, row.wanted)
    decided = (str(row.verdict), storable(row.decision.reason))
    return (
        *place_of(row.key),
        *decided,
        *(None if one is None else text_of(to_json(one)) for one in held),
        *(None if one is None else text_of(counted(one)) for one in held),
    )


def _read(row: Row) -> PlannedRow:
    kind, first, second, verdict, reason, *held = row
    key = key_at(KINDS[kind], first, second)
    leader, old, wanted = (_entity(key, held[place], held[place + len(_HELD)]) for place in range(len(_HELD)))
    return PlannedRow(key, Decision(FailbackVerdict(verdict), reason), leader, old, wanted)


def _entity(key: Key, value: str | None, counts: str | None) -> Entity | None:
    return None if value is None else from_json(key, json.loads(value), json.loads(counts or "{}"))
