"""What the name servers of the fleet's zone answer, each asked directly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from iot_dr.errors import IotDrError
from iot_dr.model.failover.names import NameAnswer, host_of
from iot_dr.model.status.checks import error_line
from iot_dr.model.status.status_parts import Unread
from iot_dr.ports.domain import NameServers
from iot_dr.services.concurrency import Together, one_by_one


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

    def all_say(self, endpoint: str) -> bool:
        """Tell whether most servers answer with an endpoint, and none with anything else."""
        return self.most_say(endpoint) and self._saying(endpoint) == len(self.told)

    @property
    def ttl(self) -> int:
        """Return for how many seconds a resolver may go on with an answer, at most."""
        return max((one.ttl for one in self.told), default=0)

    def _saying(self, endpoint: str) -> int:
        return sum(1 for one in self.told if one.target == host_of(endpoint))


def ask_all(servers: NameServers, name: str, together: Together = one_by_one) -> NameAnswers:
    """Ask each server of a name.

    Raises:
        RetryableError: nobody says which servers there are.
    """
    listed = servers.servers(name)

    def asked(server: str) -> NameAnswer | Unread:
        try:
            return servers.answer(server, name)
        except IotDrError as error:
            return Unread(error_line(error))

    return NameAnswers(dict(zip(listed, together(asked, listed), strict=True)))
