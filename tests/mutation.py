"""Changes every statement of `reconcile/` in turn, and fails on a change that no test notices and no reason explains.

mutmut makes the changes and runs the tests (its settings stand in setup.cfg); the reasons stand in docs/mutation.md.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".mutation"
PACKAGE = ROOT / "source" / "lambda" / "iot_dr_layer" / "python" / "iot_dr"
REASONS = ROOT / "docs" / "mutation.md"
LOG = FOLDER / "mutmut.log"
NOT_FOR_MUTANTS = shutil.ignore_patterns("__pycache__", "e2e", "golden")


@dataclass(frozen=True, order=True)
class Survivor:
    """A change that no test noticed: the function, and the lines that are new in it or, if there are none, gone."""

    function: str
    change: str


def main() -> int:
    """Run the whole check and print what has no reason."""
    argparse.ArgumentParser(prog="python -m tests.mutation", description="Change each statement in turn.").parse_args()
    _prepare()
    with LOG.open("w", encoding="utf-8") as log:
        # mutmut tells its progress by a line a mutant, which nobody wants to read.
        ran = subprocess.run([_mutmut(), "run"], cwd=FOLDER, stdout=log, stderr=subprocess.STDOUT, check=False)
    results = _told("results", "--all", "true").splitlines()
    if ran.returncode or not results:
        print(f"error: mutmut did not run to its end; see {LOG}")
        return 2
    found, explained = set(_survivors(results)), set(_explained(REASONS.read_text(encoding="utf-8")))
    print(f"{len(results)} changes, {len(found)} of them noticed by no test")
    for survivor in sorted(found - explained):
        print(f"no reason: `{survivor.function}`: `{survivor.change}`")
    for survivor in sorted(explained - found):
        print(f"reason for nothing: `{survivor.function}`: `{survivor.change}`")
    return 0 if found == explained else 1


def _prepare() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    shutil.copytree(PACKAGE, FOLDER / "iot_dr", ignore=NOT_FOR_MUTANTS)
    shutil.copytree(ROOT / "tests", FOLDER / "tests", ignore=NOT_FOR_MUTANTS)
    for name in ("setup.cfg", "pyproject.toml"):
        shutil.copy(ROOT / name, FOLDER / name)


def _mutmut() -> str:
    return str(Path(sys.executable).with_name("mutmut"))


def _told(*arguments: str) -> str:
    return subprocess.run([_mutmut(), *arguments], cwd=FOLDER, capture_output=True, text=True, check=True).stdout


def _survivors(results: list[str]) -> Iterator[Survivor]:
    for line in results:
        name, _, status = line.strip().partition(": ")
        if status not in ("killed", "timeout"):
            yield _survivor(name, _told("show", name))


def _survivor(name: str, diff: str) -> Survivor:
    module, _, function = name.partition(".x_")
    lines = [line for line in diff.splitlines() if re.match(r"[-+](?![-+])", line)]
    new = [line[1:].strip() for line in lines if line.startswith("+")]
    gone = ["without", *(line[1:].strip() for line in lines if line.startswith("-"))]
    return Survivor(f"{module.rpartition('.')[2]}.{function.partition('__mutmut')[0]}", " ".join(new or gone))


def _explained(text: str) -> Iterator[Survivor]:
    for function, change in re.findall(r"^- `([^`]+)`: `([^`]+)`$", text, re.MULTILINE):
        yield Survivor(function, change)


if __name__ == "__main__":
    sys.exit(main())
