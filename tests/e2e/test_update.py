"""A launch of an earlier release is updated while changes go on, killed in between, goes back, and is removed whole."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab.counting import CountingProxy
from lab.faults import Death, injected
from lab.fleet import Fleet
from lab.operators import operator_environ
from lab.pair import Pair
from lab.waiting import until
from tests.e2e.commands import asked, iot_dr
from tests.e2e.observing import SECONDS, thing
from tests.e2e.removal import left_of
from tests.e2e.test_launch import build_variables

pytestmark = pytest.mark.row("G5", "G7", "G8")

ARCHIVE = Path(__file__).with_name("releases") / "before-failover.tar.xz"
"""What the earlier release was built from; the page beside it says how it was made."""

VERSION, POSTFIX, UUID = "v0.0.9", "20261127000000", "u9b4"
CHOICES = ("BUCKET_RESOURCES", "SOLUTION_NAME", "PRIMARY_REGION", "SECONDARY_REGION")
CONTROL = {"resource": {"S": "iot-dr#control"}, "event_id": {"S": "control"}}
KILLED = -9


@pytest.fixture
def earlier(pair: Pair, pytestconfig: pytest.Config) -> Path:
    """The earlier release, built and published beside this one; a further run finds the build in pytest's cache."""
    it = pair.distribution
    cached = pytestconfig.cache.mkdir("earlier-release") / hashlib.sha256(ARCHIVE.read_bytes()).hexdigest()[:16]
    if not cached.exists():
        fresh = cached.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        with tarfile.open(ARCHIVE) as archive:
            archive.extractall(fresh, filter="data")
        script = "deployment/build-s3-dist.sh"
        pair.run_script(fresh / "release", script, it.bucket_prefix, it.solution_name, VERSION)
        fresh.rename(cached)
    where = (it.bucket_prefix, it.solution_name, VERSION, pair.primary, pair.secondary)
    pair.run_script(cached / "release", "deployment/publish.sh", *where)
    return cached / "release"


class Launch:
    """The launch that is updated: an operator's shell for it, and what of it must stay."""

    def __init__(self, pair: Pair, proxy: CountingProxy, earlier: Path) -> None:
        project = build_variables(pair)
        self.pair = pair
        self.now = {
            **operator_environ(pair),
            **{name: project[name] for name in (*CHOICES, "VERSION")},
            **proxy.environ(["CLOUDFORMATION"]),
            "STACK_POSTFIX": POSTFIX,
            "UUID": UUID,
            "CREATE_HEALTH_CHECK": "yes",
        }
        package = earlier / "source" / "lambda" / "iot_dr_layer" / "python"
        self.before = {**self.now, "PYTHONPATH": str(package), "VERSION": VERSION}

    def launch(self, environ: dict[str, str], *, ends: int = 0) -> None:
        """Launch, or launch again, by an interpreter of its own: its path says of which release."""
        command = [sys.executable, "-m", "iot_dr.cli", "launch"]
        result = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        assert result.returncode == ends, result.stderr + result.stdout

    def kept(self) -> dict[str, Any]:
        """What must be the same after an update: tables, the control item, and health checks."""
        tables = {
            "global": (f"IoTDRGlobalTable{POSTFIX}", self.pair.primary),
            "shadow": (f"IoTDRShadowTable{POSTFIX}", self.pair.primary),
            "ledger": (self._resource("IoTDRSecondary", self.pair.secondary, "LedgerTable"), self.pair.secondary),
        }
        ids = {name: self._table(*place)["TableId"] for name, place in tables.items()}
        checks = {
            region: self._resource("R53HealthChecker", region, "HealthCheck")
            for region in (self.pair.primary, self.pair.secondary)
        }
        dynamodb = self.pair.client("dynamodb", self.pair.secondary)
        control = dynamodb.get_item(TableName=tables["global"][0], Key=CONTROL, ConsistentRead=True)["Item"]
        return {"tables": ids, "checks": checks, "control": control}

    def item(self, resource: str) -> dict[str, Any]:
        """The ledger's item of a resource."""
        ledger = self._resource("IoTDRSecondary", self.pair.secondary, "LedgerTable")
        dynamodb = self.pair.client("dynamodb", self.pair.secondary)
        found = dynamodb.get_item(TableName=ledger, Key={"resource": {"S": resource}}, ConsistentRead=True)
        return {name: next(iter(value.values())) for name, value in found.get("Item", {}).items()}

    def has_checked(self, thing_name: str) -> bool:
        """Whether this launch, and not that of the session, has checked a thing."""
        return "state" in self.item(f"thing#{thing_name}")

    def pin(self) -> None:
        """Have the primary serve whatever health checks say, as the earlier release writes it down."""
        item = {**CONTROL, "serving": {"S": self.pair.primary}}
        self.pair.client("dynamodb", self.pair.primary).put_item(TableName=f"IoTDRGlobalTable{POSTFIX}", Item=item)

    def version(self) -> str:
        """The release that the secondary's stack says that it is of."""
        stacks = self.pair.client("cloudformation", self.pair.secondary)
        (found,) = stacks.describe_stacks(StackName=f"IoTDRSecondary{POSTFIX}")["Stacks"]
        outputs = {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}
        return outputs["SolutionVersion"]

    def _table(self, name: str, region: str) -> dict[str, Any]:
        table: dict[str, Any] = self.pair.client("dynamodb", region).describe_table(TableName=name)["Table"]
        return table

    def _resource(self, stack: str, region: str, logical_id: str) -> str:
        found = self.pair.client("cloudformation", region).describe_stack_resource(
            StackName=f"{stack}{POSTFIX}", LogicalResourceId=logical_id
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])


@contextmanager
def changing(fleet: Fleet, name: str) -> Iterator[list[str]]:
    """A device is made every second, for the length of a `with` block; their names so far."""
    made: list[str] = []
    ended = threading.Event()

    def change() -> None:
        while not ended.wait(1):
            fleet.provision(f"{name}-{len(made)}")
            made.append(f"{name}-{len(made)}")

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield made
    finally:
        ended.set()
        thread.join()


@pytest.fixture
def launched(pair: Pair, own_proxy: CountingProxy, earlier: Path) -> Iterator[Launch]:
    """A launch of the earlier release with health checkers, beside that of the session."""
    launch = Launch(pair, own_proxy, earlier)
    launch.launch(launch.before)
    yield launch
    iot_dr(pair, "uninstall", "--apply", "--empty-buckets", environ=launch.now)


def test_a_launch_is_updated_while_changes_go_on_though_it_is_killed_goes_back_and_is_removed(  # fixtures
    pair: Pair, own_proxy: CountingProxy, secondary: Any, launched: Launch, fleet: Fleet, name: str
) -> None:
    launched.pin()
    fleet.provision(name)
    assert until(lambda: launched.has_checked(name), SECONDS)
    before, owned_at = launched.kept(), launched.item(f"thing#{name}").get("owned_at")
    assert launched.version() == VERSION

    with changing(fleet, name) as made:
        for region in (pair.primary, pair.secondary):
            with injected(own_proxy, Death({"UpdateStack"}, region, carried_out=True)):
                launched.launch(launched.now, ends=KILLED)
        launched.launch(launched.now)

    assert launched.version() == pair.distribution.version
    assert (launched.kept(), launched.item(f"thing#{name}").get("owned_at")) == (before, owned_at)
    assert made
    assert until(lambda: _all_arrived(launched, secondary, made), SECONDS), _missing(launched, made)

    launched.launch(launched.before)
    assert (launched.version(), launched.kept()) == (VERSION, before)
    fleet.provision(f"{name}-back")
    assert until(lambda: launched.has_checked(f"{name}-back"), SECONDS)

    code, removed = asked(pair, "uninstall", "--apply", "--empty-buckets", environ=launched.now)
    assert (code, removed["left"]) == (0, [])
    assert [left_of(pair, region, POSTFIX, UUID) for region in (pair.primary, pair.secondary)] == [set(), set()]


def _all_arrived(launched: Launch, secondary: Any, made: list[str]) -> bool:
    return not _missing(launched, made) and all(thing(secondary, one) for one in made)


def _missing(launched: Launch, made: list[str]) -> list[str]:
    return [one for one in made if not launched.has_checked(one)]
