"""`iot-dr-run-tests.sh` as an operator runs it: proved, not proved, stopped, and nothing left of any run."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iot_dr.model.trials import PREFIX
from lab.operators import operator_environ
from lab.pair import Pair
from lab.quiet import unheard
from lab.waiting import until

LISTS = {
    "list_things": ("things", "thingName"),
    "list_policies": ("policies", "policyName"),
    "list_thing_groups": ("thingGroups", "groupName"),
    "list_thing_types": ("thingTypes", "thingTypeName"),
}

pytestmark = pytest.mark.row("T6")


class Operator:
    """Somebody who has unpacked the published iot-dr-solution.zip and read toolsrc."""

    def __init__(self, pair: Pair, folder: Path) -> None:
        self.script = str(folder / "tools" / "iot-dr-run-tests.sh")
        self.environ = {**operator_environ(pair), "PYTHON": sys.executable}
        self.environ.pop("PYTHONPATH", None)

    def run(self, *arguments: str, **others: str) -> subprocess.CompletedProcess[str]:
        command, environ = [self.script, *arguments], {**self.environ, **others}
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        command = [self.script, *arguments]
        return subprocess.Popen(command, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def operator(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    """An operator, as docs/operations/ says."""
    folder, it = tmp_path_factory.mktemp("operator"), pair.distribution
    key = f"{it.solution_name}/{it.version}/iot-dr-solution.zip"
    pair.client("s3", pair.primary).download_file(f"{it.bucket_prefix}-{pair.primary}", key, str(folder / "it.zip"))
    with zipfile.ZipFile(folder / "it.zip") as archive:
        for entry in archive.infolist():
            # As unzip does, and Python's own extraction does not.
            Path(archive.extract(entry, folder)).chmod(entry.external_attr >> 16)
    return Operator(pair, folder)


def trial_names(pair: Pair, region: str) -> list[str]:
    """Whatever a trial has in a Region."""
    iot = pair.client("iot", region)
    return [
        entry[name]
        for operation, (field, name) in LISTS.items()
        for page in iot.get_paginator(operation).paginate()
        for entry in page[field]
        if entry[name].startswith(PREFIX)
    ]


def certificates(pair: Pair, region: str) -> set[str]:
    pages = pair.client("iot", region).get_paginator("list_certificates").paginate()
    return {entry["certificateId"] for page in pages for entry in page["certificates"]}


@pytest.fixture
def nothing_left(pair: Pair) -> Iterator[None]:
    """Whatever a test does, in the end either Region holds what it held before."""
    regions = (pair.primary, pair.secondary)
    before = {region: certificates(pair, region) for region in regions}
    yield
    # A run that was stopped leaves the secondary to replication.
    until(lambda: not trial_names(pair, pair.secondary), 30)
    for region in regions:
        assert trial_names(pair, region) == []
        assert certificates(pair, region) == before[region]


def checks_of(result: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    assert result.stdout, result.stderr
    return {check["name"]: check for check in json.loads(result.stdout)["checks"]}


@pytest.mark.usefixtures("nothing_left")
def test_an_installation_is_proved_with_devices_that_cross_connect_and_go(pair: Pair, operator: Operator) -> None:
    result = operator.run("-n", "3")

    assert result.returncode == 0, result.stdout + result.stderr
    lines = result.stdout.splitlines()
    for check in (
        "devices crossed",
        "policies",
        "certificates",
        "thing principals",
        "shadows",
        f"MQTT in {pair.primary}",
        f"MQTT in {pair.secondary}",
        f"gone from {pair.secondary}",
    ):
        (line,) = [line for line in lines if f" {check}  " in line]
        assert line.lstrip().startswith("ok")
    assert "Proved with 3 devices" in result.stdout


@pytest.mark.usefixtures("nothing_left")
def test_a_type_is_proved_too_if_one_is_asked_for(operator: Operator) -> None:
    result = operator.run("-n", "1", "--with-type", "--format", "json")

    assert result.returncode == 0, result.stdout + result.stderr
    assert checks_of(result)["thing types"]["found"] == "1 of 1 the same in both Regions"


@pytest.mark.usefixtures("nothing_left")
def test_where_events_do_not_arrive_it_is_not_proved_and_what_was_made_is_removed(
    pair: Pair, operator: Operator
) -> None:
    with unheard(pair):
        result = operator.run("-n", "3", "--timeout", "5", "--format", "json")

        assert trial_names(pair, pair.primary) == []

    checks = checks_of(result)
    failed = {name for name, check in checks.items() if check["level"] == "failure"}
    assert result.returncode == 1
    assert "0 of 3 after 5 s" in checks["devices crossed"]["found"]
    assert {"devices crossed", "things", "certificates", f"MQTT in {pair.secondary}"} <= failed
    assert not failed & {"devices made", f"MQTT in {pair.primary}", f"removed from {pair.primary}"}


@pytest.mark.usefixtures("nothing_left")
def test_what_ends_a_run_from_outside_has_it_remove_what_was_made(pair: Pair, operator: Operator) -> None:
    with unheard(pair):
        running = operator.begin("-n", "3")
        try:
            assert until(lambda: len(trial_names(pair, pair.primary)) > 3, 30)
        finally:
            running.send_signal(signal.SIGTERM)
            _, errors = running.communicate(timeout=60)

        assert trial_names(pair, pair.primary) == []

    assert running.returncode == 2
    assert "is removed from the primary Region" in errors
    assert "Traceback" not in errors


@pytest.mark.usefixtures("nothing_left")
def test_what_a_killed_run_has_left_is_removed_by_its_name(pair: Pair, operator: Operator) -> None:
    with unheard(pair):
        running = operator.begin("-n", "3")
        try:
            assert until(lambda: len(trial_names(pair, pair.primary)) > 3, 30)
        finally:
            running.kill()
            _, errors = running.communicate(timeout=60)
        name = errors.partition("begins with ")[2].partition(".")[0]
        assert trial_names(pair, pair.primary)

        result = operator.run("--clean", name)

    assert result.returncode == 0, result.stderr
    assert f"What begins with {name} is removed from {pair.primary}" in result.stdout


@pytest.mark.parametrize("arguments", [(), ("--number-of-devices", "3")])
def test_wrong_use_is_told(operator: Operator, arguments: tuple[str, ...]) -> None:
    result = operator.run(*arguments)

    assert (result.returncode, result.stdout) == (2, "")
    assert "Traceback" not in result.stderr


def test_a_launch_that_is_not_there_is_said_and_nothing_is_made(operator: Operator) -> None:
    result = operator.run("-n", "1", "--launch", "20000101000000")

    assert (result.returncode, result.stdout) == (2, "")
    assert "20000101000000" in result.stderr
