"""How much memory `iot-dr sync` takes, by the size of the fleet: a plan that reads everything, and an application.

    .venv/bin/python -m benchmarks.sync_memory [--things 2000 --things 20000] [--apply 2000]

The primary holds the fleet of `benchmarks/fill_regions.py`, perhaps with a policy for each device; the secondary holds
nothing but a ledger, and the stack's parameters that the command reads. Shadows are off. Service Quotas tells of quotas
so high that no call waits. Every figure is the peak of an operator's process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click
from troposphere import Parameter, Template

from lab.counting import CountingProxy
from lab.emulator import PRIMARY_REGION, ROOT, SECONDARY_REGION, Emulator
from lab.fleet import make_identity
from lab.quotas import DEFAULTS, Quotas
from templates.secondary_region import add_ledger

POSTFIX = "20261125000000"
STACK = f"IoTDRSecondary{POSTFIX}"
HIGH = 1e6


@dataclass(frozen=True)
class Measured:
    """One process's seconds and its largest resident memory in bytes."""

    seconds: float
    peak: int


def stack_template() -> str:
    """Return what of the secondary's stack a sync reads."""
    template = Template()
    for name, value in (("CertificateMode", "copy"), ("ReplicateShadows", "none")):
        template.add_parameter(Parameter(name, Type="String", Default=value))
    add_ledger(template)
    text: str = template.to_json()
    return text


def make_ledger(emulator: Emulator) -> str:
    """Create the stack, and return the name of its ledger."""
    cloudformation = emulator.client("cloudformation", SECONDARY_REGION)
    cloudformation.create_stack(StackName=STACK, TemplateBody=stack_template())
    cloudformation.get_waiter("stack_create_complete").wait(StackName=STACK)
    ledger = cloudformation.describe_stack_resource(StackName=STACK, LogicalResourceId="LedgerTable")
    name: str = ledger["StackResourceDetail"]["PhysicalResourceId"]
    cloudformation.close()
    return name


def measured(environ: dict[str, str], state: Path, *options: str) -> Measured:
    """Run the operator's command."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "iot_dr.cli", "sync", "--state", str(state), *options],
        env={**os.environ, **environ},
        stdout=subprocess.DEVNULL,
        cwd=ROOT,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != (0 if "--apply" in options else 1):
        raise click.ClickException(f"sync ended with {process.returncode}")
    return Measured(time.perf_counter() - began, usage.ru_maxrss * 1024)


def rows(things: int, *, own_policies: bool, apply: bool) -> dict[str, Measured]:
    """Fill the primary with a fleet, and measure a plan and perhaps an application."""
    with tempfile.TemporaryDirectory() as folder:
        state = {"PERSIST_STATE": "1", "STATE_DIR": f"{folder}/state"}
        Path(state["STATE_DIR"]).mkdir()
        interpreter = ROOT / ".venv-emulator" / "bin" / "python"
        fill = [str(interpreter), str(ROOT / "benchmarks" / "fill_regions.py"), str(things), "--primary-alone"]
        subprocess.run(
            [*fill, *(("--own-policies",) if own_policies else ())],
            env={**os.environ, **state},
            check=True,
            text=True,
            input="".join(make_identity(str(number)).certificate_pem for number in range(things if apply else 1)),
        )
        proxy = CountingProxy()
        with Emulator(Path(folder) / "emulator", environ=state) as emulator:
            proxy.start(emulator.port)
            proxy.intercept = Quotas(dict.fromkeys(DEFAULTS, HIGH))
            try:
                environ = {
                    **emulator.client_environ(),
                    "AWS_ENDPOINT_URL": emulator.endpoint_url,
                    **proxy.environ(["SERVICE_QUOTAS"]),
                    "PRIMARY_REGION": PRIMARY_REGION,
                    "SECONDARY_REGION": SECONDARY_REGION,
                    "LEDGER_TABLE": make_ledger(emulator),
                    "STACK_POSTFIX": POSTFIX,
                    "UUID": "benchmark",
                }
                found = {"plan": measured(environ, Path(folder) / "planned")}
                if apply:
                    found["apply"] = measured(environ, Path(folder) / "applied", "--apply")
            finally:
                proxy.stop()
        return found


@click.command(help=__doc__)
@click.option("--things", multiple=True, type=int, default=[2_000, 20_000], show_default=True, help="Sizes of fleets.")
@click.option("--apply", multiple=True, type=int, help="Sizes of which the plan is applied too.")
@click.option("--own-policies", is_flag=True, help="A policy for each device instead of ten for all.")
def main(things: tuple[int, ...], apply: tuple[int, ...], *, own_policies: bool) -> None:
    """Print a table row for every measurement."""
    print("| fleet | command | seconds | peak MiB |")
    print("|---:|---|---:|---:|")
    for fleet in sorted({*things, *apply}):
        for what, it in rows(fleet, own_policies=own_policies, apply=fleet in apply).items():
            print(f"| {fleet:,} | {what} | {it.seconds:.1f} | {it.peak / 2**20:.0f} |", flush=True)


if __name__ == "__main__":
    main()
