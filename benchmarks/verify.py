"""How long a verification takes, in how many calls and how much memory, beside one describe per resource.

    .venv/bin/python -m benchmarks.verify [--things 2000 --things 20000] [--latency 20]

Both Regions hold the same fleet: each thing has a type, a group, a classic shadow, a named one and a certificate of its
own, which has one of ten policies; both indexes hold both shadows. Each figure comes from a process of its own:
`engine` is what `iot-dr verify --unpaced` does before it prints, with all shadows; `named` the same with
`--shadow-name-pattern config`, `no index` with --no-index, `no shadows` with --shadows none, `fast` with --fast.
`describe` asks for each resource and for what hangs on it by itself, shadows too, over the product's own readers, with
the same number of threads; `one by one` with a single one.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from iot_dr.aws.clients import client
from iot_dr.aws.registry.fleet_reader import IotFleetReader
from iot_dr.aws.registry.reader import IotRegistryReader
from iot_dr.aws.shadows.index import IotShadowIndex
from iot_dr.aws.shadows.shadow_store import IotShadowStore
from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.model.regions import RegionPair
from iot_dr.model.registry.keys import Kind, shadow_key
from iot_dr.model.shadows.shadow import NO_SHADOWS, ShadowSelection
from iot_dr.model.sites import Side
from iot_dr.services.comparison import differences
from iot_dr.services.reading.reading import THREADS, CertificateSample, Reading
from iot_dr.services.shadows.indexed import SAME_BY_INDEX, notes_of
from lab.emulator import PRIMARY_REGION, ROOT, SECONDARY_REGION, Emulator
from lab.fleet import make_identity

ACCOUNT = "000000000000"
REGIONS = RegionPair(PRIMARY_REGION, SECONDARY_REGION).replication(ACCOUNT)
SIDES = {Side.SOURCE: PRIMARY_REGION, Side.TARGET: SECONDARY_REGION}

DESCRIBED = 1000
"""Things of a larger fleet that are described one by one: what each takes does not depend on how many there are."""

ONE_BY_ONE = 200

WITHOUT_INDEX = 2000
"""Things of the largest fleet that is read without the index: that takes as many calls a thing in any."""

ALL_SHADOWS = ShadowSelection()


LATENCY = "BENCHMARK_LATENCY"
"""Variable with the milliseconds that each call waits before it is sent, as it does on the way to AWS and back."""


@dataclass(frozen=True)
class Measured:
    """One process's figures; `peak` is its largest resident memory in bytes, of which `at_rest` before it began."""

    things: int
    seconds: float
    calls: int
    found: int
    peak: int
    at_rest: int


def engine(
    things: int,
    *,
    sample: CertificateSample | None = None,
    shadows: ShadowSelection = ALL_SHADOWS,
    by_index: bool = True,
) -> Measured:
    """Read both Regions and compare them."""
    iot = _clients("iot")
    data = {side: IotShadowStore(one) for side, one in _clients("iot-data").items()}
    at_rest, begun = _peak(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, SqliteComparisonStore(Path(folder) / "comparison.sqlite") as store:
        indexes = {side: IotShadowIndex(iot[side], region) for side, region in SIDES.items()}
        readers = {
            side: IotFleetReader(iot[side], region, ACCOUNT, data[side], indexes[side])
            for side, region in SIDES.items()
        }
        reading = Reading(store, readers, sample=sample, shadows=shadows, indexes=indexes if by_index else None)
        reading.read()
        found = sum(1 for _ in differences(store, REGIONS))
        number = store.number(Side.SOURCE, Kind.THING)
        shadow_number = store.number(Side.TARGET, Kind.SHADOW)
        told_by_index = SAME_BY_INDEX in notes_of(store)
    assert number == things, f"{number} things were read"
    assert shadow_number == (0 if shadows is NO_SHADOWS else 2 * things), f"{shadow_number} shadows were read"
    assert told_by_index == (by_index and shadows is not NO_SHADOWS), (
        "the index was used, or not, against what was meant"
    )
    return Measured(number, time.perf_counter() - begun, reading.calls.total(), found, _peak(), at_rest)


def describe(things: int, threads: int) -> Measured:
    """Describe each resource of both Regions by itself, and compare."""
    iot = _clients("iot")
    data = {side: IotShadowStore(one) for side, one in _clients("iot-data").items()}
    at_rest, begun = _peak(), time.perf_counter()
    made: Counter[str] = Counter()
    with ThreadPoolExecutor(threads) as executor:
        both = [
            _described(IotRegistryReader(iot[side], region, ACCOUNT), data[side], things, executor, made)
            for side, region in SIDES.items()
        ]
    found = sum(1 for one, other in zip(*both, strict=True) if one != other)
    return Measured(things, time.perf_counter() - begun, made.total(), found, _peak(), at_rest)


def _described(
    reader: IotRegistryReader, shadows: IotShadowStore, things: int, executor: ThreadPoolExecutor, made: Counter[str]
) -> list[tuple[Any, ...]]:
    once: dict[tuple[str, str], Any] = {}

    def asked(read: Callable[[Any], Any], name: Any) -> Any:
        made[read.__name__] += 1
        return read(name)

    def asked_once(read: Callable[[str], Any], name: str) -> Any:
        if (read.__name__, name) not in once:
            once[read.__name__, name] = asked(read, name)
        return once[read.__name__, name]

    def device(number: int) -> tuple[Any, ...]:
        name = f"device-{number:07}"
        thing = asked(reader.thing, name)
        groups = [asked_once(reader.thing_group, group) for group in asked(reader.groups_of_thing, name)]
        principals = asked(reader.principals_of_thing, name)
        certificates = [asked(reader.certificate, one.certificate_id) for one in principals]
        attached = [asked(reader.policies_of, f"cert/{one.certificate_id}") for one in principals]
        policies = [asked_once(reader.policy, policy).name for found in attached for policy in found]
        names = ("", *sorted(asked(shadows.shadow_names, name)))
        states = [asked(shadows.shadow, shadow_key(name, one)) for one in names]
        return thing.attributes, asked_once(reader.thing_type, thing.type_name), groups, certificates, policies, states

    return list(executor.map(device, range(things)))


def _clients(service: str) -> dict[Side, Any]:
    made = {side: client(service, region, connections=2 * THREADS) for side, region in SIDES.items()}
    seconds, never = float(os.environ.get(LATENCY, "0")) / 1000, threading.Event()
    for one in made.values() if seconds else ():
        one.meta.events.register("before-send", lambda **_: never.wait(seconds) or None)
    return made


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


MEASURES: dict[str, Callable[[int], Measured]] = {
    "engine": engine,
    "named": lambda things: engine(things, shadows=ShadowSelection("all", "config")),
    "no index": lambda things: engine(things, by_index=False),
    "no shadows": lambda things: engine(things, shadows=NO_SHADOWS),
    "fast": lambda things: engine(things, sample=CertificateSample(400), shadows=NO_SHADOWS),
    "describe": lambda things: describe(things, 2 * THREADS),
    "one by one": lambda things: describe(things, 1),
}


def measured(what: str, things: int, environ: dict[str, str]) -> Measured:
    """Measure in a process of its own."""
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.verify", "--measure", what, "--things", str(things)],
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        cwd=ROOT,
        check=True,
    )
    return Measured(**json.loads(answer.stdout))


def rows(things: int, latency: float) -> Iterator[tuple[str, Measured]]:
    """Fill both Regions with a fleet, and measure."""
    with tempfile.TemporaryDirectory() as folder:
        state = {"PERSIST_STATE": "1", "STATE_DIR": f"{folder}/state"}
        Path(state["STATE_DIR"]).mkdir()
        interpreter = ROOT / ".venv-emulator" / "bin" / "python"
        fill = [str(interpreter), str(ROOT / "benchmarks" / "fill_regions.py"), str(things)]
        subprocess.run(
            fill, env={**os.environ, **state}, check=True, text=True, input=make_identity("any").certificate_pem
        )
        with Emulator(Path(folder) / "emulator", environ=state) as emulator:
            environ = {**emulator.client_environ(), "AWS_ENDPOINT_URL": emulator.endpoint_url, LATENCY: str(latency)}
            for what, number in (
                ("engine", things),
                ("named", things),
                *((("no index", things),) if things <= WITHOUT_INDEX else ()),
                ("no shadows", things),
                ("fast", things),
                ("describe", min(things, DESCRIBED)),
                ("one by one", min(things, ONE_BY_ONE)),
            ):
                yield what, measured(what, number, environ)


@click.command()
@click.option("--things", multiple=True, type=int, default=[2_000, 20_000], show_default=True, help="Sizes of fleets.")
@click.option(
    "--latency", type=float, default=0.0, show_default=True, help="Milliseconds that every call takes longer."
)
@click.option("--measure", type=click.Choice(list(MEASURES)), hidden=True)
def main(things: tuple[int, ...], latency: float, measure: str | None) -> None:
    """Print a table row for every measurement."""
    if measure:
        print(json.dumps(asdict(MEASURES[measure](things[0]))))
        return
    print("| fleet | read by | things | seconds | things/s | calls a thing | peak MiB |")
    print("|---:|---|---:|---:|---:|---:|---:|")
    for fleet in things:
        rates: dict[str, float] = {}
        for what, it in rows(fleet, latency):
            rates[what] = it.things / it.seconds
            print(
                f"| {fleet:,} | {what} | {it.things:,} | {it.seconds:.1f} | {it.things / it.seconds:,.0f} "
                f"| {it.calls / it.things:.3f} | {it.peak / 2**20:.0f} ({it.at_rest / 2**20:.0f} at rest) |",
                flush=True,
            )
            assert not it.found, f"{what} found {it.found} differences between equal Regions"
        for control in ("describe", "one by one"):
            times = ", ".join(f"{what} {rate / rates[control]:.1f}" for what, rate in rates.items() if what != control)
            print(f"Times as fast as {control}: {times}", flush=True)


if __name__ == "__main__":
    main()
