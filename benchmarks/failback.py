"""How long a failback's plan takes, in how many calls and how much memory, and how near its quota it is applied.

    .venv/bin/python -m benchmarks.failback [--things 2000 --things 20000] [--changed 0.01] [--apply 2000]

Both Regions hold the fleet of `benchmarks/fill_regions.py`; then some things are changed in the secondary, which leads,
and its ledger knows in which state both last held them. Shadows are off. Each figure is of an operator's process of its
own, as `iot-dr failback` runs it. The plan is made without a quota. It is applied behind a proxy that refuses what
comes faster than AWS's default quotas; the ceiling is that of UpdateThing, and the clock runs while the plan is written
into the old primary. The snapshot before it, which describes each certificate, is left out.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click

from benchmarks.sync_memory import HIGH, POSTFIX, make_ledger
from iot_dr.aws.failover import control, fence
from iot_dr.aws.ledger.bases import DynamoDbBaseStore
from iot_dr.model.registry.digests import digest_of
from iot_dr.model.registry.entities import Thing
from lab.counting import CountingProxy
from lab.emulator import PRIMARY_REGION, ROOT, SECONDARY_REGION, Emulator
from lab.fleet import make_identity
from lab.quotas import DEFAULTS, Quotas

EVENTS = "bench-events"
"""The global table: one in each Region, which do not replicate each other here."""

TIGHTEST = "UpdateThing"
TARGET_SHARE = 0.95


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

    def change(self, things: int, changed: int) -> None:
        """Change some things in the secondary, whose ledger knows what they were."""
        iot, ledger = (self.emulator.client(name, SECONDARY_REGION) for name in ("iot", "dynamodb"))
        step = max(1, things // max(1, changed))
        names = [f"device-{number:07}" for number in range(0, things, step)][:changed]
        before = (iot.describe_thing(thingName=name) for name in names)
        held = [Thing(one["thingName"], one["attributes"], one["thingTypeName"]) for one in before]
        digests = {one.key: digest_of(one) for one in held}
        DynamoDbBaseStore(ledger, self.environ["LEDGER_TABLE"]).note_equal(digests, 1)
        for name in names:
            iot.update_thing(thingName=name, attributePayload={"attributes": {"site": "south"}, "merge": True})
        for client in (iot, ledger):
            client.close()

    def bringing(self) -> float:
        """Return how many seconds the plan was written for, as its journal tells."""
        with sqlite3.connect(self.plan) as database:
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
@click.option("--apply", multiple=True, type=int, help="Sizes of which the plan is applied too.")
def main(things: tuple[int, ...], changed: float, apply: tuple[int, ...]) -> None:
    """Print a table row for every measurement."""
    print("| things | changed | what | seconds | per second | iot calls a thing | ledger calls | peak MiB |")
    print("|---:|---:|---|---:|---:|---:|---:|---:|")
    for fleet in sorted({*things, *apply}):
        number = max(1, round(fleet * changed))
        with filled(fleet) as bench:
            bench.change(fleet, number)
            bench.proxy.intercept = Quotas(dict.fromkeys(DEFAULTS, HIGH))
            planned = bench.run(expected=1)
            print(row(fleet, "plan", number, fleet / planned.seconds, planned), flush=True)
            if fleet in apply:
                bench.proxy.intercept = Quotas()
                applied = bench.run("--apply", expected=0)
                seconds = bench.bringing()
                brought = replace(applied, seconds=seconds)
                print(row(fleet, "bring", number, number / seconds, brought), flush=True)
                share = number / seconds / DEFAULTS[TIGHTEST]
                print(f"{TIGHTEST}: {share:.1%} of {DEFAULTS[TIGHTEST]:g} a second (target {TARGET_SHARE:.0%})")


def row(fleet: int, what: str, changed: int, pace: float, found: Measured) -> str:
    """Return one row of the table."""
    iot, ledger = found.calls.get("iot", 0), found.calls.get("dynamodb", 0)
    return (
        f"| {fleet:,} | {changed:,} | {what} | {found.seconds:.1f} | {pace:,.0f} | {iot / fleet:.3f} | {ledger:,} "
        f"| {found.peak / 2**20:.0f} |"
    )


if __name__ == "__main__":
    main()
