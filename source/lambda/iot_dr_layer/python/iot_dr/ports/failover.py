"""Which Region leads, and what may be written because of that."""

from __future__ import annotations

from typing import Protocol

from iot_dr.model.failover.control import Control
from iot_dr.model.failover.fence import Fence, Leadership, Standing


class ControlReader(Protocol):
    """Reads the control item."""

    def control(self) -> Control:
        """Return what is in force now.

        Raises:
            InvalidResource: the item says something that is not known.
        """


class ControlStore(ControlReader, Protocol):
    """Reads and writes the control item by one Region's replica of its table."""

    def order(self, control: Control) -> None:
        """Write an order, if its epoch is above the one that stands in this replica.

        Raises:
            Conflict: the replica knows this epoch or a higher one.
        """


class FenceStore(Protocol):
    """Reads and writes the fence of one Region."""

    def fence(self) -> Fence:
        """Return what is in force now.

        Raises:
            InvalidResource: the item says something that is not known.
        """

    def change(self, fence: Fence) -> None:
        """Write a fence, if its epoch is above the one that stands.

        Raises:
            Conflict: this epoch or a higher one stands.
        """


class LeadershipReader(Protocol):
    """Reads the control item and a Region's fence at once."""

    def leadership(self) -> Leadership:
        """Return what is in force now.

        Raises:
            InvalidResource: an item says something that is not known.
        """


class WriteGate(Protocol):
    """Tells what may be written in the target; asked right before the first write."""

    def standing(self) -> Standing:
        """Return what may be written in the target now.

        Raises:
            RetryableError: that cannot be told now, so nothing may be written.
        """
