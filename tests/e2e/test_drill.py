"""A drill on the pair: there and back, stopped, and killed; the fleet's own answers stay, and nothing is left."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from iot_dr.aws.failover import control, fence
from iot_dr.model.drill.canaries import PREFIX
from lab.operators import operator_environ
from lab.pair import Pair
from lab.waiting import until
from tests.e2e.commands import iot_dr

SCALE = 0.02
"""Of Route 53's seconds: this pair's checks are asked every 0.6 s instead of every 30 s."""
QUICK = (
    *("--clients", "5", "--rate", "2", "--look", "0.5", "--within", "0.5", "--ttl", "1"),
    *("--baseline", "1", "--stay", "1", "--timeout", "60", "--rto", "60", "--rpo", "60"),
)
SECONDS = 60


@dataclass
class DrillScene:
    """The pair with a hosted zone, whose health checks are evaluated."""

    pair: Pair
    zone: str

    @cached_property
    def environ(self) -> dict[str, str]:
        """An operator's shell."""
        return {**operator_environ(self.pair), **self.pair.route53.environ(), "HOSTED_ZONE_ID": self.zone}

    @property
    def items(self) -> list[dict[str, Any]]:
        """The fleet's control item and fence, and the drill's item, in each Region that has them."""
        found = []
        for region in (self.pair.primary, self.pair.secondary):
            client = self.pair.client("dynamodb", region)
            for key in (control.KEY, control.key_of(control.CANARY)):
                table = self.environ["DYNAMODB_GLOBAL_TABLE"]
                found.append(client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item", {}))
        client = self.pair.client("dynamodb", self.pair.secondary)
        found.append(client.get_item(TableName=self.environ["LEDGER_TABLE"], Key=fence.KEY).get("Item", {}))
        return found

    def left(self) -> list[tuple[str, str]]:
        """Whatever has a drill's name, and where; not what the ledger notes to be checked once more."""
        found: list[tuple[str, str]] = []
        for region in (self.pair.primary, self.pair.secondary):
            iot = self.pair.client("iot", region)
            found += [(region, one["thingName"]) for one in _all(iot, "list_things", "things")]
            found += [(region, one["policyName"]) for one in _all(iot, "list_policies", "policies")]
        route53 = self.pair.client("route53")
        found += [("Route 53", one["CallerReference"]) for one in _all(route53, "list_health_checks", "HealthChecks")]
        sets = _all(route53, "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=self.zone)
        found += [("zone", one["Name"]) for one in sets]
        waiting = self.pair.client("dynamodb", self.pair.secondary).scan(
            TableName=self.environ["LEDGER_TABLE"],
            FilterExpression="#state IN (:pending, :failed)",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={":pending": {"S": "pending"}, ":failed": {"S": "failed"}},
        )["Items"]
        found += [("ledger", one["resource"]["S"].partition("#")[2]) for one in waiting]
        return [one for one in found if one[1].startswith(PREFIX)]

    def certificates(self) -> list[int]:
        """How many certificates each Region has."""
        regions = (self.pair.primary, self.pair.secondary)
        return [len(list(_all(self.pair.client("iot", one), "list_certificates", "certificates"))) for one in regions]

    def begun(self, phase: str) -> tuple[subprocess.Popen[str], str]:
        """Start a drill and return it with its name once it has reached a phase."""
        command = [sys.executable, "-m", "iot_dr.cli", "drill", *QUICK]
        process = subprocess.Popen(command, env=self.environ, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        name = ""
        for line in process.stderr:
            name = line.split()[-1] if "begins with" in line else name
            if line.rstrip().endswith(f"Phase: {phase}"):
                return process, name
        message = f"the drill ended before it came to {phase}"
        raise AssertionError(message)


def _all(client: Any, operation: str, field: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[field]


@pytest.fixture(scope="module")
def scene(pair: Pair) -> Iterator[DrillScene]:
    """A hosted zone beside the launch, which has none."""
    zones = pair.client("route53")
    zone = zones.create_hosted_zone(Name="drills.test", CallerReference="drills")["HostedZone"]["Id"]
    try:
        with pair.route53.evaluating(SCALE):
            yield DrillScene(pair, zone.rpartition("/")[2])
    finally:
        zones.delete_hosted_zone(Id=zone)


@pytest.mark.row("F6")
def test_devices_go_there_and_come_back_and_the_fleet_is_not_touched(scene: DrillScene, tmp_path: Path) -> None:
    before, certificates, page = scene.items, scene.certificates(), tmp_path / "drill.html"

    result = iot_dr(scene.pair, "drill", *QUICK, "--report", str(page), environ=scene.environ)

    assert result.returncode == 0, result.stdout + result.stderr
    told = json.loads((tmp_path / "drill.html.json").read_text())
    there, back = told["legs"]
    assert [len(one["lines"]) for one in (there, back)] == [5, 5]
    assert {server["says"] for server in there["answers"]} == {scene.pair.primary, scene.pair.secondary}
    assert told["summary"]["messages lost"] == told["overwritten"] == 0
    assert told["summary"]["messages acknowledged"] > 50
    assert all(one["found"] > 0 for one in told["shadows"])
    assert "Objectives met" in page.read_text()
    assert scene.items == before
    assert (scene.left(), scene.certificates()) == ([], certificates)


@pytest.mark.row("F6")
def test_a_drill_that_is_stopped_removes_what_it_made(scene: DrillScene) -> None:
    before, certificates = scene.items, scene.certificates()
    process, _ = scene.begun("cross")

    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=SECONDS)

    assert process.returncode == 2, told
    assert told.rstrip().endswith("Stopped. What it had made is removed in both Regions.")
    # A worker that had begun to bring something across ends that, and what it notes is settled after it.
    until(lambda: not scene.left(), SECONDS)
    assert (scene.left(), scene.certificates(), scene.items) == ([], certificates, before)


@pytest.mark.row("F6")
def test_what_a_killed_drill_left_is_told_by_the_next_and_removed_by_its_name(scene: DrillScene) -> None:
    before, certificates = scene.items, scene.certificates()
    process, name = scene.begun("baseline")
    process.kill()
    process.communicate(timeout=SECONDS)
    assert scene.left()

    refused = iot_dr(scene.pair, "drill", *QUICK, environ=scene.environ)
    assert refused.returncode == 2
    assert f"iot-dr drill --clean {name}" in refused.stderr
    cleaned = iot_dr(scene.pair, "drill", "--clean", name, environ=scene.environ)

    assert cleaned.returncode == 0, cleaned.stderr
    assert (scene.left(), scene.certificates(), scene.items) == ([], certificates, before)
