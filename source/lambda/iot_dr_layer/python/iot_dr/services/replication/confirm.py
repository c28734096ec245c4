"""Confirms that nothing more was attached to a complete device, without a worker: two lists of the primary tell it.

Nothing is compared, written or recorded. What has changed, or cannot be told, comes again and takes a worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from iot_dr.errors import IotDrError
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.ports.clock import Clock
from iot_dr.ports.registry import RegistryReader
from iot_dr.services.concurrency import Together, one_by_one
from iot_dr.services.replication.settling import Settling, attached, fingerprint, lacks_own_policy, pause


@dataclass(frozen=True)
class Confirmation:
    """The use case, over a reader of the primary."""

    source: RegistryReader
    clock: Clock
    settling: Settling
    together: Together = one_by_one

    def confirm(self, requests: Sequence[ReconcileRequest]) -> tuple[ReconcileRequest, ...]:
        """Return the requests that are to come, each when it is due: none for a device that has stood still."""
        return tuple(request for request in self.together(self._confirmed, requests) if request is not None)

    def _confirmed(self, request: ReconcileRequest) -> ReconcileRequest | None:
        try:
            seen = attached(self.source, request.key.name)
        except IotDrError:
            # Whoever takes a worker for it meets the same, and has the pauses and the record for it.
            return replace(request, can_wait=False)
        if fingerprint(seen) != request.fingerprint or lacks_own_policy(seen):
            return replace(request, can_wait=False)
        now = self.clock()
        wait = pause(request, seen, now, self.settling)
        return replace(request, checks=request.checks + 1, due=now + wait * 1000) if wait else None
