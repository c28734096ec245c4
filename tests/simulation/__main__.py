"""`python -m tests.simulation`: simulates until so many customer operations are done or so many minutes over."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from itertools import islice
from random import SystemRandom
from typing import Any

from tests.simulation.checks import NAMES
from tests.simulation.searching import Settings, Tally, told, tried

PORTION = 25
"""Seeds that are run between two requests for the clock."""


def main() -> int:
    """Simulate; 1 if a rule was broken."""
    options = _options()
    settings = Settings(options.size, _names(options.verbs), dict(options.set), frozenset(_names(options.ignore)))
    first = SystemRandom().randrange(10**9) if options.seed is None else options.seed
    print(f"seeds from {first} on", flush=True)
    total, began, last = Tally(), time.monotonic(), 0.0
    for part in _parts(first, settings, options):
        total.add(part)
        elapsed = time.monotonic() - began
        for seed, violation in part.broken.items():
            print(f"seed {seed}: {violation}", flush=True)
        if elapsed - last >= options.every:
            last = elapsed
            print(_progress(total, first, elapsed, options.operations), flush=True)
        stopped = total.broken and not options.keep_going
        if stopped or elapsed > options.minutes * 60 or (options.operations and total.operations >= options.operations):
            break
    print(_progress(total, first, time.monotonic() - began, options.operations))
    for seed in list(total.broken)[: options.stories]:
        print("\n".join(told(seed, settings, total.broken[seed])))
    for rule, number in total.rules.most_common():
        print(f"{number:6}  {rule}: {NAMES[rule]}")
    print(f"{len(total.broken)} violations")
    return 1 if total.broken else 0


def _parts(first: int, settings: Settings, options: argparse.Namespace) -> Iterator[Tally]:
    last = first + options.runs if options.runs else None
    portions = _portions(first, last)
    if options.jobs == 1:
        yield from (tried(portion, settings) for portion in portions)
        return
    with ProcessPoolExecutor(options.jobs) as pool:
        waiting = [pool.submit(tried, portion, settings) for portion in islice(portions, 2 * options.jobs)]
        while waiting:
            # In the order of their seeds, so that two such searches tell the same.
            yield waiting.pop(0).result()
            waiting.extend(pool.submit(tried, portion, settings) for portion in islice(portions, 1))


def _portions(first: int, last: int | None) -> Iterator[range]:
    while last is None or first < last:
        end = first + PORTION if last is None else min(first + PORTION, last)
        yield range(first, end)
        first = end


def _progress(total: Tally, first: int, elapsed: float, wanted: int) -> str:
    rate = total.operations / elapsed if elapsed else 0.0
    left = timedelta(seconds=int((wanted - total.operations) / rate)) if rate and wanted > total.operations else None
    share = total.faults / total.calls if total.calls else 0.0
    return (
        f"{total.operations:,} operations in {total.runs:,} runs (seeds {first} to {first + total.runs - 1}), "
        f"{rate:,.0f} a second, {share:.1%} of {total.calls:,} calls met a fault, {total.failovers:,} failovers, "
        f"{total.failbacks:,} failbacks, "
        f"{len(total.broken)} violations" + (f", {left} left" if left is not None else "")
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--operations", type=int, default=0, help="customer operations to do (default: until the time)")
    parser.add_argument(
        "--minutes", type=float, default=None, help="minutes at most (default: 1, or with --operations a day)"
    )
    parser.add_argument("--runs", type=int, default=0, help="runs to do, one a seed")
    parser.add_argument("--seed", type=int, help="the first seed (default: a fresh one)")
    parser.add_argument(
        "--faults",
        dest="set",
        default=[],
        type=lambda text: ("fault_rate", float(text)),
        action="append",
        help="share of calls that meet a fault, in all runs (default: drawn for each)",
    )
    parser.add_argument(
        "--set",
        type=_fixed,
        action="append",
        default=[],
        metavar="NAME=JSON",
        help="have a field of all scenarios be this",
    )
    parser.add_argument(
        "--verbs", default="", help="what customers do alone, with commas (default: drawn for each run)"
    )
    parser.add_argument("--size", type=int, default=40, help="operations of a run at most")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two lines of progress")
    parser.add_argument("--ignore", default="", metavar="RULES", help=f"rules not to check, of {', '.join(NAMES)}")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first violation")
    parser.add_argument("--stories", type=int, default=1, help="stories to shrink and tell in full")
    options = parser.parse_args()
    if options.minutes is None:
        options.minutes = 24 * 60 if options.operations or options.runs else 1.0
    return options


def _fixed(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    found = json.loads(value)
    return name, tuple(found) if isinstance(found, list) else found


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))


if __name__ == "__main__":
    raise SystemExit(main())
