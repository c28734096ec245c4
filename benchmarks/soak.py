"""Whether the ledger lies while customers change a registry faster than the product takes it.

Four customers change a registry at random, with a trail on, as fast as the pair takes it, and then, on the same pair,
at half that rate. Every ten seconds both Regions are compared as they are at one moment. Each difference is asked for:
does the ledger know of it (a state that is not in_sync, or another request that is noted), is something on its way that
will check it (an event in a stream or queue or not handed over yet, an execution that runs)? If neither is so, and
the same difference is still there when both are compared once more, nobody knows of it. After the last change all is
sampled on until both are equal, and nothing is on its way or a minute has passed without a write.

The schedules are on, and streams are read four times a second at most, as AWS documents it. Goals: equal within 120
seconds of the last change at full rate and 20 at half, no execution failed, no sample with a difference that nobody
knows of. The exit status is 0 if they are met, 1 if not, 2 if nothing could be measured.

`--explain` tells of the differences that are left after the last change what the ledger says of them.

    .venv/bin/python -m benchmarks.soak [--minutes 3] [--rate N] [--kill-workers SECONDS] [--seed N] [--format json]
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import random
import re
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore
import click
from botocore.exceptions import BotoCoreError, ClientError
from rich import box
from rich.console import Console
from rich.table import Table

import iot_dr
from benchmarks.burst import LastWrite
from benchmarks.customers import Customer, Pools, keep_changing, make_pools
from benchmarks.knowledge import Tally, keys_on_the_way, noted_keys, plain, roots_of
from iot_dr.model.replication.marks import made_at
from lab.emulator import ROOT, LabError
from lab.moment import PATH
from lab.pair import Pair
from lab.progress import ConsoleProgress
from lab.registry import Difference, Registry

CUSTOMERS = 4
SAMPLE_SECONDS = 10.0
AS_AWS = {"LAMBDA_ACCOUNT_CONCURRENCY": "1000", "LAB_STREAM_READS_A_SECOND": "4"}
"""What AWS gives an account, and how often Lambda reads a shard; the emulator by itself reads more often, so that less
coalesces, and the first default depends on the machine's memory.

https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

FULL_TARGET, HALF_TARGET = 120.0, 20.0
"""Seconds from the last change until both Regions are equal, at most."""

SILENT_SECONDS = 60.0
"""After which nothing that was on its way is going to change what is equal."""

LEAST_MEMORY = 1 << 30
"""Bytes that the machine must have left; below it the run ends, before the kernel ends something else."""

WIDTH = 100
"""Columns of what is printed."""

NAMED = 20
"""Differences that are named at the end, at most."""

EXPLAINED = 12
"""Differences of a sample of which is told what the ledger says, at most."""


class NotMeasured(click.ClickException):
    """The run has no result."""

    exit_code = 2


@dataclass(frozen=True)
class Sample:
    """What was found at one moment.

    Attributes:
        at: seconds since the first change.
        changes: calls of customers that changed something, so far.
        differences: resources and relations that are not the same in both Regions.
        by_ledger: those of them that the ledger knows of.
        on_the_way: those of the others that something on its way will check.
        unknown: the rest, where the same difference was there when both Regions were read again.
        waiting: events and messages that no function has taken to its end.
        running: executions that run.
        started: executions so far.
        failed: executions that failed so far.
        workers: invocations at once since the sample before, at most.
        throttled: invocations that found no room so far.
    """

    at: float
    changes: int
    differences: int
    by_ledger: int
    on_the_way: int
    unknown: int
    waiting: int
    running: int
    started: int
    failed: int
    workers: int
    throttled: int

    def is_last(self, silent: float) -> bool:
        """Tell whether both Regions are equal and will stay so, `silent` seconds after the last write.

        Something may be on its way for longer: a device that lacks its certificate is checked again and again.
        """
        return not self.differences and (silent >= SILENT_SECONDS or not (self.waiting or self.running))


@dataclass(frozen=True)
class Round:
    """A time of changes, and how it ended.

    Attributes:
        rate: calls a second that were asked for; None for as many as the pair takes.
        seconds: from the first change to the last.
        equal_after: seconds from the last change to the last write that made both equal; None if they did not become
            so in the time that was given.
        killed: worker processes.
        left: differences at the end, and those that nobody knew of at any sample.
    """

    name: str
    rate: float | None
    target: float
    seconds: float
    changes: int
    equal_after: float | None
    killed: int
    samples: Sequence[Sample]
    left: Sequence[str] = ()
    unknown: Sequence[str] = ()

    @property
    def failed(self) -> int:
        """Executions that failed in this round."""
        return self.samples[-1].failed

    @property
    def unknown_samples(self) -> int:
        """Samples with a difference that nobody knew of."""
        return sum(sample.unknown > 0 for sample in self.samples)

    @property
    def is_met(self) -> bool:
        """Whether all goals are."""
        in_time = self.equal_after is not None and self.equal_after <= self.target
        return in_time and not self.failed and not self.unknown_samples


@click.command(help=__doc__)
@click.option("--minutes", default=3.0, show_default=True, help="Length of a round of changes.")
@click.option("--rate", type=float, help="One round of so many calls a second, instead of the two.")
@click.option("--half/--no-half", default=True, show_default=True, help="Go on to the round at half the rate.")
@click.option("--things", default=120, show_default=True, help="Things that there may be at once.")
@click.option("--patience", default=30.0, show_default=True, help="Minutes after the last change, at most.")
@click.option("--kill-workers", type=float, help="Kill a worker process every so many seconds.")
@click.option("--explain", is_flag=True, help="Tell what the ledger says of each difference after the last change.")
@click.option("--seed", type=int, help="Draw the changes of this run again; without it one is made up.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def main(**options: Any) -> None:
    """Launch the product on the local Region pair, let customers change, and print."""
    if options["seed"] is None:
        options["seed"] = random.randrange(1 << 32)
    asked = Asked(**options)
    console = Console(stderr=asked.form == "json", width=WIDTH)
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            Pair(Path(folder), ConsoleProgress(console), environ=AS_AWS) as pair,
        ):
            pair.launch(health_check=False)
            with pair.trail():
                rounds = list(Soak(pair, asked, console).rounds())
    except (LabError, BotoCoreError, ClientError, OSError) as error:
        raise NotMeasured(str(error)) from error
    if asked.form == "json":
        click.echo(json.dumps(as_json(asked.seed, versions(), rounds), indent=2))
    else:
        console.print(f"seed {asked.seed}; {', '.join(f'{name} {one}' for name, one in versions().items())}")
        for one in rounds:
            show(console, one)
    raise SystemExit(0 if all(one.is_met for one in rounds) else 1)


@dataclass(frozen=True)
class Asked:
    """The options."""

    minutes: float
    rate: float | None
    half: bool
    things: int
    patience: float
    kill_workers: float | None
    explain: bool
    seed: int
    form: str


class Soak:
    """The pair, the customers, and who checks both."""

    def __init__(self, pair: Pair, asked: Asked, console: Console) -> None:
        self._pair = pair
        self._asked = asked
        self._console = console
        self._observer = Observer(pair)

    def rounds(self) -> Iterator[Round]:
        """Run the rounds; the second only where the first has left both Regions equal."""
        if self._asked.rate is not None:
            yield self._round("given", self._asked.rate, FULL_TARGET)
            return
        full = self._round("full", None, FULL_TARGET)
        yield full
        if not self._asked.half:
            return
        if full.equal_after is None:
            self._console.print("no round at half the rate: the Regions are not equal to begin with")
            return
        yield self._round("half", full.changes / full.seconds / 2, HALF_TARGET)

    def _round(self, name: str, rate: float | None, target: float) -> Round:
        pools, written = make_pools(f"soak-{name}", self._asked.things), LastWrite(self._pair.secondary)
        self._pair.proxy.intercept = written
        self._observer.begin(pools)
        seen: list[Sample] = []
        unknown: dict[str, None] = {}
        begun = time.monotonic()
        customers = self._customers(pools, name)

        def sample() -> Sample:
            made = sum(customer.changes for customer in customers)
            found, nobody_knows = self._observer.sample(begun, made)
            seen.append(found)
            unknown.update(dict.fromkeys(map(str, nobody_knows)))
            self._tell(found)
            for one in nobody_knows:
                self._console.print(f"         nobody knows: {one}", highlight=False, markup=False, soft_wrap=True)
            return found

        with killing(self._pair, self._asked.kill_workers) as killed:
            last = self._change(customers, rate, sample)
            deadline = last + 60 * self._asked.patience
            while not sample().is_last(time.monotonic() - max(last, written.at)) and time.monotonic() < deadline:
                self._explain(last)
                _wait(begun)
        equal = not seen[-1].differences
        return Round(
            name=name,
            rate=rate,
            target=target,
            seconds=last - begun,
            changes=seen[-1].changes,
            equal_after=max(0.0, written.at - last) if equal else None,
            killed=len(killed),
            samples=seen,
            left=[] if equal else [str(one) for one in self._observer.compare()],
            unknown=list(unknown),
        )

    def _explain(self, last: float) -> None:
        if self._asked.explain:
            self._console.print(f"         {time.monotonic() - last:.0f} s after the last change", highlight=False)
            for text in self._observer.explained():
                self._console.print(f"         {text}", highlight=False, markup=False, soft_wrap=True)

    def _customers(self, pools: Pools, name: str) -> list[Customer]:
        iot, region, account = self._pair.client("iot", self._pair.primary), self._pair.primary, self._pair.account
        seeds = (f"{self._asked.seed}-{name}-{number}" for number in range(CUSTOMERS))
        return [Customer(iot, pools, region=region, account=account, seed=seed) for seed in seeds]

    def _change(self, customers: Sequence[Customer], rate: float | None, sample: Callable[[], Sample]) -> float:
        """Have the customers change, and return when the last of them was done."""
        begun, stop = time.monotonic(), threading.Event()
        end, each = begun + 60 * self._asked.minutes, rate and rate / len(customers)
        with ThreadPoolExecutor(len(customers)) as executor:
            running = [executor.submit(keep_changing, customer, end, each, stop) for customer in customers]
            try:
                while time.monotonic() < end and not any(one.done() for one in running):
                    _wait(begun, end)
                    if time.monotonic() < end:
                        sample()
            finally:
                stop.set()
        _raise_first(running)
        return time.monotonic()

    def _tell(self, sample: Sample) -> None:
        self._console.print(
            f"{sample.at:6.0f} s  {sample.changes} changes, {sample.differences} differ, {sample.unknown} unknown, "
            f"{sample.waiting} wait, {sample.running} run, {sample.failed} failed, {sample.workers} at once",
            highlight=False,
        )


class Observer:
    """Checks both Regions, at the ledger, and at what is on its way."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._certificates: dict[str, str] = {}
        self._before: dict[str, int] = {}
        stack = pair.rested_stack(f"IoTDRSecondary{pair.outputs['StackPostfix']}", pair.secondary)
        self._table = next(one["OutputValue"] for one in stack["Outputs"] if one["OutputKey"] == "LedgerTableName")

    def begin(self, pools: Pools) -> None:
        """Take note of what a round begins with."""
        ids = [identity.certificate_id for identity in pools.identities]
        self._certificates |= {certificate_id[:12]: certificate_id for certificate_id in ids}
        self._before = self._counts(self._moment())

    def sample(self, begun: float, changes: int) -> tuple[Sample, Collection[Difference]]:
        """Compare, and return besides the differences that nobody knows of."""
        ensure_memory()
        at = time.monotonic() - begun
        moment = self._moment()
        found = frozenset(self._differences(moment))
        # The ledger after the moment: what was on its way to it then may have arrived.
        tally = Tally.of(found, self._certificates, noted=noted_keys(self._ledger()), coming=keys_on_the_way(moment))
        # What was done between the two is not lost: the same difference is there no more.
        unknown = tally.unknown & frozenset(self.compare()) if tally.unknown else frozenset[Difference]()
        counts = {name: number - self._before[name] for name, number in self._counts(moment).items()}
        sample = Sample(
            at=round(at, 1),
            changes=changes,
            differences=len(found),
            by_ledger=tally.by_ledger,
            on_the_way=tally.on_the_way,
            unknown=len(unknown),
            waiting=sum(len(moment[what]) for what in ("events", "records", "messages")),
            running=len(moment["running"]),
            workers=moment["functions"]["most"],
            **counts,
        )
        return sample, unknown

    def explained(self) -> Iterator[str]:
        """Yield what differs now, each with what the ledger says of all that can be checked to mend it."""
        found = list(self.compare())[:EXPLAINED]
        items = {item["resource"]: item for item in self._ledger()} if found else {}
        now = time.time() * 1000
        for one in found:
            keys = sorted(map(str, roots_of(one, self._certificates)))
            yield f"{one}: {'; '.join(f'{key} {told_of(items[key], now)}' for key in keys if key in items)}"

    def compare(self) -> Iterator[Difference]:
        """Return what differs now."""
        return self._differences(self._moment())

    def _differences(self, moment: Mapping[str, Any]) -> Iterator[Difference]:
        ours, theirs = (Registry(moment["registries"][region]) for region in self._regions)
        return ours.compared(theirs)

    def _moment(self) -> dict[str, Any]:
        """Read all of one moment, but for calls of the product's own that a trail tells of."""
        asked = f"{self._pair.emulator.endpoint_url}{PATH}?{','.join(self._regions)}"
        with urllib.request.urlopen(asked, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return found | {"events": [one for one in found["events"] if one["awsRegion"] == self._pair.primary]}

    @property
    def _regions(self) -> tuple[str, str]:
        return self._pair.primary, self._pair.secondary

    def _ledger(self) -> Iterator[Mapping[str, Any]]:
        pages = self._pair.client("dynamodb", self._pair.secondary).get_paginator("scan")
        for page in pages.paginate(TableName=self._table, ConsistentRead=True):
            yield from map(plain, page["Items"])

    @staticmethod
    def _counts(moment: Mapping[str, Any]) -> dict[str, int]:
        ended: Mapping[str, int] = moment["executions"]
        well = ("RUNNING", "SUCCEEDED")
        return {
            "started": sum(ended.values()),
            "failed": sum(number for status, number in ended.items() if status not in well),
            "throttled": moment["functions"]["throttled"],
        }


def told_of(item: Mapping[str, Any], now: float) -> str:
    """Return what an item of the ledger says of who checks its resource again; times are seconds from now."""
    texts = [f"{name}={item[name]}" for name in ("state", "reason", "retry_state", "attempts") if item.get(name)]
    times = ("next_attempt", "noted_at", "checked_at", "read_at", "closed_at", "owned_at")
    texts += [f"{name}={(int(item[name]) - now) / 1000:+.1f}" for name in times if name in item]
    texts += [f"mark={(made_at(token) - now) / 1000:+.1f}" for token in item.get("marks", ())]
    return f"({', '.join(texts)})"


@contextmanager
def killing(pair: Pair, seconds: float | None) -> Iterator[list[int]]:
    """Kill a worker process of the emulator every so many seconds; yields the IDs of those killed."""
    killed: list[int] = []
    stop = threading.Event()

    def kill() -> None:
        while seconds and not stop.wait(seconds):
            workers = workers_of(pair.emulator.pid or 0)
            if workers:
                killed.append(random.choice(workers))
                with suppress(ProcessLookupError):  # it has ended by itself meanwhile
                    os.kill(killed[-1], signal.SIGKILL)

    thread = threading.Thread(target=kill, name="killer")
    thread.start()
    try:
        yield killed
    finally:
        stop.set()
        thread.join()


def workers_of(emulator: int) -> list[int]:
    """Return the processes that an emulator has started and that still run: its functions' environments.

    https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = (folder / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            state, parent = fields[0], int(fields[1])
            if parent == emulator and state != "Z":
                found.append(int(folder.name))
    return sorted(found)


def ensure_memory() -> None:
    """End the run while the machine can still do it in order."""
    found = re.search(r"^MemAvailable: +(\d+) kB$", Path("/proc/meminfo").read_text(encoding="ascii"), re.MULTILINE)
    if found and int(found[1]) * 1024 < LEAST_MEMORY:
        raise NotMeasured("less than 1 GiB of memory is left on this machine; nothing can be measured like that")


def _wait(begun: float, end: float | None = None) -> None:
    """Wait for the next full ten seconds since the beginning, but no longer than to the end."""
    passed = time.monotonic() - begun
    until_next = SAMPLE_SECONDS - passed % SAMPLE_SECONDS
    left = until_next if end is None else min(until_next, end - time.monotonic())
    threading.Event().wait(max(0.0, left))


def _raise_first(futures: Iterable[Future[None]]) -> None:
    for one in futures:
        one.result()


def versions() -> dict[str, str]:
    """Return what was measured, and with what."""
    pinned = re.search(r"^ministack==(\S+)", (ROOT / "requirements" / "emulator.txt").read_text(), re.MULTILINE)
    command = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    return {
        "iot_dr": f"{iot_dr.__version__} {commit.stdout.strip()}".strip(),
        "python": platform.python_version(),
        "botocore": botocore.__version__,
        "ministack": pinned[1] if pinned else "unknown",
    }


def as_json(seed: int, measured: Mapping[str, str], rounds: Iterable[Round]) -> dict[str, Any]:
    """Return the results for programs."""
    return {"seed": seed, "versions": dict(measured), "rounds": [_round_as_json(one) for one in rounds]}


def _round_as_json(one: Round) -> dict[str, Any]:
    return {
        **figures(one),
        "samples": [dataclasses.asdict(sample) for sample in one.samples],
        "left": list(one.left),
        "unknown": list(one.unknown),
    }


def figures(one: Round) -> dict[str, Any]:
    """Return what a round comes to."""
    return {
        "round": one.name,
        "asked_per_second": None if one.rate is None else round(one.rate, 1),
        "changes": one.changes,
        "changes_per_second": round(one.changes / one.seconds, 1),
        "equal_after_s": None if one.equal_after is None else round(one.equal_after, 1),
        "target_s": one.target,
        "executions_started": one.samples[-1].started,
        "executions_failed": one.failed,
        "samples_with_unknown": one.unknown_samples,
        "most_differences": max(sample.differences for sample in one.samples),
        "workers_at_once": max(sample.workers for sample in one.samples),
        "throttled": one.samples[-1].throttled,
        "workers_killed": one.killed,
        "within_target": one.is_met,
    }


def show(console: Console, one: Round) -> None:
    """Print a round: its samples, what it comes to, and the differences that matter."""
    samples = Table(title=f"Round {one.name}: every {SAMPLE_SECONDS:.0f} s", box=box.SIMPLE)
    for column in COLUMNS:
        samples.add_column(column, justify="right", no_wrap=True)
    for sample in one.samples:
        samples.add_row(*(f"{value:.0f}" for value in dataclasses.asdict(sample).values()))
    console.print(samples)
    for name, value in figures(one).items():
        console.print(f"  {name:22} {'-' if value is None else value}", highlight=False)
    for title, found in (("left different", one.left), ("unknown at a sample", one.unknown)):
        for text in found[:NAMED]:
            console.print(f"  {title}: {text}", highlight=False, markup=False, soft_wrap=True)
        if len(found) > NAMED:
            console.print(f"  {title}: {len(found) - NAMED} more")


COLUMNS = ("s", "made", "differ", "ledger", "coming", "unknown", "wait", "run", "begun", "failed", "peak", "full")
"""Headings of a sample's fields, short enough for a hundred columns."""

if __name__ == "__main__":
    main()
