"""The refusal that stands between a half-read primary and an empty secondary."""

from __future__ import annotations

from dataclasses import dataclass

from iot_dr.errors import UnsafePlan
from iot_dr.model.changes import Plan


@dataclass(frozen=True)
class Limits:
    """At most `deletes` (a share of the resources that exist) from `at_least` resources up."""

    deletes: float = 0.3
    at_least: int = 10


DEFAULT_LIMITS = Limits()


def ensure_safe(plan: Plan, existing: int, limits: Limits = DEFAULT_LIMITS) -> None:
    """Refuse a plan that would delete more than the stated share of what exists.

    Raises:
        UnsafePlan: with the numbers, and what overrides it.
    """
    deletes = len(plan.deletes)
    if existing >= limits.at_least and deletes > existing * limits.deletes:
        raise UnsafePlan(
            f"the plan deletes {deletes} of {existing} resources, over the limit of {limits.deletes:.0%}; "
            'check the primary Region; if so many deletes are meant, start the sweep with a higher "delete_share"'
        )
