"""Bring what a snapshot holds back into a Region: it takes the place of the primary, and nothing is ever deleted.

What the Region has besides stays, for nothing says that it is not wanted: `NoLedger` owns nothing, so a plan can only
leave it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from iot_dr.model.entities import (
    BillingGroup,
    Certificate,
    Entity,
    GroupMembership,
    Policy,
    PolicyAttachment,
    Thing,
    ThingGroup,
    ThingPrincipal,
    ThingType,
)
from iot_dr.model.keys import (
    Key,
    Kind,
    billing_group_key,
    certificate_key,
    certificate_target,
    policy_key,
    thing_group_key,
    thing_group_target,
    thing_key,
    thing_type_key,
)
from iot_dr.model.outcomes import Outcome
from iot_dr.model.regions import RegionPair
from iot_dr.model.shadows import Document, Shadow
from iot_dr.ports import Clock, RegistryReader, RegistryWriter
from iot_dr.reconcile.shadows import patch
from iot_dr.services.apply_change import ChangeApplier
from iot_dr.services.pending_changes import Comparison, Journal, PendingChanges
from iot_dr.services.pending_shadows import PendingShadows
from iot_dr.services.sync import Progress, Sync

REGISTRY_KINDS = (
    Kind.THING_TYPE,
    Kind.BILLING_GROUP,
    Kind.POLICY,
    Kind.CERTIFICATE,
    Kind.THING_GROUP,
    Kind.THING,
    Kind.POLICY_ATTACHMENT,
    Kind.THING_PRINCIPAL,
    Kind.GROUP_MEMBERSHIP,
)
"""What is restored by a plan; shadows are put back only if that is asked for, since devices write them all the time."""

Held = TypeVar("Held")


class Snapshot(Protocol):
    """What was written down."""

    def entities(self, kind: Kind) -> Iterator[Entity]:
        """Yield all of one kind."""
        ...

    def certificate(self, certificate_id: str) -> Certificate | None:
        """Find a certificate with its PEM."""
        ...


CertificateOf = Callable[[str], Certificate | None]
"""Finds a certificate with its PEM."""


def of_things(snapshot: Snapshot, things: Collection[str]) -> Iterator[Entity]:
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


def _all(snapshot: Snapshot, kind_of: type[Held], kind: Kind) -> Iterator[Held]:
    return (one for one in snapshot.entities(kind) if isinstance(one, kind_of))


class ShadowStore(Protocol):
    """Reads and writes the shadows of the Region."""

    def shadow(self, key: Key) -> Shadow | None:
        """Read one; None if there is none."""
        ...

    def make(self, key: Key) -> None:
        """Have it exist."""
        ...

    def update(self, key: Key, change: Document, version: int) -> int:
        """Merge a change into the document of this version; raises `Conflict` if it has another."""
        ...


def put_back(wanted: Shadow, shadows: ShadowStore, *, apply: bool) -> bool:
    """Make a shadow what the snapshot has of it; return whether it differed. Without `apply` nothing is written.

    Raises:
        Conflict: the device writes it at the same time.
    """
    found = shadows.shadow(wanted.key)
    if found is not None and found.document == wanted.document:
        return False
    if apply:
        if found is None:
            shadows.make(wanted.key)
            found = shadows.shadow(wanted.key)
        if found is not None and (change := patch(wanted.document, found.document)):
            shadows.update(wanted.key, change, found.version)
    return True


def regions_of(source: str, source_account: str, target: str, account: str) -> RegionPair:
    """Return the pair by which a snapshot is translated into a Region; into its own nothing is."""
    # No ARN names a Region so, which keeps every one as it stands.
    return RegionPair(source if source != target else f"snapshot of {source}", target, source_account, account)


def engine(  # noqa: PLR0913  # the composition root is the only caller, by keyword
    *,
    comparison: Comparison,
    journal: Journal,
    regions: RegionPair,
    certificate_of: CertificateOf,
    target: RegistryReader,
    writer: RegistryWriter,
    clock: Clock,
    progress: Progress,
    stop: threading.Event,
) -> Sync:
    """Return the engine of a sync, in which the snapshot is the primary and nothing is owned."""
    ledger = NoLedger()
    return Sync(
        comparison=comparison,
        journal=journal,
        regions=regions,
        pending=PendingChanges(comparison=comparison, journal=journal, regions=regions, ledger=ledger, clock=clock),
        shadows=PendingShadows(comparison, journal, None),
        applier=ChangeApplier(
            regions=regions,
            primary=SnapshotRegistry(comparison, certificate_of),
            secondary=target,
            writer=writer,
            ledger=ledger,
            clock=clock,
        ),
        progress=progress,
        stop=stop,
    )


class SnapshotRegistry:
    """The snapshot as the registry that is read: `ports.RegistryReader`."""

    def __init__(self, kept: Comparison, certificate_of: CertificateOf) -> None:
        self._kept = kept
        self._certificate_of = certificate_of

    def thing(self, name: str) -> Thing | None:
        """Return a thing."""
        return self._held(thing_key(name), Thing)

    def thing_type(self, name: str) -> ThingType | None:
        """Return a thing type."""
        return self._held(thing_type_key(name), ThingType)

    def thing_group(self, name: str) -> ThingGroup | None:
        """Return a thing group."""
        return self._held(thing_group_key(name), ThingGroup)

    def billing_group(self, name: str) -> BillingGroup | None:
        """Return a billing group."""
        return self._held(billing_group_key(name), BillingGroup)

    def certificate(self, certificate_id: str) -> Certificate | None:
        """Return a certificate with its PEM."""
        held = self._held(certificate_key(certificate_id), Certificate)
        return None if held is None else self._certificate_of(certificate_id)

    def policy(self, name: str) -> Policy | None:
        """Return a policy's default version."""
        return self._held(policy_key(name), Policy)

    def principals_of_thing(self, thing: str) -> frozenset[ThingPrincipal]:
        """Return the certificates of a thing."""
        return frozenset(one for one in self._each(Kind.THING_PRINCIPAL, ThingPrincipal) if one.thing == thing)

    def things_of_certificate(self, certificate_id: str) -> frozenset[ThingPrincipal]:
        """Return the things of a certificate."""
        principals = self._each(Kind.THING_PRINCIPAL, ThingPrincipal)
        return frozenset(one for one in principals if one.certificate_id == certificate_id)

    def policies_of(self, target: str) -> frozenset[str]:
        """Return the policies of a certificate or group."""
        attachments = self._each(Kind.POLICY_ATTACHMENT, PolicyAttachment)
        return frozenset(one.policy for one in attachments if one.target == target)

    def targets_of(self, policy: str) -> frozenset[str]:
        """Return what a policy is attached to."""
        attachments = self._each(Kind.POLICY_ATTACHMENT, PolicyAttachment)
        return frozenset(one.target for one in attachments if one.policy == policy)

    def groups_of_thing(self, thing: str) -> frozenset[str]:
        """Return the groups of a thing."""
        memberships = self._each(Kind.GROUP_MEMBERSHIP, GroupMembership)
        return frozenset(one.group for one in memberships if one.thing == thing)

    def _held(self, key: Key, kind: type[Held]) -> Held | None:
        found = self._kept.pair(key).primary
        return found if isinstance(found, kind) else None

    def _each(self, kind: Kind, kind_of: type[Held]) -> Iterator[Held]:
        found = (pair.primary for pair in self._kept.pairs(kind))
        return (one for one in found if isinstance(one, kind_of))


class NoLedger:
    """`ports.Ledger` of who owns nothing and tells nobody: what an operator restores is the operator's own."""

    def owned(self, keys: Collection[Key]) -> frozenset[Key]:  # noqa: ARG002  # the port's
        """Own none."""
        return frozenset()

    def intend(self, keys: Sequence[Key], at: int) -> None:
        """Note nothing."""

    def forget(self, keys: Collection[Key], before: int) -> None:
        """Note nothing."""

    def revisit(self, keys: Collection[Key], at: int) -> None:
        """Note nothing."""

    def record(self, outcome: Outcome) -> None:
        """Note nothing."""

    def source_version(self, key: Key) -> tuple[str, int]:  # noqa: ARG002  # the port's
        """Know none."""
        return "", 0

    def last_read(self, keys: Collection[Key]) -> Mapping[Key, int]:  # noqa: ARG002  # the port's
        """Have read none."""
        return {}

    def due(self, now: int) -> Iterator[Key]:  # noqa: ARG002  # the port's
        """Have nothing wait."""
        return iter(())

    def postpone(self, key: Key, until: int) -> bool:  # noqa: ARG002  # the port's
        """Tell that nothing waits."""
        return False

    def cursor(self, name: str) -> str:  # noqa: ARG002  # the port's
        """Stand nowhere."""
        return ""

    def move_cursor(self, name: str, to: str) -> None:
        """Note nothing."""
