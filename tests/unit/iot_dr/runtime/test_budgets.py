"""Background work takes half of each quota in each Region, however many workers share it."""

from typing import Any

import pytest

from iot_dr.aws.quotas import DEFAULTS, SHADOWS
from iot_dr.model.replication.requests import REQUESTS_PER_BATCH
from iot_dr.runtime.budgets import (
    BACKGROUND_WORKERS,
    LEAST_OF_EVENTS,
    SHARE_OF_BACKGROUND,
    SHARE_OF_SHADOWS,
    background_budgets,
    budgets_of,
    event_budgets,
)
from templates.replication_workflow import WORKER_SECONDS


class Paginator:
    """A page of quotas as Service Quotas answers."""

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [{"Quotas": [{"QuotaName": "CreateThing API TPS", "Value": 500.0}]}]


class ServiceQuotas:
    """A `service-quotas` client."""

    def get_paginator(self, _operation: str) -> Paginator:
        return Paginator()


@pytest.mark.parametrize("workers", [1, BACKGROUND_WORKERS])
@pytest.mark.parametrize(("operation", "quota"), [("CreateThing", 500.0), ("GetPolicy", DEFAULTS["GetPolicy"])])
def test_the_workers_together_begin_at_half_of_the_accounts_quota_and_never_rise_above(
    operation: str, quota: float, workers: int
) -> None:
    budgets = background_budgets(lambda _service, _region: ServiceQuotas(), "us-east-1", workers)

    begun = [budgets.begin(operation) for _ in range(2)]
    for permit in begun:
        budgets.end(operation, permit, refused=False)

    (use,) = budgets.uses()
    assert use.rate * workers <= quota * SHARE_OF_BACKGROUND
    assert use.rate * workers == pytest.approx(quota * SHARE_OF_BACKGROUND)


def test_a_command_leaves_half_of_the_shadow_calls_to_the_devices_and_takes_all_of_any_other() -> None:
    budgets = budgets_of(lambda _service, _region: ServiceQuotas(), "us-east-1")

    for operation in (SHADOWS, "CreateThing"):
        for permit in [budgets.begin(operation) for _ in range(2)]:
            budgets.end(operation, permit, refused=False)

    rates = {use.operation: use.rate for use in budgets.uses()}
    assert rates[SHADOWS] <= DEFAULTS[SHADOWS] * SHARE_OF_SHADOWS
    assert rates["CreateThing"] >= 500.0


def test_a_worker_for_events_keeps_a_share_with_which_its_batch_ends_in_time() -> None:
    assert REQUESTS_PER_BATCH / (DEFAULTS["GetPolicy"] * LEAST_OF_EVENTS) < WORKER_SECONDS / 2


def test_a_worker_for_events_begins_at_the_default_quotas() -> None:
    budgets = event_budgets()
    budgets.begin("GetPolicy")

    (use,) = budgets.uses()
    assert (use.rate, use.quota) == (DEFAULTS["GetPolicy"], DEFAULTS["GetPolicy"])
