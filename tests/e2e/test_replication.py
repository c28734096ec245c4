"""A complete device crosses, and what is known of it on the way: event, lag, ledger."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from lab.fleet import Fleet, device_policy
from lab.pair import Pair
from lab.waiting import until
from tests.e2e.observing import (
    SECONDS,
    Ledger,
    certificate_status,
    is_whole,
    make_due,
    policies_of,
    refusing_things,
    stored_events,
    sweep,
    thing,
)


@pytest.mark.row("R1", "R4", "R6")
def test_a_complete_device_arrives_whole_with_the_same_certificate_id(
    pair: Pair, fleet: Fleet, secondary: Any, name: str, ledger: Ledger
) -> None:
    device = fleet.provision(name, attributes={"site": "north"})

    assert until(lambda: is_whole(pair, device), SECONDS)
    assert certificate_status(secondary, device.identity) == "ACTIVE"
    assert until(lambda: ledger(f"thing#{name}").get("state") == "in_sync", SECONDS)
    assert int(ledger(f"thing#{name}")["lag"]) < SECONDS * 1000


@pytest.mark.row("R6")
def test_a_policy_attached_after_the_device_looked_complete_arrives(
    pair: Pair, primary: Any, fleet: Fleet, name: str
) -> None:
    device = fleet.provision(name)
    assert until(lambda: is_whole(pair, device), SECONDS)
    primary.create_policy(policyName=f"{name}-second", policyDocument=device_policy(pair.primary, pair.account))

    primary.attach_policy(policyName=f"{name}-second", target=device.certificate_arn)

    assert until(lambda: policies_of(pair, device.identity) == {device.policy_name, f"{name}-second"}, SECONDS)


@pytest.mark.row("C4", "C7")
def test_what_the_secondary_refuses_is_in_the_ledger_with_the_reason_and_is_tried_again(
    pair: Pair, primary: Any, secondary: Any, name: str, ledger: Ledger
) -> None:
    with refusing_things(pair):
        primary.create_thing(thingName=name)
        assert until(lambda: ledger(f"thing#{name}").get("state") == "failed", SECONDS)
    assert "not today" in ledger(f"thing#{name}")["reason"]
    assert thing(secondary, name) is None

    make_due(pair)
    assert sweep(pair, "retry")["retried"] >= 1

    assert until(lambda: thing(secondary, name), SECONDS)


@pytest.mark.row("R1")
def test_the_registry_event_is_stored_with_a_lifetime_of_two_days(pair: Pair, primary: Any, name: str) -> None:
    before = int(time.time())
    primary.create_thing(thingName=name)

    (item,) = until(lambda: stored_events(pair, "IoTDRGlobalTable", name), SECONDS)
    assert 172_800 <= int(item["expires"]["N"]) - before <= 172_800 + 60
    assert item["source_region"]["S"] == pair.primary
    assert json.loads(base64.b64decode(item["payload"]["S"]))["thingName"] == name
