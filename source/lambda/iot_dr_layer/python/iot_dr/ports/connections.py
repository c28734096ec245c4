"""Who is connected to a Region, and how a connection is ended there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from iot_dr.model.status.fleets import FleetSize


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
