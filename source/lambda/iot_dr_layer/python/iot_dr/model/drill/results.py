"""What a drill found: both ways, messages, shadows, what was left, and how it was run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from iot_dr.model.drill.deliveries import ClientDelivery, ShadowFound
from iot_dr.model.drill.fleet import FleetFindings
from iot_dr.model.drill.traces import PHASES, ClientLine


@dataclass(frozen=True)
class Objectives:
    """How many seconds a device may be without service, and how many seconds' changes may be lost."""

    rto: float = 120.0
    rpo: float = 5.0


@dataclass(frozen=True)
class AnswerChange:
    """From this moment on a name server answered with a Region, or with another text."""

    server: str
    at: float
    says: str


@dataclass(frozen=True)
class Leg:
    """One way: devices leave one Region and go to another.

    Attributes:
        source: the Region that they leave.
        target: the Region that they go to.
        cause: what sent them.
        at: when that was.
        answers: what each name server answered from then on, and what it had answered before.
        lines: one time line a client.
    """

    source: str
    target: str
    cause: str
    at: float
    answers: tuple[AnswerChange, ...] = ()
    lines: tuple[ClientLine, ...] = ()

    @property
    def first_answer(self) -> float | None:
        """Return when the first name server named the new Region."""
        named = (one.at for one in self.answers if one.says == self.target and one.at >= self.at)
        return min(named, default=None)

    @property
    def rtos(self) -> tuple[float, ...]:
        """Return the RTO of each client that was served, sorted."""
        return tuple(sorted(line.rto for line in self.lines if line.rto is not None))

    @property
    def silences(self) -> tuple[float, ...]:
        """Return the seconds in which neither Region served a client, of each that was served, sorted."""
        return tuple(sorted(line.silence for line in self.lines if line.silence is not None))

    def phases(self) -> Mapping[str, tuple[float, ...]]:
        """Return the seconds of each phase, of each client that was served."""
        splits = [line.split(self.first_answer) for line in self.lines if line.rto is not None]
        return {phase: tuple(sorted(one[phase] for one in splits)) for phase in PHASES}


@dataclass(frozen=True)
class DrillResult:
    """All that a drill found.

    Attributes:
        drill: its name, with which the names of all that it made begin.
        primary: the Region that devices left first.
        secondary: the Region that they went to.
        began: when it began, as a text.
        seconds: how long all of it took.
        objectives: what was asked for.
        legs: there, and back.
        deliveries: of each client.
        shadows: what each client that keeps a shadow found in the secondary; None if shadows were not tested.
        late_thing: seconds until a thing made a second before the fault was in the secondary; None if it did not come.
        overwritten: how often a write that came late took back what a device had written.
        reconnects: connections that were accepted, by second.
        quota: CONNECT requests a second that the account may make.
        phases: when each phase of the drill began.
        settings: how it was run.
        versions: of what.
        lag: what replication itself says of its lag, as texts.
        untested: what this drill says nothing about.
        left: what could not be removed.
        fleet: what became of the fleet; None if it did not go along.
    """

    drill: str
    primary: str
    secondary: str
    began: str
    seconds: float
    objectives: Objectives
    legs: tuple[Leg, ...]
    deliveries: tuple[ClientDelivery, ...] = ()
    shadows: tuple[ShadowFound, ...] | None = None
    late_thing: float | None = None
    overwritten: int = 0
    reconnects: Mapping[int, int] = field(default_factory=dict)
    quota: float = 0.0
    phases: tuple[tuple[str, float], ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    lag: tuple[str, ...] = ()
    untested: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    fleet: FleetFindings | None = None

    @property
    def acknowledged(self) -> int:
        """Return how many messages were acknowledged."""
        return sum(one.acknowledged for one in self.deliveries)

    @property
    def lost(self) -> int:
        """Return how many of them no subscriber saw."""
        return sum(len(one.lost) for one in self.deliveries)

    @property
    def doubled(self) -> int:
        """Return how many messages were seen more than once."""
        return sum(len(one.doubled) for one in self.deliveries)

    @property
    def reordered(self) -> int:
        """Return how many were seen after a later one."""
        return sum(len(one.reordered) for one in self.deliveries)

    @property
    def behind(self) -> float | None:
        """Return how old the oldest shadow was that a client found; None if shadows were not tested."""
        return None if self.shadows is None else max((one.behind for one in self.shadows), default=0.0)


def percentile(seconds: Sequence[float], share: float) -> float:
    """Return the value below which this share of them lies, by the nearest rank; 0 of none.

    >>> percentile([3.0, 1.0, 2.0], 0.5), percentile([], 0.5)
    (2.0, 0.0)
    """
    if not seconds:
        return 0.0
    # A share has no exact binary form: 0.07 * 100 is a little more than 7.
    rank = math.ceil(round(share * len(seconds), 9))
    return sorted(seconds)[max(1, rank) - 1]


SHARES: Mapping[str, float] = {"p50": 0.5, "p95": 0.95, "max": 1.0}
"""What is told of a distribution."""


def spread(seconds: Iterable[float]) -> Mapping[str, float]:
    """Return median, 95th percentile and longest.

    >>> spread([1.0, 4.0])
    {'p50': 1.0, 'p95': 4.0, 'max': 4.0}
    """
    found = tuple(seconds)
    return {name: round(percentile(found, share), 3) for name, share in SHARES.items()}
