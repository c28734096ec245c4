"""The caching resolver that clients use, as an internet provider runs one; it can be made to lie."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dnslib import DNSError

from lab.route53.name_servers import DnsListener, ask
from lab.route53.zones import Reply, canonical

Ask = Callable[[str, str, tuple[str, int]], Reply]


class Unresolved(OSError):
    """No address: the resolver fails, or the name has none. An OSError, as a client's own resolving raises it."""


@dataclass(frozen=True)
class _Kept:
    reply: Reply
    at: float
    until: float


class CachingResolver:
    """Asks the name servers in turn, and keeps an answer as long as its shortest TTL says.

    Two lies: `failing` answers SERVFAIL, and `stale_for` gives what is kept although its time is over. `clock` counts
    seconds. `serve` answers by DNS too, so that a program with a resolver of its own can be led here.
    """

    def __init__(
        self,
        name_servers: Sequence[tuple[str, int]],
        *,
        clock: Callable[[], float] = time.monotonic,
        ask: Ask = ask,
    ) -> None:
        self.failing = False
        self._name_servers = tuple(name_servers)
        self._clock = clock
        self._ask = ask
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._stale_until = float("-inf")

    def stale_for(self, seconds: float) -> None:
        """For so long, give what is kept although its time is over."""
        self._stale_until = self._clock() + seconds

    def forget(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._kept.clear()

    def lookup(self, name: str, kind: str = "A") -> Reply:
        """The answer to a question, its TTLs as much shorter as it is old."""
        if self.failing:
            return Reply("SERVFAIL")
        now, key = self._clock(), (canonical(name), kind)
        with self._lock:
            kept = self._kept.get(key)
        if kept is None or max(kept.until, self._stale_until) <= now:
            kept = self._fetched(*key)
        return _aged(kept, now)

    def address(self, name: str) -> str:
        """The address of a host; Unresolved when there is none."""
        reply = self.lookup(name)
        found = [record.value for record in reply.answers if record.type == "A"]
        if not found:
            raise Unresolved(f"{name} does not resolve: {reply.rcode}")
        return found[0]

    def serve(self) -> DnsListener:
        """A listener that answers what this resolver answers; use it in a `with` block."""
        return DnsListener(self.lookup, authoritative=False)

    def _fetched(self, name: str, kind: str) -> _Kept:
        for server in self._name_servers:
            try:
                reply = self._ask(name, kind, server)
            except (OSError, DNSError):
                continue
            now = self._clock()
            # Refusals and the like are asked again: only what a zone says has a TTL.
            until = now + min((record.ttl for record in reply.answers), default=0)
            kept = _Kept(replace(reply, authority=()), now, until)
            if reply.answers:
                with self._lock:
                    self._kept[name, kind] = kept
            return kept
        return _Kept(Reply("SERVFAIL"), self._clock(), self._clock())


def _aged(kept: _Kept, now: float) -> Reply:
    age = max(0, int(now - kept.at))
    return replace(
        kept.reply, answers=tuple(replace(record, ttl=max(0, record.ttl - age)) for record in kept.reply.answers)
    )
