"""Asks the authoritative name servers of a zone directly, by dnspython, so that no cache answers.

Route 53's name servers are its data plane: they answer while its API does not.
https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/disaster-recovery-resiliency.html
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver

from iot_dr.errors import ConfigurationError, NotReadyYet, RegionUnavailable
from iot_dr.model.failover.names import NameAnswer

PORT = 53
SECONDS = 2.0
"""For one question to one server; the others may answer meanwhile."""

_SERVER = re.compile(r"(?P<host>[A-Za-z0-9.-]+)(?::(?P<port>\d{1,5}))?")


ZoneLookup = Callable[[str], tuple[str, ...]]
"""Finds the host names of the servers of a name's zone; raises `dns.exception.DNSException`."""


def by_resolver(name: str) -> tuple[str, ...]:
    """Ask the system's resolver for the name servers of the zone that a name is in."""
    zone = dns.resolver.zone_for_name(dns.name.from_text(name), lifetime=SECONDS)
    found = dns.resolver.resolve(zone, dns.rdatatype.NS, lifetime=SECONDS)
    return tuple(sorted(str(one.target).rstrip(".") for one in found))


def listed(setting: str) -> tuple[str, ...]:
    """Return the servers of the setting NAME_SERVERS: hosts, each perhaps with `:port`, with commas or blanks between.

    >>> listed("ns-1.awsdns-00.com, 127.0.0.1:5353")
    ('ns-1.awsdns-00.com', '127.0.0.1:5353')

    Raises:
        ConfigurationError: one of them is no host.
    """
    servers = tuple(setting.replace(",", " ").split())
    for server in servers:
        if not _SERVER.fullmatch(server):
            raise ConfigurationError(f"NAME_SERVERS has {server!r}, which is no host or host:port")
    return servers


class DnsNameServers:
    """`ports.NameServers`: those of the setting, or else those that the system's resolver names."""

    def __init__(self, setting: str = "", lookup: ZoneLookup = by_resolver, seconds: float = SECONDS) -> None:
        self._listed = listed(setting)
        self._lookup, self._seconds = lookup, seconds

    def servers(self, name: str) -> tuple[str, ...]:
        """Return the servers that answer for a name.

        Raises:
            NotReadyYet: the resolver does not know them.
        """
        if self._listed:
            return self._listed
        try:
            return self._lookup(name)
        except dns.exception.DNSException as error:
            raise NotReadyYet(f"no name server of {name} is known: {error}; name them in NAME_SERVERS") from error

    def answer(self, server: str, name: str) -> NameAnswer:
        """Return what one of them answers: the CNAME's target, or the first address where there is none.

        Raises:
            RegionUnavailable: it does not answer in time.
            NotReadyYet: it answers that there is no such name, or nothing that can be read.
        """
        host, _, port = server.partition(":")
        question = dns.message.make_query(name, dns.rdatatype.A)
        # It is asked for what it knows itself.
        question.flags &= ~dns.flags.RD
        try:
            address = socket.gethostbyname(host)
            answer, _ = dns.query.udp_with_fallback(question, address, self._seconds, int(port or PORT))
        except (OSError, dns.exception.Timeout) as error:
            raise RegionUnavailable(f"the name server {server} does not answer: {error}") from error
        except dns.exception.DNSException as error:
            raise NotReadyYet(f"the name server {server} answers nothing that can be read: {error}") from error
        return _read(answer, server, name)


def _read(answer: dns.message.Message, server: str, name: str) -> NameAnswer:
    asked = dns.name.from_text(name)
    sets = [one for one in answer.answer if one.name == asked]
    for wanted in (dns.rdatatype.CNAME, dns.rdatatype.A):
        for one in sets:
            if one.rdtype == wanted:
                return NameAnswer(one[0].to_text().rstrip(".").lower(), one.ttl)
    raise NotReadyYet(f"the name server {server} does not know {name}: {dns.rcode.to_text(answer.rcode())}")
