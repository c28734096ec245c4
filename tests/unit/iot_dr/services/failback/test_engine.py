"""How wide the engine is that writes a plan."""

from __future__ import annotations

from iot_dr.aws.quotas import DEFAULTS
from iot_dr.services.failback import engine

A_CALL = 0.1
"""Seconds that a call to another Region takes."""


def test_the_quota_limits_how_fast_things_are_written_and_not_the_way_to_the_region() -> None:
    assert DEFAULTS["UpdateThing"] <= engine.WIDTH / (engine.CALLS * A_CALL)
