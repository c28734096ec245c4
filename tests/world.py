"""Two Regions in memory with the whole replication between them, and a workflow that keeps the real one's rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from functools import partial
from itertools import chain
from random import Random

from iot_dr.errors import IotDrError, RegionUnavailable, RetryableError, Throttled
from iot_dr.model.events.registry_events import RegistryEvent
from iot_dr.model.registry.entities import Entity, Thing
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.registry.tagging import with_tags
from iot_dr.model.replication.requests import REQUESTS_PER_BATCH, ReconcileRequest
from iot_dr.reconcile.plan import fixed_fields
from iot_dr.reconcile.safety import DEFAULT_LIMITS, Limits
from iot_dr.reconcile.translate import translate
from iot_dr.services.events.start_replication import start_replication
from iot_dr.services.replication.batch import handle_batch
from iot_dr.services.replication.record_failure import record_failure
from iot_dr.services.replication.replicate import Replication, ReplicationResult
from iot_dr.services.replication.retry import Retry
from iot_dr.services.replication.scopes import ScopeReader
from iot_dr.services.replication.settling import DEFAULT_SETTLING, Settling
from iot_dr.services.replication.shared_answers import SharedAnswers
from iot_dr.services.replication.superseding import last_reads, without_superseded
from iot_dr.services.sweep import Sweep
from tests.builders import REGIONS
from tests.fakes import (
    Between,
    Calls,
    FakeClock,
    FixedWriteGate,
    InMemoryLedger,
    InMemoryRegistry,
    Killed,
    RecordingWorkflow,
)

ANY_SHARE = Limits(deletes=1.0)
"""For worlds so small that a single customer's deletion would be a large share."""

TRIES = 4
"""Times that the workflow tries a batch whose function fails."""


class Customer:
    """Changes the primary, and collects the events that AWS IoT raises in doing so, with what they carry."""

    def __init__(self, registry: InMemoryRegistry, clock: FakeClock) -> None:
        self.registry = registry
        self.clock = clock
        self.events: list[RegistryEvent] = []

    def put(self, *entities: Entity) -> None:
        """Create or update."""
        before = self.registry.entities
        self.registry.put(*entities)
        self._tell(before)

    def try_to_put(self, entity: Entity) -> None:
        """Create, if AWS lets it."""
        with suppress(IotDrError):
            self.put(entity)

    def remove(self, *keys: Key) -> None:
        """Delete with all that hangs on it."""
        before = self.registry.entities
        self.registry.remove(*keys)
        self._tell(before)

    def become(self, wanted: Mapping[Key, Entity]) -> None:
        """Make the primary hold this and nothing else."""
        held = self.registry.entities
        self.remove(*(key for key, entity in held.items() if key not in wanted or _made_anew(wanted[key], entity)))
        # What differs in how it is attached is taken off first, as AWS wants of what is exclusive.
        held = self.registry.entities
        self.remove(
            *(key for key in held if key.kind is Kind.THING_PRINCIPAL and held[key] != wanted.get(key, held[key]))
        )
        self.put(*wanted.values())

    def take_events(self) -> list[RegistryEvent]:
        """Hand over what was raised since the last time."""
        taken, self.events = self.events, []
        return taken

    def _tell(self, before: Mapping[Key, Entity]) -> None:
        after = self.registry.entities
        for key in sorted(before.keys() | after.keys()):
            if key.kind not in _TELLING or _untagged(before.get(key)) == _untagged(after.get(key)):
                continue
            operation = "CREATED" if key not in before else "DELETED" if key not in after else "UPDATED"
            now, found = self.clock(), after.get(key)
            carried = replace(found, billing_group="") if isinstance(found, Thing) else None
            self.events.append(RegistryEvent(key, f"e-{now}", operation, now, carried))


def _untagged(entity: Entity | None) -> Entity | None:
    # No event of the registry tells of tags.
    return None if entity is None else with_tags(entity, None)


_TELLING = frozenset({Kind.THING, Kind.THING_TYPE, Kind.THING_GROUP, Kind.GROUP_MEMBERSHIP})
"""Kinds that have events of their own."""


def _made_anew(wanted: Entity, found: Entity) -> bool:
    return fixed_fields(wanted) != fixed_fields(found)


def twin(world: World) -> World:
    """Copy a world with all that stands in it, which takes a tenth of telling its story again.

    Keys, entities and events are values, which both may hold.
    """
    registries = (world.primary.entities, world.secondary.entities)
    values = (*chain(*registries, *(one.values() for one in registries)), *world.ledger.notes, *world.customer.events)
    return deepcopy(world, {id(value): value for value in values})


def sweep_until_quiet(world: World) -> None:
    """Let the schedule come round until nothing differs, with time for what AWS wants a wait for."""
    for _ in range(12):
        world.run_schedule()
        if world.secondary.entities == world.wanted:
            return
        world.clock.advance(3600)


def faults(chance: Random, rate: float) -> Between:
    """Raise, at this rate, what AWS or Lambda may do to any call."""
    kinds = (Throttled("slow down"), RegionUnavailable("down"), Killed())

    def fault(_name: str, _number: int) -> None:
        if chance.random() < rate:
            raise chance.choice(kinds)

    return fault


class World:
    """Everything between the two registries, wired as the runtime does it."""

    def __init__(
        self,
        *,
        slice_size: int = 200,
        at_most: int = 1000,
        limits: Limits = DEFAULT_LIMITS,
        settling: Settling = DEFAULT_SETTLING,
        just_in_time: bool = False,
    ) -> None:
        self.limits = limits
        self.once_more = True
        """Whether requests that check once more arrive, or the ledger has to do alone."""
        self.clock = FakeClock()
        self.primary = InMemoryRegistry(self.clock)
        self.customer = Customer(self.primary, self.clock)
        self.secondary = InMemoryRegistry(self.clock)
        self.ledger = InMemoryLedger()
        self.workflow = RecordingWorkflow()
        self.gate = FixedWriteGate()
        self.calls = Calls()
        primary = self.calls.through("primary", self.primary)
        secondary = self.calls.through("secondary", self.secondary)
        self._asked = ledger = self.calls.through("ledger", self.ledger)
        self.replication = Replication(
            scopes=ScopeReader(primary, secondary, REGIONS),
            source=primary,
            target=secondary,
            writer=self.calls.through("writer", self.secondary),
            ledger=ledger,
            gate=self.gate,
            clock=self.clock,
            settling=settling,
            just_in_time=just_in_time,
        )
        self.retry = Retry(ledger=ledger, held=self.ledger, workflow=self.workflow, gate=self.gate, clock=self.clock)
        self.sweep = Sweep(
            source=primary,
            target=secondary,
            direction=REGIONS,
            ledger=ledger,
            workflow=self.workflow,
            gate=self.gate,
            clock=self.clock,
            slice_size=slice_size,
            at_most=at_most,
            just_in_time=just_in_time,
        )

    @property
    def wanted(self) -> Mapping[Key, Entity]:
        """What the secondary must hold for the primary's devices to connect there."""
        return {key: translate(entity, REGIONS) for key, entity in self.primary.entities.items() if not key.reserved}

    def check(self, key: Key, **fields: object) -> ReplicationResult:
        """Check a resource once."""
        return self.replication.replicate(ReconcileRequest(key, **fields))  # type: ignore[arg-type]  # looser than the type on purpose

    def deliver(self, events: Iterable[RegistryEvent]) -> None:
        """Bring a batch of events to the trigger and run what it starts."""
        start_replication(events, self.workflow)
        self.run_workflow()

    def run_workflow(self) -> None:
        """Run what was started as the state machine does: repeat, wait, check again, and record what fails."""
        by_kind: dict[Kind, list[ReconcileRequest]] = {}
        for request in self.workflow.take():
            by_kind.setdefault(request.key.kind, []).append(request)
        for requests in by_kind.values():
            for start in range(0, len(requests), REQUESTS_PER_BATCH):
                self._run(requests[start : start + REQUESTS_PER_BATCH])

    def run_schedule(self) -> None:
        """Let the schedule come round: what is due is tried again, and the registries are swept."""
        for task in (self.retry.start, lambda: self.sweep.sweep(self.limits)):
            # A schedule that fails comes round again.
            with suppress(RetryableError, Killed):
                task()
            self.run_workflow()

    def _run(self, requests: Sequence[ReconcileRequest], *, alone: bool = False) -> None:
        tries = 0
        while requests:
            try:
                requests = without_superseded(requests, last_reads(requests, self._asked, self.clock()))
                replicate = partial(self.replication.replicate, shared=SharedAnswers(self.clock()))
                taken = handle_batch(requests, replicate, ledger=self._asked, clock=self.clock)
            except (Killed, RetryableError) as error:
                # Lambda reports an error of its own, which the workflow tries again as it does the foreseen ones.
                tries += 1
                if tries == TRIES:
                    self._given_up(requests, type(error).__name__, alone=alone)
                    return
                continue
            requests = [request for request in taken.again if self.once_more or not request.noted_at]
            if requests:
                self.clock.advance(taken.pause)

    def _given_up(self, requests: Sequence[ReconcileRequest], error: str, *, alone: bool) -> None:
        if alone:
            for request in requests:
                record_failure(request, error, "", ledger=self.ledger, clock=self.clock)
        else:
            for request in requests:
                self._run([request], alone=True)
