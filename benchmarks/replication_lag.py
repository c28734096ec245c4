"""How long a complete new device takes to reach the secondary Region, and what it costs in AWS calls.

Each device is made in the usual order (certificate, policy, thing of a type, attach) with a key, certificate and policy
of its own. The clock starts when the last provisioning call has answered and stops when the device is found complete
and equal in the secondary: thing, type, certificate, policy, attachments. The devices' calls go straight to the
emulator, those of the product through a proxy that counts them.

    .venv/bin/python -m benchmarks.replication_lag [--devices 100]
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from iot_dr.model.documents import canonical
from iot_dr.model.regions import RegionPair
from iot_dr.reconcile.translate import translate_document
from lab.counting import Call
from lab.fleet import Device, Fleet, device_policy, make_identity
from lab.lag import Lag
from lab.pair import Pair
from lab.progress import ConsoleProgress
from lab.waiting import until

LEAST_CALLS = 12
"""Calls that one complete new device needs at least; docs/performance.md derives it."""

TYPE = "benchmark-pump"
POLL_SECONDS = 0.01
TIME_LIMIT = 30.0
QUIET_SECONDS = 8


@click.command()
@click.option("--devices", default=100, show_default=True, help="Devices to measure.")
@click.option("--warm-up", default=10, show_default=True, help="Devices made before, which are not measured.")
def main(devices: int, warm_up: int) -> None:
    """Launch the product on the local Region pair, make devices one by one, and print lag and calls."""
    console = Console()
    with tempfile.TemporaryDirectory() as folder, Pair(Path(folder), ConsoleProgress(console)) as pair:
        pair.launch(health_check=False)
        fleet = Fleet(pair.client("iot", pair.primary), region=pair.primary, account=pair.account)
        fleet.prepare(TYPE)
        for number in range(warm_up):
            _measure(pair, fleet, f"warm-{number}")
        _await_quiet(pair)
        pair.proxy.reset()
        numbers = track(range(devices), description="Devices", console=console)
        lag = Lag([_measure(pair, fleet, f"device-{number}") for number in numbers])
        _await_quiet(pair)
        _print(console, lag, pair.proxy.counts(), devices)


def _measure(pair: Pair, fleet: Fleet, name: str) -> float:
    """Make one device and return the seconds until the secondary has all of it."""
    iot = pair.client("iot", pair.primary)
    fleet.policy_name = f"{name}-policy"
    identity = make_identity(name)
    iot.create_policy(policyName=fleet.policy_name, policyDocument=device_policy(pair.primary, pair.account))
    device = fleet.provision(name, thing_type=TYPE, attributes={"site": "north", "serial": name}, identity=identity)
    made = time.monotonic()
    while not _complete(pair, device):
        if time.monotonic() - made > TIME_LIMIT:
            raise click.ClickException(f"{name} did not reach the secondary within {TIME_LIMIT} s")
        threading.Event().wait(POLL_SECONDS)
    return time.monotonic() - made


def _complete(pair: Pair, device: Device) -> bool:
    """Tell whether the secondary holds the device as the primary does; what comes last is asked first."""
    secondary = pair.client("iot", pair.secondary)
    certificate_id = device.identity.certificate_id
    arn = device.certificate_arn.replace(f":{pair.primary}:", f":{pair.secondary}:")
    try:
        if arn not in secondary.list_thing_principals(thingName=device.thing_name)["principals"]:
            return False
        attached = secondary.list_attached_policies(target=arn)["policies"]
        if [policy["policyName"] for policy in attached] != [device.policy_name]:
            return False
        thing = secondary.describe_thing(thingName=device.thing_name)
        certificate = secondary.describe_certificate(certificateId=certificate_id)["certificateDescription"]
        document = secondary.get_policy(policyName=device.policy_name)["policyDocument"]
    except secondary.exceptions.ResourceNotFoundException:
        return False
    regions = RegionPair(pair.primary, pair.secondary)
    return bool(
        thing["attributes"] == dict(device.attributes)
        and thing["thingTypeName"] == device.thing_type
        and certificate["status"] == "ACTIVE"
        and canonical(document) == translate_document(device_policy(pair.primary, pair.account), regions)
    )


def _await_quiet(pair: Pair) -> None:
    """Return when no call has been made for longer than a settled device is waited for."""
    seen: list[tuple[int, float]] = [(-1, 0.0)]

    def quiet() -> bool:
        total, now = sum(pair.proxy.counts().values()), time.monotonic()
        if total != seen[0][0]:
            seen[0] = (total, now)
        return now - seen[0][1] > QUIET_SECONDS

    until(quiet, 120)


def _print(console: Console, lag: Lag, counts: Counter[Call], devices: int) -> None:
    times = Table(title="Lag in milliseconds")
    for column in ("devices", "median", "p95", "max"):
        times.add_column(column, justify="right")
    times.add_row(str(devices), *(f"{1000 * value:.0f}" for value in (lag.median, lag.p95, lag.longest)))
    calls = Table(title="AWS calls of the product per device")
    for column in ("Region", "service", "API", "calls"):
        calls.add_column(column, justify="right" if column == "calls" else "left")
    for call, count in sorted(
        counts.items(), key=lambda entry: (entry[0].region, entry[0].service, entry[0].operation)
    ):
        calls.add_row(call.region, call.service, call.operation, f"{count / devices:.2f}")
    total = sum(counts.values()) / devices
    calls.add_row("", "", "all", f"{total:.2f}", style="bold")
    console.print()
    console.print(times)
    console.print(calls)
    console.print(f"least that the job needs: {LEAST_CALLS}; ratio {total / LEAST_CALLS:.2f}")
    figures = {
        "devices": devices,
        "median_ms": round(1000 * lag.median),
        "p95_ms": round(1000 * lag.p95),
        "max_ms": round(1000 * lag.longest),
        "calls_per_device": round(total, 2),
        "ratio": round(total / LEAST_CALLS, 2),
    }
    console.print_json(json.dumps(figures))


if __name__ == "__main__":
    main()
