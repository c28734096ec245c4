"""The refusal that stands between a half-read source and an empty target."""

from __future__ import annotations

from dataclasses import dataclass

from iot_dr.errors import UnsafePlan


@dataclass(frozen=True)
class Limits:
    """At most `deletes` (a share of the resources that exist) from `at_least` resources up."""

    deletes: float = 0.3
    at_least: int = 10


DEFAULT_LIMITS = Limits()

SWEEP_OVERRIDE = "run iot-dr sweep --apply with a higher --delete-share"
"""What an operator does who means a sweep that was refused."""


def ensure_few(deletes: int, existing: int, limits: Limits, override: str) -> None:
    """Refuse to delete so many of what exists; `override` says what the operator does who means it.

    Raises:
        UnsafePlan: with the numbers, and the override.
    """
    if existing >= limits.at_least and deletes > existing * limits.deletes:
        raise UnsafePlan(
            f"the plan deletes {deletes} of {existing} resources, over the limit of {limits.deletes:.0%}; "
            f"check the primary Region; if so many deletes are meant, {override}"
        )
