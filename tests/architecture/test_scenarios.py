"""Every row of replication and correctness has scenarios, and every scenario is of a row that there is."""

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, shown, tree
from tests.scenarios import FAILED, NOT_RUN, PASSED, Scenarios, capabilities

TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
REPLICATION_AND_CORRECTNESS = [row for row in capabilities() if row[0] in "RC"]


def marked(path: Path) -> set[str]:
    """The rows that a file's markers name."""
    calls = (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call))
    # To write all calls out takes ten times as long as to walk them.
    of_rows = (call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "row")
    rows = (call.args for call in of_rows if ast.unparse(call.func) == "pytest.mark.row")
    return {ast.literal_eval(argument) for arguments in rows for argument in arguments}


@cache
def files_by_row() -> dict[str, list[str]]:
    """Row -> the files that have a scenario of it."""
    found = defaultdict(list)
    for path in TESTS:
        for row in marked(path):
            found[row].append(shown(path))
    return found


@pytest.mark.parametrize("row", REPLICATION_AND_CORRECTNESS)
def test_every_row_has_a_scenario_on_the_region_pair(row: str) -> None:
    assert any(file.startswith("tests/e2e/") for file in files_by_row()[row])


def test_every_scenario_is_of_a_row_that_there_is() -> None:
    assert files_by_row().keys() <= capabilities().keys()


def test_a_failure_at_any_step_counts_and_what_one_run_left_out_another_makes_up_for() -> None:
    scenarios = Scenarios()
    scenarios.add("test_a", ["R1", "R2"], PASSED)
    scenarios.add("test_a", ["R1", "R2"], FAILED)
    scenarios.add("test_b", ["R2"], NOT_RUN)
    other = Scenarios()
    other.add("test_b", ["R2"], PASSED)

    scenarios.merge(other.to_json())

    head, *lines = scenarios.table()
    assert head.split() == ["row", "passed", "failed", "not", "run", "capability"]
    assert [line.split()[:4] for line in lines] == [["R1", "0", "1", "0"], ["R2", "1", "1", "0"]]
