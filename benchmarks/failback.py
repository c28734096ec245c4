"""How long a failback's plan takes, in how many calls and how much memory, and how near its quota it is applied.

    .venv/bin/python -m benchmarks.failback [--things 2000 --things 20000] [--changed 0.01] [--apply 20000]
        [--apply-changed 0.25]

Both Regions hold the fleet of `benchmarks/fill_regions.py`; then some things are changed in the secondary, which leads,
and its ledger knows in which state both last held them. Shadows are off. Each figure is of an operator's process of its
own, as `iot-dr failback` runs it. The plan is made without a quota.

It is applied behind a proxy that refuses what comes faster than AWS's default quotas of whatever writes a thing and
reads it right before. The ceiling is that of UpdateThing, 100 a second. What the steps before and after it read of the
whole fleet, the snapshot and the check, has no quota here: with AWS's defaults it would take an hour and no processor.
The pace is told twice: of the whole step, whose start and end count, and of the calls that the proxy let through, from
the first to the last. For that a run needs enough of them: 5,000 take 50 seconds at the ceiling.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import click

from benchmarks.sync_memory import HIGH, POSTFIX, make_ledger
from iot_dr.aws.failover import control, fence
from iot_dr.aws.ledger.bases import DynamoDbBaseStore
from iot_dr.model.registry.digests import digest_of
from iot_dr.model.registry.entities import Thing
from lab.counting import Call, CountingProxy, Fault
from lab.emulator import PRIMARY_REGION, ROOT, SECONDARY_REGION, Emulator
from lab.fleet import make_identity
from lab.quotas import DEFAULTS, Quotas

EVENTS = "bench-events"
"""The global table: one in each Region, which do not replicate each other here."""

TIGHTEST = "UpdateThing"
OF_A_WRITE = ("DescribeThing", TIGHTEST)
"""What a changed thing takes in the old primary, each with a quota of its own."""

TARGET_SHARE = 0.95
CHANGED = "south"


@dataclass
class Ceiling:
    """Refuses what comes faster than the quotas of a write, and notes when each UpdateThing went through."""

    quotas: Quotas = field(
        default_factory=lambda: Quotas(dict.fromkeys(DEFAULTS, HIGH) | {one: DEFAULTS[one] for one in OF_A_WRITE})
    )
    passed: list[float] = field(default_factory=list)

    def __call__(self, call: Call) -> Fault | None:
        """Decide, as `CountingProxy` asks."""
        fault = self.quotas(call)
        if fault is None and (call.operation, call.region) == (TIGHTEST, PRIMARY_REGION):
            self.passed.append(time.monotonic())
        return fault

    @property
    def steady(self) -> float:
        """Calls a second from the first to the last that went through."""
        seconds = self.passed[-1] - self.passed[0] if len(self.passed) > 1 else 0.0
        return (len(self.passed) - 1) / seconds if seconds else 0.0

    @property
    def refused(self) -> int:
        """How many of them came too fast."""
        return sum(number for call, number in self.quotas.refused.items() if call.operation == TIGHTEST)


@dataclass(frozen=True)
class Measured:
    """One process: its seconds, its largest resident memory in bytes, and its calls to AWS IoT and DynamoDB."""

    seconds: float
    peak: int
    calls: dict[str, int]


@dataclass(frozen=True)
class Bench:
    """An emulator whose secondary leads, and an operator's shell."""

    emulator: Emulator
    proxy: CountingProxy
    environ: dict[str, str]
    folder: Path

    @property
    def plan(self) -> Path:
        """Return the file of the plan."""
        return self.folder / "state" / "failback" / "plan.sqlite"

    def run(self, *options: str, expected: int) -> Measured:
        """Run the operator's command, and measure it."""
        self.proxy.reset()
        began = time.perf_counter()
        command = [sys.executable, "-m", "iot_dr.cli", "failback", "--state", str(self.folder / "state"), *options]
        process = subprocess.Popen(command, env={**os.environ, **self.environ}, stdout=subprocess.DEVNULL, cwd=ROOT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != expected:
            raise click.ClickException(f"failback ended with {process.returncode}")
        calls: dict[str, int] = {}
        for call, number in self.proxy.counts().items():
            calls[call.service] = calls.get(call.service, 0) + number
        return Measured(time.perf_counter() - began, usage.ru_maxrss * 1024, calls)

    def plan_made(self) -> Measured:
        """Make the plan anew, as fast as the machine can."""
        self.proxy.intercept = Quotas(dict.fromkeys(DEFAULTS, HIGH))
        return self.run(expected=1)

    def change(self, things: int, changed: int) -> None:
        """Change some things in the secondary, whose ledger knows what they were."""
        iot, ledger = (self.emulator.client(name, SECONDARY_REGION) for name in ("iot", "dynamodb"))
        step = max(1, things // max(1, changed))
        names = [f"device-{number:07}" for number in range(0, things, step)][:changed]
        before = (iot.describe_thing(thingName=name) for name in names)
        held = [Thing(one["thingName"], one["attributes"], one["thingTypeName"]) for one in before]
        # What an earlier plan of this run has changed already is no change of this one.
        held = [one for one in held if one.attributes["site"] != CHANGED]
        digests = {one.key: digest_of(one) for one in held}
        DynamoDbBaseStore(ledger, self.environ["LEDGER_TABLE"]).note_equal(digests, 1)
        for name in (one.name for one in held):
            iot.update_thing(thingName=name, attributePayload={"attributes": {"site": CHANGED}, "merge": True})
        for client in (iot, ledger):
            client.close()

    def bringing(self) -> float:
        """Return how many seconds the plan was written for, as its journal tells."""
        with closing(sqlite3.connect(self.plan)) as database:
            facts = dict(database.execute("SELECT name, text FROM fact WHERE name LIKE 'step %'").fetchall())
        return (int(facts["step bring"]) - int(facts["step follow"])) / 1000


@contextmanager
def filled(things: int) -> Iterator[Bench]:
    """Fill both Regions, and have the secondary lead."""
    with tempfile.TemporaryDirectory() as folder:
        state = {"PERSIST_STATE": "1", "STATE_DIR": f"{folder}/emulated"}
        Path(state["STATE_DIR"]).mkdir()
        interpreter = ROOT / ".venv-emulator" / "bin" / "python"
        subprocess.run(
            [str(interpreter), str(ROOT / "benchmarks" / "fill_regions.py"), str(things)],
            env={**os.environ, **state},
            check=True,
            text=True,
            input=make_identity("bench").certificate_pem,
        )
        proxy = CountingProxy()
        with Emulator(Path(folder) / "emulator", environ=state) as emulator:
            proxy.start(emulator.port)
            try:
                ledger = make_ledger(emulator)
                lead(emulator, ledger)
                environ = {
                    **emulator.client_environ(),
                    "AWS_ENDPOINT_URL": emulator.endpoint_url,
                    **proxy.environ(["IOT", "DYNAMODB", "SERVICE_QUOTAS"]),
                    "PRIMARY_REGION": PRIMARY_REGION,
                    "SECONDARY_REGION": SECONDARY_REGION,
                    "LEDGER_TABLE": ledger,
                    "DYNAMODB_GLOBAL_TABLE": EVENTS,
                    "STACK_POSTFIX": POSTFIX,
                    "UUID": "benchmark",
                }
                yield Bench(emulator, proxy, environ, Path(folder))
            finally:
                proxy.stop()


def lead(emulator: Emulator, ledger: str) -> None:
    """Make the tables of events, and have the secondary lead by both."""
    item = {"leader": {"S": SECONDARY_REGION}, "mode": {"S": "pinned"}, "epoch": {"N": "2"}}
    for region in (PRIMARY_REGION, SECONDARY_REGION):
        dynamodb = emulator.client("dynamodb", region)
        dynamodb.create_table(
            TableName=EVENTS,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("resource", "event_id")],
            KeySchema=[
                {"AttributeName": "resource", "KeyType": "HASH"},
                {"AttributeName": "event_id", "KeyType": "RANGE"},
            ],
        )
        dynamodb.put_item(TableName=EVENTS, Item={**control.KEY, **item})
        if region == SECONDARY_REGION:
            dynamodb.put_item(TableName=ledger, Item={**fence.KEY, "role": {"S": "leads"}, "epoch": {"N": "2"}})
        dynamodb.close()


@click.command(help=__doc__)
@click.option("--things", multiple=True, type=int, default=[2_000, 20_000], show_default=True, help="Sizes of fleets.")
@click.option("--changed", default=0.01, show_default=True, help="Share of the things that were changed.")
@click.option("--apply", multiple=True, type=int, help="Sizes of which a plan is applied too.")
@click.option(
    "--apply-changed", default=0.25, show_default=True, help="Share of the things that such a plan has changed."
)
def main(things: tuple[int, ...], changed: float, apply: tuple[int, ...], apply_changed: float) -> None:
    """Print a table row for every measurement."""
    print("| things | changed | what | seconds | per second | iot calls a thing | ledger calls | peak MiB |")
    print("|---:|---:|---|---:|---:|---:|---:|---:|")
    for fleet in sorted({*things, *apply}):
        with filled(fleet) as bench:
            if fleet in things:
                number = max(1, round(fleet * changed))
                bench.change(fleet, number)
                planned = bench.plan_made()
                print(row(fleet, "plan", number, fleet / planned.seconds, planned), flush=True)
            if fleet in apply:
                print_applied(bench, fleet, max(1, round(fleet * apply_changed)))


def print_applied(bench: Bench, fleet: int, changed: int) -> None:
    """Apply a plan with so many changes, and print how fast that was, and how near the ceiling."""
    bench.change(fleet, changed)
    bench.plan_made()
    ceiling = Ceiling()
    bench.proxy.intercept = ceiling
    applied = bench.run("--apply", expected=0)
    seconds, quota = bench.bringing(), DEFAULTS[TIGHTEST]
    written = len(ceiling.passed)
    print(row(fleet, "bring", written, written / seconds, replace(applied, seconds=seconds)), flush=True)
    print(
        f"{TIGHTEST}: {written:,} calls, {ceiling.refused:,} refused; the whole step {written / seconds / quota:.1%}, "
        f"first to last {ceiling.steady / quota:.1%} of {quota:g} a second (target {TARGET_SHARE:.0%})"
    )


def row(fleet: int, what: str, changed: int, pace: float, found: Measured) -> str:
    """Return one row of the table."""
    iot, ledger = found.calls.get("iot", 0), found.calls.get("dynamodb", 0)
    return (
        f"| {fleet:,} | {changed:,} | {what} | {found.seconds:.1f} | {pace:,.0f} | {iot / fleet:.3f} | {ledger:,} "
        f"| {found.peak / 2**20:.0f} |"
    )


if __name__ == "__main__":
    main()
