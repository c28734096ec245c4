"""What a name server answers of the fleet's name, and what lets the other Region answer to it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NameAnswer:
    """Where a name leads, as one name server says: a host in small letters without a final dot, for so many seconds."""

    target: str
    ttl: int


@dataclass(frozen=True)
class FleetDomain:
    """A Region's domain configuration of the fleet's name.

    Attributes:
        name: the configuration's.
        enabled: whether devices may connect by it.
        certificate_ends: when its server certificate does, epoch milliseconds; None if AWS does not tell.
    """

    name: str
    enabled: bool
    certificate_ends: int | None = None


def host_of(endpoint: str) -> str:
    """Return an endpoint's host as name servers tell it.

    >>> host_of("A1B2-ats.iot.eu-west-1.amazonaws.com:8883")
    'a1b2-ats.iot.eu-west-1.amazonaws.com'
    """
    return endpoint.partition(":")[0].rstrip(".").lower()
