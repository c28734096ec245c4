"""How long new devices and simple changes take to reach the secondary Region, and what they cost in AWS calls.

Each device is made in the usual order (certificate, policy, thing of a type, attach) with a key, certificate and policy
of its own. The clock starts when the last provisioning call has answered and stops when the device is found complete
and equal in the secondary: thing, type, certificate, policy, attachments. The devices' calls go straight to the
emulator, those of the product through a proxy that counts them.

Then the same devices are changed one by one: an attribute, a group's membership, and the status of the certificate,
which raises no registry event and crosses by the management event that CloudTrail tells EventBridge. The clock starts
at the answer to the change and stops when the secondary shows it.

    .venv/bin/python -m benchmarks.replication_lag [--devices 100]
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from iot_dr.model.regions import RegionPair
from iot_dr.model.registry.documents import canonical
from iot_dr.reconcile.translate import translate_document
from lab.counting import Call
from lab.fleet import Device, Fleet, device_policy, make_identity
from lab.lag import Lag
from lab.pair import Pair
from lab.progress import ConsoleProgress
from lab.waiting import until

LEAST_CALLS = 12
"""Calls that one complete new device needs at least; docs/performance.md derives it."""

NEW_DEVICE_TARGET = 0.6
SIMPLE_CHANGE_TARGET = 0.35
"""Seconds that the median may take."""

TYPE = "benchmark-pump"
GROUP = "benchmark-site"
POLL_SECONDS = 0.01
TIME_LIMIT = 30.0
QUIET_SECONDS = 8


@dataclass(frozen=True)
class Measured:
    """One kind of change: its lags, and the calls of the product for all of them."""

    lag: Lag
    calls: Counter[Call]
    target: float


@dataclass(frozen=True)
class Change:
    """A simple change: how to make it in the primary, and whether the secondary shows it."""

    name: str
    make: Callable[[Device], object]
    crossed: Callable[[Device], bool]


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
        numbers = track(range(devices), description="new device", console=console)
        lag = Lag([_measure(pair, fleet, f"device-{number}") for number in numbers])
        _await_quiet(pair)
        measured = {"new device": Measured(lag, pair.proxy.counts(), NEW_DEVICE_TARGET)}
        with pair.trail():
            for change in _simple_changes(pair, fleet):
                measured[change.name] = _measure_change(pair, fleet, change, console)
        _print(console, measured, devices)


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


def _simple_changes(pair: Pair, fleet: Fleet) -> tuple[Change, ...]:
    primary, secondary = pair.client("iot", pair.primary), pair.client("iot", pair.secondary)
    fleet.make_group(GROUP)

    def deactivate(device: Device) -> None:
        primary.update_certificate(certificateId=device.identity.certificate_id, newStatus="INACTIVE")

    def attributes(device: Device) -> Any:
        return secondary.describe_thing(thingName=device.thing_name)["attributes"]

    def groups(device: Device) -> list[str]:
        listed = secondary.list_thing_groups_for_thing(thingName=device.thing_name)["thingGroups"]
        return [group["groupName"] for group in listed]

    def status(device: Device) -> Any:
        found = secondary.describe_certificate(certificateId=device.identity.certificate_id)
        return found["certificateDescription"]["status"]

    return (
        Change(
            "attribute",
            lambda device: fleet.change(device.thing_name, site="south"),
            lambda device: attributes(device).get("site") == "south",
        ),
        Change(
            "membership",
            lambda device: fleet.join(GROUP, device.thing_name),
            lambda device: GROUP in groups(device),
        ),
        Change("certificate status", deactivate, lambda device: status(device) == "INACTIVE"),
    )


def _measure_change(pair: Pair, fleet: Fleet, change: Change, console: Console) -> Measured:
    """Make the change on every device; those made to warm up go first and are not measured."""
    warm, measured = ([device for device in fleet if device.thing_name.startswith(name)] for name in ("warm", "device"))
    for device in warm:
        _lag_of(change, device)
    _await_quiet(pair)
    pair.proxy.reset()
    lag = Lag([_lag_of(change, device) for device in track(measured, description=change.name, console=console)])
    _await_quiet(pair)
    return Measured(lag, pair.proxy.counts(), SIMPLE_CHANGE_TARGET)


def _lag_of(change: Change, device: Device) -> float:
    change.make(device)
    made = time.monotonic()
    while not change.crossed(device):
        if time.monotonic() - made > TIME_LIMIT:
            raise click.ClickException(f"{change.name}: {device.thing_name} did not cross within {TIME_LIMIT} s")
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
    regions = RegionPair(pair.primary, pair.secondary).replication()
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


def _print(console: Console, measured: dict[str, Measured], devices: int) -> None:
    times = Table(title=f"Lag of {devices} changes each, in milliseconds")
    for column in ("", "median", "p95", "max", "target", "calls"):
        times.add_column(column, justify="right" if column else "left")
    for name, one in measured.items():
        lags = (one.lag.median, one.lag.p95, one.lag.longest, one.target)
        times.add_row(name, *(f"{1000 * value:.0f}" for value in lags), f"{one.calls.total() / devices:.2f}")
    calls = Table(title="AWS calls of the product for each")
    for column in ("Region", "service", "API", *measured):
        calls.add_column(column, justify="right" if column in measured else "left")
    every = {call for one in measured.values() for call in one.calls}
    for call in sorted(every, key=lambda each: (each.region, each.service, each.operation)):
        counts = (f"{one.calls[call] / devices:.2f}" for one in measured.values())
        calls.add_row(call.region, call.service, call.operation, *counts)
    ratio = measured["new device"].calls.total() / devices / LEAST_CALLS
    console.print()
    console.print(times)
    console.print(calls)
    console.print(f"a new device needs {LEAST_CALLS} calls at least; ratio {ratio:.2f}")
    figures = {
        name: {
            "median_ms": round(1000 * one.lag.median),
            "p95_ms": round(1000 * one.lag.p95),
            "max_ms": round(1000 * one.lag.longest),
            "within_target": one.lag.median <= one.target,
            "calls": round(one.calls.total() / devices, 2),
        }
        for name, one in measured.items()
    }
    console.print_json(json.dumps({"devices": devices, "ratio": round(ratio, 2), **figures}))


if __name__ == "__main__":
    main()
