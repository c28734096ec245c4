"""The records of what runs wrote and ordered: one file of JSON lines for each run, written as it happens.

The first line says what the run was, each further one is a write or an order, and the last one, if the run came to its
end, says how. A record holds what was there before with all its values, so that it can be brought back: only its owner
can read it, and nothing of that is ever shown.
"""

from __future__ import annotations

import dataclasses
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Self

from iot_dr.errors import ConfigurationError, EventError, InvalidResource
from iot_dr.files.comparison_rows import place_of, storable
from iot_dr.files.databases import SharedDatabase
from iot_dr.files.faults import disk_errors
from iot_dr.files.private import make_file, make_folder
from iot_dr.files.snapshot_folder import entity_of, line_of
from iot_dr.files.state_folder import HISTORY
from iot_dr.model.exact_json import loads
from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.field_changes import FieldChange
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.sync.records import (
    AppliedChange,
    ChangeKind,
    GivenOrder,
    OrderKind,
    RunEnd,
    RunHeader,
    RunSummary,
    WriteResult,
)

FORMAT = 1
SUFFIX = ".jsonl"


def new_run_id(at: int, command: str) -> str:
    """Return a name for a run that begins now; names sort by time.

    >>> new_run_id(1_764_000_000_123, "restore")
    '20251124T160000.123-restore'
    """
    moment = datetime.fromtimestamp(at / 1000, UTC)
    return f"{moment:%Y%m%dT%H%M%S}.{at % 1000:03}-{command}"


class FileChangeRecord:
    """`ports.ChangeRecord` in a file, and `ports.OrderRecord`; there is none before the first line."""

    def __init__(self, folder: Path, header: RunHeader) -> None:
        self._path, self._header = folder / f"{header.run}{SUFFIX}", header
        self._lock = threading.Lock()
        self._file: IO[str] | None = None
        self._results: Counter[WriteResult] = Counter()

    def note(self, change: AppliedChange) -> None:
        """Write a change down."""
        self._add(_change_as_json(change), change.result)

    def order(self, order: GivenOrder) -> None:
        """Write an order down, beside the changes; raises `ConfigurationError` if the disk refuses it."""
        self._add(dataclasses.asdict(order), order.result)

    def end(self, end: RunEnd) -> None:
        """Say that the run has come to its end; nothing, if it wrote nothing."""
        with self._lock:
            if self._file is not None:
                self._write(self._file, dataclasses.asdict(end))

    def end_as_noted(self, at: int) -> None:
        """Say that the run has come to its end, with the numbers of what was written down."""
        self.end(RunEnd(at, self._results[WriteResult.DONE], self._results[WriteResult.REFUSED], 0))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _add(self, facts: Mapping[str, Any], result: WriteResult) -> None:
        with self._lock:
            if self._file is None:
                self._file = self._begun()
            self._write(self._file, facts)
            self._results[result] += 1

    def _begun(self) -> IO[str]:
        with disk_errors(self._path):
            make_folder(self._path.parent)
            make_file(self._path)
            file = self._path.open("a", encoding="utf-8", newline="\n")
        self._write(file, {"format": FORMAT, **dataclasses.asdict(self._header)})
        return file

    def _write(self, file: IO[str], facts: Mapping[str, Any]) -> None:
        with disk_errors(self._path):
            file.write(json.dumps(facts) + "\n")
            # Whatever ends the process, the line is in the system's hands.
            file.flush()


class FileOrderRecord:
    """`ports.OrderRecord` in a file, which is open no longer than it takes to add a line; there are few."""

    def __init__(self, folder: Path, header: RunHeader) -> None:
        self._folder, self._header = folder, header
        self._begun = False
        self._lock = threading.Lock()

    def order(self, order: GivenOrder) -> None:
        """Write an order down; raises `ConfigurationError` if the disk refuses it."""
        path = self._folder / f"{self._header.run}{SUFFIX}"
        with self._lock, disk_errors(path):
            if not self._begun:
                make_folder(self._folder)
                make_file(path)
            lines = [dataclasses.asdict(order)]
            lines[:0] = [] if self._begun else [{"format": FORMAT, **dataclasses.asdict(self._header)}]
            with path.open("a", encoding="utf-8", newline="\n") as file:
                file.writelines(json.dumps(line) + "\n" for line in lines)
            self._begun = True


class FileRunHistory:
    """`ports.RunHistory` of the records below a state folder, and one level deeper."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def runs(self) -> list[RunSummary]:
        """Return all runs, the newest first."""
        return [_summary(path) for path in sorted(self._files(), key=lambda path: path.name, reverse=True)]

    def header(self, run: str) -> RunHeader:
        """Return what a run was.

        Raises:
            ConfigurationError: there is no such run, or its record cannot be read.
        """
        return _header(self.path(run))

    def changes(self, run: str) -> Iterator[AppliedChange]:
        """Yield what a run wrote."""
        return (found for found in _lines(self.path(run)) if isinstance(found, AppliedChange))

    def orders(self, run: str) -> Iterator[GivenOrder]:
        """Yield what a run ordered."""
        return (found for found in _lines(self.path(run)) if isinstance(found, GivenOrder))

    def path(self, run: str) -> Path:
        """Return the file of a run; raises as `header` does."""
        found = [path for path in self._files() if path.stem == run]
        if not found:
            raise ConfigurationError(
                f"there is no record of a run {run} below {self._root}; `iot-dr history` lists those that there are"
            )
        return found[0]

    def _files(self) -> list[Path]:
        return [*self._root.glob(f"{HISTORY}/*{SUFFIX}"), *self._root.glob(f"*/{HISTORY}/*{SUFFIX}")]


class SqliteFirstStates(SharedDatabase):
    """`ports.FirstStates` in a file of SQLite, which sorts what memory need not hold."""

    def __init__(self, path: Path) -> None:
        table = "CREATE TABLE first (key TEXT PRIMARY KEY, kind TEXT, one TEXT, two TEXT, line TEXT) WITHOUT ROWID"
        super().__init__(path, [table])

    def keep(self, change: AppliedChange) -> None:
        """Keep what was there before, unless an earlier change of this resource was kept."""
        _, one, two = place_of(change.key)
        line = "" if change.before is None else line_of(change.before)
        known = "made" if change.change is ChangeKind.CREATE else line
        held = map(storable, (str(change.key), change.key.kind, one, two, known))
        self._run("INSERT OR IGNORE INTO first VALUES (?, ?, ?, ?, ?)", *held)

    def before(self, kind: Kind) -> Iterator[Entity]:
        """Yield what is known of a kind, sorted."""
        statement = "SELECT line FROM first WHERE kind = ? AND line NOT IN ('', 'made') ORDER BY one, two"
        with disk_errors(self._path):
            for (line,) in self._database.execute(statement, (kind,)):
                yield entity_of(kind, line.encode(), str(self._path))

    def created(self) -> int:
        """Return how many resources were not there before."""
        return self._number("made")

    def unknown(self) -> int:
        """Return of how many it is not known what was there."""
        return self._number("")

    def _number(self, line: str) -> int:
        return int(self._all("SELECT COUNT(*) FROM first WHERE line = ?", (line,))[0][0])


def _change_as_json(change: AppliedChange) -> dict[str, Any]:
    return {
        "at": change.at,
        "resource": str(change.key),
        "change": change.change,
        "result": change.result,
        "reason": change.reason,
        "requests": list(change.requests),
        "fields": [dataclasses.astuple(one) for one in change.fields],
        "before": None if change.before is None else line_of(change.before),
    }


def _summary(path: Path) -> RunSummary:
    changes: Counter[ChangeKind] = Counter()
    refused, end, orders = 0, None, 0
    for found in _lines(path):
        if isinstance(found, RunEnd):
            end = found
        elif found.result is WriteResult.REFUSED:
            refused += 1
        elif isinstance(found, GivenOrder):
            orders += 1
        else:
            changes[found.change] += 1
    return RunSummary(_header(path), changes, refused, end, orders)


def _header(path: Path) -> RunHeader:
    with disk_errors(path), path.open(encoding="utf-8") as lines:
        first = lines.readline()
    try:
        found = loads(first)
        if found.pop("format") != FORMAT:
            raise ConfigurationError(f"{path} is the record of another release; it cannot be read by this one")
        return RunHeader(**found)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigurationError(f"{path} is no record of a run: {error}") from error


def _lines(path: Path) -> Iterator[AppliedChange | GivenOrder | RunEnd]:
    """Yield what stands below the header; a last line that a process could not write to its end is left out."""
    with disk_errors(path), path.open(encoding="utf-8") as lines:
        lines.readline()
        for number, line in enumerate(lines, 2):
            if line.endswith("\n"):
                yield _line(line, f"{path}:{number}")


def _line(line: str, where: str) -> AppliedChange | GivenOrder | RunEnd:
    try:
        found = loads(line)
        if "ended" in found:
            return RunEnd(**found)
        if "order" in found:
            told = (found["of"], WriteResult(found["result"]), found["reason"], tuple(found["requests"]))
            return GivenOrder(found["at"], OrderKind(found["order"]), *told)
        key, before = Key.parse(found["resource"]), found["before"]
        return AppliedChange(
            found["at"],
            key,
            ChangeKind(found["change"]),
            WriteResult(found["result"]),
            found["reason"],
            tuple(found["requests"]),
            tuple(FieldChange(*one) for one in found["fields"]),
            None if before is None else entity_of(key.kind, before.encode("utf-8", "backslashreplace"), where),
        )
    except (ValueError, TypeError, KeyError, AttributeError, EventError, InvalidResource) as error:
        raise ConfigurationError(f"{where} is no line of a record: {error}") from error
