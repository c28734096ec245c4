"""What the style guide asks for and a machine can see."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGE, ROOT, imports, product_files, python_files, shown, top, tree

TESTED = ("model", "reconcile", "services")
PRINTING = {ROOT / "generate.py", *python_files(PACKAGE / "cli")}


@cache
def _calls(path: Path) -> frozenset[str]:
    """Names of the functions that a file calls, as far as they can be read: `print`, `time.sleep`."""
    return frozenset(ast.unparse(node.func) for node in ast.walk(tree(path)) if isinstance(node, ast.Call))


def _caught(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ExceptHandler):
            yield ast.unparse(node.type) if node.type else "everything"


def test_only_the_command_line_prints() -> None:
    assert [shown(path) for path in product_files() if path not in PRINTING and "print" in _calls(path)] == []


def test_nobody_sleeps() -> None:
    calls = [(shown(path), call) for path in product_files() for call in _calls(path)]

    assert [place for place in calls if place[1].rpartition(".")[2] == "sleep"] == []


def test_nobody_catches_everything() -> None:
    everything = {"Exception", "BaseException", "everything"}

    # The command line's boundary: 0 and 1 are answers, so a fault of the program must end with neither.
    assert [path for path in product_files() if everything & set(_caught(path))] == [PACKAGE / "cli" / "main.py"]


def test_every_module_says_what_it_is_for() -> None:
    assert [shown(path) for path in product_files() if not ast.get_docstring(tree(path))] == []


@pytest.mark.parametrize("ring", TESTED)
def test_a_test_of_the_same_room_imports_every_module_of_the_core(ring: str) -> None:
    modules = [path.relative_to(PACKAGE / ring) for path in python_files(PACKAGE / ring) if path.stem != "__init__"]
    tested = {room: _imported(ring, room) for room in {module.parent for module in modules}}

    names = {module: ".".join(("iot_dr", ring, *module.with_suffix("").parts)) for module in modules}
    assert [str(module) for module, name in names.items() if name not in tested[module.parent]] == []


def _imported(ring: str, room: Path) -> set[str]:
    """The modules that the tests of a room import, whole or by name, or that the fakes do which these tests import."""
    tests = ROOT / "tests" / "unit" / "iot_dr" / ring / room
    names = {name for path in tests.glob("test_*.py") for name in imports(path)}
    fakes = {ROOT / "tests" / f"{name.split('.')[1]}.py" for name in names if top(name) == "tests"}
    names |= {name for path in fakes if path.is_file() for name in imports(path)}
    return names | {name.rpartition(".")[0] for name in names}


def test_every_function_has_a_test() -> None:
    functions = {path.parent.name for path in (ROOT / "source" / "lambda").glob("*/handler.py")}

    tested = {
        path.stem.removeprefix("test_") for path in (ROOT / "tests" / "unit" / "lambda_functions").glob("test_*.py")
    }

    assert functions <= tested
