"""The ports of shadows in memory, with AWS's rules; `tests/contract` holds them to what the emulator does."""

from __future__ import annotations

import base64
import copy
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from greenlet import getcurrent, greenlet

from iot_dr.errors import Conflict, LimitExceeded
from iot_dr.model.exact_json import Json, Number, parse, to_bytes
from iot_dr.model.failover.control import Control
from iot_dr.model.failover.fence import Fence, Leadership
from iot_dr.model.regions import RegionPair
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.replication.outcomes import Outcome, State
from iot_dr.model.shadows.shadow import Document, Shadow, ShadowNote, ShadowSelection, ShadowState, digest, document_of
from iot_dr.ports.clock import Clock
from iot_dr.ports.failover import WriteGate
from iot_dr.services.gate import LeadershipWriteGate
from iot_dr.services.shadows.replicate import Applied, ShadowReplication
from tests.fakes import Calls, FakeClock, InMemoryLedger, Killed
from tests.fakes import _Note as LedgerNote

VERSIONS_KEPT = 48 * 3_600_000
"""Milliseconds that AWS goes on counting after a deletion."""

REGION = "us-west-2"
REGIONS = RegionPair("us-east-1", REGION).replication()


@dataclass
class _Held:
    """A shadow, or what is left of a deleted one: its version."""

    version: int = 0
    document: Document | None = None
    deleted_at: int = 0
    written_at: int = 0


class InMemoryShadows:
    """One Region's shadows. `longest` is how many bytes a request may have, `largest` how many a document.

    `items` is what the topic rules would store, `keeps` what becomes of a document that is written, for Regions that
    keep some otherwise.
    """

    def __init__(self, clock: Clock | None = None, *, longest: int = 16 * 1024, largest: int = 8 * 1024) -> None:
        self.items: list[dict[str, Any]] = []
        self.longest, self.largest = longest, largest
        self.keeps: Callable[[Document], Document] = lambda document: document
        self._clock = clock or FakeClock()
        self._held: dict[Key, _Held] = {}
        self._ids = count(1)
        self._lock = threading.Lock()

    # What a test asks or arranges

    @property
    def documents(self) -> dict[Key, Document]:
        """What the Region holds."""
        return {key: held.document for key, held in self._held.items() if held.document is not None}

    def put(self, key: Key, state: str | Document) -> dict[str, Any]:
        """Update a shadow, as a device or an app would; return the item that the rule stores."""
        change = parse(state) if isinstance(state, str) else state
        self._merge(key, change)
        return self.told(key, "UPDATED")

    def become(self, key: Key, document: Document) -> dict[str, Any]:
        """Have a shadow hold exactly this, in as many updates as that takes."""
        if key in self.documents:
            self._merge(key, {"desired": None, "reported": None})
        return self.put(key, document)

    def remove(self, key: Key) -> dict[str, Any]:
        """Delete a shadow, as an app would; return the item that the rule stores."""
        self.delete(key)
        return self.told(key, "DELETED")

    def told(self, key: Key, operation: str) -> dict[str, Any]:
        """Return the item that the rule stores of what has just been done to a shadow."""
        held, now = self._held[key], self._clock()
        item: dict[str, Any] = {
            "resource": key.name,
            "event_id": f"event-{next(self._ids)}",
            "operation": operation,
            "version": held.version,
            "timestamp": now // 1000,
            "accepted_at": now,
        }
        if key.other:
            item["shadow"] = key.other
        if held.document is not None:
            item["payload"] = base64.b64encode(to_bytes(held.document)).decode()
        self.items.append(item)
        return item

    # Reader

    def shadow(self, key: Key) -> Shadow | None:
        """Read a shadow."""
        with self._lock:
            held = self._held.get(key)
            if held is None or held.document is None:
                return None
            read_at, written_at = (at // 1000 * 1000 for at in (self._clock(), held.written_at))
            return Shadow(key, copy.deepcopy(held.document), held.version, read_at, written_at)

    def shadow_names(self, thing: str) -> frozenset[str]:
        """List the names of a thing's named shadows."""
        return frozenset(key.other for key in self.documents if key.name == thing and key.other)

    # Writer

    def make(self, key: Key) -> None:
        """Have a shadow exist."""
        self._merge(key, {})

    def update(self, key: Key, change: Document, version: int) -> int:
        """Merge a change into the document of this version."""
        return self._merge(key, change, version)

    def delete(self, key: Key) -> None:
        """Delete a shadow; already gone is success."""
        with self._lock:
            held = self._held.get(key)
            if held is not None and held.document is not None:
                self._held[key] = _Held(held.version, None, self._clock())

    def _merge(self, key: Key, change: Document, version: int | None = None) -> int:
        with self._lock:
            if len(to_bytes(change)) > self.longest:
                raise LimitExceeded("RequestEntityTooLargeException")
            held = self._held.get(key, _Held())
            if held.document is None and self._clock() - held.deleted_at > VERSIONS_KEPT:
                held = _Held()
            # A deleted shadow still has a version that an update may name.
            if version is not None and version != held.version:
                raise Conflict(f"{key} has version {held.version}")
            state = copy.deepcopy(held.document or {})
            _merge_into(state, copy.deepcopy(change))
            if len(to_bytes(document_of(state))) > self.largest:
                raise LimitExceeded("RequestEntityTooLargeException")
            self._held[key] = _Held(held.version + 1, self.keeps(document_of(state)), written_at=self._clock())
            return held.version + 1


def _merge_into(base: dict[str, Json], change: dict[str, Json]) -> None:
    for name, value in change.items():
        present = base.get(name)
        if value is None:
            base.pop(name, None)
        elif isinstance(value, dict):
            base[name] = below = present if isinstance(present, dict) else {}
            _merge_into(below, value)
        else:
            base[name] = value


@dataclass
class InMemoryShadowNotes:
    """What the ledger notes of shadows; outcomes go to the ledger that it shares its items with."""

    ledger: InMemoryLedger
    notes: dict[Key, ShadowNote] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, key: Key) -> ShadowNote:
        """Return what is noted now."""
        with self.lock:
            return self._read(key)

    def _read(self, key: Key) -> ShadowNote:
        note, outcome = self.ledger.notes.get(key), self.ledger.outcome(key)
        return replace(
            self.notes.get(key, ShadowNote()),
            state=outcome.state if outcome else None,
            checked_at=outcome.at if outcome else 0,
            owned=key in self.ledger.owned([key]),
            due=note is not None and (note.next_attempt is not None or note.held),
        )

    def claim(
        self,
        key: Key,
        over: ShadowNote,
        source: ShadowState,
        *,
        owned_at: int | None = None,
        unsure_until: int = 0,
        writes: bool = True,
    ) -> ShadowNote:
        """Note that this state is about to be written, if nobody has claimed since."""
        with self.lock:
            note = self.notes.get(key, ShadowNote())
            if note.claims != over.claims:
                raise Conflict(f"{key} was claimed")
            if owned_at is not None:
                self.ledger.own(key, owned_at)
            self.notes[key] = replace(
                note,
                claims=over.claims + 1,
                version=source.version,
                source_at=source.at,
                deleted=source.document is None,
                unsure_until=unsure_until or note.unsure_until,
                begun=over.begun_with(source if writes else None),
            )
            if unsure_until:
                self._check(key, unsure_until)
        return over.claimed(source, owned=owned_at is not None, unsure_until=unsure_until, writes=writes)

    def settle(
        self, key: Key, claimed: ShadowNote, outcome: Outcome | None, written: Shadow | None, *, check: int = 0
    ) -> bool:
        """Note how the write of a claim ended, if nobody has claimed since."""
        with self.lock:
            note = self._read(key)
            if note.claims != claimed.claims:
                return False
            self.notes[key] = replace(
                note,
                settled=claimed.claims,
                copy_version=written.version if written else 0,
                digest=digest(written.document) if written else "",
                begun=(),
            )
            if outcome is None:
                if check:
                    self._check(key, check)
            elif (note.waits, note.checked_at) == (claimed.waits, claimed.checked_at):
                self.notes[key] = replace(self.notes[key], unsure_until=0)
                self._end(outcome)
            return True

    def announce(self, key: Key) -> None:
        """Count one more time that a shadow waits."""
        with self.lock:
            note = self.notes.get(key, ShadowNote())
            self.notes[key] = replace(note, waits=note.waits + 1)

    def hold(self, outcome: Outcome, until: int) -> None:
        """Note that a shadow waits, to be checked then."""
        self.announce(outcome.key)
        with self.lock:
            held = self.ledger.notes.setdefault(outcome.key, LedgerNote())
            held.rest()
            held.outcome, held.held = outcome, outcome.state is State.HELD
            held.next_attempt = None if held.held else until

    def _check(self, key: Key, at: int) -> None:
        note = self.ledger.notes.setdefault(key, LedgerNote())
        note.next_attempt, note.held = at, False

    def _end(self, outcome: Outcome) -> None:
        if outcome.state is State.ABSENT:
            self.ledger.notes.pop(outcome.key, None)
            return
        held = self.ledger.notes.setdefault(outcome.key, LedgerNote())
        held.outcome = outcome
        held.rest()


@dataclass
class FixedControl:
    """A control item that a test sets."""

    now: Control = field(default_factory=lambda: Control(REGIONS.source.region))
    fence: Fence = field(default_factory=Fence)

    def control(self) -> Control:
        """Return what is in force now."""
        return self.now

    def leadership(self) -> Leadership:
        """Return it with the fence."""
        return Leadership(self.now, self.fence)


class ShadowWorld:
    """Two Regions in memory with the replication of shadows between them; `calls` sees every call of a port."""

    def __init__(self, selection: ShadowSelection | None = None) -> None:
        self.clock = FakeClock()
        self.primary, self.secondary = InMemoryShadows(self.clock), InMemoryShadows(self.clock)
        self.ledger = InMemoryLedger()
        self.notes = InMemoryShadowNotes(self.ledger)
        self.control = FixedControl()
        self.calls = Calls()
        self.replication = self.worker(self.calls, selection)

    def worker(
        self,
        calls: Calls,
        selection: ShadowSelection | None = None,
        gate: WriteGate | None = None,
        kept_for: int = 0,
    ) -> ShadowReplication:
        """Return another worker, whose calls go through `calls`; its gate reads the control item, if none is given."""
        return ShadowReplication(
            source=calls.through("primary", self.primary),
            target=calls.through("secondary", self.secondary),
            ledger=calls.through("ledger", self.ledger),
            notes=calls.through("notes", self.notes),
            gate=gate or LeadershipWriteGate(calls.through("control", self.control), REGIONS.target.region),
            clock=self.clock,
            selection=selection,
            kept_for=kept_for,
        )

    def sweep(self) -> Applied:
        """Check all shadows of all things that either Region knows."""
        things = {key.name for key in (*self.primary.documents, *self.secondary.documents)}
        return self.replication.check([Key(Kind.THING_SHADOWS, thing) for thing in sorted(things)])

    def retry(self, after: float = 25 * 3600) -> Applied:
        """Check what is due after so many seconds; as it stands, whatever the pause."""
        self.clock.advance(after)
        return self.replication.check(list(self.ledger.due(self.clock())))


Work = Callable[[Calls], object]


def dying(work: Work, at: int) -> Work:
    """The work, until its process ends right before its call of this number, or after its last one."""

    def until(calls: Calls) -> None:
        await_turn = calls.before

        def before(name: str, number: int) -> None:
            await_turn(name, number)
            if number == at:
                raise Killed

        calls.before = before
        work(calls)

    return until


class Turns:
    """Lets two workers go on in turn, one port call each time, in an order that a test decides; then to their ends.

    They are greenlets: where nobody waits for a thread, a story takes a third of the time.
    """

    def __init__(self, order: Sequence[bool]) -> None:
        self._order = order
        self._running = {False, True}
        self.taken = 0
        """Calls that came back, of both."""
        self.decided = 0
        """Calls that had come back when the first of the two ended; nothing of the order matters after them."""
        self.killed = False
        """Whether one of the two was killed before its end."""

    def run(self, *workers: Work) -> None:
        """Run two workers to their ends, each with `Calls` that wait for its turn; one begins at its first turn."""
        hub = getcurrent()

        def started(which: bool, worker: Work) -> greenlet:
            def await_turn(_name: str, _number: int) -> None:
                if self._turn() is not which:
                    hub.switch()

            return greenlet(lambda: worker(Calls(before=await_turn, after=self._came_back)), hub)

        actors = [started(bool(index), worker) for index, worker in enumerate(workers)]
        while self._running:
            which = self._turn()
            try:
                actors[which].switch()
            except Killed:
                self.killed = True
            if actors[which].dead:
                self.decided = self.taken if len(self._running) == 2 else self.decided
                self._running.discard(which)

    def _turn(self) -> bool:
        wanted = self._order[self.taken] if self.taken < len(self._order) else False
        return wanted if wanted in self._running else not wanted

    def _came_back(self, _name: str, _number: int) -> None:
        self.taken += 1


def each_way(play: Callable[[int, int], Turns], ones: Iterable[int], others: Iterable[int]) -> None:
    """Stop one worker after each number of calls, then the other; leave out what can only repeat another way.

    That is whatever differs after one of the two has ended: `play` returns the turns as they were taken.
    """
    others = tuple(others)
    for one in ones:
        for other in others:
            turns = play(one, other)
            if turns.decided <= one and not turns.killed:
                return
            if turns.decided <= one + other:
                break


def numbers(*literals: str) -> list[Number]:
    """Numbers as they stand in a document."""
    return [Number(literal) for literal in literals]


def states(applied: Applied) -> list[State]:
    """How a batch ended, shadow by shadow."""
    return [outcome.state for outcome in applied.outcomes]
