"""Reads a resource and what hangs on it in both Regions, as two snapshots that can be planned.

The scope of a thing: its type, its certificates on either side, their policies, and the attachments between them. The
scope of a certificate: itself, its policies, their attachments. What is gone from the primary but still in the
secondary brings in all that hangs on it there, since AWS deletes nothing that something hangs on.

No more is read than a plan needs: what does not exist has nothing attached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from iot_dr.model.changes import Snapshot
from iot_dr.model.entities import Entity, PolicyAttachment, Thing, ThingPrincipal
from iot_dr.model.keys import Key, Kind, certificate_key, policy_key, thing_key, thing_type_key
from iot_dr.model.regions import RegionPair, Side
from iot_dr.ports import RegistryReader
from iot_dr.reconcile.translate import translate
from iot_dr.services.concurrency import Together, one_by_one

SIDES = (Side.PRIMARY, Side.SECONDARY)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Scope:
    """What both Regions hold in the scope of one resource; `desired` is translated for the secondary.

    It is not `whole` if what hangs on the resource was left out, as was asked for.
    """

    desired: Snapshot
    actual: Snapshot
    whole: bool = True


@dataclass
class _Side:
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


class ScopeReader:
    """Reads scopes through a reader of each Region."""

    def __init__(
        self,
        primary: RegistryReader,
        secondary: RegistryReader,
        regions: RegionPair,
        together: Together = one_by_one,
    ) -> None:
        self._readers = {Side.PRIMARY: primary, Side.SECONDARY: secondary}
        self._regions = regions
        self._together = together

    def read(self, key: Key, *, whole: bool = True, with_type: bool = False) -> Scope:
        """Read the scope of a thing, thing type, certificate or policy.

        Args:
            key: the resource.
            whole: read all that hangs on a thing even if both Regions have the thing itself.
            with_type: read the thing's type too. A type has events of its own and serves many things, so it is read
                only when a thing could not be made for want of it.

        Raises:
            RetryableError: a Region could not be read; nothing is concluded from a part.
        """
        reading = _Reading(self._readers, self._together)
        match key.kind:
            case Kind.THING:
                reading.thing(key.name, whole=whole, with_type=with_type)
            case Kind.CERTIFICATE:
                reading.certificates({key.name})
            case Kind.POLICY:
                reading.policies({key.name})
            case Kind.THING_TYPE:
                reading.thing_type(key.name)
            case _:
                raise ValueError(f"{key} is a relation, which hangs on something else")
        return reading.scope(self._regions)


class _Reading:
    """One reading of one scope."""

    def __init__(self, readers: dict[Side, RegistryReader], together: Together) -> None:
        self._sides = {side: _Side(reader) for side, reader in readers.items()}
        self._together = together
        self._relations: set[Key] = set()
        self._whole = True

    def scope(self, regions: RegionPair) -> Scope:
        """Return what was read; a relation that no list mentioned is absent, since every list was read to its end."""
        primary, secondary = self._sides[Side.PRIMARY], self._sides[Side.SECONDARY]
        desired = {key: translate(entity, regions) for key, entity in primary.found.items()}
        return Scope(
            Snapshot(desired, frozenset(primary.absent | (self._relations - desired.keys()))),
            Snapshot(secondary.found, frozenset(secondary.absent | (self._relations - secondary.found.keys()))),
            self._whole,
        )

    def thing(self, name: str, *, whole: bool, with_type: bool) -> None:
        """Read a thing, perhaps its type, its certificates and their policies."""
        self._entities([thing_key(name)], lambda reader, key: reader.thing(key.name))
        holders = [side for side in SIDES if thing_key(name) in self._sides[side].found]
        if with_type:
            self._type_of(name)
        if len(holders) == len(SIDES) and not whole:
            self._whole = False
            return
        attached = self._lists(holders, lambda reader: reader.certificates_of_thing(name))
        for side, certificates in attached.items():
            self._relate(side, (ThingPrincipal(name, certificate) for certificate in certificates))
        self.certificates(frozenset().union(*attached.values()))

    def certificates(self, certificate_ids: Iterable[str]) -> None:
        """Read certificates, the policies attached to them on either side, and the attachments."""
        wanted = frozenset(certificate_ids)
        keys = [certificate_key(one) for one in sorted(wanted)]
        self._entities(keys, lambda reader, key: reader.certificate(key.name))
        holdings = [(side, key.name) for side in SIDES for key in keys if key in self._sides[side].found]
        attached = self._together(self._policies_of, holdings)
        for (side, certificate), policies in zip(holdings, attached, strict=True):
            self._relate(side, (PolicyAttachment(policy, certificate) for policy in policies))
        for certificate in sorted(wanted & self._only_in_secondary(Kind.CERTIFICATE)):
            things = self._sides[Side.SECONDARY].reader.things_of_certificate(certificate)
            self._relate(Side.SECONDARY, (ThingPrincipal(thing, certificate) for thing in things))
        self.policies(frozenset().union(*attached))

    def policies(self, names: Iterable[str]) -> None:
        """Read policies, and all that still use one in the secondary if the primary has it no more."""
        wanted = frozenset(names)
        self._entities([policy_key(name) for name in sorted(wanted)], lambda reader, key: reader.policy(key.name))
        for name in sorted(wanted & self._only_in_secondary(Kind.POLICY)):
            certificates = self._sides[Side.SECONDARY].reader.certificates_of_policy(name)
            self._relate(Side.SECONDARY, (PolicyAttachment(name, certificate) for certificate in certificates))

    def thing_type(self, name: str) -> None:
        """Read a thing type."""
        self._entities([thing_type_key(name)], lambda reader, key: reader.thing_type(key.name))

    def _type_of(self, name: str) -> None:
        thing = self._sides[Side.PRIMARY].found.get(thing_key(name))
        if isinstance(thing, Thing) and thing.type_name:
            self.thing_type(thing.type_name)

    def _only_in_secondary(self, kind: Kind) -> frozenset[str]:
        gone = self._sides[Side.PRIMARY].absent & self._sides[Side.SECONDARY].found.keys()
        return frozenset(key.name for key in gone if key.kind is kind)

    def _policies_of(self, holding: tuple[Side, str]) -> frozenset[str]:
        side, certificate = holding
        return self._sides[side].reader.policies_of_certificate(certificate)

    def _relate(self, side: Side, relations: Iterable[PolicyAttachment | ThingPrincipal]) -> None:
        for relation in relations:
            self._relations.add(relation.key)
            self._sides[side].found[relation.key] = relation

    def _entities(self, keys: list[Key], read: Callable[[RegistryReader, Key], Entity | None]) -> None:
        places = [(side, key) for side in SIDES for key in keys]
        answers = self._together(lambda place: read(self._sides[place[0]].reader, place[1]), places)
        for (side, key), entity in zip(places, answers, strict=True):
            self._sides[side].add(key, entity)

    def _lists(self, sides: list[Side], read: Callable[[RegistryReader], Result]) -> dict[Side, Result]:
        answers = self._together(lambda side: read(self._sides[side].reader), sides)
        return dict(zip(sides, answers, strict=True))
