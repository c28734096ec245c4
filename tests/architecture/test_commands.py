"""A module of `runtime/commands` is a parts list: what is decided or repeated stands in `services/`, over ports."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGE, python_files, shown, tree

COMMANDS = [path for path in python_files(PACKAGE / "runtime" / "commands") if path.stem != "__init__"]

LONGEST = 45
"""Lines of a function, its docstring included: what is longer hides a decision among the parts."""

STATEFUL = {
    "status._Kept": "keeps for a minute what each reading of CloudWatch costs",
    "status._CachedMetricsReader": "metrics, kept so",
}
"""Classes that do something nevertheless, and why they stand here."""


def _functions(path: Path) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef)]


def _acting(path: Path) -> set[str]:
    """Name the classes of a module that have methods; a property of settings is none."""
    return {
        f"{path.stem}.{node.name}"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
        for member in node.body
        if isinstance(member, ast.FunctionDef) and "property" not in map(ast.unparse, member.decorator_list)
    }


@pytest.mark.parametrize("path", COMMANDS, ids=shown)
def test_a_command_repeats_nothing(path: Path) -> None:
    loops = (ast.For, ast.While)

    assert [node.lineno for node in ast.walk(tree(path)) if isinstance(node, loops)] == []


def test_a_commands_classes_hold_settings_and_parts_and_do_nothing() -> None:
    assert set().union(*map(_acting, COMMANDS)) == STATEFUL.keys()


@pytest.mark.parametrize("path", COMMANDS, ids=shown)
def test_a_commands_functions_can_be_seen_at_a_glance(path: Path) -> None:
    long = [one.name for one in _functions(path) if (one.end_lineno or one.lineno) - one.lineno >= LONGEST]

    assert long == []
