"""Whatever AWS answers, the secondary ends as the primary is, nothing is lost, and the calls stay within bounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from lab.counting import Call, Fault, Intercept
from lab.faults import ALL_KINDS, FaultKind, FaultPlan, Outage
from lab.fleet import Device, Fleet, device_policy
from lab.pair import Pair
from lab.waiting import until
from tests.e2e.observing import Ledger, await_quiet, converges, is_whole, make_due, sweep, thing

DEVICES = 4
PATIENCE = 90.0
CALLS_PER_DEVICE = 20
"""What a device costs without faults; docs/performance.md derives it."""
BOUND = 6
"""At a rate of 30 percent a device may cost so many times that: the SDK's four attempts a call and the workflow's."""


@pytest.fixture
def spoiled(pair: Pair) -> Iterator[Any]:
    """Puts faults between the functions and AWS, for the length of a test."""

    def spoil(intercept: Intercept) -> None:
        pair.proxy.intercept = intercept

    yield spoil
    pair.proxy.intercept = None


def provision(pair: Pair, fleet: Fleet, name: str) -> list[Device]:
    devices = []
    for number in range(DEVICES):
        fleet.policy_name = f"{name}-{number}-policy"
        document = device_policy(pair.primary, pair.account)
        pair.client("iot", pair.primary).create_policy(policyName=fleet.policy_name, policyDocument=document)
        devices.append(fleet.provision(f"{name}-{number}", attributes={"number": str(number)}))
    return devices


def become_whole(pair: Pair, devices: list[Device]) -> bool:
    """Whether all devices are whole, with the schedule's help and no other.

    A message whose function died is hidden for 75 seconds before it is handed over again.
    """
    return converges(pair, lambda: all(is_whole(pair, device) for device in devices), "retry", "sweep", seconds=180)


@pytest.mark.row("C2")
@pytest.mark.parametrize("kind", ALL_KINDS)
def test_one_kind_of_fault_on_three_calls_in_ten_converges(
    pair: Pair, fleet: Fleet, name: str, spoiled: Any, kind: FaultKind
) -> None:
    plan = FaultPlan(rate=0.3, kinds=(kind,), seed=len(kind))
    spoiled(plan)

    devices = provision(pair, fleet, name)

    assert become_whole(pair, devices)
    assert sum(plan.injected.values()) > DEVICES


@pytest.mark.row("C2")
def test_all_kinds_of_faults_together_converge_within_a_bound_of_calls(
    pair: Pair, fleet: Fleet, name: str, spoiled: Any
) -> None:
    await_quiet(pair)
    pair.proxy.reset()
    plan = FaultPlan(rate=0.3, seed=7)
    spoiled(plan)

    devices = provision(pair, fleet, name)

    assert until(lambda: all(is_whole(pair, device) for device in devices), PATIENCE) or become_whole(pair, devices)
    await_quiet(pair)
    assert sum(plan.injected.values()) > DEVICES
    assert sum(pair.proxy.counts().values()) <= BOUND * CALLS_PER_DEVICE * DEVICES


@pytest.mark.row("C5")
def test_while_the_primary_is_away_what_events_carry_is_applied_and_nothing_is_deleted(
    pair: Pair, primary: Any, secondary: Any, fleet: Fleet, name: str, spoiled: Any, ledger: Ledger
) -> None:
    kept = fleet.provision(f"{name}-kept", attributes={"site": "north"})
    assert until(lambda: is_whole(pair, kept), PATIENCE)
    outage = Outage()
    spoiled(outage)
    outage.take_away(pair.primary)

    # The functions' calls to the primary fail; the registry itself still works, as for a Region that cannot be reached.
    primary.create_thing(thingName=name, attributePayload={"attributes": {"site": "south"}})
    primary.update_thing(thingName=f"{name}-kept", attributePayload={"attributes": {"site": "west"}})

    assert until(lambda: thing(secondary, name) == ({"site": "south"}, ""), PATIENCE)
    assert until(lambda: thing(secondary, f"{name}-kept") == ({"site": "west"}, ""), PATIENCE)
    assert until(lambda: ledger(f"thing#{name}").get("state") == "pending", PATIENCE)

    fleet.retire(f"{name}-kept")
    await_quiet(pair, still=1)
    assert thing(secondary, f"{name}-kept") is not None

    outage.give_back(pair.primary)
    make_due(pair)
    sweep(pair, "retry")
    assert until(lambda: thing(secondary, f"{name}-kept") is None, PATIENCE)


@pytest.mark.row("C2")
def test_a_secondary_that_was_away_catches_up(
    pair: Pair, primary: Any, secondary: Any, name: str, spoiled: Any
) -> None:
    # What is still under way would make calls all through the outage: the wait below is for this test's event alone.
    await_quiet(pair)
    outage, refused = Outage(), Counter[str]()

    def refuse(call: Call) -> Fault | None:
        fault = outage(call)
        refused[call.operation] += fault is not None
        return fault

    spoiled(refuse)
    outage.take_away(pair.secondary)
    primary.create_thing(thingName=name, attributePayload={"attributes": {"site": "south"}})
    # No longer than it takes to be tried in vain: the stream gives a record up after ten retries, which is another
    # story (test_interruptions.py).
    assert until(lambda: refused["SendMessageBatch"], PATIENCE)
    assert thing(secondary, name) is None

    outage.give_back(pair.secondary)

    assert converges(pair, lambda: thing(secondary, name) == ({"site": "south"}, ""))
