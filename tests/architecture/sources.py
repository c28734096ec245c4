"""The project's Python files and what they import, read without running them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "source" / "lambda" / "iot_dr_layer" / "python" / "iot_dr"
FUNCTIONS = ROOT / "source" / "lambda"
TEMPLATES = ROOT / "templates"


def python_files(folder: Path) -> list[Path]:
    """Return a folder's Python files, those of all folders below it too."""
    return sorted(folder.rglob("*.py"))


def product_files() -> list[Path]:
    """Return what is deployed, generated from, or installed; not the test bed."""
    return [*python_files(FUNCTIONS), *python_files(TEMPLATES), ROOT / "generate.py"]


@cache
def tree(path: Path) -> ast.Module:
    """Parse a file, once."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(path: Path) -> set[str]:
    """Return the dotted names of what a file imports, wherever in the file it does."""
    return set(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            # `from iot_dr import errors` imports a module as much as `import iot_dr.errors`.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def top(name: str) -> str:
    """Return the package that a dotted name belongs to."""
    return name.partition(".")[0]


def is_standard(name: str) -> bool:
    """Tell whether a name belongs to Python's standard library."""
    return top(name) in sys.stdlib_module_names


def shown(path: Path) -> str:
    """Return a path as a test's ID shows it."""
    return str(path.relative_to(ROOT))
