"""Copies of the package in which one statement is another, and a run of tests with such a copy before the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "source" / "lambda" / "iot_dr_layer" / "python" / "iot_dr"


@dataclass(frozen=True)
class Mutation:
    """One statement of a module, what becomes of it, and the tests that must notice."""

    module: str
    statement: str
    replacement: str
    tests: str

    def apply(self, package: Path) -> None:
        """Change the statement in a copy of the package."""
        path = package / self.module
        text = path.read_text(encoding="utf-8")
        assert text.count(self.statement) == 1, f"{self.module} no longer has this statement once: {self.statement}"
        path.write_text(text.replace(self.statement, self.replacement), encoding="utf-8")


def copy_package(folder: Path) -> Path:
    """Copy the package into a folder."""
    copy = folder / "iot_dr"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def run_tests(tests: str, package_parent: Path) -> subprocess.CompletedProcess[str]:
    """Run tests with the package that lies in a folder, as a fresh process."""
    path = os.pathsep.join([str(package_parent), str(ROOT)])
    options = [
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-p",
        "no:hypothesispytest",
        "-o",
        f"pythonpath={package_parent} {ROOT}",
    ]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, tests],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def survives(mutation: Mutation, folder: Path) -> bool:
    """Tell whether the tests pass with the mutation; a mutant that cannot be imported would prove nothing."""
    package = copy_package(folder)
    mutation.apply(package)
    result = run_tests(mutation.tests, package.parent)
    assert result.returncode in (0, 1), result.stdout + result.stderr
    assert result.returncode == 0 or " failed" in result.stdout, result.stdout + result.stderr
    return result.returncode == 0
