"""An operator's `sync` or `repair`: reads both Regions, thinks it over, and applies what was read.

The product's own `Sync` does it, with what it keeps on disk kept in memory, and its lanes one call after the other.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from iot_dr.model.registry.changes import Action
from iot_dr.model.registry.differences import Pair
from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.sites import Side
from iot_dr.model.sync.progress import ChangeResult, Ending, SyncProgress
from iot_dr.ports.failover import WriteGate
from iot_dr.ports.ledger import Ledger
from iot_dr.ports.registry import RegistryReader
from iot_dr.reconcile.safety import Limits
from iot_dr.services.gate import RememberedWriteGate, ensure_follows
from iot_dr.services.reading.rereading import RegistrySourceReader
from iot_dr.services.sync import sync
from iot_dr.services.sync.apply_change import ChangeApplier
from iot_dr.services.sync.marking import Marking
from iot_dr.services.sync.pending_changes import PendingChanges
from iot_dr.services.sync.pending_shadows import PendingShadows
from tests.builders import REGIONS
from tests.fakes import InMemoryRegistry
from tests.simulation.process import Process, SteppingWriter
from tests.simulation.scheduler import Scheduler

PLACES = {Side.SOURCE: "primary", Side.TARGET: "secondary"}


class Compared:
    """What was read of both Regions."""

    def __init__(self, primary: Mapping[Key, Entity], secondary: Mapping[Key, Entity]) -> None:
        self._primary, self._secondary = primary, secondary

    def pairs(self, kind: Kind, after: Key | None = None, *, differing: bool = False) -> Iterator[Pair]:
        """Yield what either has of a kind, in order."""
        keys = {
            key for key in (*self._primary, *self._secondary) if key.kind is kind and (after is None or key > after)
        }
        return iter([self.pair(key) for key in sorted(keys)])

    def pair(self, key: Key) -> Pair:
        """Return what both have under a key."""
        return Pair(key, self._primary.get(key), self._secondary.get(key))

    def number(self, side: Side, kind: Kind) -> int:
        """Return how many a Region has of a kind."""
        held = self._primary if side is Side.SOURCE else self._secondary
        return sum(key.kind is kind for key in held)


class KeptJournal:
    """What has been settled of this comparison."""

    def __init__(self) -> None:
        self.settled: dict[Key, ChangeResult] = {}

    def settle(self, settled: ChangeResult) -> None:
        """Write how a change ended."""
        self.settled[settled.key] = settled

    def ending(self, key: Key) -> Ending | None:
        """Return how it ended; None if it has not."""
        return self.settled[key].ending if key in self.settled else None

    def endings(self, keys: Collection[Key]) -> dict[Key, Ending]:
        """Return how those ended that have."""
        return {key: self.settled[key].ending for key in keys if key in self.settled}

    def with_ending(self, ending: Ending) -> Iterator[ChangeResult]:
        """Yield what ended so."""
        return iter([one for one in self.settled.values() if one.ending is ending])

    def forget(self, ending: Ending) -> None:
        """Take what ended so as not yet begun."""
        self.settled = {key: one for key, one in self.settled.items() if one.ending is not ending}

    def numbers(self, ending: Ending) -> Counter[Kind]:
        """Return how many ended so."""
        return Counter(one.key.kind for one in self.settled.values() if one.ending is ending)


class Operator:
    """Runs a sync now and then; nobody runs one again that was ended."""

    def __init__(
        self,
        process: Process,
        scheduler: Scheduler,
        registries: Mapping[Side, InMemoryRegistry],
        ledger: Any,
        gate: WriteGate,
    ):
        self.process, self._gate = process, RememberedWriteGate(gate, scheduler.clock)
        self._scheduler, self._registries = scheduler, registries
        self._ledger = process.port("ledger", ledger, Ledger)
        self._primary = process.port("primary", registries[Side.SOURCE], RegistryReader)
        self._secondary = process.port("secondary", registries[Side.TARGET], RegistryReader)
        self._writer = Paced(SteppingWriter(process, registries[Side.TARGET]), scheduler)

    def sync(self) -> None:
        """Read all, wait for the operator's yes, and apply; where the target leads by now, nothing."""
        read = {side: self._read(side) for side in (Side.SOURCE, Side.TARGET)}
        self._scheduler.wait(int(100 * 6_000 ** self._scheduler.chance.random()))
        comparison, journal = Compared(read[Side.SOURCE], read[Side.TARGET]), KeptJournal()
        marks = Marking(self._ledger, self._gate, self._scheduler.clock)
        pending = PendingChanges(
            comparison=comparison,
            journal=journal,
            direction=REGIONS,
            marks=marks,
        )
        run = sync.Sync(
            pending=pending,
            shadows=PendingShadows(comparison, journal, None),
            applier=self._applier(marks),
            progress=Nobody(),
            stop=threading.Event(),
            limits=Limits(deletes=1.0),
        )
        planned = run.plan()
        ensure_follows(self._gate)
        run.apply(planned)

    def _applier(self, marks: Marking) -> ChangeApplier:
        return ChangeApplier(
            direction=REGIONS,
            source=RegistrySourceReader(self._primary, self._scheduler.clock),
            target=self._secondary,
            writer=self._writer,
            marks=marks,
        )

    def _read(self, side: Side) -> dict[Key, Entity]:
        registry, found = self._registries[side], dict[Key, Entity]()
        for kind in sync.ALL_KINDS:
            found |= self.process.call(PLACES[side], f"all of {kind}", partial(all_of, registry, kind))
        return found


def all_of(registry: InMemoryRegistry, kind: Kind) -> dict[Key, Entity]:
    """Return all that a Region has of a kind, with its tags: who compares both Regions asks for them."""
    return {key: entity for key, entity in registry.with_tags.items() if key.kind is kind}


class Paced:
    """A writer whose calls wait for the budget of their API: in a large sync for seconds, after all has been read."""

    def __init__(self, writer: SteppingWriter, scheduler: Scheduler) -> None:
        self._writer, self._scheduler = writer, scheduler
        self._longest = scheduler.chance.choice((0, 0, 3_000, 20_000))

    def write(self, change: Action) -> None:
        """Make a change in its turn."""
        self._wait()
        self._writer.write(change)

    def _wait(self) -> None:
        if self._longest:
            self._scheduler.wait(int(self._longest * self._scheduler.chance.random()))


class Nobody:
    """Watches a run."""

    def reached(self, standing: SyncProgress) -> None:
        """Watch nothing."""


@contextmanager
def one_after_the_other(scheduler: Scheduler) -> Iterator[None]:
    """Have the lanes of a sync drawn from in an order that chance decides, for threads are nobody's to order."""

    def run(
        lanes: Sequence[Iterator[Any]], work: Callable[[Any], None], *, stop: threading.Event, **_rest: object
    ) -> None:
        left = list(lanes)
        while left and not stop.is_set():
            lane = left[scheduler.chance.randrange(len(left))]
            item = next(lane, None)
            if item is None:
                left.remove(lane)
            else:
                work(item)

    kept, sync.run_lanes = sync.run_lanes, run  # type: ignore[attr-defined]  # as it is called
    try:
        yield
    finally:
        sync.run_lanes = kept  # type: ignore[attr-defined]  # as before
