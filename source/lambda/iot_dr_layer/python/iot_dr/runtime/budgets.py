"""How fast a Region may be called: by the account's own quotas, or AWS's defaults where they cannot be read.

Of the one quota that devices use too a command takes a part, and background work takes a part of each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from iot_dr.aws.quotas import DEFAULTS, SHADOWS, ApiQuotas
from iot_dr.services.pacing import RegionCallBudgets

SHARE_OF_SHADOWS = 0.5
"""Of the quota of shadow calls, at most: it is the one that the devices' own updates count against."""

SHARE_OF_BACKGROUND = 0.5
"""Of every quota, what background work takes at most in each Region; the rest is the customer's and the events'."""

BACKGROUND_WORKERS = 2
"""How many workers of background work there are at most; a test holds it to the template. They share the share."""


LEAST_OF_EVENTS = 0.05
"""Of every default quota, what one worker for events keeps however often it is refused: ten requests then take a third
of its time. With more than twenty workers some calls are refused, and their requests come later."""


CATCH_UP_OF_EVENTS = 4.0
"""Seconds; a worker that ends a batch leaves its share of the first calls unused for about so long."""


def event_budgets(catch_up: float = CATCH_UP_OF_EVENTS) -> RegionCallBudgets:
    """Return the budgets of one worker for events in one Region, which adapt to what others leave.

    They begin at AWS's defaults: a worker that starts has no time to ask for the account's own.
    """
    return RegionCallBudgets(DEFAULTS, least=LEAST_OF_EVENTS, catch_up=catch_up)


def background_budgets(client_of: Callable[..., Any], region: str, workers: int = 1) -> RegionCallBudgets:
    """Return the budgets of background work in a Region, for one of so many workers."""
    quotas, _ = ApiQuotas(client_of("service-quotas", region)).read_or_defaults()
    most = {operation: quota.applied * SHARE_OF_BACKGROUND / workers for operation, quota in quotas.items()}
    return RegionCallBudgets(most, most=most)


def budgets_of(client_of: Callable[..., Any], region: str) -> RegionCallBudgets:
    """Read them."""
    quotas, _ = ApiQuotas(client_of("service-quotas", region)).read_or_defaults()
    per_second = {operation: quota.applied for operation, quota in quotas.items()}
    return RegionCallBudgets(per_second, most={SHADOWS: per_second[SHADOWS] * SHARE_OF_SHADOWS})
