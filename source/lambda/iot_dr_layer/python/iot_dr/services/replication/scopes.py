"""Reads a resource and what hangs on it in both Regions, as two snapshots that can be planned.

The scope of a thing: its certificates on either side, their policies, and the attachments between them; checked for
everything, its group memberships too. The scope of a certificate: its policies and their attachments; for everything,
its things. The scope of a group: its policies. What is gone from the source but still in the target brings in all
that hangs on it there, since AWS deletes nothing that something hangs on.

Tags are read of the resource that a request is about, and of nothing that comes along with it: they serve no device,
and take a call each. No more is read than a plan needs: what does not exist has nothing attached, and what something
needs in order to exist (its type, its parent groups) is read only when a write was refused for want of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from iot_dr.model.registry.changes import Snapshot
from iot_dr.model.registry.entities import (
    Entity,
    GroupMembership,
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
    certificate_target,
    group_membership_key,
    key_of_target,
    policy_attachment_key,
    policy_key,
    thing_group_key,
    thing_group_target,
    thing_key,
    thing_principal_key,
    thing_type_key,
)
from iot_dr.model.registry.kinds import RELATIONS, RESOURCE_KINDS, ROW
from iot_dr.model.registry.tagging import with_tags
from iot_dr.model.replication.requests import Depth
from iot_dr.model.sites import Direction, Side
from iot_dr.ports.registry import RegistryReader
from iot_dr.reconcile import dependencies
from iot_dr.reconcile.plan import fixed_fields
from iot_dr.reconcile.translate import translate
from iot_dr.services.concurrency import Together, one_by_one
from iot_dr.services.replication.shared_answers import SharedAnswers

SIDES = (Side.TARGET, Side.SOURCE)
"""In the order of reading. Read last, the source's state is no older than the version that guards the write: whoever
copies a newer state meanwhile raises that version, and the older one is refused."""
Result = TypeVar("Result")

MOST_RELATIONS = 500
"""Things of a group or of a certificate that one request takes in; at AWS's quotas that is five seconds of writes.

Of more nothing is read: each membership and principal is checked with its thing.
"""


@dataclass(frozen=True)
class Scope:
    """What both Regions hold in the scope of one resource; `desired` is translated for the target.

    It is not `whole` if what hangs on the resource was left out, as was asked for.
    """

    desired: Snapshot
    actual: Snapshot
    whole: bool = True


@dataclass
class _ScopeSide:
    """What has been read of one Region so far."""

    reader: RegistryReader
    found: dict[Key, Entity] = field(default_factory=dict)
    absent: set[Key] = field(default_factory=set)

    def add(self, key: Key, entity: Entity | None) -> None:
        """Keep the answer to one read."""
        if entity is None:
            self.absent.add(key)
        else:
            self.found[key] = entity

    def drop(self, key: Key) -> None:
        """Say nothing about a key after all."""
        self.found.pop(key, None)
        self.absent.discard(key)


class ScopeReader:
    """Reads scopes through a reader of each Region."""

    def __init__(
        self,
        source: RegistryReader,
        target: RegistryReader,
        direction: Direction,
        together: Together = one_by_one,
    ) -> None:
        self._readers = {Side.SOURCE: source, Side.TARGET: target}
        self._direction = direction
        self._together = together

    def read(
        self,
        key: Key,
        depth: Depth = Depth.EVERYTHING,
        *,
        needs: bool = False,
        also: Collection[Key] = frozenset(),
        shared: SharedAnswers | None = None,
    ) -> Scope:
        """Read the scope of a resource.

        Args:
            key: the resource or relation, of the registry.
            depth: how much of what hangs on it to read.
            needs: read too what it needs in order to exist: type, billing group, groups and their parents.
            also: relations to read whatever they hang on by now; what is no relation is left out.
            shared: answers that others have had since this reading began.

        Raises:
            RetryableError: a Region could not be read; nothing is concluded from a part.
        """
        reading = _ScopeReading(self._readers, self._together, depth, shared)
        match key.kind:
            case Kind.THING:
                reading.thing(key.name, needs=needs)
            case Kind.CERTIFICATE:
                reading.certificate(key.name, needs=needs)
            case Kind.POLICY:
                reading.policies({key.name})
            case Kind.THING_GROUP:
                reading.thing_group(key.name, needs=needs)
            case Kind.GROUP_MEMBERSHIP:
                reading.membership(key.name, key.other, needs=needs)
            case Kind.POLICY_ATTACHMENT:
                reading.attachment(key.name, key.other, needs=needs)
            case Kind.THING_PRINCIPAL:
                reading.principal(key.name, key.other, needs=needs)
            case kind if kind in RESOURCE_KINDS:
                reading.resource(key)
            case _:
                raise ValueError(f"{key} is not of the registry")
        reading.relations(also)
        reading.tags(key)
        return reading.scope(self._direction)


class _ScopeReading:
    """One reading of one scope."""

    def __init__(
        self, readers: dict[Side, RegistryReader], together: Together, depth: Depth, shared: SharedAnswers | None
    ) -> None:
        self._shared = shared
        self._sides = {side: _ScopeSide(reader) for side, reader in readers.items()}
        self._together = together
        self._depth = depth
        self._relations: set[Key] = set()
        self._left: set[Key] = set()
        self._whole = True

    def scope(self, direction: Direction) -> Scope:
        """Return what was read; a relation that no list mentioned is absent, since every list was read to its end."""
        source, target = self._sides[Side.SOURCE], self._sides[Side.TARGET]
        desired = {key: translate(entity, direction) for key, entity in source.found.items()}
        return Scope(
            Snapshot(desired, frozenset(source.absent | (self._relations - desired.keys()))),
            Snapshot(target.found, frozenset(target.absent | (self._relations - target.found.keys()))),
            self._whole,
        )

    def thing(self, name: str, *, needs: bool = False) -> None:
        """Read a thing and what hangs on it."""
        key = thing_key(name)
        self._entities([key])
        if needs:
            self._needs_of_thing(name)
        holders = self._holders(key)
        if len(holders) == len(SIDES) and self._depth is Depth.OWN:
            self._whole = False
            return
        attached = self._lists(holders, lambda reader: reader.principals_of_thing(name))
        for side, principals in attached.items():
            self._relate(side, principals)
        certificates = {principal.certificate_id for found in attached.values() for principal in found}
        self._certificates(certificates)
        if needs:
            self._strangers(certificates)
        if self._depth is Depth.EVERYTHING or key in self._sides[Side.SOURCE].absent:
            groups = self._memberships(name, holders)
            if needs:
                self._groups(groups)
                self._leave_dynamic_groups()

    def certificate(self, certificate_id: str, *, needs: bool) -> None:
        """Read a certificate, what is attached to it and, for everything, what it is attached to."""
        self._certificates({certificate_id})
        if self._depth is not Depth.EVERYTHING:
            return
        holders = self._holders(certificate_key(certificate_id))
        attached = self._lists(holders, lambda reader: reader.things_of_certificate(certificate_id, MOST_RELATIONS + 1))
        if any(len(principals) > MOST_RELATIONS for principals in attached.values()):
            return
        for side, principals in attached.items():
            self._relate(side, (one for one in principals if not thing_key(one.thing).reserved))
        if needs:
            things = {thing_key(principal.thing) for found in attached.values() for principal in found}
            self._entities(sorted(key for key in things if not key.reserved))

    def tags(self, key: Key) -> None:
        """Read the tags of a resource that has some, where it is; a request for its own fields alone needs none."""
        row = ROW[key.kind]
        holders = self._holders(key) if row.tags_by and not (row.has_depth and self._depth is Depth.OWN) else []
        for side, tags in self._lists(holders, lambda reader: reader.tags(key)).items():
            self._found(side)[key] = with_tags(self._found(side)[key], tags)

    def policies(self, names: Iterable[str]) -> None:
        """Read policies, and all that still use one in the target if the source has it no more."""
        wanted = frozenset(names)
        self._entities([policy_key(name) for name in sorted(wanted)])
        for name in sorted(wanted & self._only_in_target(Kind.POLICY)):
            targets = self._sides[Side.TARGET].reader.targets_of(name)
            self._relate(Side.TARGET, (PolicyAttachment(name, target) for target in targets))

    def resource(self, key: Key) -> None:
        """Read a resource that nothing hangs on."""
        self._entities([key])

    def thing_group(self, name: str, *, needs: bool) -> None:
        """Read a group and its policies, perhaps its parents too."""
        key = thing_group_key(name)
        self._groups({name}, parents=needs)
        holders = self._holders(key)
        if len(holders) == len(SIDES) and self._depth is Depth.OWN and not self._goes(key):
            self._whole = False
            return
        if self._depth is Depth.EVERYTHING or (key in self._found(Side.TARGET) and self._goes(key)):
            self._members(name, holders)
        static = [side for side in holders if not self._dynamic(side, name)]
        self.policies(self._attachments_of([(side, thing_group_target(name)) for side in static]))

    def _goes(self, group: Key) -> bool:
        """Tell whether a group of the target has to go, which takes all things out of it without a word."""
        return group in self._sides[Side.SOURCE].absent or self._stands_elsewhere(group)

    def _members(self, group: str, holders: list[Side]) -> None:
        """Read which things are in a group of the target, and which of them in the source's, if they are few.

        A member that the target lacks is left to its own request: the thing may be missing too.
        """
        if Side.TARGET not in holders or any(self._dynamic(side, group) for side in holders):
            return
        listed = self._lists(holders, lambda reader: reader.things_of_group(group, MOST_RELATIONS + 1))
        if any(len(things) > MOST_RELATIONS for things in listed.values()):
            return
        for side, things in listed.items():
            found = (GroupMembership(group, thing) for thing in things & listed[Side.TARGET])
            self._relate(side, (one for one in found if not one.key.reserved))

    def membership(self, group: str, thing: str, *, needs: bool) -> None:
        """Read whether a thing is in a group, perhaps thing and group too."""
        relation = group_membership_key(group, thing)
        self._relations.add(relation)
        listed = self._lists(list(SIDES), lambda reader: reader.groups_of_thing(thing))
        for side, groups in listed.items():
            if group in groups:
                self._relate(side, [GroupMembership(group, thing)])
        if needs and group in listed[Side.SOURCE]:
            # Of another group in its hierarchy the thing has to be taken out first.
            left = listed[Side.TARGET] - listed[Side.SOURCE]
            self._relate(Side.TARGET, (GroupMembership(one, thing) for one in left))
        surplus = {key.name for key in self._relations} & (listed[Side.TARGET] - listed[Side.SOURCE])
        self._leave_to_queries(thing, surplus)
        if needs:
            self._entities([thing_key(thing)])
            self._needs_of_thing(thing)
            self._groups({group})

    def attachment(self, policy: str, target: str, *, needs: bool) -> None:
        """Read whether a policy is attached to a target, perhaps both of them too."""
        self.relations([policy_attachment_key(policy, target)])
        self._leave_probes()
        if needs and not policy_key(policy).reserved:
            self.policies({policy})
            end = key_of_target(target)
            if end.kind is Kind.CERTIFICATE:
                self._entities([end])
            else:
                self._groups({end.name})

    def principal(self, thing: str, certificate_id: str, *, needs: bool) -> None:
        """Read whether a certificate is attached to a thing, perhaps both of them too."""
        self.relations([thing_principal_key(thing, certificate_id)])
        if needs:
            self._entities([thing_key(thing)])
            self._needs_of_thing(thing)
            self._entities([certificate_key(certificate_id)])
            self._strangers({certificate_id})

    def relations(self, keys: Iterable[Key]) -> None:
        """Read relations that no other reading has brought in, each by the list of one of its ends."""
        wanted = {key for key in keys if key.kind in RELATIONS} - self._relations - self._left
        asked = sorted({(key.kind, _end(key)) for key in wanted})
        for side in SIDES:
            reader = self._sides[side].reader
            listed = self._together(partial(_listed, reader), asked)
            self._relate(side, (one for found in listed for one in found if one.key in wanted))
        self._relations |= wanted

    def _certificates(self, certificate_ids: Iterable[str]) -> None:
        """Read certificates, the policies attached to them on either side, and the attachments."""
        wanted = frozenset(certificate_ids)
        keys = [certificate_key(one) for one in sorted(wanted)]
        self._entities(keys)
        holdings = [(side, certificate_target(key.name)) for side in SIDES for key in keys if key in self._found(side)]
        policies = self._attachments_of(holdings)
        for certificate in sorted(wanted & self._only_in_target(Kind.CERTIFICATE)):
            self._relate(Side.TARGET, self._sides[Side.TARGET].reader.things_of_certificate(certificate))
        self._leave_probes()
        self.policies(name for name in policies if not policy_key(name).reserved)

    def _leave_probes(self) -> None:
        """Say nothing about the health checker's certificate, which its policy alone tells from the fleet's."""
        for relation in [key for key in self._relations if key.kind is Kind.POLICY_ATTACHMENT and key.reserved]:
            certificate = relation.other.removeprefix(certificate_target(""))
            self._forget(relation)
            self._forget(certificate_key(certificate))
            for principal in [key for key in self._relations if key.other == certificate]:
                self._forget(principal)

    def _attachments_of(self, holdings: list[tuple[Side, str]]) -> frozenset[str]:
        """Read what policies are attached to targets, and return their names."""
        attached = self._together(self._policies_of, holdings)
        for (side, target), policies in zip(holdings, attached, strict=True):
            self._relate(side, (PolicyAttachment(policy, target) for policy in policies))
        return frozenset().union(*attached)

    def _memberships(self, thing: str, holders: list[Side]) -> set[str]:
        listed = self._lists(holders, lambda reader: reader.groups_of_thing(thing))
        for side, groups in listed.items():
            self._relate(side, (GroupMembership(group, thing) for group in groups))
        if len(listed) == len(SIDES):
            self._leave_to_queries(thing, listed[Side.TARGET] - listed[Side.SOURCE])
        return {group for groups in listed.values() for group in groups}

    def _leave_to_queries(self, thing: str, groups: Iterable[str]) -> None:
        """Say nothing about memberships that the target has alone and keeps by a query: its index may be ahead."""
        names, reader = sorted(groups), self._sides[Side.TARGET].reader
        for name, group in zip(names, self._together(reader.thing_group, names), strict=True):
            if group is not None and group.dynamic:
                self._forget(group_membership_key(name, thing))

    def _strangers(self, certificate_ids: Iterable[str]) -> None:
        """Read which things hold certificates in the target alone: an exclusive one has room for no other."""
        for certificate in sorted(certificate_ids):
            holders = self._holders(certificate_key(certificate))
            listed = self._lists(holders, _things_of(certificate))
            if len(listed) == len(SIDES):
                held = {principal.thing for principal in listed[Side.SOURCE]}
                strangers = (one for one in listed[Side.TARGET] if one.thing not in held)
                self._relate(Side.TARGET, (one for one in strangers if not one.key.reserved))

    def _groups(self, names: Iterable[str], *, parents: bool = True) -> None:
        """Read groups, perhaps with all their parents, and leave out memberships that AWS keeps by a query.

        The parents of one that stands elsewhere in the target may be what has to go.
        """
        wanted = [thing_group_key(name) for name in sorted(set(names))]
        self._entities(wanted)
        if parents or any(self._stands_elsewhere(key) for key in wanted):
            groups = [entity for entity in self._found(Side.SOURCE).values() if isinstance(entity, ThingGroup)]
            above = {thing_group_key(name) for group in groups for name in group.ancestors} - set(wanted)
            self._entities(sorted(above))
        for relation in [key for key in self._relations if key.kind is Kind.GROUP_MEMBERSHIP]:
            if any(self._dynamic(side, relation.name) for side in SIDES):
                self._forget(relation)

    def _leave_dynamic_groups(self) -> None:
        """Say nothing about groups that AWS fills by a query: no thing needs one in order to exist."""
        for key in [key for side in SIDES for key, found in self._found(side).items() if _is_dynamic(found)]:
            self._forget(key)

    def _needs_of_thing(self, name: str) -> None:
        thing = self._found(Side.SOURCE).get(thing_key(name))
        if isinstance(thing, Thing):
            self._entities(dependencies.needs(thing))
            self._keep_usable(thing_type_key(thing.type_name))

    def _keep_usable(self, thing_type: Key) -> None:
        """Say nothing about a type that is to be made anew but takes things meanwhile: its own request waits for
        that.
        """
        wanted, found = (self._found(side).get(thing_type) for side in (Side.SOURCE, Side.TARGET))
        usable = isinstance(found, ThingType) and not found.deprecated
        if wanted is not None and found is not None and usable and fixed_fields(wanted) != fixed_fields(found):
            for side in self._sides.values():
                side.drop(thing_type)

    def _dynamic(self, side: Side, group: str) -> bool:
        return _is_dynamic(self._found(side).get(thing_group_key(group)))

    def _stands_elsewhere(self, group: Key) -> bool:
        found = [entity for side in SIDES if isinstance(entity := self._found(side).get(group), ThingGroup)]
        return len({(entity.parent, entity.ancestors) for entity in found}) > 1

    def _found(self, side: Side) -> dict[Key, Entity]:
        return self._sides[side].found

    def _holders(self, key: Key) -> list[Side]:
        return [side for side in SIDES if key in self._found(side)]

    def _only_in_target(self, kind: Kind) -> frozenset[str]:
        gone = self._sides[Side.SOURCE].absent & self._found(Side.TARGET).keys()
        return frozenset(key.name for key in gone if key.kind is kind)

    def _policies_of(self, holding: tuple[Side, str]) -> frozenset[str]:
        side, target = holding
        reader = self._sides[side].reader
        return self._asked((side, target), lambda: reader.policies_of(target))

    def _forget(self, relation: Key) -> None:
        self._left.add(relation)
        self._relations.discard(relation)
        for side in self._sides.values():
            side.drop(relation)

    def _relate(self, side: Side, relations: Iterable[PolicyAttachment | ThingPrincipal | GroupMembership]) -> None:
        for relation in relations:
            self._relations.add(relation.key)
            self._sides[side].found[relation.key] = relation

    def _entities(self, keys: Iterable[Key]) -> None:
        listed = list(keys)
        for name in SIDES:
            side = self._sides[name]
            for key, entity in zip(listed, self._together(partial(self._entity, name), listed), strict=True):
                side.add(key, entity)

    def _entity(self, side: Side, key: Key) -> Entity | None:
        """Read one; what a version guards is never shared, for the order of its two readings matters."""
        reader = self._sides[side].reader
        return self._asked((side, key), lambda: reader.resource(key)) if key.kind in _SHARED else reader.resource(key)

    def _asked(self, question: tuple[Side, Key | str], ask: Callable[[], Result]) -> Result:
        return ask() if self._shared is None else self._shared.of(question, ask)

    def _lists(self, sides: list[Side], read: Callable[[RegistryReader], Result]) -> dict[Side, Result]:
        answers = self._together(lambda side: read(self._sides[side].reader), sides)
        return dict(zip(sides, answers, strict=True))


def _is_dynamic(found: Entity | None) -> bool:
    return isinstance(found, ThingGroup) and found.dynamic


Relation = PolicyAttachment | ThingPrincipal | GroupMembership

_SHARED = frozenset({Kind.CERTIFICATE, Kind.POLICY})
"""Kinds of which requests of one batch share answers: no version guards their writes."""


def _end(relation: Key) -> str:
    """Return that end of a relation whose list is read: it has few entries, whatever the other end has."""
    return relation.name if relation.kind is Kind.THING_PRINCIPAL else relation.other


def _listed(reader: RegistryReader, asked: tuple[Kind, str]) -> list[Relation]:
    kind, end = asked
    match kind:
        case Kind.POLICY_ATTACHMENT:
            return [PolicyAttachment(policy, end) for policy in reader.policies_of(end)]
        case Kind.GROUP_MEMBERSHIP:
            return [GroupMembership(group, end) for group in reader.groups_of_thing(end)]
        case _:
            return list(reader.principals_of_thing(end))


def _things_of(certificate_id: str) -> Callable[[RegistryReader], frozenset[ThingPrincipal]]:
    return lambda reader: reader.things_of_certificate(certificate_id)
