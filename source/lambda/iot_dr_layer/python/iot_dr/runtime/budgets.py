"""How fast a command may call a Region: by the account's own quotas, or AWS's defaults where they cannot be read.

Of the one quota that devices use too it takes a part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from iot_dr.aws.quotas import SHADOWS, ApiQuotas
from iot_dr.services.pacing import Budgets

SHARE_OF_SHADOWS = 0.5
"""Of the quota of shadow calls, at most: it is the one that the devices' own updates count against."""


def budgets_of(client_of: Callable[..., Any], region: str) -> Budgets:
    """Read them."""
    quotas, _ = ApiQuotas(client_of("service-quotas", region)).read_or_defaults()
    per_second = {operation: quota.applied for operation, quota in quotas.items()}
    return Budgets(per_second, most={SHADOWS: per_second[SHADOWS] * SHARE_OF_SHADOWS})
