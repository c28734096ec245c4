"""How long a burst of changes takes to cross, beside a control that starts one Standard execution per event.

The burst: things of several types are made, given other attributes, another type and a group, as fast as the emulator
takes it, then complete devices with keys, certificates and a policy. The clock starts when the last call in the primary
has answered. It stops at the last call that changed the secondary's registry, seen at the proxy, once both Regions have
been read and found equal. The same burst under other names follows for the control, on the same pair with the product's
trigger switched off. The schedules are off in both: they repair, and would only blur what is measured.

With --quotas the product is kept to AWS's default quotas at the proxy, each device has a policy of its own, and what is
told is the share of the ceiling: the time that the tightest quota wants for so many devices at least, against the time
from the first change to the last write.

    .venv/bin/python -m benchmarks.burst [--things 1000] [--devices 200]
    .venv/bin/python -m benchmarks.burst --quotas --things 0 --devices 500 --no-control
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Task as RichTask
from rich.table import Table
from rich.text import Text

from benchmarks.control import Control
from benchmarks.processors import ProcessorTime, processor_time
from lab import registry
from lab.counting import Call, Fault
from lab.fleet import Fleet, Identity, make_identity
from lab.pair import Pair
from lab.progress import ConsoleProgress
from lab.quiet import unscheduled
from lab.quotas import DEFAULTS, Quotas
from lab.waiting import until

TARGET = 5
"""Times that the product is to be faster than the control."""

TYPES = tuple(f"burst-type-{number}" for number in range(10))
GROUPS = tuple(f"burst-group-{number}" for number in range(10))
THREADS = 4
"""Callers in the primary; the emulator answers no faster to more."""

TIME_LIMIT = 900.0
STALLED_SECONDS = 120.0
"""Without a write to the secondary's registry for so long, longer than every repetition and pause, none will come."""
QUIET_SECONDS = 40.0
"""Longer than the longest pause between two requests for a thing that lacks its certificate."""

ONCE_A_DEVICE = ("DescribeCertificate", "GetPolicy", "RegisterCertificateWithoutCA", "CreatePolicy", "AttachPolicy")
"""What a complete device with a policy of its own cannot cross without; the tightest quota of these is the ceiling."""

READS = ("Describe", "Get", "List", "BatchGet", "Query", "Scan", "Search")


@dataclass(frozen=True)
class Crossing:
    """What one burst took."""

    made: float
    crossed: float
    calls: Counter[Call]
    processors: ProcessorTime
    failed: int
    poison: int
    differences: tuple[str, ...]
    refused: int = 0

    def share_of_ceiling(self, devices: int, share: float) -> float:
        """Return which share of the rate that the tightest quota admits the devices crossed at."""
        ceiling = share * min(DEFAULTS[operation] for operation in ONCE_A_DEVICE)
        return devices / ceiling / (self.made + self.crossed)


class LastWrite:
    """Notes when a Region's registry, or what another service keeps, was last changed; quotas may refuse the call."""

    def __init__(self, region: str, service: str = "iot", quotas: Quotas | None = None) -> None:
        self._region = region
        self._service = service
        self._quotas = quotas
        self.at = 0.0

    def __call__(self, call: Call) -> Fault | None:
        """Note it."""
        fault = self._quotas(call) if self._quotas else None
        changes = call.service == self._service and not call.operation.startswith(READS)
        if changes and call.region == self._region and not fault:
            self.at = time.monotonic()
        return fault

    def is_over(self, seconds: float) -> bool:
        """Tell whether something was written, and nothing for so many seconds."""
        return self.at > 0 and time.monotonic() - self.at > seconds


class _Rate(TextColumn):
    """Steps per second."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: RichTask) -> Text:
        """Render the rate so far."""
        return Text(f"{task.finished_speed or task.speed or 0:.0f}/s")


@click.command()
@click.option("--things", default=1000, show_default=True, help="Things of the burst.")
@click.option("--devices", default=200, show_default=True, help="Complete devices after them.")
@click.option("--control/--no-control", default=True, show_default=True, help="Run the control too.")
@click.option("--quotas", is_flag=True, help="Keep the product to AWS's default quotas; a policy for each device.")
@click.option("--share", default=1.0, show_default=True, help="Of those quotas; less where the machine is the limit.")
def main(things: int, devices: int, *, control: bool, quotas: bool, share: float) -> None:
    """Launch the product on the local Region pair, let the bursts cross, and print what they took."""
    console = Console()
    # What AWS gives an account; the emulator's own default depends on the machine's memory.
    environ = {"LAMBDA_ACCOUNT_CONCURRENCY": "1000"}
    with tempfile.TemporaryDirectory() as folder, Pair(Path(folder), ConsoleProgress(console), environ=environ) as pair:
        pair.launch(health_check=False)
        with unscheduled(pair):
            results = _results(Bench(pair, console, share if quotas else None), things, devices, control=control)
        _print(console, results, things + devices)
        if quotas:
            found = results["product"]
            console.print(f"{found.share_of_ceiling(devices, share):.1%} of the ceiling; {found.refused} calls refused")


def _results(bench: Bench, things: int, devices: int, *, control: bool) -> dict[str, Crossing]:
    """Let both cross, one after the other."""
    bench.prepare()
    results = {"product": bench.burst("product", things, devices)}
    if control:
        bench.await_quiet()
        with bench.control().instead_of_the_product():
            bench.warm_up("control-warm")
            results["control"] = bench.burst("control", things, devices)
    return results


class Bench:
    """The pair, and what a burst needs of it."""

    def __init__(self, pair: Pair, console: Console, share: float | None = None) -> None:
        self._pair = pair
        self._share = share
        self._console = console
        self._iot = pair.client("iot", pair.primary)
        self._fleet = Fleet(self._iot, region=pair.primary, account=pair.account, policy_name="burst-policy")
        stack = pair.rested_stack(f"IoTDRSecondary{pair.outputs['StackPostfix']}", pair.secondary)
        self._outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def prepare(self) -> None:
        """Make what things share, and let the functions start."""
        self._fleet.prepare(*TYPES)
        for group in GROUPS:
            self._fleet.make_group(group)
        self.warm_up("warm")

    def warm_up(self, name: str) -> None:
        """Let some devices cross, so that the functions run."""
        for number in range(20):
            self._fleet.provision(f"{name}-{number}", thing_type=TYPES[0], identity=make_identity(name))
        if not until(self._equal, 60):
            raise click.ClickException("the devices made to warm up did not cross")
        self.await_quiet()

    def control(self) -> Control:
        """Return the control for this pair."""
        return Control(
            lambda service: self._pair.client(service, self._pair.secondary),
            self._outputs["ReplicationStateMachineArn"],
        )

    def await_quiet(self) -> None:
        """Return when the product has made no call for longer than it pauses between two requests."""
        seen: list[tuple[int, float]] = [(-1, 0.0)]

        def quiet() -> bool:
            total, now = sum(self._pair.proxy.counts().values()), time.monotonic()
            if total != seen[0][0]:
                seen[0] = (total, now)
            return now - seen[0][1] > QUIET_SECONDS

        with self._progress() as progress:
            progress.add_task("Wait until nothing moves", total=None)
            until(quiet, TIME_LIMIT)

    def burst(self, name: str, things: int, devices: int) -> Crossing:
        """Make and change the things, make the devices, and wait until all has crossed."""
        pair = self._pair
        with self._progress() as progress:
            numbers = progress.track(range(devices), description="Make keys and certificates")
            identities = [make_identity(f"{name}-{number}") for number in numbers]
            pair.proxy.reset()
            quotas = self._quotas()
            written = LastWrite(pair.secondary, quotas=quotas)
            pair.proxy.intercept = written
            before = processor_time(self._emulator)
            begun = time.monotonic()
            for title, change in self._changes(name, things, identities):
                self._at_once(progress, f"{name}: {title}", change)
            last = time.monotonic()
            self._await_crossing(progress, name, written)
            calls, processors = pair.proxy.counts(), processor_time(self._emulator) - before
            pair.proxy.intercept = None
        differences = self._differences()
        return Crossing(
            last - begun,
            written.at - last,
            calls,
            processors,
            self._failed(),
            self._poison(),
            tuple(differences),
            sum(quotas.refused.values()) if quotas else 0,
        )

    def _changes(
        self, name: str, things: int, identities: list[Identity]
    ) -> Iterator[tuple[str, list[Callable[[], object]]]]:
        """Yield the steps of a burst, each of calls whose order does not matter."""

        def create(number: int) -> Callable[[], object]:
            return lambda: self._iot.create_thing(
                thingName=f"{name}-thing-{number}",
                thingTypeName=_of(TYPES, number),
                attributePayload={"attributes": {"site": "north", "serial": str(number)}},
            )

        def change(number: int) -> Callable[[], object]:
            return lambda: self._fleet.change(f"{name}-thing-{number}", site="south", firmware="2")

        def retype(number: int) -> Callable[[], object]:
            return lambda: self._iot.update_thing(
                thingName=f"{name}-thing-{number}", thingTypeName=_of(TYPES, number + 1)
            )

        def join(number: int) -> Callable[[], object]:
            return lambda: self._fleet.join(_of(GROUPS, number), f"{name}-thing-{number}")

        def provision(number: int, identity: Identity) -> Callable[[], object]:
            return lambda: self._fleet_of(f"{name}-policy-{number}").provision(
                f"{name}-device-{number}",
                thing_type=_of(TYPES, number),
                attributes={"serial": str(number)},
                identity=identity,
            )

        yield "make things", [create(number) for number in range(things)]
        yield "change their attributes", [change(number) for number in range(things)]
        yield "change their types", [retype(number) for number in range(things)]
        yield "put them into groups", [join(number) for number in range(things)]
        yield "make devices", [provision(number, identity) for number, identity in enumerate(identities)]

    def _quotas(self) -> Quotas | None:
        return Quotas({name: rate * self._share for name, rate in DEFAULTS.items()}) if self._share else None

    def _fleet_of(self, policy: str) -> Fleet:
        """Return what provisions with the shared policy, or where quotas hold with one that it makes."""
        if self._share is None:
            return self._fleet
        fleet = Fleet(self._iot, region=self._pair.primary, account=self._pair.account, policy_name=policy)
        fleet.prepare()
        return fleet

    def _at_once(self, progress: Progress, title: str, calls: Iterable[Callable[[], object]]) -> None:
        listed = list(calls)
        with ThreadPoolExecutor(THREADS) as executor:
            for _ in progress.track(executor.map(lambda call: call(), listed), len(listed), description=title):
                pass

    def _await_crossing(self, progress: Progress, name: str, written: LastWrite) -> None:
        wanted = self._listed(self._pair.primary)
        task = progress.add_task(f"{name}: cross", total=len(wanted))

        def crossed() -> bool:
            there = self._listed(self._pair.secondary)
            equal = sum(there.get(thing) == value for thing, value in wanted.items())
            progress.update(task, completed=equal)
            return equal == len(wanted) and self._equal()

        def stalled() -> bool:
            return time.monotonic() - max(written.at, begun) > STALLED_SECONDS

        begun = time.monotonic()
        if not until(lambda: crossed() or stalled(), TIME_LIMIT) or not self._equal():
            self._console.print(f"[red]{name}: not equal; what is told is the time to its last write[/red]")

    def _listed(self, region: str) -> dict[str, Any]:
        """Return what few lists show: of each thing type and attributes, and of each group the things in it."""
        iot = self._pair.client("iot", region)
        listed: dict[str, Any] = {
            thing["thingName"]: (thing.get("thingTypeName"), thing.get("attributes"))
            for page in iot.get_paginator("list_things").paginate()
            for thing in page["things"]
        }
        for group in GROUPS:
            try:
                pages = list(iot.get_paginator("list_things_in_thing_group").paginate(thingGroupName=group))
            except iot.exceptions.ResourceNotFoundException:
                continue  # it has not crossed yet
            listed[group] = {thing for page in pages for thing in page["things"]}
        return listed

    def _differences(self) -> list[str]:
        ours, theirs = (
            registry.read(self._pair.client("iot", region), region)
            for region in (self._pair.primary, self._pair.secondary)
        )
        return ours.differences(theirs)

    def _equal(self) -> bool:
        """Tell whether both are equal, reading all only when the lists agree: that takes several calls a thing."""
        return self._listed(self._pair.primary) == self._listed(self._pair.secondary) and not self._differences()

    def _failed(self) -> int:
        """Count the resources that the ledger holds as failed or unsupported."""
        pages = self._pair.client("dynamodb", self._pair.secondary).get_paginator("scan")
        states = [
            item["state"]["S"]
            for page in pages.paginate(TableName=self._outputs["LedgerTableName"])
            for item in page["Items"]
            if "state" in item
        ]
        return sum(state in ("failed", "unsupported") for state in states)

    def _poison(self) -> int:
        """Count the stream records that were given up on."""
        pages = self._pair.client("s3", self._pair.secondary).get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self._outputs["WorkBucketName"], Prefix="aws/lambda/")
        return sum(len(page.get("Contents", ())) for page in found)

    @property
    def _emulator(self) -> int:
        assert self._pair.emulator.pid is not None
        return self._pair.emulator.pid

    @contextmanager
    def _progress(self) -> Iterator[Progress]:
        columns = (BarColumn(), MofNCompleteColumn(), _Rate(), TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(TextColumn("{task.description}"), *columns, console=self._console) as progress:
            yield progress


def _of(names: Sequence[str], number: int) -> str:
    return names[number % len(names)]


def _print(console: Console, results: dict[str, Crossing], resources: int) -> None:
    times = Table(title="A burst and its crossing")
    for column in ("", "made in s", "crossed after s", "calls a thing", "failed", "poison", "differences"):
        times.add_column(column, justify="right" if column else "left")
    shares = Table(title="Seconds of processor time until all had crossed")
    for column in ("", "emulator", "Lambda workers", "benchmark and proxy", "passed", "processors busy"):
        shares.add_column(column, justify="right" if column else "left")
    for name, result in results.items():
        times.add_row(
            name,
            f"{result.made:.1f}",
            f"{result.crossed:.1f}",
            f"{sum(result.calls.values()) / resources:.1f}",
            *(str(count) for count in (result.failed, result.poison, len(result.differences))),
        )
        used = result.processors
        shares.add_row(
            name,
            *(f"{value:.1f}" for value in (used.emulator, used.workers, used.benchmark, used.passed, used.busy)),
        )
    calls = Table(title="AWS calls a thing until all had crossed")
    for column in ("Region", "service", "API", *results):
        calls.add_column(column, justify="right" if column in results else "left")
    every = {call for result in results.values() for call in result.calls}
    for call in sorted(every, key=lambda one: (one.region, one.service, one.operation)):
        counts = (f"{result.calls[call] / resources:.2f}" for result in results.values())
        calls.add_row(call.region, call.service, call.operation, *counts)
    console.print(times, shares, calls)
    figures: dict[str, Any] = {
        name: {
            "made_s": round(result.made, 1),
            "crossed_s": round(result.crossed, 1),
            "failed": result.failed,
            "differences": len(result.differences),
        }
        for name, result in results.items()
    }
    if "control" in results:
        figures["ratio"] = round(results["control"].crossed / results["product"].crossed, 2)
        figures["target"] = TARGET
    console.print_json(json.dumps(figures))


if __name__ == "__main__":
    main()
