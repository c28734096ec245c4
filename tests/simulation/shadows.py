"""Shadows in a run: who writes them, the stream of their events with its function, and checks them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from iot_dr.errors import RegionUnavailable
from iot_dr.model.failover.control import ReplicationState
from iot_dr.model.registry.keys import Key, shadow_key, thing_shadows_key
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.model.shadows.shadow import Document, ShadowEvent, decode_shadow_event
from iot_dr.ports.failover import LeadershipReader
from iot_dr.ports.ledger import Ledger
from iot_dr.ports.shadows import ShadowNotes, ShadowReader, ShadowStore
from iot_dr.services.gate import LeadershipWriteGate
from iot_dr.services.replication.batch import BatchResult
from iot_dr.services.shadows.replicate import ShadowReplication
from tests.builders import REGIONS
from tests.fakes import InMemoryLedger
from tests.shadow_fakes import FixedControl, InMemoryShadowNotes, InMemoryShadows
from tests.simulation.process import Process
from tests.simulation.scheduler import Scheduler

KEYS = (shadow_key("pump-1"), shadow_key("pump-1", "config"), shadow_key("pump-2", "config"))
FORGOTTEN_AFTER = 49 * 3_600_000
"""Milliseconds after which AWS counts a deleted shadow's versions anew."""

TRIES_OF_STREAM = 10
REPLAYED_AFTER = 300_000
"""Milliseconds after which an operator replays what the stream gave up."""


def document(number: int) -> Document:
    """Return one of few documents."""
    sections: tuple[Document, ...] = (
        {"desired": {"fw": "1.0"}},
        {"desired": {"fw": "2.0"}, "reported": {"fw": "1.0"}},
        {"reported": {"fw": "2.0", "on": True}},
        {},
    )
    return sections[number % len(sections)]


@dataclass
class ShadowSide:
    """Both Regions' shadows, what is noted of them, and the function that replicates them."""

    scheduler: Scheduler
    ledger: InMemoryLedger
    control: Any = field(default_factory=FixedControl)
    """Reads who leads."""
    kept_for: int = 0
    absent_until: dict[Key, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        clock = self.scheduler.clock
        self.primary, self.secondary = InMemoryShadows(clock), InMemoryShadows(clock)
        self.notes = InMemoryShadowNotes(self.ledger)

    def replication(self, process: Process) -> ShadowReplication:
        """Wire it as the runtime does."""
        return ShadowReplication(
            source=process.port("primary shadows", self.primary, ShadowReader),
            target=process.port("shadow copies", self.secondary, ShadowStore),
            ledger=process.port("ledger", self.ledger, Ledger),
            notes=self.notes_of(process),
            gate=LeadershipWriteGate(process.port("control", self.control, LeadershipReader), REGIONS.target.region),
            clock=self.scheduler.clock,
            kept_for=self.kept_for,
            together=process.together,
        )

    def notes_of(self, process: Process) -> Any:
        """Return the notes as a process reads and writes them."""
        return process.port("notes", self.notes, ShadowNotes)

    def looker(self, process: Process) -> Callable[[Sequence[ReconcileRequest]], BatchResult]:
        """Return what takes checks shadows, as the function's handler does."""
        replication = self.replication(process)

        def take(requests: Sequence[ReconcileRequest]) -> BatchResult:
            applied = replication.check([request.key for request in requests])
            if applied.unrecorded:
                raise RegionUnavailable("the ledger could not be told")
            return BatchResult()

        return take

    # What apps and devices do

    def put(self, key: Key, wanted: Document) -> ShadowEvent:
        """Have a shadow hold this."""
        if key not in self.primary.documents:
            self.absent_until[key] = self.scheduler.now
        return decode_shadow_event(self.primary.become(key, wanted))

    def remove(self, key: Key) -> ShadowEvent | None:
        """Delete a shadow."""
        return decode_shadow_event(self.primary.remove(key)) if key in self.primary.documents else None

    def lacked_since(self, key: Key, since: int) -> bool:
        """Tell whether the primary has been without it at some time since."""
        return key not in self.primary.documents or self.absent_until.get(key, 0) >= since

    def differing(self) -> list[Key]:
        """Return the shadows in which the Regions differ."""
        wanted, found = self.primary.documents, self.secondary.documents
        return [key for key in {**wanted, **found} if wanted.get(key) != found.get(key)]

    def roots(self, key: Key) -> set[Key]:
        """Return what is checked for a shadow."""
        return {key, thing_shadows_key(key.name)}

    def hold(self, *, back: bool) -> None:
        """Suspend replication, or let it go on."""
        if not isinstance(self.control, FixedControl):
            self.control.suspended = back
            return
        state = ReplicationState.SUSPENDED if back else ReplicationState.ACTIVE
        self.control.now = replace(self.control.now, replication=state)


class ShadowStream:
    """The stream of shadow events: one batch after the other, handed in again until the function has taken it."""

    def __init__(self, side: ShadowSide, process: Process, busy: Callable[[int], None], tell: Callable[..., None]):
        self._side, self._process, self._busy, self._tell = side, process, busy, tell
        self._waiting: list[ShadowEvent] = []
        self._runs = False
        self._replication = side.replication(process)

    def arrived(self, event: ShadowEvent) -> None:
        """Take an event; it counts as busy until it is done."""
        self._waiting.append(event)
        if not self._runs:
            self._runs = True
            self._side.scheduler.after(10, self._next)

    def _next(self) -> None:
        taken, self._waiting = self._waiting, []
        self._hand_in(taken, 0)

    def _hand_in(self, taken: list[ShadowEvent], tries: int) -> None:
        left: list[ShadowEvent] = list(taken)

        def work() -> None:
            self._tell("shadows", "takes", tuple(taken), "")
            applied = self._replication.apply(taken)
            left[:] = [one for one in taken if one.key in applied.unrecorded]

        def ended(_error: BaseException | None) -> None:
            self._busy(len(left) - len(taken))
            if left:
                pause = 1_000 if tries < TRIES_OF_STREAM else REPLAYED_AFTER
                self._side.scheduler.after(pause, partial(self._hand_in, left, tries + 1))
            else:
                self._runs = bool(self._waiting)
                if self._waiting:
                    self._side.scheduler.after(10, self._next)

        self._process.start(work, ended)


def made_changes(side: ShadowSide, verb: str, subject: int, other: int, rest: Callable[..., None]) -> Any:
    """Yield the events of what is done to a shadow, and the keys."""
    key = KEYS[subject % len(KEYS)]
    if verb == "write shadow":
        yield side.put(key, document(other))
    elif verb == "flip shadow":
        for number in (other, other + 1, other):
            yield side.put(key, document(number))
            rest()
    elif verb == "delete shadow":
        yield side.remove(key)
    elif verb == "replace shadow":
        yield side.remove(key)
        rest()
        yield side.put(key, document(other))
    elif verb == "hold back":
        side.hold(back=True)
        rest(int(1_000 * (1 + other) ** 2))
        side.hold(back=False)
    else:
        yield side.remove(key)
        rest(FORGOTTEN_AFTER)
        yield side.put(key, document(other))


SHADOW_VERBS = (
    "write shadow",
    "write shadow",
    "flip shadow",
    "delete shadow",
    "replace shadow",
    "replace shadow",
    "hold back",
    "forget shadow",
)
