"""`python -m lab run | drill | up | down`: the local Region pair."""

import ctypes
import os
import signal
import sys
import time
from types import FrameType
from typing import NoReturn

import click
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from lab import operators, supervisor
from lab.emulator import ROOT, STATE, LabError
from lab.pair import launched
from lab.progress import ConsoleProgress, step
from lab.registry import KINDS
from lab.rehearsal import Outcome, rehearse
from lab.route53.service import SCALE

_PR_SET_PDEATHSIG = 1

REPORT = STATE / "verified.html"
"""The page that `iot-dr verify` writes at the end of a run."""

DRILL = STATE / "drill.html"
"""The page of the last drill."""

console = Console()

_skip_build = click.option("--skip-build", is_flag=True, help="Use what deployment/build-s3-dist.sh built last.")


@click.group()
def cli() -> None:
    """The local Region pair: both Regions on this machine, without an AWS account."""


@cli.command()
@click.option("--devices", type=click.IntRange(4, 500), default=20, show_default=True, help="Size of the fleet.")
@_skip_build
def run(devices: int, *, skip_build: bool) -> None:
    """Launch the product, let a fleet cross, compare both Regions, fail over; exit 0 when all is as it should be."""
    _end_with_make()
    begun = time.monotonic()
    with supervisor.exclusive(STATE / "run.lock", "make lab"):
        supervisor.discard_leftovers(STATE / "run")
        with launched(STATE / "run", ConsoleProgress(console), build=not skip_build, fleet_name=True) as pair:
            outcome = rehearse(pair, devices, REPORT, DRILL)
    show(outcome, time.monotonic() - begun)
    if outcome.differences or not outcome.verified or outcome.failover is None or not outcome.rehearsed:
        sys.exit(1)


@cli.command()
@click.option("--clients", type=click.IntRange(1, 500), default=25, show_default=True, help="How many devices.")
@click.option("--fault", type=click.Choice(["drain", "unhealthy"]), default="drain", show_default=True)
@_skip_build
def drill(clients: int, fault: str, *, skip_build: bool) -> None:
    """Launch the product and rehearse a failover there and back; exit 0 when the drill met its objectives."""
    _end_with_make()
    progress = ConsoleProgress(console)
    with supervisor.exclusive(STATE / "run.lock", "make drill"):
        supervisor.discard_leftovers(STATE / "run")
        with (
            launched(STATE / "run", progress, build=not skip_build, fleet_name=True) as pair,
            pair.route53.evaluating(SCALE),
            step(progress, f"Rehearse a failover there and back with {clients} clients (iot-dr drill --report)"),
        ):
            met = operators.drill(pair, DRILL, progress.line, "--clients", str(clients), "--fault", fault)
    console.print(f"The page: {DRILL.relative_to(ROOT)}")
    sys.exit(0 if met else 1)


@cli.command()
@_skip_build
def up(*, skip_build: bool) -> None:
    """Launch the product and keep the pair running for experiments."""
    state = supervisor.up(click.echo, build=not skip_build)
    click.echo("\nThe pair is up. For the AWS CLI and boto3:\n")
    for name, value in state["environ"].items():
        click.echo(f"export {name}={value}")
    click.echo("\nDevices connect to:")
    for region, endpoint in state["endpoints"].items():
        click.echo(f"  {region}  {endpoint}")
    click.echo(f"\nHosted zones are served by DNS at {state['dns']}")
    click.echo(f"\nThe fleet's name is {state['fleet']}, port {state['fleet_port']}. It leads to:")
    for region, address in state["fleet_addresses"].items():
        click.echo(f"  {region}  {address}")
    click.echo(
        f"\nStack postfix {state['outputs']['StackPostfix']}; all else in .lab/state.json. Stop it: make lab-down"
    )


@cli.command()
def down() -> None:
    """Stop what `up` started."""
    click.echo("Stopped." if supervisor.down() else "No pair was running.")


@cli.command(hidden=True)
@_skip_build
def supervise(*, skip_build: bool) -> None:
    """Be the process that `up` leaves running."""
    supervisor.supervise(build=not skip_build)


def show(outcome: Outcome, seconds: float) -> None:
    """What crossed, and how fast."""
    table = Table(title="What crossed", title_justify="left")
    table.add_column("")
    for region in ("primary", "secondary"):
        table.add_column(region, justify="right")
    table.add_column("equal", justify="center")
    for kind in KINDS:
        equal = outcome.primary.kinds[kind] == outcome.secondary.kinds[kind]
        counts = (str(outcome.primary.count(kind)), str(outcome.secondary.count(kind)))
        table.add_row(kind, *counts, "[green]yes[/green]" if equal else "[red]no[/red]")
    table.add_row("MQTT with the same certificate", *("connected" for _ in outcome.connected), "[green]yes[/green]")
    console.print(table)
    lag = outcome.lag
    console.print(
        f"Lag over {len(lag.seconds)} devices, last provisioning call to complete device: "
        f"median {lag.median:.2f} s, p95 {lag.p95:.2f} s, max {lag.longest:.2f} s; "
        f"the first, with cold functions: {outcome.cold.longest:.2f} s"
    )
    if outcome.failover is None:
        console.print("[red]The device was not served by the secondary after the primary's broker was closed.[/red]")
    else:
        console.print(
            f"Failover without an operator, by health checks ten times as fast as AWS's: "
            f"no service for {outcome.failover:.1f} s"
        )
    console.print(f"iot-dr verify {'agrees' if outcome.verified else 'does not agree'}: {REPORT.relative_to(ROOT)}")
    drilled = "met its objectives" if outcome.rehearsed else "[red]missed its objectives[/red]"
    console.print(f"iot-dr drill {drilled}: {DRILL.relative_to(ROOT)}")
    for difference in outcome.differences:
        console.print(f"[red]{difference}[/red]")
    verdict = "[red]The Regions differ.[/red]" if outcome.differences else "[green]Both Regions are equal.[/green]"
    console.print(f"{verdict} [dim]{seconds:.0f} s in all[/dim]")


def _end_with_make() -> None:
    """Take the death of `make` for SIGTERM: killed outright it tells nobody, but the kernel does."""
    if "MAKELEVEL" in os.environ and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def main() -> None:
    """Run a command; every way out stops what it started."""
    # SIGTERM leaves as Ctrl-C does: through every `finally`.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        cli()
    except LabError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    except (ClientError, BotoCoreError) as error:
        click.echo(f"error: a call to the pair failed: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
