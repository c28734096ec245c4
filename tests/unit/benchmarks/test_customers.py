"""Customers at random: what is drawn follows from the seed, and what another has done meanwhile is no error."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from benchmarks.customers import Customer, Pools, keep_changing, make_pools
from lab.emulator import PRIMARY_REGION
from lab.pair import ACCOUNT


class Registry:
    """A registry that lists nothing and answers, or refuses, every change."""

    def __init__(self, refusal: str = "") -> None:
        self.called: list[str] = []
        self._refusal = refusal

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**parameters: Any) -> Any:
            self.called.append(f"{operation} {sorted(map(str, parameters.items()))}")
            if self._refusal:
                raise ClientError({"Error": {"Code": self._refusal}}, operation)
            listed = ("principals", "thingGroups", "policies", "things", "policyVersions", "targets")
            return {member: [] for member in listed}

        return call


@pytest.fixture(scope="module")
def pools() -> Pools:
    return make_pools("soak", 6)


def customer(pools: Pools, iot: Any, seed: str = "1") -> Customer:
    return Customer(iot, pools, region=PRIMARY_REGION, account=ACCOUNT, seed=seed)


def changed(pools: Pools, seed: str) -> list[str]:
    iot = Registry()
    one = customer(pools, iot, seed)
    for _ in range(200):
        one.change()
    return iot.called


def test_a_seed_draws_the_same_changes_again_and_another_seed_others(pools: Pools) -> None:
    assert changed(pools, "1") == changed(pools, "1")
    assert changed(pools, "1") != changed(pools, "2")


def test_every_kind_of_change_can_be_drawn_and_makes_a_call(pools: Pools) -> None:
    iot = Registry()
    for way in customer(pools, iot).ways():
        before = len(iot.called)
        way()
        assert len(iot.called) > before


def test_what_is_refused_counts_for_nothing(pools: Pools) -> None:
    one = customer(pools, Registry("ResourceNotFoundException"))
    for _ in range(50):
        one.change()
    assert one.changes == 0


def test_an_error_that_no_other_customer_explains_ends_it(pools: Pools) -> None:
    one = customer(pools, Registry("AccessDeniedException"))
    with pytest.raises(ClientError):
        keep_changing(one, time.monotonic() + 60, None, threading.Event())


def test_changes_keep_to_the_rate_and_end_in_time(pools: Pools) -> None:
    one, begun = customer(pools, Registry()), time.monotonic()

    keep_changing(one, begun + 0.5, 40.0, threading.Event())

    # One change is up to some ten calls, after which the customer waits until they are due.
    assert 20 <= one.changes <= 40
    assert time.monotonic() - begun >= 0.5


def test_a_customer_stops_when_told(pools: Pools) -> None:
    one, stop = customer(pools, Registry()), threading.Event()
    stop.set()

    keep_changing(one, time.monotonic() + 60, None, stop)

    assert one.changes == 0
