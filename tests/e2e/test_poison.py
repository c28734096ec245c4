"""What cannot be read or carried out is set aside with its reason, and its neighbours of the same batch go on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lab.fleet import Device, Fleet, device_policy
from lab.pair import Pair
from lab.waiting import until
from tests.e2e.observing import (
    SECONDS,
    Ledger,
    drop_kept_records,
    exists,
    is_whole,
    kept_records,
    ledger_of,
    make_due,
    sweep,
    thing,
)
from tests.e2e.telling import as_one_batch, item, store, thing_event

pytestmark = pytest.mark.row("C4")

KEPT = 60.0
"""Seconds: what the retries of a batch take on a busy machine."""
AS_MANY_POLICIES_AS_THERE_CAN_BE = 10


@dataclass(frozen=True)
class Batch:
    """What was in one batch of the stream: poison by its kind, and what must not suffer from it."""

    poison: dict[str, str]
    neighbours: list[Device]
    full: Device
    large: list[str]


@pytest.fixture(scope="module")
def batch(pair: Pair) -> Iterator[Batch]:
    """All kinds of poison between the events of sound things, handed over together; what was kept of it goes again."""
    stem, primary = f"batch-{time.time_ns()}", pair.client("iot", pair.primary)
    fleet = Fleet(primary, region=pair.primary, account=pair.account, policy_name=f"{stem}-policy")
    fleet.prepare()
    poison = {kind: f"{stem}-{kind}" for kind in ("not-base64", "not-json", "unknown-type", "nameless", "huge")}
    primary.create_thing_type(thingTypeName=f"{stem}-type")
    large = [f"{stem}-large-{number}" for number in range(8)]
    with as_one_batch(pair):
        first = fleet.provision(f"{stem}-first")
        store(pair, _poisoned(pair, poison))
        full = _provision_with_a_certificate_that_is_full(pair, fleet, f"{stem}-full")
        for name in large:
            attributes = {f"{number:03}": "x" * 800 for number in range(50)}
            payload = {"attributes": attributes}
            primary.create_thing(thingName=name, thingTypeName=f"{stem}-type", attributePayload=payload)
        last = fleet.provision(f"{stem}-last")
    yield Batch(poison, [first, last], full, large)
    drop_kept_records(pair, stem)


def _poisoned(pair: Pair, poison: dict[str, str]) -> Iterator[dict[str, Any]]:
    yield item(pair, thing_event(poison["not-base64"], "CREATED"), payload="this is not base64!")
    yield item(pair, thing_event(poison["not-json"], "CREATED"), payload="bm90IEpTT04=")
    unknown = {**thing_event(poison["unknown-type"], "CREATED"), "eventType": "JOB_EVENT"}
    yield item(pair, unknown)
    yield item(pair, {**thing_event(poison["nameless"], "CREATED"), "thingName": None})
    # The greatest item that DynamoDB takes is 400 KB; no thing of AWS's own is nearly as large.
    yield item(pair, thing_event(poison["huge"], "CREATED", attributes={"a": "x" * 280_000}))


def _provision_with_a_certificate_that_is_full(pair: Pair, fleet: Fleet, name: str) -> Device:
    """A device whose certificate has all the policies in the secondary that it can have, none of them ours."""
    device, secondary = fleet.provision(name), pair.client("iot", pair.secondary)
    arn = secondary.register_certificate_without_ca(certificatePem=device.identity.certificate_pem, status="ACTIVE")
    for number in range(AS_MANY_POLICIES_AS_THERE_CAN_BE):
        foreign = f"{name}-foreign-{number}"
        secondary.create_policy(policyName=foreign, policyDocument=device_policy(pair.secondary, pair.account))
        secondary.attach_policy(policyName=foreign, target=arn["certificateArn"])
    return device


def test_the_neighbours_of_poison_cross(pair: Pair, batch: Batch) -> None:
    assert until(lambda: all(is_whole(pair, device) for device in batch.neighbours), SECONDS)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("not-base64", "not base64 of JSON"),
        ("not-json", "not base64 of JSON"),
        ("unknown-type", "no branch replicates events of type 'JOB_EVENT'"),
        ("nameless", "a THING_EVENT lacks or garbles"),
    ],
)
def test_an_unreadable_event_is_kept_whole_with_its_reason(pair: Pair, batch: Batch, kind: str, reason: str) -> None:
    assert until(lambda: batch.poison[kind] in kept_records(pair), KEPT)
    assert reason in kept_records(pair)


def test_an_event_that_is_too_big_to_be_carried_is_checked_without_what_it_told(
    pair: Pair, secondary: Any, batch: Batch, ledger: Ledger
) -> None:
    assert until(lambda: all(is_whole(pair, device) for device in batch.neighbours), SECONDS)
    # The primary has no such thing, so the request had nothing to do.
    assert not exists(secondary, "describe_thing", thingName=batch.poison["huge"])
    assert not ledger(f"thing#{batch.poison['huge']}")
    assert batch.poison["huge"] not in kept_records(pair)


@pytest.mark.row("R1")
def test_things_as_large_as_aws_has_them_cross_together(primary: Any, secondary: Any, batch: Batch) -> None:
    for name in batch.large:
        assert until(lambda name=name: thing(secondary, name), SECONDS) == thing(primary, name)  # type: ignore[misc]  # bound now


@pytest.mark.row("C7")
def test_what_a_limit_of_the_secondary_refuses_has_failed_with_the_reason_and_comes_when_there_is_room(
    pair: Pair, secondary: Any, batch: Batch
) -> None:
    resource, ledger = f"thing#{batch.full.thing_name}", ledger_of(pair)
    assert until(lambda: ledger(resource).get("state") == "failed", KEPT)
    assert "LimitExceeded" in ledger(resource)["reason"]
    assert "AttachPolicy" in json.dumps(ledger(resource))

    arn = f"arn:aws:iot:{pair.secondary}:{pair.account}:cert/{batch.full.identity.certificate_id}"
    for number in range(AS_MANY_POLICIES_AS_THERE_CAN_BE):
        secondary.detach_policy(policyName=f"{batch.full.thing_name}-foreign-{number}", target=arn)
    make_due(pair)
    sweep(pair, "retry")

    assert until(lambda: is_whole(pair, batch.full), SECONDS)
