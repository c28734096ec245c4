"""Bring what a snapshot holds back into a Region: it takes the place of the source, and nothing is ever deleted.

What the Region has besides stays, for nothing says that it is not wanted: `NoSyncLedger` owns nothing, so a plan can
only leave it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TypeVar

from iot_dr.model.registry.differences import Pair
from iot_dr.model.registry.entities import (
    Certificate,
    Entity,
    GroupMembership,
    PolicyAttachment,
    Thing,
    ThingGroup,
    ThingPrincipal,
)
from iot_dr.model.registry.keys import Key, Kind, certificate_target, thing_group_target
from iot_dr.model.replication.marks import Certainty, Mark, new_token
from iot_dr.model.replication.outcomes import NOTHING_EQUAL, Outcome
from iot_dr.model.shadows.shadow import Shadow
from iot_dr.model.sites import Direction
from iot_dr.ports.clock import Clock
from iot_dr.ports.failover import WriteGate
from iot_dr.ports.fleet import Comparison
from iot_dr.ports.progress import SyncObserver
from iot_dr.ports.registry import RegistryReader, RegistryWriter
from iot_dr.ports.shadows import ShadowReader, ShadowStore
from iot_dr.ports.snapshots import SnapshotStore
from iot_dr.ports.sync import Journal
from iot_dr.reconcile.shadows import patch
from iot_dr.services.gate import ensure_open
from iot_dr.services.sync.apply_change import ChangeApplier
from iot_dr.services.sync.marking import Marking
from iot_dr.services.sync.pending_changes import PendingChanges
from iot_dr.services.sync.pending_shadows import PendingShadows
from iot_dr.services.sync.sync import Sync

Held = TypeVar("Held")


CertificateOf = Callable[[str], Certificate | None]
"""Finds a certificate with its PEM."""


def of_things(snapshot: SnapshotStore, things: Collection[str]) -> Iterator[Entity]:
    """Yield these things with all that a device needs: type, groups up to the root, certificates, policies."""
    principals = [one for one in _all(snapshot, ThingPrincipal, Kind.THING_PRINCIPAL) if one.thing in things]
    memberships = [one for one in _all(snapshot, GroupMembership, Kind.GROUP_MEMBERSHIP) if one.thing in things]
    chosen = [one for one in _all(snapshot, Thing, Kind.THING) if one.name in things]
    entered = {one.group for one in memberships}
    lineages = (one.ancestors for one in _all(snapshot, ThingGroup, Kind.THING_GROUP) if one.name in entered)
    groups = entered.union(*lineages)
    certificates = {one.certificate_id for one in principals}
    targets = {certificate_target(one) for one in certificates} | {thing_group_target(one) for one in groups}
    attachments = [one for one in _all(snapshot, PolicyAttachment, Kind.POLICY_ATTACHMENT) if one.target in targets]
    wanted = {
        Kind.THING_TYPE: {one.type_name for one in chosen},
        Kind.BILLING_GROUP: {one.billing_group for one in chosen},
        Kind.POLICY: {one.policy for one in attachments},
        Kind.CERTIFICATE: certificates,
        Kind.THING_GROUP: groups,
    }
    for kind, names in wanted.items():
        yield from (one for one in snapshot.entities(kind) if one.key.name in names)
    relations: tuple[Entity, ...] = (*chosen, *attachments, *principals, *memberships)
    yield from relations


def _all(snapshot: SnapshotStore, kind_of: type[Held], kind: Kind) -> Iterator[Held]:
    return (one for one in snapshot.entities(kind) if isinstance(one, kind_of))


def compared(wanted: Shadow, shadows: ShadowReader) -> Pair | None:
    """Return a shadow as the snapshot and as the Region have it; None if that is the same."""
    found = shadows.shadow(wanted.key)
    return None if found is not None and found.document == wanted.document else Pair(wanted.key, wanted, found)


def put_back(wanted: Shadow, shadows: ShadowStore, gate: WriteGate) -> bool:
    """Make a shadow what the snapshot has of it; return whether it differed.

    Raises:
        Conflict: the device writes it at the same time.
        WriteRefused: the Region may not be written now.
    """
    differing = compared(wanted, shadows)
    if differing is None:
        return False
    ensure_open(gate)
    found = differing.target
    if found is None:
        shadows.make(wanted.key)
        found = shadows.shadow(wanted.key)
    if isinstance(found, Shadow) and (change := patch(wanted.document, found.document)):
        shadows.update(wanted.key, change, found.version)
    return True


def engine(  # noqa: PLR0913  # the composition root is the only caller, by keyword
    *,
    comparison: Comparison,
    journal: Journal,
    direction: Direction,
    certificate_of: CertificateOf,
    target: RegistryReader,
    writer: RegistryWriter,
    gate: WriteGate,
    clock: Clock,
    progress: SyncObserver,
    stop: threading.Event,
) -> Sync:
    """Return the engine of a sync, in which the snapshot is the source and nothing is owned."""
    marks = Marking(NoSyncLedger(), gate, clock)
    return Sync(
        pending=PendingChanges(comparison=comparison, journal=journal, direction=direction, marks=marks),
        shadows=PendingShadows(comparison, journal, None),
        applier=ChangeApplier(
            direction=direction,
            source=SnapshotSourceReader(comparison, certificate_of),
            target=target,
            writer=writer,
            marks=marks,
        ),
        progress=progress,
        stop=stop,
    )


class SnapshotSourceReader:
    """`ports.SourceReader` over the snapshot: it never changes, so only PEMs are read."""

    def __init__(self, kept: Comparison, certificate_of: CertificateOf) -> None:
        self._kept = kept
        self._certificate_of = certificate_of

    def now(self, key: Key, since: int) -> Entity | None:  # noqa: ARG002  # the protocol's
        """Return what the snapshot has."""
        found = self._kept.pair(key).source
        return self._certificate_of(key.name) if isinstance(found, Certificate) else found


class NoSyncLedger:
    """`ports.SyncLedger` of who owns nothing and tells nobody: what an operator restores is the operator's own."""

    def owned(self, keys: Collection[Key]) -> frozenset[Key]:  # noqa: ARG002  # the port's
        """Own none."""
        return frozenset()

    def begin(  # noqa: PLR0913  # the port's
        self,
        made: Collection[Key],
        at: int,
        *,
        below: Collection[Key] = (),
        taken: Collection[Key] = (),  # noqa: ARG002  # the port's
        began: int | None = None,  # noqa: ARG002  # the port's
        due: bool = True,  # noqa: ARG002  # the port's
        unless_gone: bool = False,  # noqa: ARG002  # the port's
        mark: Mark | None = None,  # noqa: ARG002  # the port's
    ) -> Mark:
        """Note nothing: what comes into a Region tells its own events."""
        return Mark(new_token(at, ""), frozenset((*made, *below)))

    def end(
        self,
        mark: Mark,
        keys: Collection[Key],
        at: int,
        *,
        due: bool = True,
        equal: Mapping[Key, str] = NOTHING_EQUAL,
    ) -> None:
        """Note nothing."""

    def disown(self, keys: Collection[Key], at: int, mark: Mark, began: int) -> None:
        """Note nothing."""

    def forget(self, keys: Collection[Key], before: int, mark: Mark | None = None) -> None:
        """Note nothing."""

    def revisit(self, keys: Collection[Key], at: int) -> None:
        """Note nothing."""

    def record(
        self,
        outcome: Outcome,  # noqa: ARG002  # the port's
        mark: Mark | None = None,  # noqa: ARG002  # the port's
        equal: Mapping[Key, str] = NOTHING_EQUAL,  # noqa: ARG002  # the port's
    ) -> Certainty:
        """Note nothing: nobody else is known of."""
        return Certainty.SURE

    def note_applied(self, outcome: Outcome) -> None:
        """Note nothing."""
