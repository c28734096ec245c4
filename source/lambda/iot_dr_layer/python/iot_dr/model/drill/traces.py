"""What one client of a drill met, moment by moment, and its time line over one move.

Times are seconds of a monotonic clock since the drill began.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

PHASES = ("detect", "DNS", "notice", "reconnect")
"""What a client's time without its Region is split into; `ClientLine.split` says where each ends."""


class ClientEvent(enum.StrEnum):
    """What a client meets."""

    ANSWER = "answer"
    """Its resolver names a Region."""
    LEFT = "left"
    """It ends its connection, because its name leads elsewhere."""
    CUT = "cut"
    """Its connection ended without its doing."""
    REFUSED = "refused"
    """A try to connect failed."""
    TCP = "tcp"
    TLS = "tls"
    CONNACK = "connack"
    SUBACK = "suback"
    PUBACK = "puback"
    OWN = "own"
    """A message of its own came back to it."""


@dataclass(frozen=True)
class Moment:
    """One thing that a client met: when, what, in which Region, and a message's number where it is about one."""

    at: float
    met: ClientEvent
    region: str
    number: int = 0


@dataclass(frozen=True)
class ClientLine:
    """One client's way from the Region that it leaves to the one that it goes to.

    Attributes:
        client: its name.
        before: its last PUBACK before the fault.
        last: its last PUBACK of all from the Region that it left.
        answer: its resolver named the new Region.
        left: it left the old Region, or was cut off.
        tcp: TCP was connected to the new Region.
        tls: the handshake was done.
        connack: it was accepted.
        suback: it was subscribed.
        puback: its first PUBACK from the new Region.
        own: the first message of its own that came back there.
    """

    client: str
    before: float | None = None
    last: float | None = None
    answer: float | None = None
    left: float | None = None
    tcp: float | None = None
    tls: float | None = None
    connack: float | None = None
    suback: float | None = None
    puback: float | None = None
    own: float | None = None

    @property
    def rto(self) -> float | None:
        """Return the seconds from its last PUBACK before the fault to its first after; None if it was not served."""
        return _between(self.before, self.puback)

    @property
    def silence(self) -> float | None:
        """Return the seconds in which neither Region served it: a drained Region serves until a client leaves it."""
        return _between(self.last, self.puback)

    def split(self, first_answer: float | None) -> Mapping[str, float]:
        """Split its RTO by phase; empty if there is none.

        Detect ends when the first name server names the new Region, DNS when the client's own resolver does, notice
        when it leaves, and reconnect with its first PUBACK. What was not seen, or came out of order, takes no time.
        """
        if self.before is None or self.puback is None:
            return {}
        ends = (first_answer, self.answer, self.left, self.puback)
        found, since = {}, self.before
        for phase, end in zip(PHASES, ends, strict=True):
            until = min(max(since, since if end is None else end), self.puback)
            found[phase] = until - since
            since = until
        return found


def line_of(client: str, trace: Sequence[Moment], *, fault: float, source: str, target: str) -> ClientLine:
    """Return the time line of one client, from a trace that ends with the move or after it."""
    after = [one for one in trace if one.at > fault]
    served = _first(after, ClientEvent.PUBACK, target)
    end = served.at if served else float("inf")
    # Of several tries, the one that came to the end counts.
    connecting = [one for one in after if one.region == target and one.at <= end]
    ends = [
        one
        for one in after
        if one.region == source and one.met in (ClientEvent.LEFT, ClientEvent.CUT) and one.at <= end
    ]
    return ClientLine(
        client,
        before=_at(_last([one for one in trace if one.at <= fault], ClientEvent.PUBACK, source)),
        last=_at(_last([one for one in trace if one.at <= end], ClientEvent.PUBACK, source)),
        answer=_at(_first(after, ClientEvent.ANSWER, target)),
        left=_at(ends[0] if ends else None),
        **{met: _at(_last(connecting, ClientEvent(met), target)) for met in ("tcp", "tls", "connack", "suback")},
        puback=_at(served),
        own=_at(_first([one for one in after if served and one.at >= served.at], ClientEvent.OWN, target)),
    )


def connects(traces: Mapping[str, Sequence[Moment]]) -> Mapping[int, int]:
    """Count the connections that were accepted, by second."""
    found: dict[int, int] = {}
    for at in sorted(int(one.at) for trace in traces.values() for one in trace if one.met is ClientEvent.CONNACK):
        found[at] = found.get(at, 0) + 1
    return found


def _found(trace: Sequence[Moment], met: ClientEvent, region: str) -> Iterator[Moment]:
    return (one for one in trace if one.met is met and one.region == region)


def _first(trace: Sequence[Moment], met: ClientEvent, region: str) -> Moment | None:
    return next(_found(trace, met, region), None)


def _last(trace: Sequence[Moment], met: ClientEvent, region: str) -> Moment | None:
    return next(_found(trace[::-1], met, region), None)


def _at(moment: Moment | None) -> float | None:
    return None if moment is None else moment.at


def _between(since: float | None, until: float | None) -> float | None:
    return None if since is None or until is None else until - since


@dataclass(frozen=True)
class ClientRecord:
    """All that one client knows in the end.

    Attributes:
        client: its name.
        trace: what it met.
        acknowledged: the Region that acknowledged each message, by number.
        counts: when the primary acknowledged each count of its shadow.
        found: the count that it found in the secondary before it wrote there; None if it looked at none.
        overwritten: how often a write that was not its own took back what it had written to its shadow.
    """

    client: str
    trace: tuple[Moment, ...] = ()
    acknowledged: Mapping[int, str] = field(default_factory=dict)
    counts: Mapping[int, float] = field(default_factory=dict)
    found: int | None = None
    overwritten: int = 0


@dataclass(frozen=True)
class DrillRecords:
    """What all clients know.

    Attributes:
        clients: of each.
        arrived: the numbers of messages that observers saw of each, in that order.
        blind: how often an observer was cut off; what it did not see then counts as lost.
    """

    clients: tuple[ClientRecord, ...] = ()
    arrived: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    blind: int = 0
