"""Finds what a trial has left in the primary Region whose process was killed, so that it can be removed by its name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from iot_dr.model.launch.probes import ProbeCredentials
from iot_dr.model.registry.differences import Unreadable
from iot_dr.model.registry.entities import (
    Certificate,
    CertificateStatus,
    Entity,
    GroupMembership,
    Policy,
    PolicyAttachment,
    Thing,
    ThingGroup,
    ThingType,
)
from iot_dr.model.registry.keys import Key, Kind, certificate_target, shadow_key
from iot_dr.model.shadows.shadow import Document
from iot_dr.model.trials import SHADOW_NAME, Trial, TrialDevice
from iot_dr.ports.registry import ReadableRegistry
from iot_dr.services.concurrency import Together, one_by_one


def leftovers(name: str, reader: ReadableRegistry, unattached: Iterable[str], together: Together = one_by_one) -> Trial:
    """Return a trial of all that begins with its name, and of the certificates that are attached to that.

    Only what tells things, policies, groups, types and certificates apart is read. `unattached` are the IDs of
    certificates that were made for the trial and that nothing leads to.
    """

    def named(kind: Kind) -> list[str]:
        listed = (one.key.name for one in reader.listed(kind) if not isinstance(one, Unreadable))
        return [found for found in listed if found.startswith(name)]

    things, policies, groups, types = map(named, (Kind.THING, Kind.POLICY, Kind.THING_GROUP, Kind.THING_TYPE))
    principals = [one for found in together(reader.principals_of_thing, things) for one in found]
    attachments = [
        PolicyAttachment(policy, target)
        for policy, targets in zip(policies, together(reader.targets_of, policies), strict=True)
        for target in targets
    ]
    prefix = certificate_target("")
    certificates = {one.certificate_id for one in principals} | set(unattached)
    certificates |= {one.target.removeprefix(prefix) for one in attachments if one.target.startswith(prefix)}
    memberships = [
        GroupMembership(group, thing)
        for thing, found in zip(things, together(reader.groups_of_thing, things), strict=True)
        for group in found
    ]

    def entities() -> Iterator[Entity]:
        yield from (ThingType(one) for one in types)
        yield from (Policy(one, "{}") for one in policies)
        yield from (Certificate(one, CertificateStatus.ACTIVE) for one in certificates)
        yield from (ThingGroup(one) for one in groups)
        yield from (Thing(one) for one in things)
        yield from attachments
        yield from principals
        yield from memberships

    shadows: dict[Key, Document] = {shadow_key(thing, shadow): {} for thing in things for shadow in ("", SHADOW_NAME)}
    return Trial(name, (TrialDevice(ProbeCredentials(name, "", "", ""), tuple(entities()), shadows),))
