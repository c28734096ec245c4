"""What a name server answers of the fleet's name, and what lets the other Region answer to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from iot_dr.model.status.status_parts import Unread


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


@dataclass(frozen=True)
class NameAnswers:
    """What each server says, or why it says nothing."""

    by_server: Mapping[str, NameAnswer | Unread] = field(default_factory=dict)

    @property
    def told(self) -> tuple[NameAnswer, ...]:
        """Return the answers of those that answer."""
        return tuple(one for one in self.by_server.values() if isinstance(one, NameAnswer))

    def most_say(self, endpoint: str) -> bool:
        """Tell whether more than half of all servers answer with an endpoint; one that is silent says nothing."""
        return 2 * self._saying(endpoint) > len(self.by_server)

    def most_say_another(self, endpoint: str) -> bool:
        """Tell whether more than half of all servers answer with something else."""
        return 2 * (len(self.told) - self._saying(endpoint)) > len(self.by_server)

    def all_say(self, endpoint: str) -> bool:
        """Tell whether most servers answer with an endpoint, and none with anything else."""
        return self.most_say(endpoint) and self._saying(endpoint) == len(self.told)

    @property
    def ttl(self) -> int:
        """Return for how many seconds a resolver may go on with an answer, at most."""
        return max((one.ttl for one in self.told), default=0)

    def _saying(self, endpoint: str) -> int:
        return sum(1 for one in self.told if one.target == host_of(endpoint))
