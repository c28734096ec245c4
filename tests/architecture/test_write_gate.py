"""Whoever is given a writer of the target is given the gate that it asks before the first write."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.architecture.sources import PACKAGE, python_files, tree

WRITERS = frozenset({"RegistryWriter", "ShadowWriter", "ShadowStore"})
GATES = frozenset({"WriteGate", "Marking"})
"""The gate, and what has it: marks are given the gate of the target that they are for."""

WITHOUT = {
    "rehearsal.RehearsalParts": "writes one thing of a drill's own into the source",
    "removal.Removal": "deletes in the target what a drill's own devices wrote there, which is nobody else's",
    "recorded.RecordedRegistryWriter": "notes what another one writes, whose callers ask the gate",
    "recorded.RecordedShadowStore": "as the writer of the registry",
    "fleet.TrialFleet": "writes devices of its own into the source, and nothing into the target",
}
"""Who of the services writes without a gate, and why."""


def _given(path: Path) -> Iterator[tuple[str, set[str]]]:
    """Yield what each function and each class of a module is given: names of the types of parameters and fields."""
    for node in tree(path).body:
        if isinstance(node, ast.FunctionDef):
            yield f"{path.stem}.{node.name}", _types(node)
        elif isinstance(node, ast.ClassDef):
            fields = _names(one.annotation for one in node.body if isinstance(one, ast.AnnAssign))
            methods = [one for one in node.body if isinstance(one, ast.FunctionDef)]
            yield f"{path.stem}.{node.name}", fields.union(*map(_types, methods))


def _types(function: ast.FunctionDef) -> set[str]:
    arguments = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    return _names(one.annotation for one in arguments if one.annotation is not None)


def _names(annotations: Iterable[ast.expr]) -> set[str]:
    return {one.id for whole in annotations for one in ast.walk(whole) if isinstance(one, ast.Name)}


def test_no_service_is_given_a_writer_without_the_gate() -> None:
    given = {name: types for path in python_files(PACKAGE / "services") for name, types in _given(path)}

    assert {name for name, types in given.items() if types & WRITERS and not types & GATES} == WITHOUT.keys()
