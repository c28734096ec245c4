"""A whole registry in memory, asked page by page as AWS is; `tests/contract` holds it to what the emulator does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import cast

from iot_dr.errors import InvalidResource
from iot_dr.model.registry.differences import Unreadable
from iot_dr.model.registry.entities import (
    Entity,
    GroupMembership,
    Policy,
    PolicyAttachment,
    Thing,
)
from iot_dr.model.registry.keys import SEPARATOR, Key, Kind, certificate_target, shadow_key, thing_group_target
from iot_dr.model.registry.read_calls import Page, PageRequest, ReadCall
from iot_dr.model.registry.tagging import with_tags
from iot_dr.model.shadows.index import IndexCoverage
from iot_dr.model.shadows.shadow import Document, Shadow
from tests.fakes import InMemoryRegistry
from tests.shadow_fakes import InMemoryShadows


@dataclass
class InMemoryShadowIndex:
    """`ports.ShadowIndex` of a registry in memory; pages are of two things, so that few make several.

    Attributes:
        covers: what it says that it holds.
        missed: things that it does not have yet.
        behind: what it still shows of shadows that have changed since; None of one that it does not show.
        holds: what it holds of a document.
    """

    registry: InMemoryRegistry
    shadows: InMemoryShadows
    covers: IndexCoverage = field(default_factory=IndexCoverage)
    missed: frozenset[str] = frozenset()
    behind: dict[Key, Document | None] = field(default_factory=dict)
    holds: Callable[[Document], Document] = lambda document: document

    def coverage(self) -> IndexCoverage:
        """Tell what it holds."""
        return self.covers

    def page(self, token: str) -> Page:
        """Answer with two things."""
        if token and not token.isdecimal():
            raise InvalidResource(f"not a place in a search: {token}")
        names = sorted(thing.name for thing in self.registry.things() if thing.name not in self.missed)
        start = int(token or 0)
        told = tuple(names[start : start + 2])
        shadows = tuple(one for name in told for one in self._of(name))
        return Page(shadows, str(start + 2) if start + 2 < len(names) else "", told=told)

    def _of(self, thing: str) -> Iterator[Shadow]:
        for key in sorted({*self.shadows.documents, *self.behind}):
            held = self.shadows.shadow(key)
            document = self.behind.get(key, held.document if held else None)
            covered = key.other in self.covers.named if key.other else self.covers.classic
            if key.name == thing and covered and document is not None:
                yield Shadow(key, self.holds(document), held.version if held else 1)


class InMemoryFleet:
    """`ports.FleetReader` of a registry in memory."""

    def __init__(
        self, registry: InMemoryRegistry, page_size: int = 250, shadows: InMemoryShadows | None = None
    ) -> None:
        self.registry = registry
        self.shadows = shadows or InMemoryShadows()
        self.index = InMemoryShadowIndex(registry, self.shadows)
        self.asked: list[PageRequest] = []
        self._page_size = page_size

    def ask(self, call: PageRequest) -> Page:
        """Answer one call."""
        self.asked.append(call)
        if call.question in (ReadCall.NAMED_SHADOWS, ReadCall.SHADOW):
            return self._shadow(call)
        if call.question is ReadCall.SHADOW_INDEX:
            return self.index.page(call.token)
        found = _ANSWERS[call.question](self.registry, call.subject)
        return Page(missing=True) if found is None else self._page(found, call.token)

    def _shadow(self, call: PageRequest) -> Page:
        thing, _, name = call.subject.partition(SEPARATOR)
        if call.question is ReadCall.NAMED_SHADOWS:
            names = sorted(self.shadows.shadow_names(thing))
            return Page(tuple(Shadow(shadow_key(thing, one), {}) for one in names))
        found = self.shadows.shadow(shadow_key(thing, name))
        return Page(missing=True) if found is None else Page((found,))

    def _page(self, entities: Iterable[Entity], token: str) -> Page:
        if token and not token.isdigit():
            raise InvalidResource(f"not a place in a list: {token}")
        start = int(token or 0)
        ordered = sorted(entities, key=lambda entity: entity.key)
        page = tuple(islice(ordered, start, start + self._page_size))
        end = start + self._page_size
        return Page(page, str(end) if end < len(ordered) else "")


Found = Iterable[Entity] | None


def _one(entity: Entity | None) -> Found:
    return None if entity is None else [entity]


def _billed(registry: InMemoryRegistry, group: str) -> Found:
    things = [cast(Thing, registry.thing(thing.name)) for thing in registry.things()]
    return [Thing(one.name, billing_group=group) for one in things if one.billing_group == group]


def _members(registry: InMemoryRegistry, group: str) -> Found:
    names = [thing.name for thing in registry.things()]
    return [GroupMembership(group, name) for name in names if group in registry.groups_of_thing(name)]


def _attached(registry: InMemoryRegistry, target: str) -> Found:
    return [PolicyAttachment(policy, target) for policy in registry.policies_of(target)]


def _tagged(registry: InMemoryRegistry, kind: Kind, name: str) -> Found:
    found = registry.resource(Key(kind, name))
    return [] if found is None else [with_tags(found, registry.tags(found.key))]


def _listed(registry: InMemoryRegistry, kind: Kind) -> Found:
    return [one for one in registry.listed(kind) if not isinstance(one, Unreadable)]


_ANSWERS: dict[ReadCall, Callable[[InMemoryRegistry, str], Found]] = {
    ReadCall.THING_TYPES: lambda it, _: _listed(it, Kind.THING_TYPE),
    ReadCall.BILLING_GROUPS: lambda it, _: _listed(it, Kind.BILLING_GROUP),
    ReadCall.POLICIES: lambda it, _: (Policy(one.key.name, "") for one in it.listed(Kind.POLICY)),
    ReadCall.CERTIFICATES: lambda it, _: _listed(it, Kind.CERTIFICATE),
    ReadCall.THING_GROUPS: lambda it, _: _listed(it, Kind.THING_GROUP),
    ReadCall.THINGS: lambda it, _: (replace(thing, thing_id="") for thing in it.things()),
    ReadCall.BILLING_GROUP: lambda it, name: _one(it.billing_group(name)),
    ReadCall.POLICY: lambda it, name: _one(it.policy(name)),
    ReadCall.THING_GROUP: lambda it, name: _one(it.thing_group(name)),
    ReadCall.THINGS_OF_BILLING_GROUP: lambda it, name: _billed(it, name) if it.billing_group(name) else None,
    ReadCall.TARGETS_OF_POLICY: lambda it, name: (
        [PolicyAttachment(name, target) for target in it.targets_of(name)] if it.policy(name) else None
    ),
    ReadCall.THINGS_OF_GROUP: lambda it, name: _members(it, name) if it.thing_group(name) else None,
    ReadCall.THINGS_OF_CERTIFICATE: lambda it, name: it.things_of_certificate(name) if it.certificate(name) else None,
    ReadCall.CERTIFICATES_OF_THING: lambda it, name: it.principals_of_thing(name) if it.thing(name) else None,
    ReadCall.POLICIES_OF_CERTIFICATE: lambda it, name: (
        _attached(it, certificate_target(name)) if it.certificate(name) else None
    ),
    ReadCall.POLICIES_OF_GROUP: lambda it, name: (
        _attached(it, thing_group_target(name)) if it.thing_group(name) else None
    ),
    ReadCall.TAGS_OF_TYPE: lambda it, name: _tagged(it, Kind.THING_TYPE, name),
    ReadCall.TAGS_OF_BILLING_GROUP: lambda it, name: _tagged(it, Kind.BILLING_GROUP, name),
    ReadCall.TAGS_OF_POLICY: lambda it, name: _tagged(it, Kind.POLICY, name),
    ReadCall.TAGS_OF_GROUP: lambda it, name: _tagged(it, Kind.THING_GROUP, name),
}
