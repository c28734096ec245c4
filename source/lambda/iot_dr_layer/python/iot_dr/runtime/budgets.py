"""How fast a command may call a Region: by the account's own quotas, or AWS's defaults where they cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from iot_dr.aws.quotas import ApiQuotas
from iot_dr.services.pacing import Budgets


def budgets_of(client_of: Callable[..., Any], region: str) -> Budgets:
    """Read them."""
    quotas, _ = ApiQuotas(client_of("service-quotas", region)).read_or_defaults()
    return Budgets({operation: quota.applied for operation, quota in quotas.items()})
