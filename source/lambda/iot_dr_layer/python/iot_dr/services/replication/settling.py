"""When a new device may be left alone.

Attaching a certificate or a policy raises no event, and provisioning does it just before or just after the thing is
made. So a new device is checked again until what is attached to it has stood still for a stated time. A thing that
has no certificate by then may never get one: it is as in the source, so in sync, and checked again now and then.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import chain

from iot_dr.model.registry.changes import Snapshot
from iot_dr.model.registry.entities import PolicyAttachment, ThingPrincipal
from iot_dr.model.registry.keys import Key, Kind, certificate_target, thing_group_target
from iot_dr.model.replication.outcomes import State
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.ports.registry import RegistryReader
from iot_dr.services.concurrency import Together, one_by_one

PAUSES = (1, 1, 2, 3, 5, 8, 13, 21, 34)
"""Seconds between the requests for an incomplete device: growing, so that a burst leaves room for others.

After the first, quick one they are as many times longer as new devices wait beside each other, up to the last of them:
a burst is checked about as often as one device, instead of taking the calls that its own events need.
"""

NO_CERTIFICATE = "no certificate with a policy is attached yet"
NONE_IN_SOURCE_EITHER = "no certificate is attached in the primary either"
NO_POLICY_IN_SOURCE_EITHER = "a certificate has no policy, neither its own nor by a group, in the primary either"
"""Why a new device is not complete: while more may be under way, and when it stood still so."""

Attachments = Mapping[str, Collection[str]]
"""The certificates attached to a thing, each with the names of its policies."""


@dataclass(frozen=True)
class Settling:
    """How long a new device must have stood still, in seconds: a complete one, and one that lacks its certificate."""

    complete: int = 3
    incomplete: int = 60
    longest: int = 240
    """What still changes by then is left to the sweep."""


DEFAULT_SETTLING = Settling()


def attachments(snapshot: Snapshot, thing: Key) -> Attachments:
    """Take a thing's certificates and their policies out of a snapshot."""
    seen: dict[str, list[str]] = {}
    for relation in snapshot.entities.values():
        if isinstance(relation, ThingPrincipal) and relation.thing == thing.name:
            seen[relation.certificate_id] = []
    targets = {certificate_target(certificate): certificate for certificate in seen}
    for relation in snapshot.entities.values():
        if isinstance(relation, PolicyAttachment) and relation.target in targets:
            seen[targets[relation.target]].append(relation.policy)
    return seen


def attached(reader: RegistryReader, thing: str, together: Together = one_by_one) -> Attachments:
    """Read a thing's certificates and their policies, and nothing else."""
    certificates = sorted(one.certificate_id for one in reader.principals_of_thing(thing))
    policies = together(reader.policies_of, map(certificate_target, certificates))
    return dict(zip(certificates, policies, strict=True))


def lacks_own_policy(seen: Attachments) -> bool:
    """Tell whether a certificate has no policy of its own, so that only a group's can give it rights."""
    return not all(seen.values())


def policies_by_groups(reader: RegistryReader, thing: str) -> frozenset[str]:
    """List the policies that a thing's certificates have by its groups, those of the groups above them included.

    https://docs.aws.amazon.com/iot/latest/developerguide/thing-groups.html
    """
    groups = [reader.thing_group(name) for name in sorted(reader.groups_of_thing(thing))]
    # No policy can be attached to a dynamic group.
    static = [group for group in groups if group is not None and not group.dynamic]
    lineage = {name for group in static for name in (group.name, *group.ancestors)}
    return frozenset(chain.from_iterable(reader.policies_of(thing_group_target(name)) for name in sorted(lineage)))


def complete(seen: Attachments, by_groups: Collection[str] = ()) -> bool:
    """Tell whether a device could connect: it has a certificate, and every certificate has a policy.

    `by_groups` are the policies that all its certificates have by its groups.
    """
    return bool(seen) and (bool(by_groups) or all(seen.values()))


def standing(
    request: ReconcileRequest, seen: Attachments, now: int, settling: Settling, by_groups: Collection[str] = ()
) -> tuple[State, str, bool]:
    """Return how a thing that is equal in both Regions stands, why, and whether it is to be checked again.

    A request without the time of an event, such as the schedule's, finds that nothing is awaited any more.
    """
    if request.key.kind is not Kind.THING or not request.created or complete(seen, by_groups):
        return State.IN_SYNC, "", False
    if now - request.changed_at < settling.incomplete * 1000 and now - request.occurred_at < settling.longest * 1000:
        return State.PENDING, NO_CERTIFICATE, True
    # Both Regions are equal. Attaching raises no event, so the ledger's pauses find what comes late.
    return State.IN_SYNC, NO_POLICY_IN_SOURCE_EITHER if seen else NONE_IN_SOURCE_EITHER, True


def fingerprint(seen: Attachments) -> str:
    """Return a short text that differs whenever the attachments do."""
    text = json.dumps(sorted((certificate, sorted(policies)) for certificate, policies in seen.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def pause(  # noqa: PLR0913, PLR0917  # what is seen of a device, and how long to wait for more of it
    request: ReconcileRequest,
    seen: Attachments,
    now: int,
    settling: Settling,
    beside: int = 1,
    by_groups: Collection[str] = (),
) -> int:
    """Return the seconds to wait before the next request, 0 if the device may be left alone.

    Only what an event called new is waited for: the sweep has the rest. `beside` is how many new devices are checked
    at in this batch, this one included; `by_groups` the policies that its certificates have by its groups.
    """
    if request.key.kind is not Kind.THING or not request.created:
        return 0
    if now - request.occurred_at >= settling.longest * 1000:
        return 0
    stood_still = (now - request.changed_at) / 1000
    if complete(seen, by_groups):
        return 0 if stood_still >= settling.complete else settling.complete
    if stood_still >= settling.incomplete:
        return 0
    alone = PAUSES[min(request.checks, len(PAUSES) - 1)]
    return alone if request.checks == 0 else min(alone * max(beside, 1), PAUSES[-1])
