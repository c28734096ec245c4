"""What stands in the way of a drill with the fleet, case by case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.model.failover.control import Control, Mode, ReplicationState
from iot_dr.model.failover.fence import Fence, FenceRole, Leadership
from iot_dr.model.status.checks import Check, failure, warning
from iot_dr.model.status.fleets import FleetSize
from iot_dr.model.status.status_parts import Drift, Lag, Unread
from iot_dr.services.drill.preflight import (
    LAG,
    VERIFIED_WITHIN,
    FleetKnown,
    away_from_home,
    require_clean_start,
    require_home,
)
from iot_dr.services.failover.losses import Losses, Waiting
from tests.builders import PAIR, PRIMARY, SECONDARY
from tests.failover_fakes import InMemoryControlStore, InMemoryFenceStore, InMemoryLeadershipReader

NOW = 10 * VERIFIED_WITHIN
LEADS, FOLLOWS = Fence(FenceRole.LEADS), Fence()
WELL = Losses(Waiting({}, None), (), (), Drift(NOW - 1000, 0), {PRIMARY: FleetSize(2), SECONDARY: FleetSize(0)})
UNREAD = Unread("no answer")


def lag(p99: float | None) -> Lag:
    return Lag("thing", 1, p99, p99, p99, 1, p99, p99)


def known(
    here: Leadership = Leadership(Control(PRIMARY), FOLLOWS),  # noqa: B008  # frozen
    there: Leadership = Leadership(Control(PRIMARY), LEADS),  # noqa: B008  # frozen
    checks: Sequence[Check] = (),
    **losses: Any,
) -> FleetKnown:
    return FleetKnown(here, there, replace(WELL, **losses), checks, NOW)


def both(control: Control, **losses: Any) -> FleetKnown:
    return known(Leadership(control, FOLLOWS), Leadership(control, LEADS), **losses)


@pytest.mark.parametrize(
    "found",
    [
        known(),
        known(lags=(lag(LAG), lag(None))),
        known(drift=Drift(NOW - VERIFIED_WITHIN, 0)),
        known(checks=(warning("connectivity index", "late", "wait"),)),
        both(Control(PRIMARY, epoch=7, by="iot-dr failback")),
    ],
)
def test_nothing_stands_in_the_way_where_both_regions_hold_the_same(found: FleetKnown) -> None:
    require_clean_start(found, PAIR)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (known(here=Leadership(Control(SECONDARY, epoch=2), Fence(FenceRole.LEADS, 2))), "bring the fleet back"),
        (known(there=Leadership(Control(PRIMARY), Fence(FenceRole.FOLLOWS, 3))), "a failback is open"),
        (known(here=Leadership(Control(PRIMARY, epoch=5), Fence(FenceRole.LEADS, 2))), "a failback is open"),
        (both(Control(PRIMARY, Mode.MOVING, 5)), "devices are on their way"),
        (known(here=Leadership(Control(SECONDARY, epoch=2), FOLLOWS)), "do not agree who leads"),
        (known(there=Leadership(Control(PRIMARY, epoch=3), LEADS)), "different orders, epochs 3 and 0"),
        (
            both(Control(PRIMARY, Mode.PINNED, 3, by="ann", why="a test")),
            "pinned, .* ann, a test",
        ),
        (both(Control(PRIMARY, replication=ReplicationState.SUSPENDED)), "replication is suspended"),
        (known(waiting=UNREAD), "what is not in sync cannot be told: no answer"),
        (known(waiting=Waiting({"held": 1}, 5)), "1 resource is not in sync"),
        (known(lags=UNREAD), "the lag cannot be told"),
        (known(lags=(lag(LAG + 1),)), r"changes of thing lag by 5\.0 s"),
        (known(drift=None), "not compared on this machine within a day: run `iot-dr verify`"),
        (known(drift=Drift(NOW - VERIFIED_WITHIN - 1, 0)), "not compared on this machine within a day"),
        (known(drift=Drift(NOW - 1, 2)), "2 differences were found"),
        (known(drift=UNREAD), "cannot be read: no answer"),
        (
            known(connected={PRIMARY: FleetSize(2), SECONDARY: UNREAD}),
            f"connected to {SECONDARY} cannot be told",
        ),
        (
            known(checks=(failure("domain configuration", "fleet is disabled", "enable it"),)),
            "fleet is disabled: enable",
        ),
    ],
)
def test_what_stands_in_the_way_is_told_and_nothing_is_changed(found: FleetKnown, why: str) -> None:
    with pytest.raises(ConfigurationError, match=f"cannot take the fleet along: .*{why}.*; nothing was changed"):
        require_clean_start(found, PAIR)


def test_all_that_stands_in_the_way_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError, match=r"pinned.*not in sync.*not compared"):
        require_clean_start(both(Control(PRIMARY, Mode.PINNED, 3), waiting=Waiting({"held": 1}, 5), drift=None), PAIR)


def test_whatever_is_pinned_in_both_regions_is_told_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        require_clean_start(both(Control(PRIMARY, Mode.PINNED, 3)), PAIR)

    assert str(caught.value).count("pinned") == 1


def test_the_primary_is_home_whatever_its_order_was_called() -> None:
    pinned = Control(PRIMARY, Mode.PINNED, 3)

    assert tuple(away_from_home(Leadership(pinned, FOLLOWS), Leadership(pinned, LEADS), PAIR)) == ()


def reader(control: Control, fence: Fence) -> InMemoryLeadershipReader:
    return InMemoryLeadershipReader(InMemoryControlStore(control), InMemoryFenceStore(fence))


def test_nothing_of_a_drill_is_removed_while_the_fleet_is_away() -> None:
    away = Control(SECONDARY, Mode.PINNED, 2)

    with pytest.raises(ConfigurationError, match=r"the fleet is not back: .*`iot-dr failback`; nothing was removed"):
        require_home(reader(away, Fence(FenceRole.LEADS, 2)), reader(away, LEADS), PAIR, "ledger")

    require_home(reader(Control(PRIMARY), FOLLOWS), reader(Control(PRIMARY), LEADS), PAIR, "ledger")


def test_without_a_ledger_nobody_can_tell_whether_the_fleet_is_back() -> None:
    home = reader(Control(PRIMARY), FOLLOWS)

    with pytest.raises(ConfigurationError, match="LEDGER_TABLE"):
        require_home(home, home, PAIR, "")
