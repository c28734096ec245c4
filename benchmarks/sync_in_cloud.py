"""How near `iot-dr sync --in-cloud` comes to the ceiling that the quotas set, and whether anything fails behind them.

A fleet of complete devices (key, certificate, thing with attributes and type, one policy for all) is made in the
primary while registry events and schedules are off, so that replication misses it. Then the account brings it across,
behind a proxy that refuses what comes faster than AWS's default quotas, API by API and Region by Region. The clock runs
from the start of the operator's command to its end, which waits for the execution: lists, settling requests and the
command's own start are included. The ceiling is what the tightest quota allows, once a device. How long each kind took
is what its Map Run says, from its start to its end.

    .venv/bin/python -m benchmarks.sync_in_cloud [--devices 300] [--at-once 4]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from benchmarks.sync import TIGHTEST, make_fleet, read_registry
from lab.counting import Call
from lab.faults import injected
from lab.operators import operator_environ
from lab.pair import Pair
from lab.progress import ConsoleProgress
from lab.quiet import unscheduled, untold
from lab.quotas import DEFAULTS, Quotas


@dataclass(frozen=True)
class Run:
    """One sync: seconds, how it ended, its calls to AWS IoT with those refused, and what differs afterwards.

    `stages` are the kinds that were checked, with the number of requests and the seconds that they took.
    """

    seconds: float
    status: str
    failures: int
    calls: Counter[Call]
    refused: Counter[Call]
    differences: tuple[str, ...]
    stages: tuple[tuple[str, int, float], ...]


@click.command(help=__doc__)
@click.option("--devices", default=300, show_default=True, help="Complete devices to bring across.")
@click.option("--at-once", type=int, help="Batches of ten requests side by side.  [default: what the quotas feed]")
def main(devices: int, at_once: int | None) -> None:
    """Measure on a fresh pair and print."""
    console = Console(width=120)
    with tempfile.TemporaryDirectory() as folder, Pair(Path(folder), ConsoleProgress(console)) as pair:
        pair.launch(health_check=False)
        with unscheduled(pair), untold(pair):
            make_fleet(console, pair, devices)
            run = measured(pair, ("--at-once", str(at_once)) if at_once else ())
    show(console, run, devices)


def measured(pair: Pair, options: tuple[str, ...]) -> Run:
    """Have the account bring across what the primary has, behind the quotas."""
    command = (sys.executable, "-m", "iot_dr.cli", "sync", "--in-cloud", "--apply", "--format", "json", *options)
    pair.proxy.reset()
    quotas = Quotas()
    with injected(pair.proxy, quotas):
        began = time.monotonic()
        ended = subprocess.run(command, env=operator_environ(pair), stdout=subprocess.PIPE, text=True, check=False)
        seconds = time.monotonic() - began
    if not ended.stdout:
        raise click.ClickException(f"it could not run and ended with {ended.returncode}")
    answer: dict[str, Any] = json.loads(ended.stdout)
    calls = Counter({call: number for call, number in pair.proxy.counts().items() if call.service == "iot"})
    ours, theirs = (read_registry(pair, region) for region in (pair.primary, pair.secondary))
    differences = tuple(ours.differences(theirs))
    stages = tuple(took(pair, answer))
    return Run(seconds, answer["status"], len(answer["failures"]), calls, quotas.refused, differences, stages)


def took(pair: Pair, answer: dict[str, Any]) -> Iterator[tuple[str, int, float]]:
    """Yield each kind that was checked, its requests, and the seconds of its Map Run; kinds are in the run's order."""
    states = pair.client("stepfunctions", pair.secondary)
    listed = states.list_map_runs(executionArn=answer["arn"])["mapRuns"]
    found = [states.describe_map_run(mapRunArn=one["mapRunArn"]) for one in listed]
    in_order = sorted(found, key=lambda one: one["startDate"])
    for (kind, requests), run in zip(answer["looks"].items(), in_order, strict=True):
        yield kind, requests["total"], (run["stopDate"] - run["startDate"]).total_seconds()


def show(console: Console, run: Run, devices: int) -> None:
    """Print how near the ceiling it came, and its calls."""
    ceiling, pace = DEFAULTS[TIGHTEST], devices / run.seconds
    found = Table(title=f"{devices} complete devices in the account, behind AWS's default quotas")
    for column in ("ended as", "seconds", "devices/s", "ceiling", "share", "refused", "failures", "differences"):
        found.add_column(column, justify="right")
    found.add_row(
        run.status,
        f"{run.seconds:.1f}",
        f"{pace:.2f}",
        f"{ceiling:.1f}",
        f"{pace / ceiling:.1%}",
        f"{sum(run.refused.values())} of {sum(run.calls.values())}",
        str(run.failures),
        str(len(run.differences)),
    )
    console.print(found)
    stages = Table(title="Requests by kind")
    for column in ("kind", "looks", "seconds", "requests/s"):
        stages.add_column(column, justify="left" if column == "kind" else "right")
    for kind, requests, seconds in run.stages:
        stages.add_row(kind, str(requests), f"{seconds:.1f}", f"{requests / seconds:.2f}")
    console.print(stages)
    calls = Table(title="Calls a device, refused ones included")
    for column in ("Region", "API", "calls", "refused"):
        calls.add_column(column, justify="right" if column in ("calls", "refused") else "left")
    for call in sorted(run.calls, key=lambda one: (one.region, one.operation)):
        calls.add_row(call.region, call.operation, f"{run.calls[call] / devices:.2f}", str(run.refused[call]))
    console.print(calls)
    for difference in run.differences[:10]:
        console.print(difference)


if __name__ == "__main__":
    main()
