"""When a failover came to what was asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from iot_dr.model.failover.control import Control, Mode
from iot_dr.model.failover.devices import DeviceCounts
from iot_dr.model.failover.fence import Leadership
from iot_dr.model.status.fleets import FleetSize
from iot_dr.model.status.status_parts import Unread
from iot_dr.services.failover.evict import Evicted
from iot_dr.services.failover.follow import NameSeen
from iot_dr.services.failover.result import FailoverResult
from tests.builders import PRIMARY, SECONDARY
from tests.failover_fakes import LEADING

ORDERED = FailoverResult(SECONDARY, PRIMARY, Leadership(Control(SECONDARY, Mode.PINNED, 2), LEADING), changed=True)
FOLLOWED = replace(
    ORDERED, followed=True, name=NameSeen(seen=True), devices=DeviceCounts(FleetSize(2), FleetSize(0)), fenced=True
)


@pytest.mark.parametrize(
    ("changed", "as_asked"),
    [
        ({}, True),
        ({"name": NameSeen()}, False),
        ({"name": NameSeen(unwatched=True)}, True),
        ({"devices": DeviceCounts(FleetSize(2), FleetSize(1))}, False),
        ({"devices": DeviceCounts(FleetSize(2), Unread("away"))}, True),
        ({"evicted": Evicted(2, 1, ())}, True),
        ({"evicted": Evicted(2, 3, ("a",))}, False),
        ({"not_evicted": "the Region does not answer"}, False),
    ],
)
def test_dns_must_be_seen_and_nobody_left_behind(changed: dict[str, Any], as_asked: bool) -> None:
    assert replace(FOLLOWED, **changed).as_asked is as_asked


def test_what_was_not_to_be_followed_is_as_asked_once_it_is_ordered() -> None:
    assert ORDERED.as_asked
