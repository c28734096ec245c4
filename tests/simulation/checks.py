"""What must always hold, and what must hold once all is quiet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from iot_dr.model.registry.entities import (
    Certificate,
    CertificateStatus,
    Entity,
    GroupMembership,
    Policy,
    PolicyAttachment,
    Thing,
    ThingGroup,
    ThingPrincipal,
)
from iot_dr.model.registry.keys import Key, Kind, certificate_key, key_of_target, policy_key, thing_group_key, thing_key
from iot_dr.model.replication.marks import MARK_LIFETIME, made_at
from iot_dr.model.replication.outcomes import State
from iot_dr.reconcile.translate import translate
from tests.builders import REGIONS

NAMES = {
    "lie": "the Regions differ, and nothing notes that somebody will check",
    "far": "a policy or group came back, and nothing notes that what hangs on it will be checked",
    "orphan": "a copy is left that nobody owns",
    "evidence": "something was deleted that the primary had all the time, or that replication did not make",
    "valid": "a certificate is more valid in the secondary than in the primary for too long",
    "different": "the Regions differ though all had time to come to an end",
    "pending": "something waits for ever",
    "lost": "a message was deleted whose request nobody has taken, sent again or recorded",
    "waits": "what was found equal counts as what waits for another try, after a pause of up to a day",
    "leak": "the ledger owns what is gone in both Regions",
    "storm": "what waits is started again and again",
    "restless": "what cannot be done is tried again and again, with pauses that do not grow",
    "overwritten": "what others wrote in the Region that leads is overwritten, deleted, made again or lets in more",
    "device": "what a device wrote in the secondary is lost",
    "follows": "a Region leads or follows though nobody commanded it, or does not follow an order",
    "epoch": "two orders have one number, or a lower one stands for ever over a higher one",
    "answer": "the name leads to a Region to which it must not lead",
    "held": "what is held counts as what waits, or is tried by the schedule",
    "planned": "a failback writes what is in no accepted plan, or over what was changed since the plan was made",
    "consent": "a failback deletes without being asked to, or what it is not to delete",
    "looser": "a certificate lets in more after a failback than the stricter of both Regions",
    "writes": "what a device wrote is not there after a failback",
    "bug": "an error that nobody foresaw",
}
"""The rules that a run may break."""


@dataclass(frozen=True)
class Violation:
    """A rule that was broken, about which keys, and how."""

    rule: str
    keys: tuple[Key, ...]
    text: str

    def __str__(self) -> str:
        return f"{self.rule}: {NAMES[self.rule]}: {self.text}"


class Broken(Exception):  # a fact, as the product names its own
    """Ends a run."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(str(violation))
        self.violation = violation


@lru_cache(maxsize=4096)
def _translated(policy: Policy) -> Entity:
    return translate(policy, REGIONS)


def wanted(primary: Mapping[Key, Entity]) -> dict[Key, Entity]:
    """Return what the secondary must hold."""
    return {key: _translated(one) if isinstance(one, Policy) else one for key, one in primary.items()}


def differing(primary: Mapping[Key, Entity], secondary: Mapping[Key, Entity]) -> list[Key]:
    """Return the keys in which the Regions differ."""
    want = wanted(primary)
    return [key for key in {**want, **secondary} if want.get(key) != secondary.get(key)]


def noted(ledger: Any, keys: Iterable[Key], now: int) -> bool:
    """Tell whether the ledger says of one of these that it waits, is held or being written, or differs for good."""
    for note in filter(None, map(ledger.notes.get, keys)):
        if note.next_attempt is not None or any(made_at(token) + MARK_LIFETIME > now for token in note.marks):
            return True
        if note.outcome is not None and note.outcome.state in (State.FAILED, State.UNSUPPORTED, State.HELD):
            return True
    return False


def roots(key: Key, *registries: Mapping[Key, Entity]) -> set[Key]:
    """Return the resources whose requests compare a key too."""
    held = [one for registry in registries for one in registry.values()]
    found = {key, *_ends(key)}
    for entity in held:
        found |= _hanging_on(entity, key, found)
    for entity in held:
        if isinstance(entity, ThingPrincipal) and certificate_key(entity.certificate_id) in found:
            found.add(thing_key(entity.thing))
        if isinstance(entity, GroupMembership) and thing_group_key(entity.group) in found:
            found.add(thing_key(entity.thing))
    return found


def _ends(key: Key) -> set[Key]:
    match key.kind:
        case Kind.POLICY_ATTACHMENT:
            return {policy_key(key.name), key_of_target(key.other)}
        case Kind.THING_PRINCIPAL:
            return {thing_key(key.name), certificate_key(key.other)}
        case Kind.GROUP_MEMBERSHIP:
            return {thing_group_key(key.name), thing_key(key.other)}
        case _:
            return set()


def _hanging_on(entity: Entity, key: Key, found: set[Key]) -> set[Key]:
    """Return what hangs on something found by this entity."""
    match entity:
        case PolicyAttachment() if {policy_key(entity.policy), key_of_target(entity.target)} & found:
            return {key_of_target(entity.target)}
        case ThingGroup(parent=parent) if parent and thing_group_key(parent) in found:
            return {entity.key}
        case Thing() if key.kind in (Kind.THING_TYPE, Kind.BILLING_GROUP):
            needs = {Key(Kind.THING_TYPE, entity.type_name), Key(Kind.BILLING_GROUP, entity.billing_group)}
            return {entity.key} if needs & found else set()
        case _:
            return set()


def hung_on(root: Key, keys: Iterable[Key]) -> list[Key]:
    """Return those of the keys that are relations of a policy or a group."""
    if root.kind not in (Kind.POLICY, Kind.THING_GROUP):
        return []
    return [key for key in keys if root in _ends(key)]


def more_valid(key: Key, primary: Mapping[Key, Entity], secondary: Mapping[Key, Entity]) -> bool:
    """Tell whether a certificate lets its device in at the secondary alone."""
    here, there = secondary.get(key), primary.get(key)
    active = isinstance(here, Certificate) and here.status is CertificateStatus.ACTIVE
    return active and not (isinstance(there, Certificate) and there.status is CertificateStatus.ACTIVE)


def told_of(keys: Collection[Key]) -> str:
    """Name keys for a message."""
    return ", ".join(sorted(map(str, keys)))
