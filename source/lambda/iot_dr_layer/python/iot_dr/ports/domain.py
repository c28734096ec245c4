"""The fleet's name: what its name servers answer, and what each Region has for it."""

from __future__ import annotations

from typing import Protocol

from iot_dr.model.failover.names import FleetDomain, NameAnswer


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
