"""What has been read of two Regions, on disk: so that memory stays the same however large the fleet, and work is kept.

One sqlite file. Every answer is kept in the transaction that notes where the reading stands, so a process may be ended
at any moment and another goes on. Both Regions' rows of a key lie side by side, so that comparing is one scan.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from iot_dr.files import indexed_shadows
from iot_dr.files.comparison_rows import (
    BITS,
    KINDS,
    NAMES,
    NAMES_ALONE,
    RANKS,
    SIDES,
    TABLES,
    Row,
    bill,
    fields_of,
    fields_text,
    insert,
    key_at,
    label,
    pairs,
    place_of,
    storable,
    unanswered,
)
from iot_dr.files.databases import open_database
from iot_dr.files.faults import disk_errors, unusable
from iot_dr.files.private import make_file, make_folder
from iot_dr.model.registry.differences import Difference, NotedDifference, Pair, Sigil
from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.keys import RESERVED_PREFIX, SEPARATOR, Key, Kind, certificate_target
from iot_dr.model.registry.kinds import LISTS, TAGGED_KINDS
from iot_dr.model.registry.read_calls import SEARCHES, SUBJECTS, Page, PageRequest, ReadCall
from iot_dr.model.sites import Side

FORMAT = 600 + len(KINDS)
"""Raised when the tables change, or the kinds and questions that are numbered in them; another is begun anew."""

CHUNK = 1000
"""Rows that are read at once, so that no reading holds up a writer."""

CACHE_KIB = 256
WRITING_CACHE_KIB = 4 * 1024
"""What sqlite may keep in memory for each thread: a sync has a hundred that read, and hardly one that writes."""


class SqliteComparisonStore:
    """One comparison's file; threads may share it, each has a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        with disk_errors(path):
            make_folder(path.parent)
            make_file(path)
        self._prepare()

    def _prepare(self) -> None:
        with ExitStack() as undo:
            undo.callback(self.close)
            with self._writing() as database:
                (found,) = database.execute("PRAGMA user_version").fetchone()
                if found not in (0, FORMAT):
                    for table in NAMES:
                        database.execute(f"DROP TABLE IF EXISTS {table}")
                for statement in filter(str.strip, TABLES.split(";")):
                    database.execute(statement)
                database.execute(f"PRAGMA user_version = {FORMAT}")
            undo.pop_all()

    # What is kept while reading

    def keep(self, side: Side, answers: Iterable[tuple[PageRequest, Page]]) -> None:
        """Keep answers and where the reading stands after them, both or neither."""
        with self._writing() as database:
            for call, answer in answers:
                self._keep(database, side, call, answer)

    def put(self, side: Side, entities: Iterable[Entity]) -> None:
        """Keep entities of a Region, whoever read them."""
        with self._writing() as database:
            insert(database, side, tuple(entities), anew=True)

    def token(self, side: Side, question: ReadCall, subject: str = "") -> str | None:
        """Return where a list goes on: empty at its start, None at its end."""
        found = self._one(
            "SELECT token FROM place WHERE side = ? AND question = ? AND subject = ?", SIDES[side], question, subject
        )
        return "" if found is None else found[0]

    def pending(self, side: Side, question: ReadCall, after: str = "", *, on_both_sides: bool = False) -> Iterator[str]:
        """Yield in order of their names the subjects of which a question has not been answered to its end."""
        found = unanswered(question, on_both_sides=on_both_sides)
        statement = f"SELECT name, other {found} AND (name, other) > (?, ?) ORDER BY name, other LIMIT ?"
        while True:
            subjects = self._all(statement, *_asked(side, question), *_subject(after), CHUNK)
            for name, other in subjects:
                after = f"{name}{SEPARATOR}{other}" if other else name
                yield after
            if len(subjects) < CHUNK:
                return

    def left(self, side: Side, question: ReadCall, *, on_both_sides: bool = False) -> int:
        """Return of how many subjects a question has not been answered."""
        found = unanswered(question, on_both_sides=on_both_sides)
        ((number,),) = self._all(f"SELECT COUNT(*) {found}", *_asked(side, question))
        return int(number)

    def expect_classic_shadows(self, side: Side, *, by_index: bool = False) -> None:
        """Have the classic shadow of each thing asked for; that it has none is known by asking alone.

        Or, if `by_index`, by the indexes of both Regions.
        """
        with self._writing() as database:
            indexed_shadows.expect_classic(database, side, by_index=by_index)

    def forget_index(self) -> None:
        """Take nothing for told by the index; what a search that was cut off has told may be old."""
        with self._writing() as database:
            indexed_shadows.forget(database)

    def draw_alike(self, name: str, number: int, *, shown: bool) -> tuple[Key, ...]:
        """Draw at random so many shadows of one name that both indexes show the same; or that neither shows."""
        return indexed_shadows.drawn(self._database(), name, number, shown=shown)

    def take_indexed_shadows(self, *, named: bool) -> None:
        """Have no shadow asked for that both indexes show the same; if `named`, have none listed that they tell of."""
        with self._writing() as database:
            indexed_shadows.settle(database)
            if named:
                indexed_shadows.take_named(database)

    def forget_probes(self) -> None:
        """Drop the health checker's own; its certificate is known by its policy alone."""
        begin, end = RESERVED_PREFIX, RESERVED_PREFIX[:-1] + chr(ord(RESERVED_PREFIX[-1]) + 1)
        with self._writing() as database:
            policies, attachments = RANKS[Kind.POLICY], RANKS[Kind.POLICY_ATTACHMENT]
            database.execute(
                "DELETE FROM entity WHERE kind = ? AND name IN "
                "(SELECT substr(name, ?) FROM entity WHERE kind = ? AND other >= ? AND other < ?)",
                (RANKS[Kind.CERTIFICATE], len(certificate_target("")) + 1, attachments, begin, end),
            )
            database.execute(
                "DELETE FROM entity WHERE kind = ? AND other >= ? AND other < ?", (attachments, begin, end)
            )
            database.execute("DELETE FROM entity WHERE kind = ? AND name >= ? AND name < ?", (policies, begin, end))

    # What was read

    def number(self, side: Side, kind: Kind) -> int:
        """Return how many resources of a kind a Region has."""
        found = self._one("SELECT COUNT(*) FROM entity WHERE kind = ? AND side = ?", RANKS[kind], SIDES[side])
        return int(found[0]) if found else 0

    def pairs(self, kind: Kind, after: Key | None = None, *, differing: bool = False) -> Iterator[Pair]:
        """Yield in order of their names what either Region has of a kind.

        Args:
            kind: the kind.
            after: where to begin: behind this key.
            differing: leave out what reads the same, letter by letter, in both Regions.
        """
        first, second = place_of(after)[1:] if after else ("", "")
        while rows := self._rows(kind, first, second):
            first, second = rows[-1][:2]
            yield from pairs(kind, rows, differing=differing)

    def pair(self, key: Key) -> Pair:
        """Return what both Regions have under one key."""
        rows = self._all(
            "SELECT name, other, side, value, counts, unreadable FROM entity WHERE kind = ? AND name = ? AND other = ? "
            "ORDER BY side",
            *place_of(key),
        )
        return next(pairs(key.kind, rows, differing=False), Pair(key))

    def entities(self, side: Side, kind: Kind) -> Iterator[Entity]:
        """Yield in order of their names what one Region has of a kind."""
        for pair in self.pairs(kind):
            found = pair.source if side is Side.SOURCE else pair.target
            if found is not None:
                yield found

    # What was found

    def note(self, differences: Iterable[tuple[Difference, tuple[int, int]]]) -> None:
        """Keep differences, each with the wave and the level at which it is applied, in the order of these."""
        with self._writing() as database:
            database.executemany(
                "INSERT OR REPLACE INTO difference VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (*place, *place_of(one.key), one.sigil, storable(one.reason), fields_text(one))
                    for one, place in differences
                ),
            )

    def noted(self) -> Iterator[NotedDifference]:
        """Yield what was noted, in the order of its places."""
        at: Row = (-(2**31), 0, 0, "", "")
        statement = (
            "SELECT wave, level, kind, name, other, sigil, reason, fields FROM difference "
            "WHERE (wave, level, kind, name, other) > (?, ?, ?, ?, ?) ORDER BY wave, level, kind, name, other LIMIT ?"
        )
        while rows := self._all(statement, *at, CHUNK):
            at = rows[-1][:5]
            for _, _, kind, name, other, sigil, reason, fields in rows:
                yield NotedDifference(key_at(KINDS[kind], name, other), Sigil(sigil), reason, fields_of(fields))

    def forget_noted(self) -> None:
        """Drop what was noted."""
        with self._writing() as database:
            database.execute("DELETE FROM difference")

    # About the comparison

    def fact(self, name: str) -> str:
        """Return a small fact about the comparison; empty if it was not set."""
        found = self._one("SELECT text FROM fact WHERE name = ?", name)
        return str(found[0]) if found else ""

    def set_fact(self, name: str, text: str) -> None:
        """Keep a small fact about the comparison."""
        with self._writing() as database:
            database.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, text))

    def clear(self) -> None:
        """Begin anew."""
        with self._writing() as database:
            for table in NAMES:
                database.execute(f"DELETE FROM {table}")  # noqa: S608  # names of this module

    def close(self) -> None:
        """Close every thread's connection."""
        with self._lock:
            for connection in self._opened:
                connection.close()
            self._opened.clear()
            self._local = threading.local()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _keep(self, database: sqlite3.Connection, side: Side, call: PageRequest, answer: Page) -> None:
        question = call.question
        subject = None
        if question in SUBJECTS:
            subject = (RANKS[SUBJECTS[question]], *_subject(call.subject), SIDES[side])
        if subject and (answer.missing or answer.unreadable):
            if answer.missing:
                database.execute("DELETE FROM entity WHERE kind = ? AND name = ? AND other = ? AND side = ?", subject)
            else:
                database.execute(
                    "UPDATE entity SET unreadable = ? WHERE kind = ? AND name = ? AND other = ? AND side = ?",
                    (storable(answer.unreadable), *subject),
                )
            return
        if question is ReadCall.SHADOW_INDEX:
            indexed_shadows.keep_told(database, side, answer)
        elif question is ReadCall.THINGS_OF_BILLING_GROUP:
            bill(database, side, call.subject, answer.entities)
        elif question in TAGGED_KINDS.values():
            label(database, side, answer.entities)
        else:
            insert(database, side, answer.entities, anew=question not in NAMES_ALONE)
        if subject and not answer.token:
            database.execute(
                "UPDATE entity SET answered = answered | ? WHERE kind = ? AND name = ? AND other = ? AND side = ?",
                (BITS[question], *subject),
            )
        if question in LISTS or question in SEARCHES or answer.token:
            # NULL is the end of a list; a subject that is answered says so in its own row.
            database.execute(
                "INSERT OR REPLACE INTO place VALUES (?, ?, ?, ?)",
                (SIDES[side], question, call.subject, answer.token or None),
            )

    def _rows(self, kind: Kind, name: str, other: str) -> list[Row]:
        """Read the next rows, and leave a key whose second row may be missing to the next time."""
        rows = self._all(
            "SELECT name, other, side, value, counts, unreadable FROM entity "
            "WHERE kind = ? AND (name, other) > (?, ?) ORDER BY name, other, side LIMIT ?",
            RANKS[kind],
            name,
            other,
            CHUNK,
        )
        if len(rows) == CHUNK and rows[-1][:2] != rows[-2][:2]:
            rows.pop()
        return rows

    def _all(self, statement: str, *parameters: Any) -> list[Row]:
        with disk_errors(self._path):
            return self._database().execute(statement, parameters).fetchall()

    def _one(self, statement: str, *parameters: Any) -> Row | None:
        with disk_errors(self._path):
            found: Row | None = self._database().execute(statement, parameters).fetchone()
            return found

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._transaction() as database:
                yield database
        except sqlite3.Error as error:
            raise unusable(self._path, error) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        database = self._database()
        if not getattr(self._local, "writes", False):
            self._local.writes = True
            database.execute(f"PRAGMA cache_size = -{WRITING_CACHE_KIB}")
        with self._lock:
            database.execute("BEGIN IMMEDIATE")
            # Ends the transaction either way: kept whole, or not at all.
            with database:
                yield database

    def _database(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            # Closed by the thread that ends the comparison, hence not bound to the one that opened it.
            found = open_database(self._path)
            self._opened.append(found)
            self._local.connection = found
            found.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        return found


def _subject(text: str) -> tuple[str, str]:
    name, _, other = text.partition(SEPARATOR)
    return name, other


def _asked(side: Side, question: ReadCall) -> tuple[int, int, int]:
    return RANKS[SUBJECTS[question]], SIDES[side], BITS[question]
