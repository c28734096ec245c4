"""A restore from its first reading to its last shadow: a snapshot is compared with what a Region has today."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import islice

from iot_dr.errors import ConfigurationError
from iot_dr.model.registry.differences import Difference
from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.keys import Kind
from iot_dr.model.registry.kinds import REGISTRY_KINDS
from iot_dr.model.shadows.shadow import Shadow
from iot_dr.model.sites import Direction, Side
from iot_dr.model.sync.progress import ChangeResult, Planned, SyncProgress
from iot_dr.model.sync.records import ended
from iot_dr.ports.clock import Clock
from iot_dr.ports.failover import WriteGate
from iot_dr.ports.fleet import FleetReader, FleetStore
from iot_dr.ports.progress import RestoreObserver
from iot_dr.ports.registry import RegistryReader, RegistryWriter
from iot_dr.ports.shadows import ShadowStore
from iot_dr.ports.snapshots import SnapshotStore
from iot_dr.ports.sync import ChangeRecord, RunJournal
from iot_dr.services.comparison import compare, differences
from iot_dr.services.concurrency import Together
from iot_dr.services.pacing import Use
from iot_dr.services.reading.reading import Documents, Reading
from iot_dr.services.single_resource import read_one
from iot_dr.services.snapshots.restore import compared, engine, of_things, put_back
from iot_dr.services.sync.sync import Sync

BATCH = 500
"""Entities that are kept at once."""

SMALL = 100
"""Entities of a snapshot: as many calls of one each as the lists of a fleet of 10,000 devices take pages."""


def load(snapshot: SnapshotStore, store: FleetStore, things: Collection[str]) -> None:
    """Put the snapshot, or what these things need of it, in the source's place, and nothing in the target's.

    Raises:
        ConfigurationError: a thing is not in it.
    """
    store.clear()
    entities = of_things(snapshot, frozenset(things)) if things else _entities(snapshot, REGISTRY_KINDS)
    while batch := list(islice(entities, BATCH)):
        store.put(Side.SOURCE, batch)
    found = {pair.key.name for pair in store.pairs(Kind.THING)} if things else frozenset()
    if missing := [name for name in things if name not in found]:
        raise ConfigurationError(f"the snapshot has no thing {', '.join(missing)}; its thing.jsonl names all it has")


def _entities(snapshot: SnapshotStore, kinds: Iterable[Kind]) -> Iterator[Entity]:
    return (entity for kind in kinds for entity in snapshot.entities(kind))


@dataclass(frozen=True)
class RestoreRun:
    """A restore whose snapshot is loaded: first it plans, then perhaps it applies.

    `fleet` and `target` read the same Region, by its lists and one by one. Without `things` all is brought back,
    without `shadows` no shadow. `uses` tells what was made of the APIs' budgets so far, by Region. `record` is told
    how it ended.
    """

    snapshot: SnapshotStore
    store: FleetStore
    journal: RunJournal
    direction: Direction
    fleet: FleetReader
    target: RegistryReader
    writer: RegistryWriter
    gate: WriteGate
    clock: Clock
    progress: RestoreObserver
    stop: threading.Event
    together: Together
    uses: Callable[[], Mapping[str, tuple[Use, ...]]]
    things: Collection[str] = ()
    shadows: ShadowStore | None = None
    record: ChangeRecord | None = None

    taken_up = False
    """Each run reads the Region anew, so what an earlier one has brought back differs no more."""

    @cached_property
    def engine(self) -> Sync:
        """Return what plans and applies."""
        return engine(
            comparison=self.store,
            journal=self.journal,
            direction=self.direction,
            certificate_of=self.snapshot.certificate,
            target=self.target,
            writer=self.writer,
            gate=self.gate,
            clock=self.clock,
            progress=self.progress,
            stop=self.stop,
        )

    def plan(self) -> Planned:
        """Read the Region and count what would be done; nothing is changed."""
        self._read()
        planned = self.engine.plan()
        if self.shadows is not None:
            for pair in filter(None, (compared(one, self.shadows) for one in self._wanted_shadows())):
                self.store.put(Side.SOURCE, [one for one in (pair.source,) if one is not None])
                self.store.put(Side.TARGET, [one for one in (pair.target,) if one is not None])
                planned.count(compare(pair, self.direction))
        return planned

    def differences(self) -> Iterator[Difference]:
        """Yield what `plan` counted."""
        return self.engine.differences()

    def apply(self) -> SyncProgress:
        """Bring it back; raises what `Sync.apply` does."""
        self.journal.begin("restore")
        self._read()
        standing = self.engine.apply(self.engine.plan())
        self.journal.finish()
        written = {Kind.SHADOW: self._put_shadows_back()}
        whole = replace(standing, planned={**standing.planned, **written}, ended={**standing.ended, **written})
        if self.record is not None:
            self.record.end(ended(whole, self.clock()))
        return whole

    def problems(self) -> Iterator[ChangeResult]:
        """Yield what failed, then what was left for want of it."""
        return self.engine.problems()

    def _read(self) -> None:
        """Read what the Region has today, and show what becomes of its policies."""
        if self.things or self._is_small():
            keys = [pair.key for kind in REGISTRY_KINDS for pair in self.store.pairs(kind)]
            found = self.together(partial(read_one, self.target), keys)
            self.store.put(Side.TARGET, [entity for entity in found if entity is not None])
        else:
            reading = Reading(self.store, {Side.TARGET: self.fleet}, progress=self.progress, stop=self.stop)
            reading.read(REGISTRY_KINDS, documents=Documents.ALL)
        self.progress.policies(differences(self.store, self.direction, kinds=(Kind.POLICY,)))

    def _is_small(self) -> bool:
        """Tell whether it holds so little that its resources are read one by one, not the whole Region by its lists."""
        return sum(self.store.number(Side.SOURCE, kind) for kind in REGISTRY_KINDS) <= SMALL

    def _put_shadows_back(self) -> int:
        """Return how many shadows differed."""
        if self.shadows is None:
            return 0
        return sum(put_back(one, self.shadows, self.gate) for one in self._wanted_shadows())

    def _wanted_shadows(self) -> Iterator[Shadow]:
        """Yield the snapshot's shadows, of the things that were named alone if any were."""
        wanted = (one for one in self.snapshot.entities(Kind.SHADOW) if isinstance(one, Shadow))
        return (one for one in wanted if not self.things or one.key.name in self.things)
