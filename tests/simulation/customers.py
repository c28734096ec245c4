"""Customers who change the primary by single calls, in habits that real fleets have, and the events that AWS raises.

An operation is a value, so that a story can be shrunk by leaving operations out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import count
from random import Random
from typing import Any

from iot_dr.errors import IotDrError
from iot_dr.model.events.registry_events import RegistryEvent, decode
from iot_dr.model.registry.changes import Create, Delete, Update
from iot_dr.model.registry.entities import (
    BillingGroup,
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
from iot_dr.model.registry.keys import Key, Kind, certificate_target, thing_group_target
from iot_dr.model.registry.kinds import TAGGED_KINDS, resource_of
from iot_dr.model.registry.tagging import with_tags
from tests.builders import (
    a_certificate,
    a_certificate_id,
    a_document,
    a_management_payload,
    a_thing_type,
    an_item,
    iot_arn,
)
from tests.fakes import InMemoryRegistry
from tests.simulation.scheduler import Scheduler

THINGS = ("pump-1", "pump-2", "pump-3")
TYPES = ("type-1",)
GROUPS = ("site", "floor", "yard")
BILLING_GROUPS = ("costs", "losses")
REFUSED = "too-long"
"""A policy that the secondary refuses, where it does: moved to another Region it may pass AWS's limit."""

POLICIES = ("pumps", "admin")
DOCUMENTS = tuple(a_document(iot_arn(f"topic/{number}")) for number in range(3))
OWNERS = ("one", "two", "three")
CERTIFICATES: Mapping[str, Certificate] = {a_certificate_id(owner): a_certificate(owner) for owner in OWNERS}
_IDS = tuple(CERTIFICATES)
DEPRECATION_WAIT = 301_000

TELLING = frozenset({Kind.THING, Kind.THING_TYPE, Kind.THING_GROUP, Kind.GROUP_MEMBERSHIP})
"""Kinds that have registry events of their own."""


@dataclass(frozen=True)
class Operation:
    """What a customer sets about at a time (milliseconds from the beginning); `pace` is the pause between its calls."""

    at: int
    verb: str
    subject: int
    other: int
    pace: int


Rest = Callable[..., None]
"""Lets a moment pass, or so many milliseconds."""


@dataclass(frozen=True)
class Told:
    """An event that was raised, and the keys whose change it tells of."""

    event: RegistryEvent
    keys: frozenset[Key]


class Fleet:
    """The primary's registry as customers see it: one call each, which AWS may refuse, and what it raises.

    `trail` has management events raised, `implicit` events for what AWS takes away along with something.
    """

    def __init__(self, registry: InMemoryRegistry, scheduler: Scheduler, *, trail: bool, implicit: bool) -> None:
        self.registry = registry
        self.absent_until: dict[Key, int] = {}
        self.calls = 0
        self._scheduler = scheduler
        self._trail, self._implicit = trail, implicit
        self._event_ids = count(1)

    def call(self, name: str, change: Create | Update | Delete) -> tuple[list[Told], frozenset[Key]] | None:
        """Make a call; return what it raised and the keys that changed, or None if AWS refused it."""
        if isinstance(change, Delete) and _in_use(self.registry.entities.get(change.key)):
            return None
        try:
            told, changed = self.write(name, change)
        except IotDrError:
            return None
        self.calls += bool(changed)
        return (told, changed) if changed else None

    def write(self, name: str, change: Create | Update | Delete) -> tuple[list[Told], frozenset[Key]]:
        """Make a change, prepared as the adapter does; return what it raised and the keys that changed.

        Raises:
            IotDrError: AWS refuses it.
        """
        before = self.registry.entities
        match change:
            case Create():
                self.registry.create(change)
            case Update():
                self.registry.update(change)
            case Delete():
                self.registry.delete(change)
        after = self.registry.entities
        changed = [key for key in {**before, **after} if before.get(key) is not after.get(key)]
        for key in changed:
            if key not in before:
                self.absent_until[key] = self._scheduler.now
        return list(self._told(name, change, changed, before, after)), frozenset(changed)

    def lacked_since(self, key: Key, since: int) -> bool:
        """Tell whether the primary has been without it at some time since."""
        return key not in self.registry.entities or self.absent_until.get(key, 0) >= since

    def _told(
        self,
        name: str,
        change: Create | Update | Delete,
        changed: list[Key],
        before: Mapping[Key, Entity],
        after: Mapping[Key, Entity],
    ) -> Iterator[Told]:
        along = frozenset(changed)
        for key in changed:
            own = key == change.key
            if (
                name == TAGGING
                or key.kind not in TELLING
                or not (own or (self._implicit and key.kind is Kind.GROUP_MEMBERSHIP))
            ):
                continue
            old, new = before.get(key), after.get(key)
            if isinstance(old, Thing) and isinstance(new, Thing) and old.version == new.version:
                continue  # its billing group is no part of it, as far as events go
            operation = "CREATED" if old is None else "DELETED" if new is None else "UPDATED"
            if key.kind is Kind.GROUP_MEMBERSHIP:
                operation = "ADDED" if old is None else "REMOVED"
            carried = replace(new, billing_group="") if isinstance(new, Thing) else None
            event = RegistryEvent(key, f"e-{next(self._event_ids)}", operation, self._scheduler.now, carried)
            yield Told(event, along if own else frozenset({key}))
        if self._trail and name in REQUESTS:
            # CloudTrail tells whole seconds.
            event = replace(
                _management_event(name, change.key),
                event_id=f"e-{next(self._event_ids)}",
                timestamp=self._scheduler.now // 1000 * 1000,
            )
            yield Told(event, along)


def _in_use(entity: Entity | None) -> bool:
    """Tell whether AWS refuses to delete it as it is; the writer of the fakes would prepare it, as the adapter does."""
    match entity:
        case ThingType(deprecated=deprecated):
            return not deprecated
        case Certificate(status=status):
            return status is CertificateStatus.ACTIVE
        case _:
            return False


@cache
def _management_event(name: str, key: Key) -> RegistryEvent:
    return decode(an_item(a_management_payload(name, REQUESTS[name](key))))


def _arn_of(target: str) -> str:
    return iot_arn(target)


TAGGING = "TagResource"
"""The call of a change of tags, of which no registry event tells; one that takes them off is told of alike."""

REQUESTS: Mapping[str, Callable[[Key], dict[str, Any]]] = {
    "AttachPolicy": lambda key: {"policyName": key.name, "target": _arn_of(key.other)},
    "DetachPolicy": lambda key: {"policyName": key.name, "target": _arn_of(key.other)},
    "AttachThingPrincipal": lambda key: {"thingName": key.name},
    "DetachThingPrincipal": lambda key: {"thingName": key.name},
    "RegisterCertificateWithoutCA": lambda key: {"certificateId": key.name},
    "UpdateCertificate": lambda key: {"certificateId": key.name},
    "DeleteCertificate": lambda key: {"certificateId": key.name},
    "CreatePolicy": lambda key: {"policyName": key.name},
    "CreatePolicyVersion": lambda key: {"policyName": key.name},
    "DeletePolicy": lambda key: {"policyName": key.name},
    "CreateBillingGroup": lambda key: {"billingGroupName": key.name},
    "UpdateBillingGroup": lambda key: {"billingGroupName": key.name},
    "DeleteBillingGroup": lambda key: {"billingGroupName": key.name},
    "AddThingToBillingGroup": lambda key: {"thingName": key.name, "billingGroupName": "any"},
    TAGGING: lambda key: {"resourceArn": iot_arn(resource_of(key))},
}
"""What CloudTrail tells of a call, and no registry event does."""


class Customer:
    """One customer about one operation; `call` makes a call of AWS and `rest` lets a moment pass."""

    def __init__(self, fleet: Fleet, call: Callable[[str, Create | Update | Delete], bool], rest: Rest) -> None:
        self._held = fleet.registry
        self._call, self._rest = call, rest

    def do(self, operation: Operation) -> None:
        """Do it, as far as AWS lets it."""
        VERBS[operation.verb](self, operation.subject, operation.other)

    # Single calls

    def make(self, entity: Entity) -> bool:
        """Create something by the call of its kind."""
        return self._call(CREATING.get(entity.key.kind, ""), Create(entity, "wanted"))

    def change(self, entity: Entity, name: str = "") -> bool:
        """Update something that is there."""
        found = self._held.entities.get(entity.key)
        return found is not None and found != entity and self._call(name, Update(entity, found, "wanted"))

    def drop(self, key: Key) -> bool:
        """Delete something that is there."""
        found = self._held.entities.get(key)
        return found is not None and self._call(DELETING.get(key.kind, ""), Delete(found, "unwanted"))

    def _drop_all(self, wanted: Callable[[Entity], bool]) -> list[Entity]:
        gone = [entity for entity in self._held.entities.values() if wanted(entity)]
        for entity in gone:
            self.drop(entity.key)
            self._rest()
        return gone

    # Habits

    def provision(self, subject: int, other: int) -> None:
        """Make a whole device, in one of the orders that provisioning has."""
        certificate = CERTIFICATES[_IDS[subject % len(_IDS)]]
        policy = POLICIES[other % len(POLICIES)]
        thing = Thing(THINGS[subject % len(THINGS)], {"made": str(other % 5)})
        steps: list[Entity] = [
            Policy(policy, DOCUMENTS[0]),
            certificate,
            thing,
            PolicyAttachment(policy, certificate_target(certificate.certificate_id)),
            ThingPrincipal(thing.name, certificate.certificate_id),
        ]
        if other % 3 == 1:
            steps = [steps[2], *steps[:2], *steps[3:]]
        for entity in steps:
            if entity.key not in self._held.entities:
                self.make(entity)
                self._rest()

    def retire(self, subject: int, other: int) -> None:
        """Remove a device: thing, certificate, or all that it had."""
        thing, certificate = THINGS[subject % len(THINGS)], _IDS[subject % len(_IDS)]
        self._drop_all(lambda one: isinstance(one, ThingPrincipal) and one.thing == thing)
        self.drop(Key(Kind.THING, thing))
        if other % 2:
            self._remove_certificate(certificate)

    def _remove_certificate(self, certificate: str) -> None:
        target = certificate_target(certificate)
        self._drop_all(lambda one: isinstance(one, PolicyAttachment) and one.target == target)
        self._drop_all(lambda one: isinstance(one, ThingPrincipal) and one.certificate_id == certificate)
        self.set_status(_IDS.index(certificate), 1)
        self._rest()
        self.drop(Key(Kind.CERTIFICATE, certificate))

    def replace_thing(self, subject: int, other: int) -> None:
        """Delete a thing and make it anew under its name, with what was attached; its groups perhaps too."""
        name = THINGS[subject % len(THINGS)]
        found = self._held.thing(name)
        if found is None:
            self.provision(subject, other)
            return
        groups = [one for one in self._held.entities.values() if isinstance(one, GroupMembership) and one.thing == name]
        principals = self._drop_all(lambda one: isinstance(one, ThingPrincipal) and one.thing == name)
        self.drop(found.key)
        self._rest()
        self.make(Thing(name, {"made": str(other % 5)}, found.type_name))
        for entity in (*principals, *(groups if other % 2 else ())):
            self._rest()
            self.make(entity)

    def set_attributes(self, subject: int, other: int) -> None:
        """Change a thing's attributes, among few values so that old ones come back."""
        thing = self._held.thing(THINGS[subject % len(THINGS)])
        if thing is not None:
            self.change(replace(thing, attributes={"site": str(other % 2)}))

    def flip(self, subject: int, other: int) -> None:
        """Change a thing's attributes and change them back."""
        for number in (other, other + 1, other):
            self.set_attributes(subject, number)
            self._rest()

    def set_type(self, subject: int, other: int) -> None:
        """Put a thing into a type, or take it out."""
        thing = self._held.thing(THINGS[subject % len(THINGS)])
        if thing is not None:
            self.change(replace(thing, type_name=TYPES[0] if other % 3 else ""))

    def set_billing_group(self, subject: int, other: int) -> None:
        """Put a thing into a billing group, or take it out."""
        thing = self._held.thing(THINGS[subject % len(THINGS)])
        group = (*BILLING_GROUPS, "")[other % 3]
        if thing is not None:
            self.change(replace(thing, billing_group=group), "AddThingToBillingGroup")

    def change_type(self, subject: int, other: int) -> None:
        """Make, deprecate, take back or replace a type."""
        found = self._held.thing_type(TYPES[0])
        if found is None:
            self.make(replace(a_thing_type(TYPES[0]), description=f"type {other % 2}"))
        elif other % 3:
            self.change(replace(found, deprecated=not found.deprecated))
        else:
            self._replace_type(found, other)

    def _replace_type(self, found: ThingType, other: int) -> None:
        for name in THINGS:
            thing = self._held.thing(name)
            if thing is not None and thing.type_name:
                self.change(replace(thing, type_name=""))
                self._rest()
        self.change(replace(found, deprecated=True))
        self._rest(DEPRECATION_WAIT)
        if self.drop(found.key):
            self.make(replace(a_thing_type(found.name), description=f"type {other % 2}"))

    def change_billing_group(self, subject: int, other: int) -> None:
        """Make, describe, replace or delete a billing group."""
        group = BillingGroup(BILLING_GROUPS[subject % len(BILLING_GROUPS)], f"for {other % 2}")
        if self._held.billing_group(group.name) is None:
            self.make(group)
        elif other % 3:
            self.change(group, "UpdateBillingGroup")
        else:
            self.drop(group.key)
            if other % 2:
                self._rest()
                self.make(group)

    def change_group(self, subject: int, other: int) -> None:
        """Make or describe a group, or make it anew below another parent with its members and policies."""
        name = GROUPS[subject % len(GROUPS)]
        found = self._held.thing_group(name)
        if found is None:
            self.make(_group(name, other))
        elif other % 3:
            self.change(replace(found, description=f"all of {other % 2}"))
        else:
            self._replace_group(name, other)

    def _replace_group(self, name: str, other: int) -> None:
        target, held = thing_group_target(name), list(self._held.entities.values())
        members = [one for one in held if isinstance(one, GroupMembership) and one.group == name]
        policies = self._drop_all(lambda one: isinstance(one, PolicyAttachment) and one.target == target)
        for child in [one for one in held if isinstance(one, ThingGroup) and one.parent == name]:
            self.drop(child.key)
            self._rest()
        if self.drop(Key(Kind.THING_GROUP, name)) and other % 2:
            self._rest()
            self.make(_group(name, other + 1))
            for entity in (*policies, *members):
                self._rest()
                self.make(entity)

    def move_member(self, subject: int, other: int) -> None:
        """Put a thing into a group, out of the other of its hierarchy; or take it out."""
        thing, group = THINGS[subject % len(THINGS)], GROUPS[other % len(GROUPS)]
        gone = self._drop_all(lambda one: isinstance(one, GroupMembership) and one.thing == thing)
        if GroupMembership(group, thing) not in gone:
            self.make(GroupMembership(group, thing))

    def set_status(self, subject: int, other: int) -> None:
        """Deactivate, revoke or activate a certificate."""
        found = self._held.certificate(_IDS[subject % len(_IDS)])
        status = (CertificateStatus.ACTIVE, CertificateStatus.INACTIVE, CertificateStatus.REVOKED)[other % 3]
        if found is not None:
            self.change(replace(found, status=status), "UpdateCertificate")

    def replace_certificate(self, subject: int, other: int) -> None:
        """Take a certificate off everything and delete it; perhaps register and attach it again."""
        certificate = _IDS[subject % len(_IDS)]
        target = certificate_target(certificate)
        held = [
            one
            for one in self._held.entities.values()
            if (isinstance(one, PolicyAttachment) and one.target == target)
            or (isinstance(one, ThingPrincipal) and one.certificate_id == certificate)
        ]
        self._remove_certificate(certificate)
        if other % 2:
            for entity in (CERTIFICATES[certificate], *held):
                self._rest()
                self.make(entity)

    def tag(self, subject: int, other: int) -> None:
        """Put a tag on something that has tags, or take all off."""
        keys = [key for key in sorted(self._held.entities) if key.kind in TAGGED_KINDS]
        if keys:
            found = self._held.with_tags[keys[subject % len(keys)]]
            wanted = with_tags(found, {"team": str(other % 3)} if other % 4 else {})
            if wanted != found:
                self._call(TAGGING, Update(wanted, found, "wanted"))

    def write_policy(self, subject: int, other: int) -> None:
        """Make a policy, or a new default version, among few documents so that old ones come back."""
        policy = Policy(POLICIES[subject % len(POLICIES)], DOCUMENTS[other % len(DOCUMENTS)])
        if self._held.policy(policy.name) is None:
            self.make(policy)
        else:
            self.change(policy, "CreatePolicyVersion")

    def replace_policy(self, subject: int, other: int) -> None:
        """Detach a policy from everything and delete it; most often make it anew and attach it again."""
        name = POLICIES[subject % len(POLICIES)]
        gone = self._drop_all(lambda one: isinstance(one, PolicyAttachment) and one.policy == name)
        self.drop(Key(Kind.POLICY, name))
        if other % 3:
            for entity in (Policy(name, DOCUMENTS[other % len(DOCUMENTS)]), *gone):
                self._rest()
                self.make(entity)

    def attach_policy(self, subject: int, other: int) -> None:
        """Attach a policy to a certificate or group, or detach it."""
        targets = [*map(certificate_target, _IDS), thing_group_target(GROUPS[0])]
        self._toggle(PolicyAttachment(POLICIES[other % len(POLICIES)], targets[subject % len(targets)]))

    def attach_refused(self, subject: int, other: int) -> None:
        """Give a certificate a policy that the secondary may refuse."""
        if self._held.policy(REFUSED) is None:
            self.make(Policy(REFUSED, DOCUMENTS[0]))
        self._toggle(PolicyAttachment(REFUSED, certificate_target(_IDS[subject % len(_IDS)])))

    def attach_certificate(self, subject: int, other: int) -> None:
        """Attach a certificate to a thing, or detach it."""
        self._toggle(ThingPrincipal(THINGS[subject % len(THINGS)], _IDS[other % len(_IDS)]))

    def _toggle(self, relation: PolicyAttachment | ThingPrincipal) -> None:
        if relation.key in self._held.entities:
            self.drop(relation.key)
        else:
            self.make(relation)


def _group(name: str, other: int) -> ThingGroup:
    parent = GROUPS[0] if name != GROUPS[0] and other % 2 else ""
    return ThingGroup(name, f"all of {name}", parent=parent)


CREATING = {
    Kind.POLICY_ATTACHMENT: "AttachPolicy",
    Kind.THING_PRINCIPAL: "AttachThingPrincipal",
    Kind.CERTIFICATE: "RegisterCertificateWithoutCA",
    Kind.POLICY: "CreatePolicy",
    Kind.BILLING_GROUP: "CreateBillingGroup",
}
UPDATING = {
    Kind.CERTIFICATE: "UpdateCertificate",
    Kind.POLICY: "CreatePolicyVersion",
    Kind.BILLING_GROUP: "UpdateBillingGroup",
    Kind.THING: "AddThingToBillingGroup",
}
DELETING = {
    Kind.POLICY_ATTACHMENT: "DetachPolicy",
    Kind.THING_PRINCIPAL: "DetachThingPrincipal",
    Kind.CERTIFICATE: "DeleteCertificate",
    Kind.POLICY: "DeletePolicy",
    Kind.BILLING_GROUP: "DeleteBillingGroup",
}

VERBS: Mapping[str, Callable[[Customer, int, int], None]] = {
    "provision": Customer.provision,
    "retire": Customer.retire,
    "replace thing": Customer.replace_thing,
    "set attributes": Customer.set_attributes,
    "flip": Customer.flip,
    "set type": Customer.set_type,
    "set billing group": Customer.set_billing_group,
    "change type": Customer.change_type,
    "change billing group": Customer.change_billing_group,
    "change group": Customer.change_group,
    "move member": Customer.move_member,
    "set status": Customer.set_status,
    "replace certificate": Customer.replace_certificate,
    "write policy": Customer.write_policy,
    "replace policy": Customer.replace_policy,
    "attach policy": Customer.attach_policy,
    "attach refused": Customer.attach_refused,
    "attach certificate": Customer.attach_certificate,
    "tag": Customer.tag,
}


def operations(chance: Random, number: int, verbs: Sequence[str]) -> tuple[Operation, ...]:
    """Draw what customers do of these: bursts about few things, with moments or minutes between them."""
    at, drawn = 0, list[Operation]()
    verbs = chance.sample(verbs, k=min(chance.choice((2, 4, 8, len(verbs))), len(verbs)))
    haste = chance.choice((20, 100, 400, 2_000))
    while len(drawn) < number:
        for _ in range(chance.randint(1, 8)):
            verb = chance.choice(verbs)
            drawn.append(Operation(at, verb, chance.randrange(12), chance.randrange(12), chance.choice((1, 10, haste))))
            at += int(haste * 2 * chance.random())
        at += chance.choice((0, 2_000, 20_000, 200_000))
    return tuple(drawn[:number])
