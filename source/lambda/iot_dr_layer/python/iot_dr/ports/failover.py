"""Which Region leads, what may be written because of that, and where devices go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from iot_dr.model.failover.control import Control
from iot_dr.model.failover.fence import Fence, Leadership, Standing
from iot_dr.model.failover.names import FleetDomain, NameAnswer
from iot_dr.model.status.fleets import FleetSize


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

    def note_elsewhere(self, at: int) -> None:
        """Note that the fleet's name led to another Region at this time, unless that is noted; all else stays."""


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


class NameServers(Protocol):
    """Asks the name servers of a zone directly, so that no cache answers."""

    def servers(self, name: str) -> tuple[str, ...]:
        """Return the servers that answer for a name, each as `answer` takes it.

        Raises:
            RetryableError: nobody says which they are.
        """

    def answer(self, server: str, name: str) -> NameAnswer:
        """Return what one of them answers.

        Raises:
            RegionUnavailable: it does not answer in time.
            NotReadyYet: it answers that there is no such name, or nothing that can be read.
        """


class FleetDomains(Protocol):
    """Reads domain configurations in any Region."""

    def domain(self, region: str, name: str) -> FleetDomain | None:
        """Return the configuration of a name; None if the Region has none.

        Raises:
            IotDrError: it cannot be read.
        """


class Connections(Protocol):
    """The connections of one Region, as its index of things knows them; the index follows by some seconds."""

    def number(self) -> FleetSize:
        """Return how many devices are connected.

        Raises:
            IotDrError: it cannot be told, for example because the index does not hold connectivity.
        """

    def clients(self) -> Iterator[str]:
        """Yield the client IDs of those that are connected, read page by page; raises what `number` does."""

    def end(self, client: str) -> bool:
        """End a client's connection, without its will and with its session kept; False if there is none.

        Raises:
            IotDrError: AWS IoT does not do it.
        """
