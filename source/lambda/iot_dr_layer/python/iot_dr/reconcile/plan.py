"""The one function that decides what replication does.

    source      target    owned   change
    present      absent               Create
    present      different            Update
    present      same                 none
    absent       present      yes     Delete
    absent       present      no      Skip: replication did not create it
    absent       absent               none
    unreadable   any                  Skip        (never Delete)
    any          unreadable           Skip

Absent means that AWS answered so; a key that a snapshot says nothing about counts as unreadable. Owned means that the
ledger says replication created it.

Different in a field that AWS lets nobody change (a group's parent, a type's description) means that the source's was
made anew: what replication created goes, and the next reading has it created; what it did not create is a Skip. Nothing
that needs what goes is made by the same plan: AWS would refuse it, or it would keep the other from going.

AWS deletes no policy, certificate or thing as long as something is attached to it. An attachment that replication did
not create stays, and so does what it is attached to: a Skip names it. A certificate is set inactive all the same.

Tags that only the target has stay where replication did not create the resource. Tags that were not read on one side
are not compared.

A policy whose ARNs name a Region with a longer name may become longer than AWS admits. It is a Skip, and so is what is
to be attached of it: all else of the device crosses.

A thing cannot be made in a deprecated type. A type is therefore created undeprecated, and deprecated after the things;
one that is deprecated already is taken back for a moment if a thing that is missing needs it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from iot_dr.model.registry.changes import Change, Create, Delete, Plan, Skip, Snapshot, Update
from iot_dr.model.registry.documents import LONGEST, length
from iot_dr.model.registry.entities import (
    SETTABLE_STATUSES,
    Certificate,
    CertificateStatus,
    Entity,
    Policy,
    Thing,
    ThingType,
)
from iot_dr.model.registry.keys import Key, thing_type_key
from iot_dr.model.registry.kinds import ROW, kept_by
from iot_dr.model.registry.tagging import comparable, surplus_tags, tags_of, with_tags
from iot_dr.reconcile.dependencies import needs as needs_of
from iot_dr.reconcile.order import ordered


def plan(desired: Snapshot, actual: Snapshot, *, owned: Collection[Key] = frozenset()) -> Plan:
    """Compare what must be (already translated) with what is, and return the changes in applicable order."""
    changes: list[Change] = []
    for key in desired.keys | actual.keys:
        changes.extend(_changes(key, desired, actual, owned))
    kept = _kept_by_what_stays(changes, actual)
    possible = _without_what_needs(_refused(desired, actual), _possible(kept))
    return Plan(ordered(_with_types_taken_back(possible, actual)))


def deletable(desired: Snapshot, actual: Snapshot) -> frozenset[Key]:
    """Return the keys that a plan deletes, or takes tags off, if they are owned: the ledger is asked of no others."""
    both = ((key, one, actual.entities[key]) for key, one in desired.entities.items() if key in actual.entities)
    reduced = (
        key for key, wanted, found in both if fixed_fields(wanted) != fixed_fields(found) or surplus_tags(wanted, found)
    )
    return (desired.absent & actual.entities.keys()) | frozenset(reduced)


def fixed_fields(entity: Entity) -> tuple[object, ...]:
    """Return the values that AWS lets nobody change once the resource is made."""
    row = ROW.get(entity.key.kind)
    return tuple(getattr(entity, name) for name in row.fixed) if row else ()


def _changes(key: Key, desired: Snapshot, actual: Snapshot, owned: Collection[Key]) -> Iterator[Change]:
    for side, snapshot in (("primary", desired), ("secondary", actual)):
        if key not in snapshot.entities and key not in snapshot.absent:
            yield Skip(key, f"{side} unreadable: {snapshot.unreadable.get(key, 'not read')}")
            return
    wanted, found = desired.entities.get(key), actual.entities.get(key)
    if wanted is not None and found is not None:
        wanted, found = comparable(wanted, found)
    if wanted is None:
        if found is not None:
            yield _surplus(found, owned)
    elif reason := "" if wanted == found else too_long(wanted):
        yield Skip(key, reason)
    elif found is None:
        yield from _missing(wanted)
    elif wanted != found and not _keep_out_alike(wanted, found):
        yield _difference(wanted, found, owned)


def too_long(wanted: Entity) -> str:
    """Say that AWS admits no policy as long as this, as it must stand in the target; empty if it does."""
    if not isinstance(wanted, Policy) or (found := length(wanted.document)) <= LONGEST:
        return ""
    return f"it would have {found} characters in the secondary, of which AWS admits {LONGEST}: shorten it"


def _keep_out_alike(wanted: Entity, found: Entity) -> bool:
    """Tell whether both certificates keep the device out, the found one by a status that AWS alone sets.

    A certificate that waits for its activation is told of at every connection, which ends when it is set INACTIVE.
    """
    return (
        isinstance(wanted, Certificate)
        and isinstance(found, Certificate)
        and wanted.status is CertificateStatus.INACTIVE
        and found.status not in SETTABLE_STATUSES
    )


def _missing(wanted: Entity) -> Iterator[Change]:
    if isinstance(wanted, ThingType) and wanted.deprecated:
        fresh = replace(wanted, deprecated=False)
        yield Create(fresh, "missing in the secondary")
        yield Update(wanted, fresh, "deprecated in the primary")
    else:
        yield Create(wanted, "missing in the secondary")


def _surplus(found: Entity, owned: Collection[Key]) -> Change:
    if found.key not in owned:
        return Skip(found.key, "absent in the primary, but replication did not create it")
    return Delete(found, "absent in the primary")


def _kept_by_what_stays(changes: Iterable[Change], actual: Snapshot) -> Iterator[Change]:
    """Leave what AWS would not delete, since something is attached to it that replication may not take off."""
    changes = list(changes)
    stays = {change.key for change in changes if isinstance(change, Skip)} & actual.entities.keys()
    holders: dict[Key, list[str]] = {}
    for relation in sorted(stays):
        for end in kept_by(relation):
            holders.setdefault(end, []).append(str(relation))
    for change in changes:
        if not isinstance(change, Delete) or change.key not in holders:
            yield change
            continue
        if isinstance(change.actual, Certificate) and change.actual.status is CertificateStatus.ACTIVE:
            yield Update(replace(change.actual, status=CertificateStatus.INACTIVE), change.actual, change.reason)
        by = ", ".join(holders[change.key])
        yield Skip(change.key, f"absent in the primary, but {by} keeps it, which replication did not create: detach it")


def _difference(wanted: Entity, found: Entity, owned: Collection[Key]) -> Change:
    fields = _differ(differing_fields(wanted, found))
    if fixed_fields(wanted) == fixed_fields(found):
        return _update(wanted, found, fields, owned)
    if found.key not in owned:
        return Skip(wanted.key, f"{fields}, which AWS lets nobody change, and replication did not create it")
    return Delete(found, f"{fields}, which AWS lets nobody change: it was created again in the primary")


def _update(wanted: Entity, found: Entity, fields: str, owned: Collection[Key]) -> Change:
    """Change it; tags that the target has alone stay unless replication created the resource."""
    surplus = surplus_tags(wanted, found) if found.key not in owned else {}
    if surplus:
        wanted = with_tags(wanted, {**surplus, **(tags_of(wanted) or {})})
    if wanted == found:
        names = ", ".join(sorted(surplus))
        return Skip(wanted.key, f"tags of the secondary alone stay, unless replication created the resource: {names}")
    return Update(wanted, found, fields)


def _differ(fields: Collection[str]) -> str:
    """Say that fields differ; the name of one may be a plural."""
    named = ", ".join(fields)
    plural = len(fields) > 1 or named.endswith(("tes", "tags"))
    return f"{named} {'differ' if plural else 'differs'}"


def _with_types_taken_back(changes: Iterable[Change], actual: Snapshot) -> list[Change]:
    """Add what takes deprecated types back while things are made in them."""
    changes = list(changes)
    needed = {name for change in changes if (name := _type_to_enter(change))}
    for found in actual.entities.values():
        if isinstance(found, ThingType) and found.deprecated and found.name in needed:
            planned = next((one for one in changes if one.key == found.key and isinstance(one, Update)), None)
            usable = replace(found, deprecated=False)
            if planned is None:
                changes.append(Update(usable, found, "a thing is to be made in it"))
                changes.append(Update(found, usable, "deprecated in the primary"))
            elif isinstance(planned.desired, ThingType) and planned.desired.deprecated:
                changes.remove(planned)
                changes.append(Update(usable, found, "a thing is to be made in it"))
                changes.append(replace(planned, actual=usable))
    return changes


def _possible(changes: Iterable[Change]) -> list[Change]:
    """Leave to the next reading what needs something that goes, or that is itself left to the next reading."""
    changes = ordered(changes)
    missing = {change.key for change in changes if isinstance(change, Delete)}
    possible = []
    for change in changes:
        if missing.isdisjoint(needs(change)):
            possible.append(change)
        elif isinstance(change, Create):
            missing.add(change.key)
    return possible


def _refused(desired: Snapshot, actual: Snapshot) -> frozenset[Key]:
    """Return what the target lacks and would refuse, whatever is tried."""
    return frozenset(key for key, one in desired.entities.items() if key not in actual.entities and too_long(one))


def _without_what_needs(refused: Collection[Key], changes: Iterable[Change]) -> Iterator[Change]:
    for change in changes:
        lacks = [key for key in needs(change) if key in refused]
        yield Skip(change.key, f"needs {lacks[0]}, which is too long for the secondary") if lacks else change


def needs(change: Change) -> tuple[Key, ...]:
    """Return what has to be there for the change to be applied, as far as it may go or be missing."""
    match change:
        # Of a thing its type alone: AWS deletes a billing group that has things, which stay.
        case Create(desired=desired) if not isinstance(desired, Thing):
            return needs_of(desired)
        case _:
            # Of what a thing needs, its type alone.
            return (thing_type_key(_type_to_enter(change)),)


def _type_to_enter(change: Change) -> str:
    match change:
        case Create(desired=Thing(type_name=name)):
            return name
        case Update(desired=Thing(type_name=name), actual=Thing(type_name=old)) if name != old:
            return name
        case _:
            return ""


def differing_fields(one: Entity, other: Entity) -> tuple[str, ...]:
    """Name the fields in which two entities of one key differ, in declaration order."""
    return tuple(
        name
        for name, field in type(one).__dataclass_fields__.items()
        if field.compare and getattr(one, name) != getattr(other, name)
    )
