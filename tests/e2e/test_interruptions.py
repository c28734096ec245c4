"""Whatever is killed, stopped or away in the middle of its work, the rest of it is done without anybody's help."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lab.faults import Death, Outage, injected
from lab.fleet import Device, Fleet
from lab.pair import Pair
from lab.waiting import until
from tests.e2e.observing import (
    SECONDS,
    certificate_status,
    converges,
    exists,
    is_whole,
    kept_records,
    output,
    resource_of,
    sweep,
    thing,
)
from tests.e2e.telling import as_one_batch, forget_requests

pytestmark = pytest.mark.row("C3")

PATIENCE = 60.0
TYPES = 25
"""More than two of the batches of ten in which the trigger hands requests over, the last one not full."""
WRITES = ("CreatePolicy", "RegisterCertificateWithoutCA", "AttachPolicy", "CreateThing", "AttachThingPrincipal")
REMOVALS = ("DetachThingPrincipal", "DetachPolicy", "UpdateCertificate", "DeleteCertificate", "DeleteThing")
"""What makes a device whole in the secondary, and what takes it away again."""


@pytest.fixture(scope="module", autouse=True)
def nothing_hidden(pair: Pair) -> Iterator[None]:
    """Nobody waits for the requests of executions that were stopped: hidden for minutes, and made up for by then."""
    yield
    forget_requests(pair)


def provision(pair: Pair, name: str, count: int) -> list[tuple[Fleet, Device]]:
    """Devices of a fleet each, so that each needs every write."""
    made = []
    for number in range(count):
        policy = f"{name}-{number}-policy"
        fleet = Fleet(pair.client("iot", pair.primary), region=pair.primary, account=pair.account, policy_name=policy)
        fleet.prepare()
        made.append((fleet, fleet.provision(f"{name}-{number}")))
    return made


@pytest.mark.parametrize("carried_out", [False, True], ids=["before", "after"])
def test_a_worker_killed_at_any_of_its_writes_leaves_nothing_undone(
    pair: Pair, secondary: Any, name: str, carried_out: bool
) -> None:
    writes, removals = (Death(calls, pair.secondary, carried_out=carried_out) for calls in (WRITES, REMOVALS))
    with injected(pair.proxy, writes):
        made = provision(pair, name, len(WRITES))
        devices = [device for _, device in made]
        assert converges(pair, lambda: all(is_whole(pair, device) for device in devices))

    def gone() -> bool:
        return all(
            thing(secondary, device.thing_name) is None and certificate_status(secondary, device.identity) is None
            for device in devices
        )

    with injected(pair.proxy, removals):
        for fleet, device in made:
            fleet.retire(device.thing_name)
        assert converges(pair, gone)

    # A device is neither whole nor gone without each of these calls, and the first of each was the caller's end.
    assert (writes.killed, removals.killed) == (set(WRITES), set(REMOVALS))


def stop_executions(pair: Pair) -> int:
    """Stop what runs of the workflow; how many executions that were.

    On AWS an Express execution ends by itself at its limit, wherever it stands; no call stops one.
    """
    states, machine = pair.client("stepfunctions", pair.secondary), output(pair, "ReplicationStateMachineArn")
    pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine, statusFilter="RUNNING")
    running = [execution["executionArn"] for page in pages for execution in page["executions"]]
    for execution in running:
        states.stop_execution(executionArn=execution)
    return len(running)


def test_executions_that_end_before_their_work_is_done_are_made_up_for(pair: Pair, name: str) -> None:
    outage = Outage()
    with injected(pair.proxy, lambda call: outage(call) if call.service == "iot" else None):
        outage.take_away(pair.secondary)
        devices = [device for _, device in provision(pair, name, 3)]
        begun = pair.proxy.counts()
        # Their repetitions are up to half a minute apart.
        assert until(lambda: _calls(pair, "DescribeThing") > _of(begun, "DescribeThing", pair), PATIENCE)
        assert stop_executions(pair)
    assert not any(is_whole(pair, device) for device in devices)

    sweep(pair)

    assert until(lambda: all(is_whole(pair, device) for device in devices), PATIENCE)


def _calls(pair: Pair, operation: str) -> int:
    return _of(pair.proxy.counts(), operation, pair)


def _of(counts: Any, operation: str, pair: Pair) -> int:
    return sum(times for call, times in counts.items() if (call.operation, call.region) == (operation, pair.secondary))


def test_a_trigger_that_dies_in_the_middle_of_a_batch_loses_nothing_of_it(
    pair: Pair, primary: Any, secondary: Any, name: str
) -> None:
    types = [f"{name}-{number}" for number in range(TYPES)]
    death = Death(["SendMessageBatch"], pair.secondary, carried_out=True)
    with injected(pair.proxy, death):
        with as_one_batch(pair):
            for one in types:
                primary.create_thing_type(thingTypeName=one)
        assert until(lambda: death.killed, SECONDS)

    def arrived() -> bool:
        return all(exists(secondary, "describe_thing_type", thingTypeName=one) for one in types)

    assert until(arrived, PATIENCE)


@contextmanager
def without_retries(pair: Pair) -> Iterator[None]:
    """Have the stream mapping give up at once instead of after ten retries: the same end, sooner."""
    functions, mapping = pair.client("lambda", pair.secondary), resource_of(pair, "RegistryEventMapping")
    usual = functions.get_event_source_mapping(UUID=mapping)["MaximumRetryAttempts"]
    functions.update_event_source_mapping(UUID=mapping, MaximumRetryAttempts=0)
    try:
        yield
    finally:
        functions.update_event_source_mapping(UUID=mapping, MaximumRetryAttempts=usual)


@pytest.mark.row("C2")
def test_a_secondary_that_was_away_for_longer_than_every_retry_lasts_catches_up(
    pair: Pair, primary: Any, secondary: Any, name: str
) -> None:
    old, gone, new = (f"{name}-{what}" for what in ("old", "gone", "new"))
    for one in (old, gone):
        primary.create_thing(thingName=one)
    assert until(lambda: thing(secondary, old) and thing(secondary, gone), SECONDS)
    outage = Outage()
    outage.take_away(pair.secondary)
    with without_retries(pair), injected(pair.proxy, outage):
        primary.update_thing(thingName=old, attributePayload={"attributes": {"site": "south"}})
        primary.delete_thing(thingName=gone)
        primary.create_thing(thingName=new)
        assert until(lambda: all(_given_up(pair, one) for one in (old, gone, new)), PATIENCE)
        stop_executions(pair)
    assert (thing(secondary, old), thing(secondary, new)) == (({}, ""), None)

    sweep(pair)

    assert until(lambda: thing(secondary, old) == ({"site": "south"}, ""), PATIENCE)
    assert until(lambda: thing(secondary, new) == ({}, ""), PATIENCE)
    assert until(lambda: thing(secondary, gone) is None, PATIENCE)


def _given_up(pair: Pair, name: str) -> bool:
    """Whether the stream's records about a thing lie in the work bucket, as those do that are not tried again."""
    return json.dumps(json.dumps({"S": name}))[1:-1] in kept_records(pair)
