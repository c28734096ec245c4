"""The ports of `iot_dr.ports` in memory, with AWS's rules; `tests/contract` holds them to what the emulator does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, TypeVar, cast

from iot_dr.aws.ledger.ledger import LEASE, longest_pause, pause
from iot_dr.errors import Conflict, InvalidResource, IotDrError, LimitExceeded, NotReadyYet
from iot_dr.model.failback.plan import LastEqual
from iot_dr.model.failover.fence import Standing
from iot_dr.model.registry.changes import Action, Create, Delete, Plan, Update
from iot_dr.model.registry.differences import Unreadable
from iot_dr.model.registry.entities import (
    BillingGroup,
    Certificate,
    CertificateStatus,
    Entity,
    GroupMembership,
    Policy,
    PolicyAttachment,
    Tags,
    Thing,
    ThingGroup,
    ThingPrincipal,
    ThingType,
)
from iot_dr.model.registry.keys import Key, Kind, certificate_target
from iot_dr.model.registry.kinds import HOLDING_KINDS, TAGGED_KINDS
from iot_dr.model.registry.tagging import surplus_tags, tags_differ, tags_of
from iot_dr.model.registry.tagging import with_tags as tagged
from iot_dr.model.replication.marks import MARK_LIFETIME, Certainty, Mark, OtherWriters, dead, made_at, new_token
from iot_dr.model.replication.messages import RequestMessage, messages
from iot_dr.model.replication.outcomes import NOTHING_EQUAL, LastRead, Outcome, State
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.model.sync.adoption import Owner
from iot_dr.ports.clock import Clock
from iot_dr.reconcile.order import ordered

DEPRECATION_WAIT = 300_000
"""Milliseconds that AWS wants between a thing type's deprecation and its deletion."""

MAX_POLICIES = 10
MAX_CHARACTERS = 2048
MAX_GROUPS = 10
"""Policies of a certificate, and groups of a thing. https://docs.aws.amazon.com/general/latest/gr/iot-core.html"""

Port = TypeVar("Port")
Held = TypeVar("Held", bound=Entity)


def _numbers() -> Iterator[int]:
    """Return 1, 2, 3, ..., each for one thread only; can be copied, as the iterators of itertools no more can."""
    return iter(range(1, sys.maxsize))


class FakeClock:
    """Tells a time that only a test moves on, and a millisecond more at every reading, as two calls never coincide."""

    def __init__(self, now: int = 1_000_000) -> None:
        self._now = now

    def __call__(self) -> int:
        """Tell the time in epoch milliseconds."""
        self._now += 1
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += int(seconds * 1000)


def _action(change: Action) -> str:
    """Name what a change does: create, update or delete."""
    return type(change).__name__.lower()


class Writes:
    """`ports.RegistryWriter` by one method an action, so that a test can put another in the place of one."""

    def write(self, change: Action) -> None:
        """Make a change by the method that has the name of what it does."""
        getattr(self, _action(change))(change)


class InMemoryRegistry(Writes):
    """One Region's registry: reader, lister and writer.

    `deprecation_wait` is what AWS wants between deprecating and deleting a thing type, in milliseconds.
    `found_by_query` is what the index holds: the members of dynamic groups, which belong to no entity.
    `longest_policy` is how many characters a policy may have, white space left out.
    """

    def __init__(self, clock: Clock | None = None, *, deprecation_wait: int = DEPRECATION_WAIT) -> None:
        self.found_by_query: dict[str, set[str]] = {}
        self.longest_policy = MAX_CHARACTERS
        self._clock = clock or FakeClock()
        self._wait = deprecation_wait
        self._ids = _numbers()
        self._entities: dict[Key, Entity] = {}
        self._policy_versions: dict[str, int] = {}
        self._deprecated_at: dict[str, int] = {}

    # What a test asks or arranges

    @property
    def entities(self) -> Mapping[Key, Entity]:
        """Everything that the registry holds, as values."""
        return dict(self._entities)

    @property
    def with_tags(self) -> Mapping[Key, Entity]:
        """Everything that the registry holds, as whoever asks for tags too reads it."""
        return {
            key: tagged(one, tags_of(one) or {}) if key.kind in TAGGED_KINDS else one
            for key, one in self._entities.items()
        }

    def put(self, *entities: Entity) -> None:
        """Create or update, as a customer would, whatever was there before; types are deprecated last."""
        for creation in Plan(ordered(Create(entity, "arranged") for entity in _with_lineage(entities))).creates:
            actual = self._entities.get(creation.key)
            if actual is None:
                self.create(creation)
            elif isinstance(actual, ThingType):
                self.update(Update(replace(actual, deprecated=False), actual, "arranged"))
            elif actual != creation.desired:
                self.update(Update(creation.desired, tagged(actual, tags_of(actual) or {}), "arranged"))
        for entity in entities:
            if isinstance(entity, ThingType) and self._entities[entity.key] != entity:
                actual = self._entities[entity.key]
                self.update(Update(entity, tagged(actual, tags_of(actual) or {}), "arranged"))

    def remove(self, *keys: Key) -> None:
        """Delete with all that hangs on it, as a customer would: what points first, waiting where AWS wants it."""
        doomed: set[Key] = set()
        found = {key for key in keys if key in self._entities}
        while found - doomed:
            doomed |= found
            found = {key for key, entity in self._entities.items() if doomed & set(_ends_of(entity))}
        for deletion in Plan(ordered(Delete(self._entities[key], "arranged") for key in doomed)).deletes:
            if deletion.key.kind is Kind.THING_TYPE:
                self._take_out_of_type(deletion.key.name)
                self._deprecated_at[deletion.key.name] = self._clock() - self._wait
            self.delete(deletion)

    def _take_out_of_type(self, name: str) -> None:
        for thing in [thing for thing in self.things() if thing.type_name == name]:
            self.put(replace(cast(Thing, self.thing(thing.name)), type_name=""))

    # Reader

    def resource(self, key: Key) -> Entity | None:
        """Read a resource of any kind, without its tags."""
        found = self._entities.get(key)
        return None if found is None else tagged(found, None)

    def tags(self, key: Key) -> Tags:
        """Read the tags of a resource."""
        found = self._entities.get(key)
        return {} if found is None else dict(tags_of(found) or {})

    def thing(self, name: str) -> Thing | None:
        """Read a thing."""
        return cast("Thing | None", self._entities.get(Key(Kind.THING, name)))

    def thing_type(self, name: str) -> ThingType | None:
        """Read a thing type."""
        return cast("ThingType | None", self.resource(Key(Kind.THING_TYPE, name)))

    def thing_group(self, name: str) -> ThingGroup | None:
        """Read a thing group."""
        return cast("ThingGroup | None", self.resource(Key(Kind.THING_GROUP, name)))

    def billing_group(self, name: str) -> BillingGroup | None:
        """Read a billing group."""
        return cast("BillingGroup | None", self.resource(Key(Kind.BILLING_GROUP, name)))

    def certificate(self, certificate_id: str) -> Certificate | None:
        """Read a certificate with its PEM."""
        return cast("Certificate | None", self._entities.get(Key(Kind.CERTIFICATE, certificate_id)))

    def policy(self, name: str) -> Policy | None:
        """Read a policy's default version."""
        return cast("Policy | None", self.resource(Key(Kind.POLICY, name)))

    def principals_of_thing(self, thing: str) -> frozenset[ThingPrincipal]:
        """List the certificates attached to a thing."""
        return frozenset(one for one in self._all(ThingPrincipal) if one.thing == thing)

    def things_of_certificate(self, certificate_id: str, at_most: int | None = None) -> frozenset[ThingPrincipal]:
        """List the things that a certificate is attached to, or the first of them."""
        found = (one for one in self._all(ThingPrincipal) if one.certificate_id == certificate_id)
        return frozenset(islice(found, at_most))

    def policies_of(self, target: str) -> frozenset[str]:
        """List the policies attached to a certificate or group."""
        return frozenset(one.policy for one in self._all(PolicyAttachment) if one.target == target)

    def targets_of(self, policy: str) -> frozenset[str]:
        """List what a policy is attached to."""
        return frozenset(one.target for one in self._all(PolicyAttachment) if one.policy == policy)

    def groups_of_thing(self, thing: str) -> frozenset[str]:
        """List the groups that a thing is in, dynamic ones too."""
        static = {one.group for one in self._all(GroupMembership) if one.thing == thing}
        return frozenset(static | {group for group, members in self.found_by_query.items() if thing in members})

    def things_of_group(self, name: str, at_most: int | None = None) -> frozenset[str]:
        """List the things in a group itself, what the query of a dynamic one finds too."""
        static = {one.thing for one in self._all(GroupMembership) if one.group == name}
        return frozenset(islice(sorted(static | self.found_by_query.get(name, set())), at_most))

    def things_of_billing_group(self, name: str) -> frozenset[str]:
        """List the things in a billing group."""
        return frozenset(one.name for one in self._all(Thing) if one.billing_group == name)

    # Lister

    def listed(self, kind: Kind) -> Iterator[Entity | Unreadable]:
        """List all resources of a kind, as AWS does: things without billing group, certificates without PEM."""
        return iter([_as_listed(one) for key, one in self._entities.items() if key.kind is kind])

    def things(self) -> list[Thing]:
        """Return all things as they are listed."""
        return [replace(thing, billing_group="") for thing in self._all(Thing)]

    # Writer

    def create(self, change: Create) -> None:
        """Make it, if AWS would."""
        # Nobody can tell no tags from none that were asked for.
        desired, key = tagged(change.desired, tags_of(change.desired) or None), change.key
        actual = self._entities.get(key)
        if actual is not None:
            # AWS takes the same thing, type, group or attachment twice; a policy or a certificate never.
            if actual != desired or isinstance(desired, Policy | Certificate):
                raise Conflict(f"{key} exists")
            return
        match desired:
            case Thing(type_name=type_name, billing_group=billing_group):
                self._require_usable_type(type_name)
                self._require_billing_group(billing_group)
                desired = replace(desired, version=1, thing_id=f"id-{next(self._ids)}")
            case ThingGroup():
                desired = replace(desired, version=1, ancestors=self._lineage(desired))
            case BillingGroup():
                desired = replace(desired, version=1)
            case Policy():
                self._require_length(desired)
                desired = replace(desired, version_id=self._next_version(desired.name))
            case ThingType():
                # Whatever is asked for: AWS deprecates by another call.
                desired = replace(desired, deprecated=False)
            case PolicyAttachment() | ThingPrincipal() | GroupMembership():
                self._require(*_ends_of(desired))
                self._refuse_relation(desired)
        self._entities[key] = desired

    def update(self, change: Update) -> None:
        """Change it, if AWS would."""
        desired, key = change.desired, change.key
        self._require(key)
        if tags_of(self._entities[key]) is not None or tags_of(desired) is not None:
            # By calls of their own, which no version guards.
            self._retag(change)
            if tagged(desired, None) == tagged(change.actual, None):
                return
        actual = self._entities[key]
        desired = tagged(desired, tags_of(actual))
        match desired, actual:
            case Thing(), Thing():
                self._update_thing(desired, actual, cast(Thing, change.actual))
                return
            case ThingGroup(), ThingGroup():
                _require_version(change.actual, actual)
                desired = replace(desired, version=actual.version + 1, parent=actual.parent, ancestors=actual.ancestors)
            case BillingGroup(), BillingGroup():
                _require_version(change.actual, actual)
                desired = replace(desired, version=actual.version + 1)
            case Policy(), Policy():
                self._require_length(desired)
                desired = replace(desired, version_id=self._next_version(desired.name))
            case ThingType(), ThingType():
                self._update_type(desired, actual)
                return
            case Certificate(), Certificate():
                desired = replace(desired, pem=actual.pem)
            case ThingPrincipal(), ThingPrincipal():
                del self._entities[key]
                self._refuse_relation(desired)
            case _:
                raise InvalidResource(f"{key} has no field that could be updated")
        self._entities[key] = desired

    def _retag(self, change: Update) -> None:
        if not tags_differ(change.desired, change.actual):
            return
        actual, gone = self._entities[change.key], surplus_tags(change.desired, change.actual)
        kept = {key: value for key, value in (tags_of(actual) or {}).items() if key not in gone}
        self._entities[change.key] = tagged(actual, {**kept, **(tags_of(change.desired) or {})} or None)

    def _require_length(self, policy: Policy) -> None:
        if len("".join(policy.document.split())) > self.longest_policy:
            raise InvalidResource(f"{policy.key} has more than {self.longest_policy} characters")

    def _update_thing(self, desired: Thing, actual: Thing, read: Thing) -> None:
        # Two calls: one of the thing, guarded by its version, and one of its billing group, guarded by nothing.
        if (desired.attributes, desired.type_name) != (read.attributes, read.type_name):
            _require_version(read, actual)
            if desired.type_name != actual.type_name:
                self._require_usable_type(desired.type_name)
            actual = replace(
                actual, attributes=desired.attributes, type_name=desired.type_name, version=actual.version + 1
            )
            self._entities[actual.key] = actual
        if desired.billing_group != read.billing_group:
            self._require_billing_group(desired.billing_group)
            self._entities[actual.key] = replace(actual, billing_group=desired.billing_group)

    def _update_type(self, desired: ThingType, actual: ThingType) -> None:
        # AWS changes nothing else, whatever is asked for.
        self._entities[actual.key] = replace(
            actual, deprecated=desired.deprecated, propagating_attributes=desired.propagating_attributes
        )
        if desired.deprecated and not actual.deprecated:
            self._deprecated_at[actual.name] = self._clock()

    def delete(self, change: Delete) -> None:
        """Remove it, if AWS would; already gone is success."""
        key = change.key
        actual = self._entities.get(key)
        match actual:
            case None:
                return
            case Thing() | ThingGroup() | BillingGroup():
                _require_version(change.actual, actual)
                self._leave(actual)
            case Policy():
                self._refuse_while_attached(key)
            case Certificate():
                # The adapter makes it inactive first, so a refusal leaves it so.
                if actual.status is CertificateStatus.ACTIVE:
                    self._entities[key] = replace(actual, status=CertificateStatus.INACTIVE)
                self._refuse_while_attached(key)
            case ThingType():
                self._delete_type(actual)
        del self._entities[key]

    def _leave(self, actual: Thing | ThingGroup | BillingGroup) -> None:
        """Refuse, or let go what goes with it: memberships, and things out of their billing group."""
        match actual:
            case Thing():
                self._refuse_while_attached(actual.key)
            case ThingGroup(name=name):
                if any(group.parent == name for group in self._all(ThingGroup)):
                    raise NotReadyYet(f"{actual.key} has children")
                self.found_by_query.pop(name, None)
            case BillingGroup(name=name):
                for thing in self._all(Thing):
                    if thing.billing_group == name:
                        self._entities[thing.key] = replace(thing, billing_group="")
        for relation in [other for other in self._entities.values() if actual.key in _ends_of(other)]:
            del self._entities[relation.key]

    def _delete_type(self, actual: ThingType) -> None:
        # The adapter deprecates it first, unless it is in use.
        if any(thing.type_name == actual.name for thing in self.things()):
            raise NotReadyYet(f"a thing uses {actual.key}")
        if not actual.deprecated:
            self._entities[actual.key] = replace(actual, deprecated=True)
            self._deprecated_at.setdefault(actual.name, self._clock())
        if self._clock() - self._deprecated_at[actual.name] < self._wait:
            raise NotReadyYet(f"{actual.key} was deprecated less than five minutes ago")
        del self._deprecated_at[actual.name]

    def _all(self, kind: type[Held]) -> list[Held]:
        return [entity for entity in self._entities.values() if isinstance(entity, kind)]

    def _next_version(self, policy: str) -> str:
        self._policy_versions[policy] = self._policy_versions.get(policy, 0) + 1
        return str(self._policy_versions[policy])

    def _lineage(self, group: ThingGroup) -> tuple[str, ...]:
        if not group.parent:
            return ()
        parent = self.thing_group(group.parent)
        if parent is None:
            raise InvalidResource(f"{group.key} has no parent {group.parent} that exists")
        return (*parent.ancestors, parent.name)

    def _require(self, *keys: Key) -> None:
        for key in keys:
            if key not in self._entities:
                raise NotReadyYet(f"{key} does not exist")

    def _require_usable_type(self, name: str) -> None:
        if not name:
            return
        self._require(Key(Kind.THING_TYPE, name))
        if cast(ThingType, self.thing_type(name)).deprecated:
            raise NotReadyYet(f"thing type {name} is deprecated")

    def _require_billing_group(self, name: str) -> None:
        if name:
            self._require(Key(Kind.BILLING_GROUP, name))

    def _refuse_relation(self, relation: PolicyAttachment | ThingPrincipal | GroupMembership) -> None:
        match relation:
            case PolicyAttachment(target=target):
                if target.startswith(certificate_target("")) and len(self.policies_of(target)) >= MAX_POLICIES:
                    raise LimitExceeded(f"{target} has {MAX_POLICIES} policies")
            case ThingPrincipal(thing=thing, certificate_id=certificate_id, exclusive=exclusive):
                others = [one for one in self.things_of_certificate(certificate_id) if one.thing != thing]
                if others and (exclusive or any(one.exclusive for one in others)):
                    raise InvalidResource(f"{certificate_id} belongs to another thing alone")
            case GroupMembership(group=group, thing=thing):
                self._refuse_membership(cast(ThingGroup, self.thing_group(group)), thing)

    def _refuse_membership(self, group: ThingGroup, thing: str) -> None:
        if group.dynamic:
            raise InvalidResource(f"{group.key} is dynamic")
        joined = [
            cast(ThingGroup, self.thing_group(one.group)) for one in self._all(GroupMembership) if one.thing == thing
        ]
        if any(_root(one) == _root(group) for one in joined):
            raise InvalidResource(f"{thing} is in another group of the hierarchy of {group.key}")
        if len(joined) >= MAX_GROUPS:
            raise InvalidResource(f"{thing} is in {MAX_GROUPS} groups")

    def _refuse_while_attached(self, key: Key) -> None:
        # A thing leaves its groups by being deleted; everything else is detached first.
        attached: list[Entity] = [*self._all(PolicyAttachment), *self._all(ThingPrincipal)]
        relations = [other.key for other in attached if key in _ends_of(other)]
        if relations:
            raise Conflict(f"{key} still has {relations}")


def _as_listed(entity: Entity) -> Entity:
    match entity:
        case Thing():
            return replace(entity, billing_group="")
        case Certificate():
            return replace(entity, pem="")
        case Policy(name=name):
            return Policy(name, "{}")
        case ThingGroup(name=name) | BillingGroup(name=name):
            return type(entity)(name)
        case _:
            return tagged(entity, None)


def _root(group: ThingGroup) -> str:
    return (*group.ancestors, group.name)[0]


def _with_lineage(entities: Collection[Entity]) -> list[Entity]:
    """Say of each group how deep it stands, so that parents are put first."""
    parents = {entity.name: entity.parent for entity in entities if isinstance(entity, ThingGroup)}

    def lineage(name: str) -> tuple[str, ...]:
        parent = parents.get(name, "")
        return (*lineage(parent), parent) if parent else ()

    return [
        replace(entity, ancestors=lineage(entity.name)) if isinstance(entity, ThingGroup) else entity
        for entity in entities
    ]


def _require_version(read: Entity, actual: Thing | ThingGroup | BillingGroup) -> None:
    if cast(Thing, read).version != actual.version:
        raise Conflict(f"{actual.key} has version {actual.version}")


def _ends_of(entity: Entity) -> tuple[Key, ...]:
    """What has to be there for it to be there."""
    match entity:
        case PolicyAttachment(policy=policy, target=target):
            kind, _, name = target.partition("/")
            return Key(Kind.POLICY, policy), Key(Kind.CERTIFICATE if kind == "cert" else Kind.THING_GROUP, name)
        case ThingPrincipal(thing=thing, certificate_id=certificate_id):
            return Key(Kind.THING, thing), Key(Kind.CERTIFICATE, certificate_id)
        case GroupMembership(group=group, thing=thing):
            return Key(Kind.THING_GROUP, group), Key(Kind.THING, thing)
        case ThingGroup(parent=parent) if parent:
            return (Key(Kind.THING_GROUP, parent),)
        case _:
            return ()


@dataclass
class _Note:
    """What the ledger holds of one resource."""

    owned_at: int | None = None
    outcome: Outcome | None = None
    attempts: int = 0
    next_attempt: int | None = None
    waiting: bool = False
    trying: bool = False
    source: tuple[str, int] = ("", 0)
    read: LastRead = field(default_factory=LastRead)
    marks: set[str] = field(default_factory=set)
    noted_at: int = 0
    closed_at: int = 0
    checked_at: int = 0
    noted_whole: bool = False
    gone: bool = False
    was_absent: bool = False
    held: bool = False
    digest: str = ""
    adopted_at: int | None = None

    def __deepcopy__(self, _memo: dict[int, Any]) -> _Note:
        # All but the marks are values, which both may hold.
        return replace(self, marks={*self.marks})

    @property
    def standing(self) -> OtherWriters:
        """What it says of other writers."""
        return OtherWriters(frozenset(self.marks), self.noted_at, self.closed_at, self.checked_at, self.noted_whole)

    @property
    def had(self) -> bool:
        """Whether the target has had it, as far as is noted."""
        made = self.owned_at is not None and self.closed_at >= self.owned_at
        told = self.outcome is not None and bool(self.outcome.read_at or self.outcome.source_id)
        return made or told or self.gone or self.was_absent or bool(self.read.began or self.digest)

    @property
    def in_doubt(self) -> bool:
        """Whether the last request was not sure, or somebody has been writing since."""
        return bool(self.marks) or self.noted_at == self.checked_at or self.closed_at > self.checked_at

    def check_again(self, at: int, *, waiting: bool = False) -> None:
        """Be due then, unless it is due at another time already."""
        self.waiting = self.waiting or waiting
        if self.next_attempt is None and not self.held:
            self.next_attempt = at

    def rest(self) -> None:
        """Be due no more."""
        self.attempts, self.next_attempt, self.waiting, self.trying, self.held = 0, None, False, False, False

    def doubt(self, at: int) -> None:
        """Note that only a request for everything can tell that nothing is wrong."""
        self.noted_at, self.noted_whole = at, True


def _owner(note: _Note | None) -> Owner:
    if note is None or note.owned_at is None:
        return Owner.NOBODY
    return Owner.ADOPTED if note.adopted_at == note.owned_at else Owner.REPLICATION


def _last_equal(note: _Note | None) -> LastEqual:
    if note is None:
        return LastEqual()
    return LastEqual(note.had, note.digest, begun=note.owned_at is not None)


def _read(outcome: Outcome, before: LastRead) -> LastRead:
    if not outcome.read_at:
        return before
    attached = outcome.read_at if outcome.attached else before.attached_began
    return LastRead(outcome.read_at, attached, outcome.read_at if outcome.whole else before.whole_began)


@dataclass
class InMemoryLedger:
    """The ledger, with the item semantics of its table."""

    notes: dict[Key, _Note] = field(default_factory=dict)
    cursors: dict[str, str] = field(default_factory=dict)
    _writers: Iterator[int] = field(default_factory=_numbers)

    def owned(self, keys: Collection[Key]) -> frozenset[Key]:
        """Return those that replication created."""
        return frozenset(key for key in keys if key in self.notes and self.notes[key].owned_at is not None)

    def known(self, keys: Collection[Key]) -> frozenset[Key]:
        """Return those that the target has had, as far as is noted."""
        return frozenset(key for key in keys if key in self.notes and self.notes[key].had)

    def begin(
        self,
        made: Collection[Key],
        at: int,
        *,
        below: Collection[Key] = (),
        taken: Collection[Key] = (),
        began: int | None = None,
        due: bool = True,
        unless_gone: bool = False,
        mark: Mark | None = None,
    ) -> Mark:
        """Mark what is about to be written, and note that replication will own what it makes."""
        token = mark.token if mark else new_token(at, str(next(self._writers)))
        keys = sorted({*made, *below})
        for key in keys:
            if began is not None and key in self.notes and self.notes[key].checked_at >= began:
                raise Conflict(f"{key} was checked by another")
            if unless_gone and key in made and key in self.gone([key]):
                raise Conflict(f"{key} was gone")
        for key in keys:
            note = self.notes.setdefault(key, _Note())
            note.marks.add(token)
            if key in made:
                note.owned_at, note.gone = at, False
            note.gone = note.gone or key in taken
            if due:
                note.check_again(made_at(token) + MARK_LIFETIME)
        return Mark(token, frozenset(keys) | (mark.keys if mark else frozenset()))

    def own(self, key: Key, at: int) -> None:
        """Note ownership alone, as the claim of a shadow does in the same table."""
        self.notes.setdefault(key, _Note()).owned_at = at

    def end(
        self,
        mark: Mark,
        keys: Collection[Key],
        at: int,
        *,
        due: bool = True,
        equal: Mapping[Key, str] = NOTHING_EQUAL,
    ) -> None:
        """Take a mark off these."""
        for key in keys:
            if (note := self.notes.get(key)) is None:
                continue
            note.digest = equal.get(key, note.digest)
            alone = note.marks == {mark.token}
            note.marks.discard(mark.token)
            note.closed_at = at
            if due and alone and note.next_attempt == mark.at + MARK_LIFETIME and note.noted_at < mark.at:
                note.rest()

    def gone(self, keys: Collection[Key]) -> frozenset[Key]:
        """Return those that replication took away."""
        return frozenset(key for key in keys if key in self.notes and self.notes[key].gone)

    def disown(self, keys: Collection[Key], at: int, mark: Mark, began: int) -> None:
        """Take back what was noted of their ownership at that time."""
        for key in keys:
            if (note := self.notes.get(key)) is None:
                continue
            alone = note.noted_at < began and note.closed_at < began and note.marks <= {mark.token}
            if note.owned_at == at and alone:
                note.owned_at = None
            else:
                note.doubt(at)
                note.check_again(at + MARK_LIFETIME)

    def forget(self, keys: Collection[Key], before: int, mark: Mark | None = None) -> None:
        """Drop the notes of resources that are gone."""
        for key in keys:
            if (note := self.notes.get(key)) is None:
                continue
            sure = note.standing.certainty(before, mark.token if mark else "") is Certainty.SURE
            if sure and (note.owned_at is None or note.owned_at < before):
                del self.notes[key]
                if key.kind in HOLDING_KINDS:
                    self.notes[key] = _Note(gone=note.gone, read=note.read)
            else:
                note.doubt(before)
                note.check_again(before + MARK_LIFETIME)

    def revisit(self, keys: Collection[Key], at: int) -> None:
        """Have each checked by itself a minute after `at`, or sooner."""
        for key in keys:
            note = self.notes.setdefault(key, _Note())
            note.doubt(at)
            if not note.held:
                note.next_attempt = min(note.next_attempt or at + pause(1), at + pause(1))

    def postpone(self, key: Key, now: int) -> bool:
        """Count a try of what is due."""
        note = self.notes.get(key)
        if note is None or note.next_attempt is None or note.next_attempt > now:
            return False
        note.attempts += 1
        note.next_attempt, note.trying = now + LEASE, True
        return True

    def record(self, outcome: Outcome, mark: Mark | None = None, equal: Mapping[Key, str] = NOTHING_EQUAL) -> Certainty:
        """Note how a request ended."""
        note = self.notes.setdefault(outcome.key, _Note())
        own = mark.token if mark else ""
        began = outcome.read_at or outcome.at
        certainty = note.standing.certainty(began, own, whole=outcome.whole)
        if own in note.marks or outcome.state is State.HELD:
            note.closed_at = outcome.at
        if outcome.again:
            note.marks.discard(own)
            self._note_facts(note, outcome)
            same = note.outcome is not None and note.outcome.state is outcome.state
            note.outcome, note.noted_at = outcome, outcome.at
            note.noted_whole = note.noted_whole or outcome.whole
            if note.attempts == 0:
                note.attempts, note.next_attempt = 1, outcome.at + pause(1)
            elif note.trying:
                note.attempts = note.attempts if same else 1
                note.next_attempt = outcome.at + pause(note.attempts, outcome.state)
            elif note.next_attempt is not None:
                note.next_attempt = min(note.next_attempt, outcome.at + longest_pause(outcome.state))
            note.trying = note.held = False
            note.waiting = outcome.state is not State.IN_SYNC
        elif certainty is Certainty.SURE:
            note.marks.clear()
            self._conclude(note, outcome, mark)
        else:
            note.marks -= {own, *dead(note.marks, began)}
            self._doubt(note, outcome, certainty)
        if mark is not None:
            self.end(mark, mark.keys - {outcome.key}, outcome.at, equal=equal)
        return Certainty.SURE if outcome.again else certainty

    def _conclude(self, note: _Note, outcome: Outcome, mark: Mark | None) -> None:
        if outcome.state is State.ABSENT:
            read = _read(outcome, note.read)
            self.notes[outcome.key] = _Note(
                closed_at=note.closed_at, checked_at=outcome.at, gone=note.gone, was_absent=True, read=read
            )
            return
        self._note_facts(note, outcome)
        if outcome.partial:
            note.outcome = note.outcome or outcome
            if mark and note.next_attempt == mark.at + MARK_LIFETIME:
                note.rest()
            return
        note.outcome, note.noted_at = outcome, 0
        note.rest()
        note.held = outcome.state is State.HELD
        note.noted_whole = note.held and outcome.whole

    def _doubt(self, note: _Note, outcome: Outcome, certainty: Certainty) -> None:
        if outcome.state is not State.ABSENT:
            self._note_facts(note, outcome)
        if certainty is Certainty.OVERTAKEN:
            if note.held and outcome.state is not State.HELD:
                note.held, note.next_attempt = False, outcome.at
            return
        note.checked_at, note.read = outcome.at, _read(outcome, note.read)
        if outcome.state is not State.ABSENT:
            note.outcome = note.outcome or outcome if outcome.partial else outcome
        note.doubt(outcome.at)
        again = outcome.at + (MARK_LIFETIME if note.marks else 0)
        if not outcome.partial and outcome.state is not State.ABSENT:
            again = again if note.next_attempt is None else min(again, note.next_attempt)
            note.rest()
        note.check_again(again)

    def _note_facts(self, note: _Note, outcome: Outcome) -> None:
        note.checked_at = outcome.at
        note.read = _read(outcome, note.read)
        if outcome.source_id:
            note.source = (outcome.source_id, outcome.source_version)
        note.digest = outcome.digest or note.digest

    def note_applied(self, outcome: Outcome) -> None:
        """Note what was applied of a thing's own fields, and how it stands if nothing is known of that."""
        note = self.notes.setdefault(outcome.key, _Note())
        note.outcome = note.outcome or outcome
        note.checked_at = note.checked_at or outcome.at
        note.source = (outcome.source_id, outcome.source_version)
        note.digest = outcome.digest or note.digest

    def owners(self, keys: Collection[Key]) -> Mapping[Key, Owner]:
        """Return who owns each."""
        return {key: _owner(self.notes.get(key)) for key in keys}

    def adopt(self, digests: Mapping[Key, str], at: int, began: int) -> frozenset[Key]:
        """Note that replication owns these, as far as nobody was about them since a reading began."""
        noted = set()
        for key, digest in digests.items():
            note = self.notes.setdefault(key, _Note())
            since = max(note.checked_at, note.noted_at, note.closed_at)
            if note.owned_at is not None or note.marks or since >= began:
                continue
            note.owned_at = note.adopted_at = at
            note.gone, note.digest = False, digest or note.digest
            if key.kind is not Kind.SHADOW:
                note.closed_at = at
            noted.add(key)
        return frozenset(noted)

    def disown_adopted(self, keys: Collection[Key], at: int) -> frozenset[Key]:
        """Take back that replication owns these, where that was adopted."""
        released = [key for key, owner in self.owners(keys).items() if owner is Owner.ADOPTED]
        for key in released:
            note = self.notes[key]
            note.owned_at = note.adopted_at = None
            if key.kind is not Kind.SHADOW:
                note.closed_at = at
        return frozenset(released)

    def held(self) -> Iterator[Key]:
        """Yield what is held because the target leads."""
        return iter([key for key, note in self.notes.items() if note.held])

    def bases(self, keys: Collection[Key]) -> Mapping[Key, LastEqual]:
        """Return what is noted of the state that both Regions held last."""
        return {key: _last_equal(self.notes.get(key)) for key in keys}

    def note_equal(self, digests: Mapping[Key, str], at: int) -> None:
        """Note that both Regions hold these states by now."""
        for key, digest in digests.items():
            note = self.notes.setdefault(key, _Note())
            note.digest, note.gone = digest, False
            note.owned_at = at if note.owned_at is None else note.owned_at

    def release(self, keys: Collection[Key], at: int) -> None:
        """Have the schedule check these, if they are held still."""
        for key in keys:
            note = self.notes[key]
            if note.held:
                note.rest()
                note.doubt(at)
                note.next_attempt = at

    def marked(self, key: Key) -> frozenset[str]:
        """What a test asks: the tokens of those who are writing there."""
        return frozenset(self.notes[key].marks) if key in self.notes else frozenset()

    def last_reads(self, keys: Collection[Key]) -> Mapping[Key, LastRead]:
        """Return when the last readings of each began."""
        found = {key: self.notes[key] for key in keys if key in self.notes and self.notes[key].read.began}
        return {key: replace(note.read, doubt=note.in_doubt) for key, note in found.items()}

    def source_version(self, key: Key) -> tuple[str, int]:
        """Return the primary's thing ID and version that were applied last."""
        return self.notes[key].source if key in self.notes else ("", 0)

    def due(self, now: int, unknown: Callable[[str], object] | None = None) -> Iterator[Key]:
        """Yield what is to be tried again by now, longest waiting first."""
        waiting = [(note.next_attempt, key) for key, note in self.notes.items() if note.next_attempt is not None]
        return iter([key for due_at, key in sorted(waiting) if due_at <= now])

    def cursor(self, name: str) -> str:
        """Return where a round stands."""
        return self.cursors.get(name, "")

    def move_cursor(self, name: str, to: str) -> None:
        """Note where a round stands."""
        self.cursors[name] = to

    @property
    def remembered(self) -> frozenset[Key]:
        """What a test asks: of what more is known than that it is gone."""
        blank = replace(_Note(), marks=set())
        return frozenset(
            key
            for key, note in self.notes.items()
            if replace(note, closed_at=0, checked_at=0, gone=False, was_absent=False, read=blank.read) != blank
        )

    def outcome(self, key: Key) -> Outcome | None:
        """What a test asks: how the last look at it ended."""
        return self.notes[key].outcome if key in self.notes else None


@dataclass
class RecordingWorkflow:
    """Remembers the requests that were asked for."""

    started: list[ReconcileRequest] = field(default_factory=list)
    in_background: list[ReconcileRequest] = field(default_factory=list)

    def start(self, requests: Sequence[ReconcileRequest], *, background: bool = False) -> None:
        """Remember them."""
        self.started.extend(requests)
        if background:
            self.in_background.extend(requests)

    def take(self) -> list[ReconcileRequest]:
        """Hand over what was asked for since the last time."""
        taken, self.started = self.started, []
        return taken


@dataclass
class InMemoryRequestQueues:
    """The queues of requests, each a list of what was sent and what waits."""

    sent: list[RequestMessage] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    backlog: int = 0

    def start(self, requests: Sequence[ReconcileRequest], *, background: bool = False) -> None:
        """Send them, grouped as the real ones are."""
        self.send(messages(requests, background=background))

    def send(self, messages: Iterable[RequestMessage]) -> None:
        """Remember them."""
        self.sent.extend(messages)

    def waiting(self) -> int:
        """Return what a test set."""
        return self.backlog

    def set_aside(self, body: str) -> None:
        """Remember it."""
        self.aside.append(body)

    def take(self) -> list[RequestMessage]:
        """Hand over what was sent since the last time."""
        taken, self.sent = self.sent, []
        return taken


class Killed(BaseException):
    """The worker's process ends here; nothing in the product may catch it."""


Between = Callable[[str, int], None]
"""Called with the call's name, for example `primary.thing`, and its number from 1."""


def _nothing(_name: str, _number: int) -> None:
    """Leave the call alone."""


@dataclass
class FixedWriteGate:
    """A gate that a test closes by a reason, or behind which the target `leads` by one; `asked` is called each time."""

    reason: str = ""
    leads: str = ""
    asked: Callable[[], object] = lambda: None

    def standing(self) -> Standing:
        """Return that the target leads, or that it is closed for the reason."""
        self.asked()
        return Standing(closed=self.reason, leads=self.leads)


@dataclass
class Calls:
    """Stands between a service and its ports: remembers every call, and lets a test act before and after each."""

    made: list[str] = field(default_factory=list)
    before: Between = _nothing
    after: Between = _nothing

    def through(self, side: str, port: Port) -> Port:
        """Return the port with its calls going through here."""
        return cast(Port, _Intercepted(side, port, self))

    def to(self, *sides: str) -> list[str]:
        """Return the calls that were made to these ports."""
        return [call for call in self.made if call.partition(".")[0] in sides]


def _told(operation: str, *arguments: Any) -> str:
    """Name a call; what serves every kind of resource is told apart by the kind."""
    match operation:
        case "resource":
            return str(arguments[0].kind)
        case "listed":
            return f"listed {arguments[0]}"
        case "write":
            return _action(arguments[0])
        case _:
            return operation


class _Intercepted:
    """A port whose calls are seen by `Calls`."""

    def __init__(self, side: str, port: Any, calls: Calls) -> None:
        self._side, self._port, self._calls = side, port, calls

    def __getattr__(self, operation: str) -> Any:
        method = getattr(self._port, operation)

        def intercepted(*arguments: Any, **named: Any) -> Any:
            name = f"{self._side}.{_told(operation, *arguments)}"
            self._calls.made.append(name)
            number = len(self._calls.made)
            self._calls.before(name, number)
            answer = method(*arguments, **named)
            self._calls.after(name, number)
            return answer

        return intercepted

    def __deepcopy__(self, memo: dict[int, Any]) -> _Intercepted:
        return _Intercepted(self._side, deepcopy(self._port, memo), deepcopy(self._calls, memo))


def raising(error: IotDrError | Killed, *, at: Collection[int] = (), on: Collection[str] = ()) -> Between:
    """Raise at the calls with these numbers, or at every call with one of these names."""

    def fault(name: str, number: int) -> None:
        if number in at or name in on:
            raise error

    return fault


def once(name: str, action: Callable[[], Any]) -> Between:
    """Let the world change once, at the first call of this name."""
    pending = [action]

    def between(called: str, _number: int) -> None:
        if called == name and pending:
            pending.pop()()

    return between
