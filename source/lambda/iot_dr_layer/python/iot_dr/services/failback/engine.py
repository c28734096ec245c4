"""The engine that writes a plan into one Region: the lanes, order and pace of a sync, with the plan in its place."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from iot_dr.model.sync.progress import ChangeResult
from iot_dr.ports.clock import Clock
from iot_dr.ports.failover import WriteGate
from iot_dr.ports.fleet import Comparison
from iot_dr.ports.ledger import SyncLedger
from iot_dr.ports.progress import SyncObserver
from iot_dr.ports.registry import RegistryReader, RegistryWriter, SourceReader
from iot_dr.ports.sync import RunJournal
from iot_dr.reconcile.safety import DEFAULT_LIMITS, Limits
from iot_dr.services.failback.planned import (
    PlannedComparison,
    PlannedSource,
    PlannedWriter,
    PlannedWrites,
    owned_by_plan,
)
from iot_dr.services.sync import sync
from iot_dr.services.sync.apply_change import ChangeApplier
from iot_dr.services.sync.marking import Marking
from iot_dr.services.sync.pending_changes import PendingChanges
from iot_dr.services.sync.pending_shadows import PendingShadows, Replicate
from iot_dr.services.sync.sync import Sync

CALLS = 3
"""What a change of a plan takes one after the other: both Regions are asked, then one is written."""

WIDTH = CALLS * sync.WIDTH
"""Threads of a lane: with fewer, not the quota would limit how fast a plan is written, but the way to the Region."""


@dataclass(frozen=True)
class PartyParts:
    """What writing into one Region takes.

    Attributes:
        source: reads the other Region, one key at a time.
        target: reads the Region itself.
        ledger: is told what is written; the old primary has none.
        shadows: returns what brings shadows, given what is written and from when on devices write in the Region.
        journals: opens the journal of a run by its name.
    """

    source: SourceReader
    target: RegistryReader
    writer: RegistryWriter
    ledger: SyncLedger
    gate: WriteGate
    clock: Clock
    progress: SyncObserver
    stop: threading.Event
    shadows: Callable[[PlannedWrites, int], Replicate | None]
    journals: Callable[[str], RunJournal]
    limits: Limits = DEFAULT_LIMITS
    width: int = WIDTH


def write_plan(
    parts: PartyParts, writes: PlannedWrites, read: Comparison, run: str, *, written_since: int = 0
) -> tuple[ChangeResult, ...]:
    """Write what a plan says into one Region, going on where a run of this name stopped; return what did not end well.

    Raises:
        TargetLeads: the Region may not be written; nothing was.
        UnsafePlan: more would be deleted than the limits allow; nothing of that was done.
        RetryableError, AccessDenied: as `Sync.apply`; run it again, it goes on.
    """
    journal = parts.journals(f"{writes.party}-{run.partition(' ')[0]}")
    if journal.unfinished != run:
        journal.begin(run)
    engine = _engine(parts, writes, read, journal, written_since)
    engine.apply(engine.plan())
    problems = tuple(engine.problems())
    if not problems and not parts.stop.is_set():
        journal.finish()
    return problems


def _engine(
    parts: PartyParts, writes: PlannedWrites, read: Comparison, journal: RunJournal, written_since: int
) -> Sync:
    comparison, marks = PlannedComparison(writes, read), Marking(parts.ledger, parts.gate, parts.clock)
    pending = PendingChanges(
        comparison=comparison,
        journal=journal,
        direction=writes.direction,
        marks=marks,
        owned=partial(owned_by_plan, writes),
    )
    return Sync(
        pending=pending,
        shadows=PendingShadows(comparison, journal, parts.shadows(writes, written_since), compared=pending),
        applier=ChangeApplier(
            direction=writes.direction,
            source=PlannedSource(writes, parts.source),
            target=parts.target,
            writer=PlannedWriter(writes, parts.writer, parts.gate),
            marks=marks,
        ),
        progress=parts.progress,
        stop=parts.stop,
        limits=parts.limits,
        width=parts.width,
    )
