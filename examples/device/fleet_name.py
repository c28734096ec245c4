"""Where the fleet's name points: the target of its CNAME, which is another name in each Region.

dnspython asks, because the C library's getaddrinfo cannot: it has no time limit, it takes no other name server, and it
gives addresses, which change from day to day within one Region.
"""

from __future__ import annotations

from dataclasses import dataclass

import dns.exception
import dns.resolver

SECONDS = 2.0
"""How long a look may take."""


class NotTold(Exception):
    """DNS did not say where the name points."""


@dataclass(frozen=True)
class FleetName:
    """The name that all devices of a fleet connect to.

    Attributes:
        name_server: address and port of the name server to ask; None for the system's own.
    """

    name: str
    name_server: tuple[str, int] | None = None

    def target(self) -> str:
        """Return the target of the name's CNAME; NotTold if there is no answer or no CNAME."""
        try:
            answer = self._resolver().resolve(self.name, "CNAME", lifetime=SECONDS, search=False)
        except dns.exception.DNSException as error:
            raise NotTold(str(error) or type(error).__name__) from error
        return str(answer[0].target.to_text(omit_final_dot=True)).lower()

    def _resolver(self) -> dns.resolver.Resolver:
        """Make a resolver at each look: it has no cache of its own, and the system may be in another network now."""
        if self.name_server is None:
            return dns.resolver.Resolver()
        resolver = dns.resolver.Resolver(configure=False)
        address, port = self.name_server
        resolver.nameservers, resolver.port = [address], port
        return resolver
