"""Has a Region's fence follow the order that its replica of the control item tells.

Only to lead: no order makes a Region that leads follow again, for devices may have written there; a failback does.
"""

from __future__ import annotations

from contextlib import suppress

from iot_dr.errors import Conflict
from iot_dr.model.failover.control import Control
from iot_dr.model.failover.fence import Fence, FenceRole, Leadership
from iot_dr.ports.clock import Clock
from iot_dr.ports.failover import ControlStore, FenceStore, LeadershipReader


def follow_order(
    region: str, reader: LeadershipReader, fences: FenceStore, controls: ControlStore, clock: Clock
) -> Leadership:
    """Follow what the replica tells now, and tell an order again that the replica has lost; return what was read.

    The record of a stream only says that something changed: what it tells may be overtaken.

    Raises:
        InvalidResource: an item is garbled; nothing is changed.
        RetryableError: the items cannot be read or written now.
    """
    found = reader.leadership()
    # Somebody else was faster with the same or a later order: that is what is wanted.
    with suppress(Conflict):
        if (fence := _fence_to_follow(region, found, clock())) is not None:
            fences.change(fence)
        elif found.fence.leads and found.control.epoch < found.fence.epoch:
            controls.order(_told_again(region, found))
    return found


def _fence_to_follow(region: str, found: Leadership, now: int) -> Fence | None:
    control, fence = found.control, found.fence
    if control.leader != region or control.epoch <= fence.epoch:
        return None
    return Fence(FenceRole.LEADS, control.epoch, control.mode, now, control.by, control.why)


def _told_again(region: str, found: Leadership) -> Control:
    """Return the order that the fence follows: a replica that was cut off may have written an older one over it."""
    fence = found.fence
    return Control(region, fence.mode, fence.epoch, found.control.replication, fence.since, fence.by, fence.why)
