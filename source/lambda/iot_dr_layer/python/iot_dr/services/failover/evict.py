"""End the connections that devices keep to a Region that no longer leads: DNS moves no open connection.

Each device connects anew, to where the fleet's name leads now. How fast it goes is the pace of the connections' own
client; one that came back, because its resolver still has the old answer, is found by the next round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

from iot_dr.errors import InvalidResource, RetryableError
from iot_dr.ports.failover import Connections
from iot_dr.ports.progress import RoundsObserver
from iot_dr.services.concurrency import Together, one_by_one

ROUNDS = 3
BATCH = 500
"""Clients that are read while as many before them are ended."""

SETTLE_SECONDS = 15.0
"""After a round, for the index to follow and devices to be back."""

MOST_NAMED = 1000
"""Leftovers that are named; a fleet's worth of names would help nobody."""


@dataclass(frozen=True)
class Evicted:
    """How many connections were ended, in how many rounds, and who is still connected there."""

    ended: int
    rounds: int
    left: tuple[str, ...]


@dataclass(frozen=True)
class Eviction:
    """Ends connections of one Region; `pause` lets so many seconds pass."""

    connections: Connections
    progress: RoundsObserver
    pause: Callable[[float], object]
    together: Together = one_by_one

    def run(self) -> Evicted:
        """End what is connected, in at most three rounds.

        Raises:
            AccessDenied: a right is missing.
            IotDrError: the Region does not say who is connected.
        """
        ended, rounds = 0, 0
        while rounds < ROUNDS and (there := self.connections.number().things):
            rounds += 1
            self.progress.begin(f"Evicting, round {rounds}", there)
            ended += self._round()
            self.pause(SETTLE_SECONDS)
        return Evicted(ended, rounds, tuple(islice(self.connections.clients(), MOST_NAMED)))

    def _round(self) -> int:
        clients, ended = _Ahead(self.connections.clients()), 0
        while batch := clients.take():
            # At half of a large quota names are ended as fast as they are listed, so neither waits for the other.
            calls: list[Callable[[], int]] = [clients.read, *(partial(self._end, client) for client in batch)]
            ended += sum(self.together(lambda call: call(), calls))
        return ended

    def _end(self, client: str) -> bool:
        try:
            return self.connections.end(client)
        except (InvalidResource, RetryableError):
            # The next round asks again; whoever stays is named in the end.
            return False
        finally:
            self.progress.advance(1)


class _Ahead:
    """Clients in batches, of which the next is read while somebody works on the one before."""

    def __init__(self, clients: Iterator[str]) -> None:
        self._clients, self._batch = clients, list[str]()
        self.read()

    def take(self) -> list[str]:
        """Hand over the batch that was read last; empty if there is none left."""
        taken, self._batch = self._batch, []
        return taken

    def read(self) -> int:
        """Read the next batch; none of it is ended yet."""
        self._batch = list(islice(self._clients, BATCH))
        return 0
