"""Just-in-time registration: certificates that the target does not have yet come with their first connection.

https://docs.aws.amazon.com/iot/latest/developerguide/auto-register-device-cert.html
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from iot_dr.model.registry.changes import Change, Create, Snapshot
from iot_dr.model.registry.entities import Certificate
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.registry.kinds import certificate_of


def waits_for_its_device(change: Change) -> bool:
    """Tell whether a change would register a certificate, which its device's first connection does."""
    return isinstance(change, Create) and isinstance(change.desired, Certificate)


def without_unregistered(desired: Snapshot, actual: Snapshot) -> tuple[Snapshot, Snapshot]:
    """Leave out, on both sides, certificates that only the source has, and what hangs on them."""
    unregistered = {key for key in desired.entities if key.kind is Kind.CERTIFICATE and key in actual.absent}
    return _without(desired, unregistered), _without(actual, unregistered)


def _without(snapshot: Snapshot, certificates: Collection[Key]) -> Snapshot:
    def kept(key: Key) -> bool:
        return certificate_of(key) not in certificates

    return replace(
        snapshot,
        entities={key: entity for key, entity in snapshot.entities.items() if kept(key)},
        absent=frozenset(filter(kept, snapshot.absent)),
    )
