"""`python -m tests.simulation.teeth`: takes each mend back in a copy of the package; the simulation must see it."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.planted.copies import PACKAGE, ROOT, copy_checkout, copy_package, run_tests
from tests.simulation.checks import NAMES
from tests.simulation.teeth.reverts import REVERTS, Revert

LONGEST = 300
"""Seconds that the search for one revert may take."""


def main() -> int:
    """Take back what was asked for, or everything; 1 if one was not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.teeth", description=__doc__)
    parser.add_argument("--only", default="", help="names that contain this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="searches at once")
    options = parser.parse_args()
    chosen = [revert for revert in REVERTS if options.only in revert.name]
    with ThreadPoolExecutor(options.jobs) as pool:
        missed = [name for name in pool.map(_searched, chosen) if name]
    print(f"{len(chosen) - len(missed)} of {len(chosen)} reverts found")
    return 1 if missed or not chosen else 0


def _searched(revert: Revert) -> str:
    """Search with one mend taken back; return its name if nothing was found, or the same without taking it back."""
    began = time.monotonic()
    with TemporaryDirectory() as folder:
        if revert.test:
            return _tested(revert, copy_checkout(Path(folder) / "checkout"))
        package = copy_package(Path(folder))
        # The fakes may be changed too: the ledger of the simulation is one of them.
        shutil.copytree(ROOT / "tests", Path(folder) / "tests", ignore=shutil.ignore_patterns("__pycache__"))
        for edit in revert.edits:
            edit.apply(package, package.parent)
        found = _simulated(revert, package.parent, "--seed", "1", "--runs", str(revert.runs))
    seen = next((line for line in found.stdout.splitlines() if line.startswith("seed ")), "")
    bitten = found.returncode == 1 and seen.split(": ")[1:2] in [[rule] for rule in revert.rules]
    if bitten:
        seed = seen.split(": ")[0].removeprefix("seed ")
        bitten = _simulated(revert, PACKAGE.parent, "--seed", seed, "--runs", "1").returncode == 0
    print(
        f"{'found' if bitten else 'MISSED'}  {time.monotonic() - began:5.0f} s  {revert.name}: {seen or found.stderr}",
        flush=True,
    )
    return "" if bitten else revert.name


def _tested(revert: Revert, checkout: Path) -> str:
    """Run the test of a revert; return its name if the test passes."""
    for edit in revert.edits:
        edit.apply(checkout / PACKAGE.relative_to(ROOT), checkout)
    result = run_tests([revert.test], checkout)
    bitten = result.returncode == 1 and " failed" in result.stdout
    print(f"{'found' if bitten else 'MISSED'}  by a test  {revert.name}: {revert.test.partition('::')[2]}", flush=True)
    return "" if bitten else revert.name


def _simulated(revert: Revert, packages: Path, *seeds: str) -> subprocess.CompletedProcess[str]:
    """Run the simulation with the package that lies in a folder, and with the tests that do, if there are any."""
    return subprocess.run(
        [*_command(revert), *seeds],
        cwd=packages if (packages / "tests").is_dir() else ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(packages), str(ROOT)]), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=LONGEST + 60,
        check=False,
    )


def _command(revert: Revert) -> list[str]:
    ignored = [rule for rule in NAMES if rule not in revert.rules]
    limits = [
        "--minutes",
        str(LONGEST / 60),
        "--jobs",
        "1",
        "--stories",
        "0",
    ]
    fixed = [part for name, value in revert.fixed.items() for part in ("--set", f"{name}={json.dumps(value)}")]
    verbs = ["--verbs", ",".join(revert.verbs)] if revert.verbs else []
    return [sys.executable, "-m", "tests.simulation", *limits, "--ignore", ",".join(ignored), *verbs, *fixed]


if __name__ == "__main__":
    raise SystemExit(main())
