"""The examples in docstrings hold: whoever reads one takes it for what the function does."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGE, ROOT, python_files, shown

EXAMPLES = [
    path
    for folder in (PACKAGE, ROOT / "templates", ROOT / "lab")
    for path in python_files(folder)
    if ">>> " in path.read_text(encoding="utf-8")
]


def _name(path: Path) -> str:
    base = PACKAGE.parent if path.is_relative_to(PACKAGE) else ROOT
    return ".".join(path.relative_to(base).with_suffix("").parts)


@pytest.mark.parametrize("path", EXAMPLES, ids=shown)
def test_the_examples_of_a_module_hold(path: Path) -> None:
    tried = doctest.testmod(importlib.import_module(_name(path)))

    assert tried.attempted > 0
    assert tried.failed == 0
