"""How fast shadows cross, whether a stream of updates leaves a backlog, and what the updates make AWS do.

Lag: one update after the other; the clock starts when UpdateThingShadow has answered in the primary and stops when the
secondary's shadow is found equal. Backlog: updates at a steady rate for a minute, spread over fifty shadows, published
by MQTT as devices do; the clock starts when the last is acknowledged and stops when every shadow is equal. Cost: 1,000
updates of as many shadows that both Regions have, then of ten of them a hundred times each, both at the highest rate
that AWS admits to ten shadows. The product's calls are counted at the proxy, the events in their table, the functions'
invocations, seconds and log lines in their logs; `benchmarks.shadow_cost` prices them.

Burst: the shadows of 500 devices are updated while nothing is handed over, once as the secondary has none of them and
once more when it has; then the function gets all of it at once, behind AWS's default quotas, with the schedules on as
what was refused for good is theirs to try again. The clock starts when the mapping is switched on and stops at the last
write in the secondary. The ceiling is what the quota of all calls of shadows admits of the calls that one shadow needs.
Where the machine is slower than the quota, `--share` lowers the quota, and the ceiling with it.

The functions are warm. The stream is read four times a second at most, as AWS documents it: the emulator by itself
reads more often, so that the lag is shorter and less coalesces. But for the burst the schedules are off: they mend, and
would only blur what is measured.

    .venv/bin/python -m benchmarks.shadows [--only lag] [--only backlog] [--only cost] [--only burst] [--format json]
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.burst import LastWrite
from benchmarks.shadow_cost import ALONE, HALF, OFTEN, ONCE, TENTH, UPDATES, Work, share
from lab.counting import Call
from lab.devices import MqttDevice
from lab.faults import first_of
from lab.fleet import make_identity
from lab.lag import Lag
from lab.pair import Pair
from lab.progress import ConsoleProgress
from lab.quiet import unscheduled
from lab.quotas import DEFAULTS, SHADOWS, Quotas
from lab.shadows import Shadows
from lab.waiting import until

LAG_TARGET = 0.5
"""Seconds that the median may take."""

BACKLOG_TARGET = 5.0
"""Seconds after the last update until all shadows are equal, at most."""

PUNCTUAL = 1.05
"""Times as long as it should that the stream may take, lest it be a slower one."""

AS_AWS = {"LAB_STREAM_READS_A_SECOND": "4"}
"""How often Lambda reads a shard. https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"""

PARTS = ("lag", "backlog", "cost", "burst")

CEILING_TARGET = 0.9
"""Part of the ceiling that a burst is to reach."""

NEW, KNOWN = "shadows that the secondary has not", "shadows that it has"
NEEDED = {NEW: 4, KNOWN: 2}
"""Calls of shadows that a copy needs in the secondary: one that is there is read, for its version, and written. Before
one that is not it takes a reading that finds none, and an empty update that gives it a version to guard."""

BURST_SECONDS = 900.0
"""Within which a burst has crossed; the second try of what was refused comes after a minute, the third two later."""
POLL_SECONDS = 0.01
QUIET_SECONDS = 2.0
TIME_LIMIT = 120.0
PUBLISHER = "benchmark"
STREAMED = 50
"""Shadows that the stream is spread over."""

NAMED = "config"
TIMES_EACH = 100
ADMITTED = 20
"""Requests a second that AWS admits to one shadow. https://docs.aws.amazon.com/general/latest/gr/iot-core.html"""

SAMPLE = 100
"""Updates that stand for 1,000 of which each crosses by itself."""

_REPORT = re.compile(r"REPORT .*\tBilled Duration: (?P<ms>\d+) ms\t")

LOG_EVENT_BYTES = 26
"""What CloudWatch adds to each line.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
"""


@dataclass(frozen=True)
class Backlog:
    """A stream of updates: how many, over how many shadows, in how many seconds, and what was left at its end.

    Attributes:
        asked: seconds that the stream was to take.
        behind: seconds that the latest update was acknowledged after its time.
        seconds: from the last acknowledgement until every shadow was equal.
        writes: UpdateThingShadow in the secondary for all of them.
    """

    updates: int
    shadows: int
    asked: float
    passed: float
    behind: float
    seconds: float
    writes: int

    @property
    def is_met(self) -> bool:
        """Whether the backlog ended in time, and the stream was of the rate that was asked for."""
        return self.seconds <= BACKLOG_TARGET and self.passed <= PUNCTUAL * self.asked


@dataclass(frozen=True)
class Sent:
    """When updates were published, and by how many seconds the latest of them was acknowledged after its time."""

    begun: float
    ended: float
    behind: float

    @property
    def passed(self) -> float:
        """Seconds from the first to the last."""
        return self.ended - self.begun


@dataclass(frozen=True)
class Burst:
    """Shadows that were handed over at once: how many, how long they took, and what the quotas refused.

    Attributes:
        needed: calls that a shadow needs in the secondary.
        seconds: from the first that was handed over to the last write in the secondary.
        calls: of shadows in the secondary, those refused included.
        refused: in both Regions.
        different: shadows that had not crossed when the time was over.
        quota: calls of shadows a second that were admitted.
    """

    shadows: int
    needed: int
    seconds: float
    calls: int
    refused: int
    different: int
    quota: float

    @property
    def ceiling(self) -> float:
        """Shadows a second that the quota admits."""
        return self.quota / self.needed

    @property
    def share(self) -> float:
        """The part of the ceiling that was reached."""
        return self.shadows / self.seconds / self.ceiling

    @property
    def is_met(self) -> bool:
        """Whether it came near enough to the ceiling, and nothing was left."""
        return self.share >= CEILING_TARGET and not self.different


@dataclass(frozen=True)
class Load:
    """A load that is priced: what it made AWS do, and how many updates came a second."""

    work: Work
    rate: float


@dataclass(frozen=True)
class Results:
    """What was measured; None for what was not asked for."""

    lag: Lag | None = None
    backlog: Backlog | None = None
    loads: dict[str, Load] = dataclasses.field(default_factory=dict)
    bursts: dict[str, Burst] = dataclasses.field(default_factory=dict)


@click.command(help=__doc__)
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="Only this part; can be repeated.")
@click.option("--updates", default=100, show_default=True, help="Updates to take the lag of.")
@click.option("--rate", default=100, show_default=True, help="Updates a second of the stream.")
@click.option("--seconds", default=60, show_default=True, help="Length of the stream.")
@click.option("--burst", default=500, show_default=True, help="Devices whose shadows change in a burst.")
@click.option(
    "--share", "part", default=1.0, show_default=True, help="Of the quota of a burst; less on a slow machine."
)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def main(  # noqa: PLR0913, PLR0917  # each is an option
    only: tuple[str, ...], updates: int, rate: int, seconds: int, burst: int, part: float, form: str
) -> None:
    """Launch the product on the local Region pair, measure, and print."""
    console = Console(stderr=form == "json")
    parts = only or PARTS
    with tempfile.TemporaryDirectory() as folder, Pair(Path(folder), ConsoleProgress(console), environ=AS_AWS) as pair:
        pair.launch(health_check=False)
        with Progress(console=console) as progress, device(pair) as publisher:
            bench = Bench(pair, progress, publisher)
            with unscheduled(pair):
                bench.prepare()
                results = Results(
                    bench.lag(updates) if "lag" in parts else None,
                    bench.backlog(rate, seconds) if "backlog" in parts else None,
                    bench.loads() if "cost" in parts else {},
                )
            if "burst" in parts:
                results = dataclasses.replace(results, bursts=bench.bursts(burst, DEFAULTS[SHADOWS] * part))
    if form == "json":
        click.echo(json.dumps(as_json(results), indent=2))
    else:
        _print(console, results)


@contextmanager
def device(pair: Pair) -> Iterator[MqttDevice]:
    """Connect to the primary with a certificate that may update every shadow."""
    iot, identity = pair.client("iot", pair.primary), make_identity(PUBLISHER)
    arn = iot.register_certificate_without_ca(certificatePem=identity.certificate_pem, status="ACTIVE")[
        "certificateArn"
    ]
    statement = {"Effect": "Allow", "Action": ["iot:Connect", "iot:Publish"], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iot.create_policy(policyName=PUBLISHER, policyDocument=document)
    iot.attach_policy(policyName=PUBLISHER, target=arn)
    endpoint, ca_file = pair.device_endpoint(pair.primary), pair.emulator.ca_file
    with MqttDevice(endpoint, client_id=PUBLISHER, identity=identity, ca_file=ca_file) as connected:
        yield connected


class Bench:
    """The pair with its shadows, and what the product has done for them."""

    def __init__(self, pair: Pair, progress: Progress, publisher: MqttDevice) -> None:
        self._pair = pair
        self._progress = progress
        self._publisher = publisher
        self._here, self._there = (
            Shadows(pair.client("iot-data", region)) for region in (pair.primary, pair.secondary)
        )
        self._meter = Meter(pair)

    def prepare(self) -> None:
        """Let some shadows cross, so that the functions run."""
        names = _names("warm", 20)
        self._publish("Warm up", [(name, number) for number in range(5) for name in names])
        self._await_crossing(names)

    def lag(self, updates: int) -> Lag:
        """Update one shadow after the other, classic and named in turn, and take the time of each."""
        names = _names("lag", 10)
        numbers = self._progress.track(range(updates), description="One update after the other")
        return Lag(
            [self._lag_of(names[number % len(names)], number, NAMED if number % 2 else "") for number in numbers]
        )

    def _lag_of(self, thing: str, number: int, shadow: str) -> float:
        wanted = state(number)
        self._here.update(thing, wanted, shadow)
        answered = time.monotonic()
        while self._there.read(thing, shadow) != wanted:
            if time.monotonic() - answered > TIME_LIMIT:
                raise click.ClickException(f"{thing} did not cross within {TIME_LIMIT:.0f} s")
            threading.Event().wait(POLL_SECONDS)
        return time.monotonic() - answered

    def backlog(self, rate: int, seconds: int) -> Backlog:
        """Update shadows in turn at a steady rate, and wait until they are equal."""
        names, updates = _names("stream", STREAMED), rate * seconds
        self._publish("Make the shadows of the stream", [(name, -1) for name in names])
        self._await_crossing(names)
        before = self._meter.read()
        stream = [(names[number % STREAMED], number) for number in range(updates)]
        sent = self._publish(f"{rate} updates a second", stream, rate)
        waiting = set(names)
        while waiting:
            waiting -= {name for name in waiting if self._there.read(name) == self._here.read(name)}
            if time.monotonic() - sent.ended > TIME_LIMIT:
                raise click.ClickException(f"{len(waiting)} shadows did not become equal within {TIME_LIMIT:.0f} s")
        equal = time.monotonic()
        work = self._work_since(before, updates)
        return Backlog(updates, STREAMED, seconds, sent.passed, sent.behind, equal - sent.ended, work.shadow_writes)

    def loads(self) -> dict[str, Load]:
        """Have the loads cross, on shadows that both Regions have, and count what that takes."""
        names = _names("load", UPDATES)
        self._publish("Make the shadows of the loads", [(name, -1) for name in names])
        self._await_crossing(names)
        often = names[: UPDATES // TIMES_EACH]
        rate = ADMITTED * len(often)
        return {
            ONCE: self._load(ONCE, [(name, number) for number, name in enumerate(names)], rate),
            OFTEN: self._load(
                OFTEN, [(name, UPDATES + number) for number in range(TIMES_EACH) for name in often], rate
            ),
            ALONE: self._one_by_one(names[:SAMPLE]),
        }

    def _load(self, title: str, updates: Sequence[tuple[str, int]], rate: int) -> Load:
        before = self._meter.read()
        sent = self._publish(title, updates, rate)
        self._await_crossing(list(dict(updates)))
        return Load(self._work_since(before, len(updates)), len(updates) / sent.passed)

    def _one_by_one(self, names: Sequence[str]) -> Load:
        """Have each update cross before the next, and reckon what as many as of the other loads take."""
        before, begun = self._meter.read(), time.monotonic()
        for number, name in enumerate(self._progress.track(names, description=ALONE)):
            self._lag_of(name, 2 * UPDATES + number, "")
        passed = time.monotonic() - begun
        self._await_crossing(names)
        return Load(self._work_since(before, len(names)).times(UPDATES // len(names)), len(names) / passed)

    def bursts(self, devices: int, quota: float) -> dict[str, Burst]:
        """Hand over the updates of as many shadows at once, which the secondary has not, and then once more."""
        names = _names("burst", devices)
        return {title: self._burst(title, names, number, quota) for number, title in enumerate((NEW, KNOWN))}

    def _burst(self, title: str, names: Sequence[str], number: int, quota: float) -> Burst:
        proxy, written = self._pair.proxy, LastWrite(self._pair.secondary, "iotdata")
        quotas = Quotas({**DEFAULTS, SHADOWS: quota})
        with self._kept_waiting():
            self._publish(f"Update {title}", [(name, number) for name in names])
            before = proxy.counts()
            begun = time.monotonic()
            proxy.intercept = first_of(written, quotas)
        try:
            until(lambda: written.is_over(QUIET_SECONDS) and not any(self._different(names)), BURST_SECONDS)
        finally:
            proxy.intercept = None
        calls = sum(
            count
            for call, count in (proxy.counts() - before).items()
            if (call.service, call.region) == ("iotdata", self._pair.secondary)
        )
        different = sum(1 for _ in self._different(names))
        return Burst(len(names), NEEDED[title], written.at - begun, calls, quotas.refused.total(), different, quota)

    @contextmanager
    def _kept_waiting(self) -> Iterator[None]:
        """Events of shadows wait in their stream for the length of a `with` block, and are handed over at its end."""
        functions, mapping = (
            self._pair.client("lambda", self._pair.secondary),
            self._pair.physical_id("ShadowEventMapping"),
        )
        functions.update_event_source_mapping(UUID=mapping, Enabled=False)
        try:
            yield
        finally:
            functions.update_event_source_mapping(UUID=mapping, Enabled=True)

    def _different(self, names: Sequence[str]) -> Iterator[str]:
        return (name for name in names if self._there.read(name) != self._here.read(name))

    def _work_since(self, before: Reading, updates: int) -> Work:
        work = (self._meter.read() - before).work
        if work.events != updates:
            raise click.ClickException(f"{updates} updates were made, and {work.events} events stored")
        return work

    def _publish(self, title: str, updates: Sequence[tuple[str, int]], rate: float = math.inf) -> Sent:
        """Publish updates one after the other, no faster than at this rate."""
        begun, behind = time.monotonic(), 0.0
        for position, (thing, number) in enumerate(self._progress.track(updates, description=title)):
            due = begun + position / rate
            threading.Event().wait(max(0.0, due - time.monotonic()))
            self._publisher.publish(f"$aws/things/{thing}/shadow/update", json.dumps({"state": state(number)}).encode())
            behind = max(behind, time.monotonic() - due)
        return Sent(begun, time.monotonic(), behind)

    def _await_crossing(self, names: Sequence[str]) -> None:
        """Return when nothing has been called for a while and the shadows are equal."""
        seen: list[tuple[int, float]] = [(-1, 0.0)]

        def quiet() -> bool:
            total, now = self._pair.proxy.counts().total(), time.monotonic()
            if total != seen[0][0]:
                seen[0] = (total, now)
            return now - seen[0][1] > QUIET_SECONDS

        if not until(quiet, TIME_LIMIT):
            raise click.ClickException(f"the product is not at rest after {TIME_LIMIT:.0f} s")
        different = list(self._different(names))
        if different:
            raise click.ClickException(f"{len(different)} shadows did not cross, {different[0]} among them")


@dataclass(frozen=True)
class Reading:
    """What has been counted since the pair was started."""

    calls: Counter[Call]
    events: int
    invocations: int
    gigabyte_seconds: float
    log_bytes: int

    def __sub__(self, before: Reading) -> Reading:
        return Reading(
            self.calls - before.calls,
            self.events - before.events,
            self.invocations - before.invocations,
            self.gigabyte_seconds - before.gigabyte_seconds,
            self.log_bytes - before.log_bytes,
        )

    @property
    def work(self) -> Work:
        """What of it is priced."""
        return Work(
            events=self.events,
            invocations=self.invocations,
            gigabyte_seconds=round(self.gigabyte_seconds, 1),
            transitions=self._of("StartExecution"),  # each would be one at least; the path of events starts none
            reads=self._of("GetItem"),
            writes=self._of("UpdateItem"),
            shadow_reads=self._of("GetThingShadow"),
            shadow_writes=self._of("UpdateThingShadow"),
            log_bytes=self.log_bytes,
        )

    def _of(self, operation: str) -> int:
        return sum(count for call, count in self.calls.items() if call.operation == operation)


class Meter:
    """Reads the counters: the proxy's, the events' table, the functions' logs.

    The emulator writes Lambda's own lines into a log even where, as here, the function's settings leave them out.
    """

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._functions = [
            function
            for page in pair.client("lambda", pair.secondary).get_paginator("list_functions").paginate()
            for function in page["Functions"]
        ]

    def read(self) -> Reading:
        """Read them all."""
        reports, log_bytes = Counter[float](), 0
        for function in self._functions:
            for message in self._messages(function["LoggingConfig"]["LogGroup"]):
                if report := _REPORT.match(message):
                    reports[int(report["ms"]) / 1000 * function["MemorySize"] / 1024] += 1
                elif not message.startswith(("START ", "END ")):
                    log_bytes += len(message.encode()) + LOG_EVENT_BYTES
        return Reading(
            self._pair.proxy.counts(),
            sum(write_units(item) for item in self._events()),
            reports.total(),
            sum(gigabyte_seconds * count for gigabyte_seconds, count in reports.items()),
            log_bytes,
        )

    def _events(self) -> Iterable[dict[str, Any]]:
        table = f"IoTDRShadowTable{self._pair.outputs['StackPostfix']}"
        pages = self._pair.client("dynamodb", self._pair.primary).get_paginator("scan").paginate(TableName=table)
        return (item for page in pages for item in page["Items"])

    def _messages(self, group: str) -> Iterable[str]:
        pages = self._pair.client("logs", self._pair.secondary).get_paginator("filter_log_events")
        return (event["message"] for page in pages.paginate(logGroupName=group) for event in page["events"])


def state(number: int) -> dict[str, Any]:
    """Return what the devices of this benchmark report and are to do: about a hundred and fifty bytes."""
    return {
        "desired": {"interval": 60, "mode": "automatic"},
        "reported": {"number": number, "temperature": 21.5, "pressure": 2.25, "valves": [True, False], "site": "north"},
    }


def write_units(item: dict[str, Any]) -> int:
    """Return the write units of an item as DynamoDB's low-level API has it: one for each KB begun."""
    size = sum(len(name.encode()) + len(str(next(iter(value.values()))).encode()) for name, value in item.items())
    return math.ceil(size / 1024)


def _names(stem: str, count: int) -> list[str]:
    return [f"{stem}-{number}" for number in range(count)]


def _cost(name: str, load: Load, alone: Work) -> dict[str, Any]:
    part, limit = share(load.work, {ALONE: alone}), {ONCE: HALF, OFTEN: TENTH}.get(name)
    return {
        **dataclasses.asdict(load.work),
        "rate": round(load.rate, 1),
        "usd": round(load.work.price, 6),
        "share": round(part, 3),
        "within_target": limit is None or part <= limit,
    }


def as_json(results: Results) -> dict[str, Any]:
    """Return the results for programs."""
    found: dict[str, Any] = {}
    if results.lag:
        lags = {"median": results.lag.median, "p95": results.lag.p95, "max": results.lag.longest}
        found["lag"] = {f"{name}_ms": round(1000 * value) for name, value in lags.items()}
        found["lag"]["within_target"] = results.lag.median <= LAG_TARGET
    if results.backlog:
        found["backlog"] = dataclasses.asdict(results.backlog)
        found["backlog"]["within_target"] = results.backlog.is_met
    for name, load in results.loads.items():
        found.setdefault("cost", {})[name] = _cost(name, load, results.loads[ALONE].work)
    for name, burst in results.bursts.items():
        found.setdefault("burst", {})[name] = {
            **dataclasses.asdict(burst),
            "ceiling_per_second": burst.ceiling,
            "share": round(burst.share, 3),
            "within_target": burst.is_met,
        }
    return found


def _print(console: Console, results: Results) -> None:
    for title, values in as_json(results).items():
        if title not in ("cost", "burst"):
            _print_figures(console, title, {"": values})
        else:
            _print_figures(console, title, values)


def _print_figures(console: Console, title: str, columns: dict[str, dict[str, Any]]) -> None:
    table = Table(title=title)
    for name in ("", *columns):
        table.add_column(name, justify="right" if name else "left")
    for figure in next(iter(columns.values())):
        table.add_row(figure, *(_shown(values[figure]) for values in columns.values()))
    console.print(table)


def _shown(value: object) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
