"""`iot-dr sync` brings a fleet across that replication has not seen, and goes on where it was stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from lab.counting import Call, CountingProxy, Fault, Refusal
from lab.faults import injected
from lab.fleet import Device, Fleet, device_policy
from lab.operators import toolsrc
from lab.pair import Pair
from lab.quiet import unscheduled, untold
from lab.quotas import DEFAULTS, SHADOWS, Quotas
from lab.shadows import Shadows
from lab.waiting import until
from tests.e2e.forked_commands import forked
from tests.e2e.observing import SECONDS, Ledger, await_quiet, certificate_status, is_whole, thing

WRITES = ("Create", "Register", "Attach", "Add", "Update", "Delete", "Detach", "Remove")


class Operator:
    """Runs `iot-dr` with a state folder and a proxy of its own."""

    def __init__(self, pair: Pair, proxy: CountingProxy, folder: Path) -> None:
        self._pair = pair
        self.proxy = proxy
        self.folder = folder
        self._environ = {
            **os.environ,
            **pair.emulator.client_environ(),
            **proxy.environ(("IOT", "IOT_DATA_PLANE", "SERVICE_QUOTAS")),
            **toolsrc(pair),
        }

    def _words(self, name: str, *arguments: str) -> list[str]:
        return [name, "--state", str(self.folder), *arguments]

    def run(self, name: str, *arguments: str, paced: bool = False) -> subprocess.CompletedProcess[str]:
        return forked(self._words(name, *arguments, *(() if paced else ("--unpaced",))), self._environ)

    def begin(self, name: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "iot_dr.cli", *self._words(name, *arguments)]
        return subprocess.Popen(command, env=self._environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def operator(pair: Pair, own_proxy: CountingProxy, tmp_path: Path) -> Operator:
    return Operator(pair, own_proxy, tmp_path)


@pytest.fixture
def equal(operator: Operator, fleet: Fleet) -> None:
    """The Regions are equal to begin with, as far as they can be: the fleet's policy has crossed."""
    operator.run("sync", "--apply", "--delete-share", "1")


@pytest.fixture(autouse=True)
def unswept(pair: Pair) -> Iterator[None]:
    """The schedules are off, which would bring across what is missing in their own time."""
    with unscheduled(pair):
        yield


def a_fleet(pair: Pair, fleet: Fleet, name: str, devices: int) -> list[Device]:
    """Complete devices with a type, nested groups, a billing group, that replication has not seen."""
    with untold(pair):
        fleet.prepare(name)
        parent = fleet.make_group(f"{name}-site")
        fleet.make_group(f"{name}-hall", parent=parent.name)
        fleet.attach_policy(parent)
        made = [
            fleet.provision(f"{name}-{number}", thing_type=name, attributes={"serial": str(number)})
            for number in range(devices)
        ]
        names = [device.thing_name for device in made]
        fleet.join(f"{name}-hall", *names)
        fleet.make_billing_group(f"{name}-mill", names[0])
    return made


@contextmanager
def hardly_shared(pair: Pair, name: str) -> Iterator[int]:
    """Have at least a policy for every certificate of the primary, and yield how many of those there are."""
    clients = [pair.client("iot", region) for region in (pair.primary, pair.secondary)]
    pages = clients[0].get_paginator("list_certificates").paginate()
    certificates = sum(len(page["certificates"]) for page in pages)
    policies = [f"{name}-spare-{number}" for number in range(certificates)]
    for policy in policies:
        clients[0].create_policy(policyName=policy, policyDocument=device_policy(pair.primary, pair.account))
    try:
        yield certificates
    finally:
        for client in clients:
            for policy in policies:
                with suppress(client.exceptions.ResourceNotFoundException):
                    client.delete_policy(policyName=policy)


def written(calls: Counter[Call], pair: Pair) -> Counter[str]:
    """Count the calls that changed the secondary's registry."""
    return Counter(
        {
            call.operation: number
            for call, number in calls.items()
            if call.service == "iot" and call.region == pair.secondary and call.operation.startswith(WRITES)
        }
    )


def asked(result: subprocess.CompletedProcess[str]) -> Any:
    assert result.stdout, result.stderr
    return json.loads(result.stdout)


@pytest.mark.usefixtures("equal")
def test_a_fleet_that_replication_never_saw_crosses(
    pair: Pair, fleet: Fleet, name: str, operator: Operator, ledger: Ledger, secondary: Any
) -> None:
    devices = a_fleet(pair, fleet, name, 4)

    result = operator.run("sync", "--apply")

    assert result.returncode == 0, result.stdout + result.stderr
    assert all(is_whole(pair, device) for device in devices)
    group = secondary.describe_thing_group(thingGroupName=f"{name}-hall")
    assert group["thingGroupMetadata"]["parentGroupName"] == f"{name}-site"
    members = secondary.list_things_in_thing_group(thingGroupName=f"{name}-hall")["things"]
    assert sorted(members) == sorted(device.thing_name for device in devices)
    assert secondary.describe_thing(thingName=f"{name}-0")["billingGroupName"] == f"{name}-mill"
    item = ledger(f"thing#{name}-0")
    assert item["state"] == "in_sync"
    assert "owned_at" in item


@pytest.mark.usefixtures("equal")
def test_a_dry_run_says_what_would_be_done_and_changes_nothing(
    pair: Pair, fleet: Fleet, name: str, operator: Operator
) -> None:
    a_fleet(pair, fleet, name, 2)
    operator.proxy.reset()

    result = operator.run("sync", "--format", "json")

    plan = {(one["kind"], one["step"]): one["number"] for one in asked(result)["plan"] if one["step"] != "leave"}
    assert result.returncode == 1
    assert plan == {
        ("thing_type", "create"): 1,
        ("billing_group", "create"): 1,
        ("certificate", "create"): 2,
        ("thing_group", "create"): 2,
        ("thing", "create"): 2,
        ("policy_attachment", "create"): 3,
        ("thing_principal", "create"): 2,
        ("group_membership", "create"): 2,
    }
    assert not written(operator.proxy.counts(), pair)


def test_a_second_run_writes_nothing(pair: Pair, fleet: Fleet, name: str, operator: Operator) -> None:
    a_fleet(pair, fleet, name, 2)
    assert operator.run("sync", "--apply").returncode == 0
    operator.proxy.reset()

    result = operator.run("sync", "--apply")

    assert result.returncode == 0, result.stderr
    assert not written(operator.proxy.counts(), pair)


@pytest.mark.usefixtures("equal")
def test_a_refusal_of_one_thing_does_not_stop_the_others(
    pair: Pair, fleet: Fleet, name: str, operator: Operator, ledger: Ledger
) -> None:
    devices = a_fleet(pair, fleet, name, 3)
    refused: list[Call] = []

    def refuse_the_first_thing(call: Call) -> Refusal | None:
        if call.operation != "CreateThing" or call.region != pair.secondary or len(refused) >= 1:
            return None
        refused.append(call)
        return Refusal(400, "InvalidRequestException", "not today")

    with injected(operator.proxy, refuse_the_first_thing):
        result = operator.run("sync", "--apply", "--format", "json")

    answer = asked(result)
    whole = [device for device in devices if is_whole(pair, device)]
    (missing,) = [device for device in devices if device not in whole]
    assert result.returncode == 1
    problems = {one["resource"]: one for one in answer["problems"]}
    assert "not today" in problems[f"thing#{missing.thing_name}"]["reason"]
    assert ledger(f"thing#{missing.thing_name}")["state"] == "failed"
    assert operator.run("sync", "--apply").returncode == 0
    assert is_whole(pair, missing)


def test_what_is_gone_from_the_primary_goes_but_never_too_much_at_once(
    pair: Pair, fleet: Fleet, name: str, operator: Operator, primary: Any, secondary: Any
) -> None:
    device = a_fleet(pair, fleet, name, 1)[0]
    assert operator.run("sync", "--apply").returncode == 0
    with untold(pair):
        fleet.retire(device.thing_name)

    refused = operator.run("sync", "--apply", "--delete-share", "0")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "over the limit of 0%" in refused.stderr
    assert thing(secondary, device.thing_name) is not None

    assert operator.run("sync", "--apply", "--delete-share", "1").returncode == 0
    assert thing(secondary, device.thing_name) is None
    assert certificate_status(secondary, device.identity) is None


@pytest.mark.usefixtures("equal")
def test_a_shadow_that_the_secondary_lost_is_counted_and_comes_back(
    pair: Pair, fleet: Fleet, name: str, operator: Operator
) -> None:
    device = fleet.provision(name)
    ours, theirs = (Shadows(pair.client("iot-data", region)) for region in (pair.primary, pair.secondary))
    ours.update(name, {"reported": {"temperature": 21.5}})
    ours.update(name, {"desired": {"interval": 60}}, "config")
    assert until(lambda: is_whole(pair, device) and theirs.of(name) == ours.of(name), SECONDS)
    await_quiet(pair)
    theirs.delete(name)
    theirs.delete(name, "config")

    plan = asked(operator.run("sync", "--format", "json"))["plan"]
    assert {"kind": "shadow", "step": "create", "number": 2} in plan

    result = operator.run("sync", "--apply")
    assert result.returncode == 0, result.stdout + result.stderr
    assert theirs.of(name) == ours.of(name)


def test_only_what_a_query_selects_crosses_with_all_that_it_needs(
    pair: Pair, fleet: Fleet, name: str, operator: Operator, secondary: Any
) -> None:
    chosen, other = a_fleet(pair, fleet, name, 2)

    result = operator.run("sync", "--select", f"thingName:{chosen.thing_name}", "--apply")

    assert result.returncode == 0, result.stdout + result.stderr
    assert is_whole(pair, chosen)
    assert secondary.list_thing_groups_for_thing(thingName=chosen.thing_name)["thingGroups"]
    assert thing(secondary, other.thing_name) is None


@pytest.mark.usefixtures("equal")
def test_repair_applies_what_a_dry_sync_found_without_reading_it_again(
    pair: Pair, fleet: Fleet, name: str, operator: Operator
) -> None:
    device = a_fleet(pair, fleet, name, 1)[0]
    assert operator.run("sync").returncode == 1
    operator.proxy.reset()

    result = operator.run("repair", "--apply")

    assert result.returncode == 0, result.stderr
    assert is_whole(pair, device)
    calls = [call for call in operator.proxy.counts() if call.service == "iot"]
    lists = {call.operation for call in calls if call.operation.startswith("List")}
    # Of an attachment either end is asked, as the fleet has it.
    attachments = {"ListAttachedPolicies", "ListTargetsForPolicy"}
    of_one = {*attachments, "ListTagsForResource", "ListThingGroupsForThing", "ListThingPrincipalsV2"}
    assert lists <= of_one, "each of one resource"


def test_a_ledger_that_is_not_there_is_said_with_the_mend(operator: Operator, pair: Pair) -> None:
    result = operator.run("sync", "--ledger-table", "no-such-table")

    assert (result.returncode, result.stdout) == (2, "")
    assert f"there is no ledger no-such-table in {pair.secondary}; LEDGER_TABLE must" in result.stderr


def test_shadows_are_checked_no_faster_than_their_quota_allows(
    pair: Pair, fleet: Fleet, name: str, operator: Operator
) -> None:
    devices = a_fleet(pair, fleet, name, 8)
    pages = pair.client("iot", pair.primary).get_paginator("list_things").paginate()
    things = sum(len(page["things"]) for page in pages)
    quotas = Quotas({**dict.fromkeys(DEFAULTS, 1000.0), SHADOWS: float(things)})
    operator.proxy.reset()

    with injected(operator.proxy, quotas):
        result = operator.run("sync", "--apply", paced=True)

    assert result.returncode == 0, result.stdout + result.stderr
    assert all(is_whole(pair, device) for device in devices)
    of_shadows = [call for call in operator.proxy.counts() if "Shadow" in call.operation]
    made = sum(operator.proxy.counts()[call] for call in of_shadows)
    # Of each thing the names of its shadows and the one without a name, in both Regions.
    assert made >= 4 * len(devices)
    assert sum(quotas.refused[call] for call in of_shadows) < made / 10


def test_devices_with_policies_of_their_own_cross_while_others_are_still_read(
    pair: Pair, name: str, operator: Operator
) -> None:
    iot, devices = pair.client("iot", pair.primary), []
    with untold(pair):
        for number in range(12):
            own = Fleet(iot, region=pair.primary, account=pair.account, policy_name=f"{name}-{number}")
            own.prepare()
            devices.append(own.provision(f"{name}-{number}"))
    order: list[Call] = []

    with hardly_shared(pair, name) as certificates:
        # The reading takes some seconds, however many there are.
        quotas = Quotas({**dict.fromkeys(DEFAULTS, 1000.0), "ListAttachedPolicies": certificates / 6})

        def seen(call: Call) -> Fault | None:
            order.append(call)
            return quotas(call)

        with injected(operator.proxy, seen):
            result = operator.run("sync", "--apply", paced=True)

    assert result.returncode == 0, result.stdout + result.stderr
    assert all(is_whole(pair, device) for device in devices)
    read = [at for at, call in enumerate(order) if call == Call("iot", "ListAttachedPolicies", pair.primary)]
    assert len(read) >= certificates
    assert order.index(Call("iot", "AttachPolicy", pair.secondary)) < read[-1]


def test_control_c_leaves_a_run_that_goes_on_and_says_how(
    pair: Pair, fleet: Fleet, name: str, operator: Operator
) -> None:
    devices = a_fleet(pair, fleet, name, 32)
    operator.proxy.reset()
    with injected(operator.proxy, Quotas({**Quotas().per_second, "RegisterCertificateWithoutCA": 8.0})):
        process = operator.begin("sync", "--apply")
        until(lambda: written(operator.proxy.counts(), pair)["RegisterCertificateWithoutCA"] > 12, 60)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 2
    assert f"run `iot-dr sync --apply --state {operator.folder}` again to continue from there" in errors
    assert "Traceback" not in errors
    assert operator.run("sync", "--apply").returncode == 0
    assert all(is_whole(pair, device) for device in devices)


@pytest.mark.usefixtures("equal")
def test_a_killed_run_goes_on_and_repeats_only_what_was_under_way(
    pair: Pair, fleet: Fleet, name: str, operator: Operator
) -> None:
    devices = a_fleet(pair, fleet, name, 42)
    quotas = Quotas({**Quotas().per_second, "RegisterCertificateWithoutCA": 8.0, "AttachPolicy": 12.0})
    operator.proxy.reset()
    with injected(operator.proxy, quotas):
        process = operator.begin("sync", "--apply")
        try:
            registered = until(lambda: written(operator.proxy.counts(), pair)["RegisterCertificateWithoutCA"] > 25, 60)
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        assert registered
        assert not all(is_whole(pair, device) for device in devices)

        result = operator.run("sync", "--apply", paced=True)

    assert result.returncode == 0, result.stdout + result.stderr
    assert "Resuming the interrupted run" in result.stderr
    assert all(is_whole(pair, device) for device in devices)
    refused = sum(number for call, number in quotas.refused.items() if call.region == pair.secondary)
    writes = written(operator.proxy.counts(), pair)
    # Type, billing group, two groups, one attachment; of each device certificate, thing, two attachments, membership.
    needed = 5 + 5 * len(devices)
    assert needed <= sum(writes.values()) <= needed + refused + 40
