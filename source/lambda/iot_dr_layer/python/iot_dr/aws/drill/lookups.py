"""The resolvers of a drill's devices: the system's, or one that asks the zone's name servers and keeps to the TTL."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import dns.exception
import dns.rdatatype
import dns.resolver

from iot_dr.errors import IotDrError
from iot_dr.model.failover.names import NameAnswer
from iot_dr.ports.failover import NameServers

SECONDS = 2.0
"""For one look."""


class SystemNameLookup:
    """`ports.NameLookup` by the system's resolver, with its cache."""

    def __init__(self, name: str) -> None:
        self._name = name

    def target(self) -> str | None:
        """Return the target of the CNAME."""
        try:
            # Read anew at each look: the machine may be in another network now.
            found = dns.resolver.Resolver().resolve(self._name, dns.rdatatype.CNAME, lifetime=SECONDS, search=False)
        except dns.exception.DNSException:
            return None
        return str(found[0].target).rstrip(".").lower()


class ZoneNameLookup:
    """`ports.NameLookup` by the name servers themselves, each answer kept for its time to live, as a resolver does."""

    def __init__(
        self,
        name: str,
        names: NameServers,
        servers: Sequence[str],
        clock: Callable[[], float],
        choose: Callable[[Sequence[str]], str],
    ) -> None:
        self._name, self._names, self._servers = name, names, servers
        self._clock, self._choose = clock, choose
        self._kept: tuple[float, NameAnswer] | None = None

    def target(self) -> str | None:
        """Return what is kept, or what one of the servers answers now."""
        now = self._clock()
        if self._kept and now < self._kept[0] + self._kept[1].ttl:
            return self._kept[1].target
        try:
            answer = self._names.answer(self._choose(self._servers), self._name)
        except IotDrError:
            return None
        self._kept = (now, answer)
        return answer.target
