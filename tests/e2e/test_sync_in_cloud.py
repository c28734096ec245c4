"""`iot-dr sync --in-cloud` has the account bring a fleet across that replication has not heard of."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from lab.counting import Call, Refusal
from lab.fleet import Device, Fleet, make_identity
from lab.operators import operator_environ
from lab.pair import Pair
from lab.quiet import unscheduled, untold
from lab.waiting import until
from tests.e2e.commands import asked, iot_dr
from tests.e2e.observing import TOO_FAST, certificate_status, is_whole, ledger_of, output, refusing_things, thing

WRITES = ("Create", "Register", "Attach", "Add", "Update", "Delete", "Detach", "Remove")
DEVICES = 23
"""Three batches of requests, the last one not full."""


@pytest.fixture(autouse=True)
def alone(pair: Pair) -> Iterator[None]:
    """Events and schedules are off: nothing else brings across what is made, not after a test either."""
    with untold(pair), unscheduled(pair):
        yield


def a_fleet(fleet: Fleet, name: str, devices: int = DEVICES) -> list[Device]:
    """Complete devices with a type, nested groups and a billing group."""
    fleet.prepare(name)
    parent = fleet.make_group(f"{name}-site")
    fleet.make_group(f"{name}-hall", parent=parent.name)
    made = [
        fleet.provision(f"{name}-{number:02}", thing_type=name, attributes={"serial": str(number)})
        for number in range(devices)
    ]
    names = [device.thing_name for device in made]
    fleet.join(f"{name}-hall", *names)
    fleet.make_billing_group(f"{name}-mill", names[0])
    return made


def own(stem: str) -> tuple[str, str]:
    """What has a run bring across the things of one test alone; the first test has all of them."""
    return "--select", f"thingName:{stem}*"


def written(calls: Counter[Call], pair: Pair) -> Counter[str]:
    """Count the calls that changed the secondary's registry."""
    return Counter(
        {
            call.operation: number
            for call, number in calls.items()
            if call.service == "iot" and call.region == pair.secondary and call.operation.startswith(WRITES)
        }
    )


def sizes_of_batches(pair: Pair, arn: str, kind: str) -> list[int]:
    """How many requests of a kind each batch of a run had."""
    states = pair.client("stepfunctions", pair.secondary)
    sizes = []
    for run in states.list_map_runs(executionArn=arn)["mapRuns"]:
        pages = states.get_paginator("list_executions").paginate(mapRunArn=run["mapRunArn"])
        for one in (one for page in pages for one in page["executions"]):
            items = json.loads(states.describe_execution(executionArn=one["executionArn"])["input"])["Items"]
            sizes += [len(items)] if items[0]["kind"] == kind else []
    return sorted(sizes)


@pytest.mark.row("T2")
def test_a_fleet_that_nobody_heard_of_crosses_and_a_second_run_changes_nothing(
    pair: Pair, primary: Any, secondary: Any, fleet: Fleet, name: str
) -> None:
    devices = a_fleet(fleet, name)
    unattached = make_identity(f"{name}-spare")
    primary.register_certificate_without_ca(certificatePem=unattached.certificate_pem, status="INACTIVE")

    code, planned = asked(pair, "sync", "--in-cloud")
    assert (code, planned["applied"]) == (0, False)
    assert planned["listed"]["thing"] >= DEVICES
    assert planned["limit"]["per_second"] == 10
    assert thing(secondary, devices[0].thing_name) is None

    code, done = asked(pair, "sync", "--in-cloud", "--apply")

    assert (code, done["status"], done["failures"]) == (0, "SUCCEEDED", [])
    assert all(is_whole(pair, device) for device in devices)
    assert certificate_status(secondary, unattached) == "INACTIVE"
    assert secondary.describe_thing(thingName=devices[0].thing_name)["billingGroupName"] == f"{name}-mill"
    groups = secondary.list_thing_groups_for_thing(thingName=devices[0].thing_name)["thingGroups"]
    assert [group["groupName"] for group in groups] == [f"{name}-hall"]
    sizes = sizes_of_batches(pair, done["arn"], "thing")
    assert sum(sizes) == done["listed"]["thing"]
    assert len(sizes) == math.ceil(sum(sizes) / 10) >= 3
    assert set(sizes[1:]) == {10}

    before = pair.proxy.counts()
    code, again = asked(pair, "sync", "--in-cloud", "--apply")

    assert (code, again["listed"]["thing"]) == (0, done["listed"]["thing"])
    assert not written(pair.proxy.counts() - before, pair)


@pytest.mark.row("T2")
def test_what_fails_is_told_with_its_reason_and_a_redrive_brings_it_across(
    pair: Pair, secondary: Any, fleet: Fleet, name: str
) -> None:
    devices = a_fleet(fleet, name, 3)
    names = {f"thing#{device.thing_name}" for device in devices}

    with refusing_things(pair):
        code, done = asked(pair, "sync", "--in-cloud", "--apply", *own(name))

    assert (code, done["status"]) == (1, "SUCCEEDED")
    assert {failure["resource"] for failure in done["failures"]} == names
    assert all("not today" in failure["reason"] for failure in done["failures"])
    assert not any(thing(secondary, device.thing_name) for device in devices)

    result = iot_dr(pair, "sync", "--redrive", "--apply", "--follow", done["arn"], "--format", "json")

    again = json.loads(result.stdout)
    assert (result.returncode, again["failures"]) == (0, []), result.stderr
    assert again["listed"]["thing"] == len(devices)
    assert all(is_whole(pair, device) for device in devices)
    assert {ledger_of(pair)(one)["state"] for one in names} == {"in_sync"}


@pytest.mark.row("T2")
def test_a_run_fails_when_the_ledger_cannot_be_told_and_its_results_say_of_what(
    pair: Pair, secondary: Any, fleet: Fleet, name: str
) -> None:
    devices = a_fleet(fleet, name, 3)

    def refuse_notes(call: Call) -> Refusal | None:
        refused = call.service == "dynamodb" and call.operation in {"TransactWriteItems", "UpdateItem"}
        return Refusal(400, "AccessDeniedException", "no ledger today") if refused else None

    pair.proxy.intercept = refuse_notes
    try:
        code, done = asked(pair, "sync", "--in-cloud", "--apply", *own(name))
    finally:
        pair.proxy.intercept = None

    assert (code, done["status"]) == (1, "FAILED")
    assert {failure["resource"] for failure in done["failures"]} == {f"thing#{device.thing_name}" for device in devices}
    assert all("FailureLost" in failure["reason"] for failure in done["failures"])
    assert not any(thing(secondary, device.thing_name) for device in devices)

    code, again = asked(pair, "sync", "--redrive", "--apply")

    assert (code, again["status"]) == (0, "SUCCEEDED")
    assert all(is_whole(pair, device) for device in devices)


def test_a_query_has_some_things_brought_across_and_no_others(
    pair: Pair, secondary: Any, fleet: Fleet, name: str
) -> None:
    devices = a_fleet(fleet, name, 12)

    code, done = asked(pair, "sync", "--in-cloud", "--apply", *own(f"{name}-1"))

    assert (code, done["status"], done["listed"]) == (0, "SUCCEEDED", {"thing": 2, "thing_shadows": 2})
    assert [thing(secondary, device.thing_name) for device in devices[:10]] == [None] * 10
    assert all(is_whole(pair, device) for device in devices[10:])


def test_ctrl_c_leaves_it_running_and_says_how_to_follow_it(pair: Pair, fleet: Fleet, name: str) -> None:
    devices = a_fleet(fleet, name, 3)
    command = [sys.executable, "-m", "iot_dr.cli", "sync", "--in-cloud", "--apply", *own(name)]
    with refusing_things(pair, TOO_FAST):
        following = subprocess.Popen(command, env=operator_environ(pair), stderr=subprocess.PIPE, text=True)
        assert following.stderr is not None
        assert following.stderr.readline().startswith("Following arn:")

        following.send_signal(signal.SIGINT)
        _, told = following.communicate(timeout=30)

    assert following.returncode == 2
    arn = told.partition("--follow ")[2].split()[0]
    assert arn.startswith("arn:aws:states:")
    code, done = asked(pair, "sync", "--follow", arn)
    assert (code, done["status"]) == (0, "SUCCEEDED")
    assert until(lambda: all(is_whole(pair, device) for device in devices), 15)


def test_two_at_a_time_are_refused_with_the_one_that_is_under_way(pair: Pair, fleet: Fleet, name: str) -> None:
    a_fleet(fleet, name, 1)
    states = pair.client("stepfunctions", pair.secondary)
    machine = output(pair, "FleetSyncStateMachineArn")
    command = [sys.executable, "-m", "iot_dr.cli", "sync", "--in-cloud", "--apply", *own(name)]
    with refusing_things(pair, TOO_FAST):
        first = subprocess.Popen(command, env=operator_environ(pair), stderr=subprocess.PIPE, text=True)
        assert first.stderr is not None
        arn = first.stderr.readline().split()[1]
        second = iot_dr(pair, "sync", "--in-cloud", "--apply")

    first.communicate(timeout=120)
    assert states.describe_execution(executionArn=arn)["stateMachineArn"] == machine
    assert second.returncode == 2
    assert f"--follow {arn}" in second.stderr
