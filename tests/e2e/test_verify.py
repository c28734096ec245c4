"""`iot-dr verify` proves a fleet equal, or says in a sign and a reason how each resource differs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.counting import Call, CountingProxy, Refusal
from lab.faults import without_region
from lab.fleet import Device, Fleet
from lab.operators import operator_environ
from lab.pair import Pair
from lab.quiet import unscheduled
from lab.shadows import Shadows
from lab.waiting import until
from tests.e2e.commands import iot_dr
from tests.e2e.observing import SECONDS, await_quiet, is_whole

Found = dict[str, Any]
Verify = Callable[..., tuple[int, list[Found]]]


@pytest.fixture(autouse=True)
def unswept(pair: Pair) -> Iterator[None]:
    """No schedule comes: what differs, differs until it is found."""
    with unscheduled(pair):
        yield


@pytest.fixture
def verify(pair: Pair, tmp_path: Path, name: str) -> Verify:
    """Verify this test's own things; the exit code, and what was found."""

    def run(*arguments: str) -> tuple[int, list[Found]]:
        result = iot_dr(pair, "verify", "--format", "json", "--unpaced", "--state", str(tmp_path / "state"), *arguments)
        assert "Traceback" not in result.stderr
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        assert lines, result.stderr
        return result.returncode, lines

    return run


def own(found: list[Found], *names: str) -> set[tuple[str, str]]:
    """The differences of resources that a test made, as sign and kind."""
    return {
        (one["sigil"], one["kind"])
        for one in found
        if "sigil" in one and any(name in f"{one['name']} {one['other']}" for name in names)
    }


def crossed(pair: Pair, fleet: Fleet, name: str) -> Device:
    device = fleet.provision(name, attributes={"site": "north"})
    assert until(lambda: is_whole(pair, device), SECONDS)
    return device


def held_back(pair: Pair) -> None:
    """Let no function write to the secondary's registry from now on, so that a difference stays one."""

    def refuse(call: Call) -> Refusal | None:
        reads = call.operation.startswith(("Describe", "Get", "List", "Search"))
        writes = call.service == "iot" and call.region == pair.secondary and not reads
        return Refusal(400, "InvalidRequestException", "held back for a test") if writes else None

    pair.proxy.intercept = refuse


def test_an_equal_fleet_is_proved_equal(pair: Pair, fleet: Fleet, name: str, verify: Verify) -> None:
    crossed(pair, fleet, name)

    code, found = verify("--select", f"thingName:{name}")

    assert (code, len(found)) == (0, 1)
    summary = found[0]["summary"]
    assert summary["differences"] == 0
    assert summary["kinds"]["thing"] == {"primary": 1, "secondary": 1, "=": 1, "+": 0, "-": 0, "*": 0, "!": 0}
    assert summary["kinds"]["certificate"]["="] == summary["kinds"]["policy"]["="] == 1


def test_the_whole_fleet_takes_no_single_read_of_a_thing_or_a_certificate(
    pair: Pair, fleet: Fleet, name: str, verify: Verify
) -> None:
    device = crossed(pair, fleet, name)

    _, found = verify()

    assert not own(found, name, device.identity.certificate_id)
    made = found[-1]["summary"]["calls"]
    assert not {"DescribeThing", "DescribeCertificate"} & {call for calls in made.values() for call in calls}
    assert made[pair.primary]["ListThings"] >= 1


def test_every_kind_of_difference_has_its_sign_and_its_reason(
    pair: Pair, fleet: Fleet, name: str, secondary: Any, primary: Any, verify: Verify, tmp_path: Path
) -> None:
    device = crossed(pair, fleet, name)
    certificate = device.identity.certificate_id
    arn = f"arn:aws:iot:{pair.secondary}:{pair.account}:cert/{certificate}"
    held_back(pair)
    try:
        secondary.update_thing(thingName=name, attributePayload={"attributes": {"site": "elsewhere"}})
        secondary.update_certificate(certificateId=certificate, newStatus="INACTIVE")
        secondary.detach_policy(policyName=fleet.policy_name, target=arn)
        secondary.create_thing(thingName=f"{name}-surplus")
        primary.create_thing(thingName=f"{name}-missing")
        report = tmp_path / "report.html"

        code, found = verify("--report", str(report))
    finally:
        pair.proxy.intercept = None

    assert code == 1
    assert own(found, name, certificate) == {
        ("*", "thing"),
        ("*", "certificate"),
        ("+", "policy_attachment"),
        ("-", "thing"),
        ("+", "thing"),
    }
    reasons = {one["name"]: one["reason"] for one in found if "sigil" in one}
    assert reasons[name] == "attributes differ"
    assert reasons[certificate] == "status differs"
    page = report.read_text(encoding="utf-8")
    differs = [line for line in page.splitlines() if line.startswith(f'["*", "thing", "{name}", "attributes differ"')]
    assert any("attributes." in line for line in differs), "with the values"
    secondary.delete_thing(thingName=f"{name}-surplus")


def test_the_lines_and_the_table_stay_within_a_hundred_columns(
    pair: Pair, fleet: Fleet, name: str, tmp_path: Path
) -> None:
    crossed(pair, fleet, name)

    result = iot_dr(pair, "verify", "--unpaced", "--state", str(tmp_path), "--select", f"thingName:{name}*")

    assert (result.returncode, result.stderr) == (0, "")
    assert max(map(len, result.stdout.splitlines())) <= 100
    assert "Both Regions hold the same." in result.stdout


def test_a_region_that_does_not_answer_is_said_and_what_was_read_is_kept(
    pair: Pair, own_proxy: CountingProxy, fleet: Fleet, name: str, tmp_path: Path
) -> None:
    crossed(pair, fleet, name)
    environ = operator_environ(pair, own_proxy)
    arguments = ("verify", "--unpaced", "--state", str(tmp_path))
    with without_region(own_proxy, pair.primary):
        result = iot_dr(pair, *arguments, environ=environ)

    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in result.stderr

    again = iot_dr(pair, *arguments)
    assert again.returncode in (0, 1)
    assert "Resuming an interrupted run" in again.stderr


def test_an_interrupted_run_says_how_to_go_on(
    pair: Pair, own_proxy: CountingProxy, fleet: Fleet, name: str, tmp_path: Path
) -> None:
    crossed(pair, fleet, name)
    slow = [sys.executable, "-m", "iot_dr.cli", "verify", "--state", str(tmp_path)]
    own_proxy.intercept = lambda call: time.sleep(0.2) if call.operation == "ListThings" else None
    environ = operator_environ(pair, own_proxy)
    process = subprocess.Popen(slow, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert until((tmp_path / "comparison.sqlite").exists, SECONDS)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)

    assert process.returncode == 2
    assert "Traceback" not in told
    assert "again to continue from there" in told


def test_a_shadow_that_differs_is_a_difference(pair: Pair, fleet: Fleet, name: str, verify: Verify) -> None:
    crossed(pair, fleet, name)
    select = ("--select", f"thingName:{name}")
    ours, theirs = (Shadows(pair.client("iot-data", region)) for region in (pair.primary, pair.secondary))
    ours.update(name, {"desired": {"rate": 1.5}}, "config")
    assert until(lambda: theirs.of(name) == ours.of(name), SECONDS)
    await_quiet(pair)
    assert verify(*select)[0] == 0

    theirs.update(name, {"desired": {"rate": 2}}, "config")

    code, found = verify(*select)
    assert code == 1
    assert [(one["sigil"], one["kind"], one["other"], one["reason"]) for one in found[:-1]] == [
        ("*", "shadow", "config", "document differs")
    ]
    assert verify(*select, "--shadows", "classic")[0] == 0
