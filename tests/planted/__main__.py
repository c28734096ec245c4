"""Plants the listed faults, one at a time, each in a copy of the checkout, and fails on one that no test notices.

    python -m tests.planted [--jobs N] [NAME...]

Only faults whose name or module has one of the texts are planted. The tests of all of them must pass without a fault.
"""

from __future__ import annotations

import argparse
import os
import queue
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.planted.copies import copy_checkout, run_tests
from tests.planted.faults import Fault, all_faults

PASSED, FAILED = 0, 1
"""Exit codes of pytest; any other says that the tests could not be run, which shows nothing."""


Copies = queue.SimpleQueue[Path]
"""Copies of the checkout that nobody uses at the moment."""


class TestsFail(Exception):
    """Tests that are to notice faults fail without one."""

    __test__ = False


def main(arguments: list[str]) -> int:
    """Plant what is asked for, and print what was not noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description="Plant faults; tests must notice.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="plant only faults whose name or module has this text")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="faults at the same time")
    options = parser.parse_args(arguments)
    chosen = [one for one in all_faults() if not one.no_effect and _is_named(one, options.names)]
    try:
        missed = plant(chosen, options.jobs)
    except TestsFail as failure:
        print(f"error: the tests do not pass without a fault\n{failure}")
        return 2
    print(f"{len(chosen)} faults planted, {len(missed)} of them not noticed")
    for fault, why in missed.items():
        print(f"{fault.module}: {fault.name}: {why}")
    return 1 if missed else 0


def plant(chosen: Sequence[Fault], jobs: int) -> dict[Fault, str]:
    """Plant faults, so many at the same time; return those that are not known to be noticed, and why.

    Raises:
        TestsFail: the tests fail without any fault, so their failure shows nothing.
    """
    with tempfile.TemporaryDirectory(prefix="planted-") as folder, ThreadPoolExecutor(jobs) as executor:
        copies = Copies()
        for number in range(jobs):
            copies.put(copy_checkout(Path(folder) / str(number)))
        _ensure_passing(chosen, copies, executor)
        verdicts = executor.map(lambda fault: _verdict(fault, copies), chosen)
        return {fault: why for fault, why in zip(chosen, verdicts, strict=True) if why}


def _ensure_passing(chosen: Iterable[Fault], copies: Copies, executor: ThreadPoolExecutor) -> None:
    def failure(tests: tuple[str, ...]) -> str:
        checkout = copies.get()
        try:
            result = run_tests(tests, checkout)
        finally:
            copies.put(checkout)
        return "" if result.returncode == PASSED else result.stdout + result.stderr

    if failures := [found for found in executor.map(failure, sorted({fault.tests for fault in chosen})) if found]:
        raise TestsFail("\n".join(failures))


def _is_named(fault: Fault, names: Iterable[str]) -> bool:
    wanted = list(names)
    return not wanted or any(name in fault.name or name in fault.module for name in wanted)


def _verdict(fault: Fault, copies: Copies) -> str:
    """Return why a fault is not known to be noticed; empty if it is."""
    checkout = copies.get()
    path = checkout / fault.path
    text = path.read_text(encoding="utf-8")
    try:
        path.write_text(fault.planted(text), encoding="utf-8")
        result = run_tests(fault.tests, checkout)
    except subprocess.TimeoutExpired:
        return ""
    finally:
        path.write_text(text, encoding="utf-8")
        copies.put(checkout)
    if result.returncode == PASSED:
        return "no test notices"
    return "" if result.returncode == FAILED else f"the tests did not run: {result.stdout}{result.stderr}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
