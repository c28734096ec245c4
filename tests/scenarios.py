"""How many scenarios each row of docs/scope.md has, and how they ended: a table at the end of a test run.

A test says by `@pytest.mark.row("R4")` which rows it is a scenario of. `--scenarios FILE` keeps what one run found for
the next, so that runs which share the tests between them, as those of `make test` do, show one table of all.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SCOPE = Path(__file__).resolve().parents[1] / "docs" / "scope.md"
_ROW = re.compile(r"^\| ([A-Z]\d+) \| (.+?) \|", re.MULTILINE)

PASSED, FAILED, NOT_RUN = "passed", "failed", "not run"
_ENDINGS = (PASSED, FAILED, NOT_RUN)


def capabilities() -> dict[str, str]:
    """Name -> capability of every row of docs/scope.md, in the page's order."""
    return dict(_ROW.findall(SCOPE.read_text(encoding="utf-8")))


def rows_of(item: pytest.Item) -> list[str]:
    """The rows that a test is a scenario of."""
    return sorted({row for marker in item.iter_markers("row") for row in marker.args})


@dataclass
class Scenarios:
    """Scenarios by their test's ID, and how each ended."""

    rows: dict[str, list[str]] = field(default_factory=dict)
    endings: dict[str, str] = field(default_factory=dict)

    def add(self, test: str, rows: Iterable[str], ending: str) -> None:
        """Note how a scenario ended; what failed at any step has failed, and not to have run counts least."""
        self.rows[test] = list(rows)
        self.endings[test] = max(self.endings.get(test, ending), ending, key=(NOT_RUN, PASSED, FAILED).index)

    def merge(self, found: Mapping[str, Mapping[str, Any]]) -> None:
        """Add what another run or process found, in the form of `to_json`."""
        for test, rows in found["rows"].items():
            self.add(test, rows, found["endings"][test])

    def to_json(self) -> dict[str, Any]:
        """Return the form in which runs hand it on."""
        return {"rows": self.rows, "endings": self.endings}

    def table(self) -> Iterator[str]:
        """The lines of the table: every row that is a scenario's, in the order of docs/scope.md."""
        counted = Counter((row, self.endings[test]) for test, rows in self.rows.items() for row in rows)
        known = {row for row, _ in counted}
        yield f"{'row':<5}" + "".join(f"{ending:>8}" for ending in _ENDINGS) + "  capability"
        for row, capability in capabilities().items():
            if row in known:
                numbers = "".join(f"{counted[row, ending]:>8}" for ending in _ENDINGS)
                yield f"{row:<5}{numbers}  {capability}"


class ScenarioTable:
    """The pytest plugin."""

    def __init__(self, record: Path | None) -> None:
        self._record = record
        self._found = Scenarios()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Have each test's report say which rows it is a scenario of, in whatever process it runs."""
        for item in items:
            item.user_properties.extend(("row", row) for row in rows_of(item))

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Count what is left out."""
        for item in items:
            if rows := rows_of(item):
                self._found.add(item.nodeid, rows, NOT_RUN)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count what ran."""
        rows = [str(value) for name, value in report.user_properties if name == "row"]
        if rows:
            ending = {"passed": PASSED, "failed": FAILED, "skipped": NOT_RUN}[report.outcome]
            if report.when == "call" or ending is not PASSED:
                self._found.add(report.nodeid, rows, ending)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand what was left out to the process that shows the table, if it is another."""
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output["scenarios"] = self._found.to_json()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what another process left out."""
        self._found.merge(getattr(node, "workeroutput", {}).get("scenarios", Scenarios().to_json()))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show the table, if there is anything to show."""
        if self._record is not None:
            if self._record.exists():
                self._found.merge(json.loads(self._record.read_text(encoding="utf-8")))
            self._record.parent.mkdir(parents=True, exist_ok=True)
            self._record.write_text(json.dumps(self._found.to_json()), encoding="utf-8")
        if self._found.rows and SCOPE.exists():  # a copy of the tests alone, as mutants are tested by, has no page
            terminalreporter.section("scenarios by row of docs/scope.md")
            for line in self._found.table():
                terminalreporter.write_line(line)
