"""How near `iot-dr sync` comes to the ceiling that the quotas set, and what a run that is killed repeats.

A fleet of complete devices (key, certificate, thing with attributes and type, one policy for all) is made in the
primary while registry events and schedules are off, so that replication misses it. Then `iot-dr sync --apply` runs as
an operator's process, behind a proxy that refuses what comes faster than AWS's default quotas, API by API and Region by
Region. The clock runs from its start to its end, its own start and the reading of both Regions included. The ceiling is
what the tightest quota allows: RegisterCertificateWithoutCA, once a device.

The same on another pair, killed with SIGKILL once half of the certificates are registered, and run again. What it
repeats are its calls beyond those of the run that was not killed; refused calls are left out of both.

With `--own-policies` each device has a policy of its own, so that GetPolicy and CreatePolicy are needed once a device
too; they have the same quota as the call that sets the ceiling.

    .venv/bin/python -m benchmarks.sync [--devices 2000] [--only whole|killed] [--own-policies]
"""

from __future__ import annotations

import os
import resource
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from lab import registry
from lab.counting import Call
from lab.faults import injected
from lab.fleet import Fleet, Identity, make_identity
from lab.pair import Pair
from lab.progress import ConsoleProgress
from lab.quiet import unscheduled, untold
from lab.quotas import DEFAULTS, Quotas
from lab.waiting import until

TIGHTEST = "RegisterCertificateWithoutCA"
TARGET_SHARE = 0.95
TARGET_REPEATED = 0.02
AZURE = 4.9
"""Devices per second of `az iot hub state export`, as a user reports it: about 53,000 in more than three hours.

https://github.com/Azure/azure-iot-cli-extension/issues/738
"""

TYPE = "bench-type"
THREADS = 4
TIME_LIMIT = 1800.0


@dataclass(frozen=True)
class Wanted:
    """The fleet to bring across."""

    devices: int
    own_policies: bool


@dataclass(frozen=True)
class Run:
    """One sync: seconds, its calls to AWS IoT without those refused, the refused, its peak memory, and what differs."""

    seconds: float
    calls: Counter[Call]
    refused: Counter[Call]
    peak_mib: float
    differences: tuple[str, ...]


@click.command(help=__doc__)
@click.option("--devices", default=2000, show_default=True, help="Complete devices to bring across.")
@click.option("--only", type=click.Choice(["whole", "killed"]), help="Only one of the two runs.")
@click.option("--own-policies", is_flag=True, help="A policy for each device instead of one for all.")
def main(devices: int, only: str | None, *, own_policies: bool) -> None:
    """Measure on fresh pairs and print."""
    console = Console(width=120)
    wanted = Wanted(devices, own_policies=own_policies)
    whole = measured(console, wanted, kill=False) if only != "killed" else None
    killed = measured(console, wanted, kill=True) if only != "whole" else None
    if whole is not None:
        print_whole(console, whole, devices)
    if killed is not None:
        print_killed(console, killed, whole, devices)


def measured(console: Console, wanted: Wanted, *, kill: bool) -> Run:
    """Launch a pair, make the fleet, and let the sync run, perhaps killed once."""
    with tempfile.TemporaryDirectory() as folder, Pair(Path(folder), ConsoleProgress(console)) as pair:
        pair.launch(health_check=False)
        with unscheduled(pair):
            return measured_on(pair, console, Path(folder), wanted, kill=kill)


def measured_on(pair: Pair, console: Console, folder: Path, wanted: Wanted, *, kill: bool) -> Run:
    """Make the fleet on a launched pair, and let the sync run."""
    with untold(pair):
        make_fleet(console, pair, wanted.devices, own_policies=wanted.own_policies)
    environ = operator_environ(pair)
    pair.proxy.reset()
    quotas = Quotas()
    with injected(pair.proxy, quotas):
        began = time.monotonic()
        if kill:
            sync_until_half(environ, folder, pair, wanted.devices)
        code = subprocess.run(command(folder), env=environ, check=False).returncode
        seconds = time.monotonic() - began
    console.print(f"sync ended with {code} after {seconds:.1f} s")
    if code:
        raise click.ClickException("it did not bring everything across")
    ours, theirs = (read_registry(pair, region) for region in (pair.primary, pair.secondary))
    calls = Counter({call: number for call, number in pair.proxy.counts().items() if call.service == "iot"})
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return Run(seconds, calls - quotas.refused, quotas.refused, peak, tuple(ours.differences(theirs)))


def read_registry(pair: Pair, region: str) -> registry.Registry:
    """Read a Region with a customer's calls, past the proxy."""
    return registry.read(pair.client("iot", region), region)


def sync_until_half(environ: Mapping[str, str], folder: Path, pair: Pair, devices: int) -> None:
    """Begin a sync and kill it when half of the certificates are registered."""
    process = subprocess.Popen(command(folder), env=environ)
    registered = Call("iot", TIGHTEST, pair.secondary)
    try:
        until(lambda: pair.proxy.counts()[registered] > devices / 2 or process.poll() is not None, TIME_LIMIT)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def command(folder: Path) -> list[str]:
    """Return the operator's command."""
    return [sys.executable, "-m", "iot_dr.cli", "sync", "--apply", "--state", str(folder / "state")]


def operator_environ(pair: Pair) -> dict[str, str]:
    """Return what an operator's shell has after `. toolsrc`, with AWS IoT behind the proxy."""
    bucket = f"iot-dr-primary-{pair.outputs['UuidS3Postfix']}"
    text = pair.client("s3").get_object(Bucket=bucket, Key="tools/toolsrc")["Body"].read().decode()
    settings = dict(line.split("=", 1) for line in shlex.split(text, comments=True) if "=" in line)
    return {
        **os.environ,
        **pair.emulator.client_environ(),
        **pair.proxy.environ(("IOT", "IOT_DATA_PLANE", "SERVICE_QUOTAS")),
        **settings,
    }


def make_fleet(console: Console, pair: Pair, devices: int, *, own_policies: bool = False) -> None:
    """Make complete devices of one type, with one policy for all or one for each."""
    iot = pair.client("iot")
    shared = Fleet(iot, region=pair.primary, account=pair.account, policy_name="bench-policy")
    shared.prepare(TYPE)
    began = time.monotonic()
    identities = [make_identity(f"bench-{number}") for number in range(devices)]

    def provision(numbered: tuple[int, Identity]) -> None:
        number, identity = numbered
        fleet = shared
        if own_policies:
            fleet = Fleet(iot, region=pair.primary, account=pair.account, policy_name=f"bench-policy-{number}")
            fleet.prepare()
        attributes = {"site": "north", "serial": str(number)}
        fleet.provision(f"bench-{number}", thing_type=TYPE, attributes=attributes, identity=identity)

    with ThreadPoolExecutor(THREADS) as executor:
        list(executor.map(provision, enumerate(identities)))
    console.print(f"{devices} devices made in {time.monotonic() - began:.0f} s")


def print_whole(console: Console, run: Run, devices: int) -> None:
    """Print how near the ceiling it came."""
    ceiling, pace = DEFAULTS[TIGHTEST], devices / run.seconds
    found = Table(title=f"{devices} complete devices behind AWS's default quotas")
    for column in ("seconds", "devices/s", "ceiling", "share", "target", "refused", "peak MiB", "differences"):
        found.add_column(column, justify="right")
    total = sum(run.calls.values())
    found.add_row(
        f"{run.seconds:.1f}",
        f"{pace:.2f}",
        f"{ceiling:.1f}",
        f"{pace / ceiling:.1%}",
        f"{TARGET_SHARE:.0%}",
        f"{sum(run.refused.values())} of {total}",
        f"{run.peak_mib:.0f}",
        str(len(run.differences)),
    )
    console.print(found)
    console.print(f"az iot hub state export, as reported: {AZURE} devices/s; this is {pace / AZURE:.1f} times as many")
    calls = Table(title="Calls a device")
    for column in ("Region", "API", "calls", "refused"):
        calls.add_column(column, justify="right" if column in ("calls", "refused") else "left")
    for call in sorted(run.calls, key=lambda one: (one.region, one.operation)):
        calls.add_row(call.region, call.operation, f"{run.calls[call] / devices:.3f}", str(run.refused[call]))
    console.print(calls)


def print_killed(console: Console, killed: Run, whole: Run | None, devices: int) -> None:
    """Print what a killed run repeated."""
    total = sum(killed.calls.values())
    console.print(f"killed half-way and run again: {total} calls for {devices} devices in {killed.seconds:.1f} s")
    if whole is None:
        return
    needed = sum(whole.calls.values())
    console.print(
        f"without being killed: {needed}; repeated: {total - needed}, {(total - needed) / needed:.2%} "
        f"(target {TARGET_REPEATED:.0%}); differences: {len(killed.differences)}"
    )
    for call, number in sorted((killed.calls - whole.calls).items(), key=lambda one: -one[1]):
        console.print(f"  {number} more {call.operation} in {call.region}")


if __name__ == "__main__":
    main()
