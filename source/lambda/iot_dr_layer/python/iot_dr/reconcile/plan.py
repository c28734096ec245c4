"""The one function that decides what replication does.

    source      target    owned   mode             change
    present      absent               any              Create
    present      different            mirror, upsert   Update      (create_only: Skip)
    present      same                 any              none
    absent       present      yes     mirror           Delete      (otherwise Skip)
    absent       present      no      any              Skip: replication did not create it
    absent       absent               any              none
    unreadable   any                  any              Skip        (never Delete)
    any          unreadable           any              Skip

Absent means that AWS answered so; a key that a snapshot says nothing about counts as unreadable. Owned means that the
ledger says replication created it.

Different in a field that AWS lets nobody change (a group's parent, a type's description) means that the source's was
made anew: what replication created goes, and the next reading has it created; what it did not create is a Skip. Nothing
that needs what goes is made by the same plan: AWS would refuse it, or it would keep the other from going.

AWS deletes no policy, certificate or thing as long as something is attached to it. An attachment that replication did
not create stays, and so does what it is attached to: a Skip names it. A certificate is set inactive all the same.

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
    GroupMembership,
    Policy,
    PolicyAttachment,
    Thing,
    ThingGroup,
    ThingPrincipal,
    ThingType,
)
from iot_dr.model.registry.keys import (
    Key,
    Kind,
    certificate_key,
    key_of_target,
    policy_key,
    thing_group_key,
    thing_key,
    thing_type_key,
)
from iot_dr.reconcile.modes import Mode
from iot_dr.reconcile.order import ordered


def plan(
    desired: Snapshot, actual: Snapshot, *, owned: Collection[Key] = frozenset(), mode: Mode = Mode.MIRROR
) -> Plan:
    """Compare what must be (already translated) with what is, and return the changes in applicable order."""
    changes: list[Change] = []
    for key in desired.keys | actual.keys:
        changes.extend(_changes(key, desired, actual, owned, mode))
    kept = _kept_by_what_stays(changes, actual)
    possible = _without_what_needs(_refused(desired, actual), _possible(kept))
    return Plan(ordered(_with_types_taken_back(possible, actual)))


def deletable(desired: Snapshot, actual: Snapshot) -> frozenset[Key]:
    """Return the keys whose deletion depends on ownership alone, so that the ledger is asked about no others."""
    made_anew = (
        key
        for key, wanted in desired.entities.items()
        if key in actual.entities and fixed_fields(wanted) != fixed_fields(actual.entities[key])
    )
    return (desired.absent & actual.entities.keys()) | frozenset(made_anew)


def fixed_fields(entity: Entity) -> tuple[object, ...]:
    """Return the values that AWS lets nobody change once the resource is made."""
    match entity:
        case ThingGroup(parent=parent, ancestors=ancestors, dynamic=dynamic):
            return (parent, ancestors, dynamic)
        case ThingType(description=description, searchable_attributes=searchable):
            return (description, searchable)
        case _:
            return ()


def _changes(key: Key, desired: Snapshot, actual: Snapshot, owned: Collection[Key], mode: Mode) -> Iterator[Change]:
    for side, snapshot in (("primary", desired), ("secondary", actual)):
        if key not in snapshot.entities and key not in snapshot.absent:
            yield Skip(key, f"{side} unreadable: {snapshot.unreadable.get(key, 'not read')}")
            return
    wanted, found = desired.entities.get(key), actual.entities.get(key)
    if wanted is None:
        if found is not None:
            yield _surplus(found, owned, mode)
    elif reason := "" if wanted == found else too_long(wanted):
        yield Skip(key, reason)
    elif found is None:
        yield from _missing(wanted)
    elif wanted != found and not _keep_out_alike(wanted, found):
        yield _difference(wanted, found, owned, mode)


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


def _surplus(found: Entity, owned: Collection[Key], mode: Mode) -> Change:
    if found.key not in owned:
        return Skip(found.key, "absent in the primary, but replication did not create it")
    if mode is not Mode.MIRROR:
        return Skip(found.key, f"absent in the primary, but the mode is {mode}")
    return Delete(found, "absent in the primary")


def _kept_by_what_stays(changes: Iterable[Change], actual: Snapshot) -> Iterator[Change]:
    """Leave what AWS would not delete, since something is attached to it that replication may not take off."""
    changes = list(changes)
    stays = {change.key for change in changes if isinstance(change, Skip)} & actual.entities.keys()
    holders: dict[Key, list[str]] = {}
    for relation in sorted(stays):
        for end in _held_by(actual.entities[relation]):
            holders.setdefault(end, []).append(str(relation))
    for change in changes:
        if not isinstance(change, Delete) or change.key not in holders:
            yield change
            continue
        if isinstance(change.actual, Certificate) and change.actual.status is CertificateStatus.ACTIVE:
            yield Update(replace(change.actual, status=CertificateStatus.INACTIVE), change.actual, change.reason)
        by = ", ".join(holders[change.key])
        yield Skip(change.key, f"absent in the primary, but {by} keeps it, which replication did not create: detach it")


def _held_by(relation: Entity) -> tuple[Key, ...]:
    """Return what AWS deletes only when this is detached; a group lets go of its policies, as of its members."""
    match relation:
        case PolicyAttachment(policy=policy, target=target):
            return policy_key(policy), *(key for key in (key_of_target(target),) if key.kind is Kind.CERTIFICATE)
        case ThingPrincipal(thing=thing, certificate_id=certificate_id):
            return thing_key(thing), certificate_key(certificate_id)
        case _:
            return ()


def _difference(wanted: Entity, found: Entity, owned: Collection[Key], mode: Mode) -> Change:
    fields = ", ".join(differing_fields(wanted, found))
    if mode is Mode.CREATE_ONLY:
        return Skip(wanted.key, f"{fields} differs, but the mode is {mode}")
    if fixed_fields(wanted) == fixed_fields(found):
        return Update(wanted, found, f"{fields} differs")
    if found.key not in owned:
        return Skip(wanted.key, f"{fields} differs, which AWS lets nobody change, and replication did not create it")
    if mode is not Mode.MIRROR:
        return Skip(wanted.key, f"{fields} differs, which AWS lets nobody change, and the mode is {mode}")
    return Delete(found, f"{fields} differs, which AWS lets nobody change: it was made anew in the primary")


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
        lacks = [key for key in needs(change) if key in refused] if isinstance(change, Create) else []
        yield Skip(change.key, f"needs {lacks[0]}, which is too long for the secondary") if lacks else change


def needs(change: Change) -> tuple[Key, ...]:
    """Return what has to be there for the change to be applied, as far as it may go or be missing."""
    match change:
        case Create(desired=ThingGroup(parent=parent)):
            return (thing_group_key(parent),)
        case Create(desired=PolicyAttachment(policy=policy, target=target)):
            return policy_key(policy), key_of_target(target)
        case Create(desired=ThingPrincipal(thing=thing, certificate_id=certificate_id)):
            return thing_key(thing), certificate_key(certificate_id)
        case Create(desired=GroupMembership(group=group, thing=thing)):
            return thing_group_key(group), thing_key(thing)
        case _:
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
