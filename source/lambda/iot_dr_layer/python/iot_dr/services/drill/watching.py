"""Watches what each name server answers of a drill's name, from one look to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from iot_dr.errors import IotDrError
from iot_dr.model.drill.orders import region_of
from iot_dr.model.drill.results import AnswerChange
from iot_dr.ports.failover import NameServers
from iot_dr.services.concurrency import Together, one_by_one
from iot_dr.services.pacing import Stopwatch

SILENT = "silent"
"""What a server says that does not answer, or knows no such name."""


@dataclass
class NameWatch:
    """Asks the same servers at each look; `clock` tells seconds since the drill began."""

    name: str
    servers: Sequence[str]
    names: NameServers
    endpoints: Mapping[str, str]
    clock: Stopwatch
    together: Together = one_by_one
    changes: list[AnswerChange] = field(default_factory=list)

    def look(self) -> None:
        """Ask all, and note what has changed."""
        for server, says in zip(self.servers, self.together(self._says, self.servers), strict=True):
            if self._last(server) != says:
                self.changes.append(AnswerChange(server, self.clock(), says))

    def all_say(self, region: str) -> bool:
        """Tell whether each of them named a Region at the last look."""
        return all(self._last(server) == region for server in self.servers)

    def between(self, since: float, until: float) -> tuple[AnswerChange, ...]:
        """Return what they answered in a time, with what each had answered before it."""
        before = {one.server: one for one in self.changes if one.at < since}
        return (*before.values(), *(one for one in self.changes if since <= one.at < until))

    def _says(self, server: str) -> str:
        try:
            return region_of(self.names.answer(server, self.name).target, self.endpoints)
        except IotDrError:
            return SILENT

    def _last(self, server: str) -> str:
        return next((one.says for one in reversed(self.changes) if one.server == server), "")
