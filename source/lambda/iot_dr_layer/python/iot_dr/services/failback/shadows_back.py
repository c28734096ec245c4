"""Brings shadows back to the old primary, each whole and as the leader has it at that moment.

Devices go on writing while a plan is applied, so what is written is what they wrote last, not what the plan saw.

Once the old primary leads again devices write there too. A shadow that one has written there since is newer than the
leader's, and stays. By what is there nobody can tell such a write from one of this run, so its own are noted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from iot_dr.errors import Conflict, IotDrError, LimitExceeded, RetryableError
from iot_dr.model.registry.keys import Key
from iot_dr.model.replication.outcomes import Outcome, State
from iot_dr.model.shadows.shadow import Document, Shadow
from iot_dr.ports.clock import Clock
from iot_dr.ports.failover import WriteGate
from iot_dr.ports.shadows import ShadowReader, ShadowStore
from iot_dr.reconcile.shadows import halves, patch
from iot_dr.services.failback.planned import PlannedWrites
from iot_dr.services.gate import ensure_open
from iot_dr.services.shadows.replicate import Applied

TRIES = 4
"""Times that a shadow is read again because it was written between its reading and its write."""


@dataclass(frozen=True)
class ShadowsBack:
    """Brings shadows back; as `services.sync.pending_shadows.Replicate`.

    `written_since`: the old primary's time, epoch milliseconds, from which on devices write there; 0 if they do not.
    """

    leader: ShadowReader
    old: ShadowStore
    writes: PlannedWrites
    gate: WriteGate
    clock: Clock
    written_since: int = 0

    def bring(self, keys: Iterable[Key]) -> Applied:
        """Bring each back; what stands in the way of one is its own affair."""
        return Applied(tuple(self._one(key) for key in keys))

    def _one(self, key: Key) -> Outcome:
        try:
            self._brought(key)
        except RetryableError as error:
            return Outcome(key, State.PENDING, str(error), self.clock())
        except IotDrError as error:
            return Outcome(key, State.FAILED, str(error), self.clock())
        return Outcome(key, State.IN_SYNC, "", self.clock())

    def _brought(self, key: Key) -> None:
        for _ in range(TRIES - 1):
            try:
                self._written(key)
            except Conflict:
                continue
            return
        self._written(key)

    def _written(self, key: Key) -> None:
        found, there = self.leader.shadow(key), self.old.shadow(key)
        if found is not None and there is None:
            ensure_open(self.gate)
            self.old.make(key)
            there = self.old.shadow(key)
        if there is None or self._is_newer(there):
            return
        if found is None:
            if self._is_to_go(key):
                self._delete(there)
        elif change := patch(found.document, there.document):
            ensure_open(self.gate)
            self._update(key, change, there.version)

    def _update(self, key: Key, change: Document, version: int) -> None:
        try:
            self._update_once(key, change, version)
        except LimitExceeded:
            removals, additions = halves(change)
            if not removals or not additions:
                raise
            self._update_once(key, additions, self._update_once(key, removals, version))

    def _update_once(self, key: Key, change: Document, version: int) -> int:
        written = self.old.update(key, change, version)
        self._note(key, written)
        return written

    def _is_to_go(self, key: Key) -> bool:
        row = self.writes.plan.row(key)
        resolution = None if row is None else self.writes.resolution(row)
        return resolution is not None and resolution.final is None

    def _delete(self, there: Shadow) -> None:
        ensure_open(self.gate)
        # No version guards a deletion; an empty update before it does.
        self.old.update(there.key, {}, there.version)
        self.old.delete(there.key)

    def _is_newer(self, there: Shadow) -> bool:
        """Tell whether a device has written it in the old primary since that leads again.

        What holds nothing may be what this run has made of a shadow that was not there.
        """
        if not self.written_since or not there.document or there.written_at < self.written_since:
            return False
        return self.writes.plan.fact(_brought(there.key)) != str(there.version)

    def _note(self, key: Key, version: int) -> None:
        if self.written_since:
            self.writes.plan.set_fact(_brought(key), str(version))


def _brought(key: Key) -> str:
    return f"brought {key}"
