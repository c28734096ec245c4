"""The one function that decides what replication does.

    primary      secondary    owned   mode             change
    present      absent               any              Create
    present      different            mirror, upsert   Update      (create_only: Skip)
    present      same                 any              none
    absent       present      yes     mirror           Delete      (otherwise Skip)
    absent       present      no      any              Skip: replication did not create it
    absent       absent               any              none
    unreadable   any                  any              Skip        (never Delete)
    any          unreadable           any              Skip

Absent means that AWS answered so; a key that a snapshot says nothing about counts as unreadable. Owned means that the
ledger says replication created it. A thing type's immutable fields cannot be updated, which is a Skip, not a failure.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from iot_dr.model.changes import Change, Create, Delete, Plan, Skip, Snapshot, Update
from iot_dr.model.entities import Entity, ThingType
from iot_dr.model.keys import Key
from iot_dr.reconcile.modes import Mode
from iot_dr.reconcile.order import ordered


def plan(
    desired: Snapshot, actual: Snapshot, *, owned: Collection[Key] = frozenset(), mode: Mode = Mode.MIRROR
) -> Plan:
    """Compare what must be (already translated) with what is, and return the changes in applicable order."""
    changes = (_change(key, desired, actual, owned, mode) for key in desired.keys | actual.keys)
    return Plan(ordered(change for change in changes if change is not None))


def deletable(desired: Snapshot, actual: Snapshot) -> frozenset[Key]:
    """Return the keys whose deletion depends on ownership alone, so that the ledger is asked about no others."""
    return desired.absent & actual.entities.keys()


def _change(key: Key, desired: Snapshot, actual: Snapshot, owned: Collection[Key], mode: Mode) -> Change | None:
    for side, snapshot in (("primary", desired), ("secondary", actual)):
        if key not in snapshot.entities and key not in snapshot.absent:
            return Skip(key, f"{side} unreadable: {snapshot.unreadable.get(key, 'not read')}")
    wanted, found = desired.entities.get(key), actual.entities.get(key)
    if wanted is None:
        return None if found is None else _surplus(found, owned, mode)
    if found is None:
        return Create(wanted, "missing in the secondary")
    return None if wanted == found else _difference(wanted, found, mode)


def _surplus(found: Entity, owned: Collection[Key], mode: Mode) -> Change:
    if found.key not in owned:
        return Skip(found.key, "absent in the primary, but replication did not create it")
    if mode is not Mode.MIRROR:
        return Skip(found.key, f"absent in the primary, but the mode is {mode}")
    return Delete(found, "absent in the primary")


def _difference(wanted: Entity, found: Entity, mode: Mode) -> Change:
    if mode is Mode.CREATE_ONLY:
        return Skip(wanted.key, f"different, but the mode is {mode}")
    if isinstance(wanted, ThingType) and isinstance(found, ThingType):
        reachable = replace(found, deprecated=wanted.deprecated)
        if reachable == found:
            return Skip(wanted.key, "AWS lets nothing of a thing type change but its deprecation")
        return Update(reachable, found, "deprecation differs")
    return Update(wanted, found, f"{', '.join(differing_fields(wanted, found))} differs")


def differing_fields(one: Entity, other: Entity) -> tuple[str, ...]:
    """Name the fields in which two entities of one key differ, in declaration order."""
    return tuple(
        name
        for name, field in type(one).__dataclass_fields__.items()
        if field.compare and getattr(one, name) != getattr(other, name)
    )
