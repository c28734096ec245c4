"""The build's own environment holds all that is imported while building and publishing, and no tool of the tests."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
OURS = {"templates", "iot_dr", "deployment"}
OPTIONAL = {"device_keys.py", "trial_certificates.py"}
"""Modules of `prove`, which alone needs cryptography, and asks for it by itself."""


def required() -> set[str]:
    """Return the names of the packages that requirements/build.txt asks for, by way of the files that it names."""
    folder = ROOT / "requirements"
    files = re.findall(r"^-r (\S+)$", (folder / "build.txt").read_text(), re.MULTILINE)
    lines = "".join((folder / name).read_text() for name in files)
    return set(re.findall(r"^([a-z0-9.-]+)==", lines, re.MULTILINE))


def imported() -> Iterator[str]:
    """Yield the packages that are imported when the modules of build and publication are."""
    package = ROOT / "source" / "lambda" / "iot_dr_layer" / "python" / "iot_dr"
    files = (ROOT / "generate.py", *(ROOT / "templates").rglob("*.py"), *(ROOT / "deployment").glob("*.py"))
    for path in (*files, *(path for path in package.rglob("*.py") if path.name not in OPTIONAL)):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module.partition(".")[0]


def test_what_building_and_publishing_import_is_required() -> None:
    distributions = packages_distributions()
    others = {name for name in imported() if name not in sys.stdlib_module_names and name not in OURS}

    missing = {
        name for name in others if not required() & {one.lower().replace("_", "-") for one in distributions[name]}
    }

    assert others >= {"troposphere", "awacs", "botocore", "click"}
    assert not missing


def test_the_tests_own_tools_are_not_required() -> None:
    assert not required() & {"pytest", "hypothesis", "mypy", "ruff", "cfn-lint", "ministack", "parliament"}


def test_the_wheel_of_the_package_is_made_by_the_same_setuptools_as_in_the_tests() -> None:
    def pinned(name: str) -> list[str]:
        return re.findall(r"^setuptools==\S+", (ROOT / "requirements" / name).read_text(), re.MULTILINE)

    assert pinned("tools.txt") == pinned("dev.txt") != []
