"""Failback's rules: what changed since the failover, on which side, and what becomes of it.

    base  leader     old primary  verdict
    no    yes        no           create in the old primary
    no    no         yes          create in the leader; it never crossed
    yes   no         unchanged    delete in the old primary, if asked for; a certificate is set INACTIVE in any case
    yes   no         changed      conflict
    yes   yes        no           conflict
    yes   changed    unchanged    update the old primary
    yes   unchanged  changed      update the leader; the change came late
    yes   changed    changed      conflict
    any   unreadable              nothing

The base is what the ledger of the leader knows: that it has had the resource, and a digest of the state in which both
Regions last held the same. Where no digest was noted nobody knows who changed what, so what differs is a conflict.

Certificates that both have are no conflict: the stricter status counts, whoever has set it. Shadows are none either: a
device wrote the leader's, so it goes back whole, unless nobody has touched it there.

Tags are in no digest, so that tags which differ are a conflict, whatever else has changed.

What replication was about to make when the Region took the lead, and nobody has noted whether it did, came from the
old primary: if the leader has it, it is known; if not, it was deleted there or never made, which is a conflict.

A relation has no state of its own to be changed: its base is that the ledger knows it. An attachment that the ledger
does not know, of two ends that it knows, may be new or may have been there before the ledger was: a conflict too.
"""

from __future__ import annotations

from dataclasses import replace

from iot_dr.model.failback.plan import (
    Decision,
    FailbackChoices,
    FailbackVerdict,
    LastEqual,
    Party,
    PlannedRow,
    Resolution,
)
from iot_dr.model.registry.digests import digest_of
from iot_dr.model.registry.entities import Certificate, CertificateStatus, Entity
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.registry.kinds import RELATIONS
from iot_dr.model.registry.tagging import alike, comparable, tags_differ
from iot_dr.model.shadows.shadow import Shadow
from iot_dr.reconcile.failover import is_stricter
from iot_dr.reconcile.plan import differing_fields

NO_DELETES = "it is deleted only with --with-deletes"
UNRESOLVED = "nobody has said which side wins: give --prefer"

_INTO_OLD, _INTO_LEADER = frozenset({Party.OLD}), frozenset({Party.LEADER})


def decide(key: Key, base: LastEqual, leader: Entity | None, old: Entity | None, *, unreadable: str = "") -> Decision:
    """Return what becomes of a resource.

    Args:
        key: the resource.
        base: what the leader's ledger knows of it.
        leader: what the leader has.
        old: what the old primary has, as it would stand in the leader.
        unreadable: why a Region could not tell; empty if both did.
    """
    if unreadable:
        return Decision(FailbackVerdict.UNDECIDED, unreadable)
    if leader is not None and old is not None:
        return Decision(FailbackVerdict.NOTHING) if alike(leader, old) else _of_both(base, leader, old)
    if leader is not None:
        return _of_the_leader_alone(key, base)
    if old is not None:
        return _of_the_old_primary_alone(key, base, old)
    return Decision(FailbackVerdict.NOTHING)


def _of_the_leader_alone(key: Key, base: LastEqual) -> Decision:
    # What replication was about to make, and is there, has come from the old primary, whether that was noted or not.
    if not (base.known or base.begun):
        return Decision(FailbackVerdict.CREATE_OLD, "new in the leader")
    if key.kind is Kind.SHADOW:
        return Decision(FailbackVerdict.CREATE_OLD, "gone in the old primary; a shadow goes back whole")
    return Decision(FailbackVerdict.CONFLICT, "the leader has it, and it was deleted in the old primary")


def _of_the_old_primary_alone(key: Key, base: LastEqual, old: Entity) -> Decision:
    if not base.known and base.ends_known:
        return Decision(
            FailbackVerdict.CONFLICT, "attached late in the old primary, or detached in the leader: not noted which"
        )
    if not base.known and base.begun:
        return Decision(
            FailbackVerdict.CONFLICT, "replication was about to make it: it was never made, or deleted in the leader"
        )
    if not base.known:
        return Decision(FailbackVerdict.CREATE_LEADER, "made in the old primary; it never crossed")
    if key.kind in RELATIONS or key.kind is Kind.SHADOW or digest_of(old) == base.digest:
        return Decision(FailbackVerdict.DELETE_OLD, "deleted in the leader")
    how = (
        "changed in the old primary"
        if base.digest
        else "perhaps changed in the old primary: its last state was not noted"
    )
    return Decision(FailbackVerdict.CONFLICT, f"deleted in the leader, and {how}")


def _of_both(base: LastEqual, leader: Entity, old: Entity) -> Decision:
    if isinstance(leader, Certificate) and isinstance(old, Certificate):
        stricter = is_stricter(leader.status, old.status)
        return Decision(
            FailbackVerdict.UPDATE_OLD if stricter else FailbackVerdict.UPDATE_LEADER,
            "the stricter status of both counts",
        )
    if tags_differ(leader, old):
        return Decision(FailbackVerdict.CONFLICT, "tags differ, and the state before is not noted")
    leader, old = comparable(leader, old)
    fields = ", ".join(differing_fields(leader, old))
    in_leader, in_old = digest_of(leader) != base.digest, digest_of(old) != base.digest
    if isinstance(leader, Shadow):
        # A device may have come back to the state that both Regions had: its write counts all the same.
        # What a write that nobody noted to have ended has left counts as a device's too: none of these may be lost.
        return _of_shadows(touched=in_leader or leader.version > base.version > 0)
    if not base.digest:
        return Decision(FailbackVerdict.CONFLICT, f"{fields} differs, and the state before was not noted")
    return _by_who_changed_it(fields, in_leader=in_leader, in_old=in_old)


def _by_who_changed_it(fields: str, *, in_leader: bool, in_old: bool) -> Decision:
    if in_leader and in_old:
        return Decision(FailbackVerdict.CONFLICT, f"{fields} differs, and both Regions have changed it")
    if in_leader:
        return Decision(FailbackVerdict.UPDATE_OLD, f"{fields} was changed in the leader")
    return Decision(FailbackVerdict.UPDATE_LEADER, f"{fields} was changed late in the old primary")


def _of_shadows(*, touched: bool) -> Decision:
    if touched:
        return Decision(FailbackVerdict.UPDATE_OLD, "written in the leader; a shadow goes back whole")
    return Decision(FailbackVerdict.UPDATE_LEADER, "written late in the old primary, and untouched in the leader")


def resolve(row: PlannedRow, choices: FailbackChoices) -> Resolution:
    """Return what both Regions are to hold of a resource, by what the operator has said."""
    match row.verdict:
        case FailbackVerdict.CREATE_OLD | FailbackVerdict.UPDATE_OLD:
            return Resolution(row.leader, _INTO_OLD)
        case FailbackVerdict.CREATE_LEADER | FailbackVerdict.UPDATE_LEADER:
            return Resolution(row.wanted, _INTO_LEADER)
        case FailbackVerdict.DELETE_OLD:
            return _deleted(row.wanted, _INTO_OLD, choices)
        case FailbackVerdict.CONFLICT:
            return _decided(row, choices)
        case FailbackVerdict.UNDECIDED:
            return Resolution(left=row.decision.reason)
        case _:
            return Resolution()


def _decided(row: PlannedRow, choices: FailbackChoices) -> Resolution:
    if choices.prefer is None:
        return Resolution(left=UNRESOLVED)
    if choices.prefer is Party.OLD:
        if row.wanted is None:
            return _deleted(row.leader, _INTO_LEADER, choices)
        return Resolution(row.wanted, _INTO_LEADER)
    if row.leader is None:
        return _deleted(row.wanted, _INTO_OLD, choices)
    if isinstance(row.leader, Certificate):
        # Deleted in the old primary, it was to let nobody in: the leader's word brings it back, not its rights.
        asleep = _asleep(row.leader)
        return Resolution(asleep, _INTO_OLD if asleep == row.leader else _INTO_OLD | _INTO_LEADER)
    return Resolution(row.leader, _INTO_OLD)


def _deleted(found: Entity | None, into: frozenset[Party], choices: FailbackChoices) -> Resolution:
    """Delete what one Region has alone, if that is asked for; a certificate lets nobody in any more in any case."""
    if choices.with_deletes:
        return Resolution(None, into)
    if isinstance(found, Certificate) and (asleep := _asleep(found)) != found:
        return Resolution(asleep, into, left=NO_DELETES)
    return Resolution(left=NO_DELETES)


def _asleep(found: Certificate) -> Certificate:
    active = found.status is CertificateStatus.ACTIVE
    return replace(found, status=CertificateStatus.INACTIVE) if active else found


def stays_different(row: PlannedRow, choices: FailbackChoices) -> bool:
    """Tell whether the Regions differ in a resource after the plan, as the operator has said."""
    return bool(resolve(row, choices).left)
