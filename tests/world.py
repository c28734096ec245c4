"""Two Regions in memory with the whole replication between them, and a workflow that keeps the real one's rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from iot_dr.errors import IotDrError, RetryableError
from iot_dr.model.entities import Entity
from iot_dr.model.events import RegistryEvent
from iot_dr.model.keys import Key
from iot_dr.model.looks import Look
from iot_dr.reconcile.safety import DEFAULT_LIMITS, Limits
from iot_dr.reconcile.translate import translate
from iot_dr.services.record_failure import record_failure
from iot_dr.services.replicate import Replicated, Replication
from iot_dr.services.scopes import ScopeReader
from iot_dr.services.settling import DEFAULT_SETTLING, Settling
from iot_dr.services.start_replication import start_replication
from iot_dr.services.sweep import Sweep
from tests.builders import REGIONS
from tests.fakes import Calls, FakeClock, InMemoryLedger, InMemoryRegistry, RecordingWorkflow

TRIES = 4
"""Times that the workflow tries a look that fails in a way that may pass."""


class World:
    """Everything between the two registries, wired as the runtime does it."""

    def __init__(
        self,
        *,
        slice_size: int = 200,
        at_most: int = 1000,
        limits: Limits = DEFAULT_LIMITS,
        settling: Settling = DEFAULT_SETTLING,
    ) -> None:
        self.limits = limits
        self.clock = FakeClock()
        self.primary = InMemoryRegistry(self.clock)
        self.secondary = InMemoryRegistry(self.clock)
        self.ledger = InMemoryLedger()
        self.workflow = RecordingWorkflow()
        self.calls = Calls()
        primary = self.calls.through("primary", self.primary)
        secondary = self.calls.through("secondary", self.secondary)
        ledger = self.calls.through("ledger", self.ledger)
        self.replication = Replication(
            scopes=ScopeReader(primary, secondary, REGIONS),
            primary=primary,
            writer=self.calls.through("writer", self.secondary),
            ledger=ledger,
            clock=self.clock,
            settling=settling,
        )
        self.sweep = Sweep(
            primary=primary,
            secondary=secondary,
            regions=REGIONS,
            ledger=ledger,
            workflow=self.workflow,
            clock=self.clock,
            slice_size=slice_size,
            at_most=at_most,
        )

    @property
    def wanted(self) -> Mapping[Key, Entity]:
        """What the secondary must hold for the primary's devices to connect there."""
        return {key: translate(entity, REGIONS) for key, entity in self.primary.entities.items() if not key.reserved}

    def look(self, key: Key, **fields: object) -> Replicated:
        """Look once at a resource."""
        return self.replication.replicate(Look(key, **fields))  # type: ignore[arg-type]

    def deliver(self, events: Iterable[RegistryEvent]) -> None:
        """Bring a batch of events to the trigger and run what it starts."""
        start_replication(events, self.workflow)
        self.run_workflow()

    def run_workflow(self) -> None:
        """Run what was started as the state machine does: repeat, wait, look again, and record what fails."""
        for look in self.workflow.take():
            self._run(look)

    def run_schedule(self) -> None:
        """Let the schedule come round: what is due is tried again, and the registries are swept."""
        self.sweep.retry()
        self.run_workflow()
        self.sweep.sweep(self.limits)
        self.run_workflow()

    def _run(self, look: Look) -> None:
        tries = 0
        while True:
            try:
                result = self.replication.replicate(look)
            except IotDrError as error:
                tries += 1
                if tries < TRIES and isinstance(error, RetryableError):
                    continue
                record_failure(look, type(error).__name__, str(error), ledger=self.ledger, clock=self.clock)
                return
            if not result.pause:
                return
            look = result.next_look
            self.clock.advance(result.pause)
