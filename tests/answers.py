"""What is promised of the answer to the fleet's name as both Regions stand, written down apart from what decides it."""

from __future__ import annotations

from collections.abc import Iterable

from iot_dr.model.failover.control import Control, Mode
from iot_dr.reconcile.failover import Endpoint
from tests.builders import PRIMARY, SECONDARY


def promised(primary: Endpoint, secondary: Endpoint) -> Iterable[tuple[str, str]]:
    """Yield what is promised of the answer as both Regions stand: the property's letter, and where the name leads.

    The letters are those of tests/unit/iot_dr/reconcile/test_failover.py, which has them for all combinations.
    """
    p, s = primary.control, secondary.control
    p_well, s_well = primary.answers and primary.probe, secondary.answers and secondary.probe
    if s.orders(SECONDARY):
        # By its own word, whatever the primary says; if its API is dead and the primary knows too, the primary.
        if secondary.answers:
            yield "A", SECONDARY
        elif p.orders(SECONDARY):
            yield "E", PRIMARY
    if p.orders(PRIMARY) and s.orders(PRIMARY):
        yield "B", PRIMARY
    if _automatic(p, PRIMARY) and _automatic(s, PRIMARY) and p_well:
        yield "C", PRIMARY
    if p.mode is s.mode is Mode.AUTOMATIC and p.leader == s.leader and p_well != s_well:
        yield "D", PRIMARY if p_well else SECONDARY
    if _automatic(s, SECONDARY) and s_well:
        yield "F", SECONDARY
    if p.orders(SECONDARY) and secondary.healthy:
        yield "G", SECONDARY
    if p.orders(PRIMARY) and _automatic(s, PRIMARY) and primary.answers:
        yield "G", PRIMARY


def _automatic(control: Control, leader: str) -> bool:
    return control.mode is Mode.AUTOMATIC and control.leader == leader
