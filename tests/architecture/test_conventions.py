"""What the style guide asks for and a machine can see."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGE, ROOT, product_files, python_files, shown, tree

MIRRORED = ("model", "reconcile", "services")
PRINTING = {ROOT / "generate.py", *python_files(PACKAGE / "cli")}


def _calls(path: Path) -> Iterator[str]:
    """Names of the functions that a file calls, as far as they can be read: `print`, `time.sleep`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def _caught(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ExceptHandler):
            yield ast.unparse(node.type) if node.type else "everything"


@pytest.mark.parametrize("path", [path for path in product_files() if path not in PRINTING], ids=shown)
def test_only_the_command_line_prints(path: Path) -> None:
    assert "print" not in set(_calls(path))


@pytest.mark.parametrize("path", product_files(), ids=shown)
def test_nobody_sleeps(path: Path) -> None:
    assert not [call for call in _calls(path) if call.rpartition(".")[2] == "sleep"]


@pytest.mark.parametrize("path", product_files(), ids=shown)
def test_nobody_catches_everything(path: Path) -> None:
    assert not {"Exception", "BaseException", "everything"} & set(_caught(path))


@pytest.mark.parametrize("path", product_files(), ids=shown)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(tree(path))


@pytest.mark.parametrize("ring", MIRRORED)
def test_the_tests_mirror_the_core(ring: str) -> None:
    modules = {path.relative_to(PACKAGE / ring) for path in python_files(PACKAGE / ring) if path.stem != "__init__"}

    mirror = ROOT / "tests" / "unit" / "iot_dr" / ring
    tested = {path.relative_to(mirror).with_name(path.name.removeprefix("test_")) for path in mirror.rglob("test_*.py")}

    assert modules <= tested


def test_every_function_has_a_test() -> None:
    functions = {path.parent.name for path in (ROOT / "source" / "lambda").glob("*/handler.py")}

    tested = {
        path.stem.removeprefix("test_") for path in (ROOT / "tests" / "unit" / "lambda_functions").glob("test_*.py")
    }

    assert functions <= tested
