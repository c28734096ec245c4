"""Copies of the package, or of all that tests need, in which a statement may be another; and runs of tests in them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "source" / "lambda" / "iot_dr_layer" / "python" / "iot_dr"
TIMEOUT = 300
"""Seconds after which a run of tests counts as failed: a fault may make one wait for ever."""

_FOLDERS = ("benchmarks", "deployment", "docs", "examples", "lab", "requirements", "source", "templates", "tests")
_FILES = (
    "generate.py",
    "setup.cfg",
    "pyproject.toml",
    "Makefile",
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "LICENSE",
)
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*-s3-assets", ".build.*")


def copy_package(folder: Path) -> Path:
    """Copy the package into a folder, and return the copy."""
    copy = folder / "iot_dr"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def copy_checkout(folder: Path) -> Path:
    """Copy all that tests need into a folder that is not there yet, and return it."""
    for name in _FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=_LEFT_OUT)
    for name in _FILES:
        shutil.copy(ROOT / name, folder / name)
    return folder


def run_tests(tests: Iterable[str], checkout: Path) -> subprocess.CompletedProcess[str]:
    """Run tests in a copy of the checkout, as a fresh process, until the first fails.

    Raises:
        TimeoutExpired: they did not end.
    """
    options = ["-q", "-x", "-m", "not lab", "-p", "no:cacheprovider", "-p", "no:xdist"]
    path = os.pathsep.join([str(checkout), str(checkout / PACKAGE.parent.relative_to(ROOT))])
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
