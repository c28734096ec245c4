"""When a new device may be left alone.

Attaching a certificate or a policy raises no event, and provisioning does it just before or just after the thing is
made. So a new device is looked at again until what is attached to it has stood still for a stated time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from iot_dr.model.changes import Snapshot
from iot_dr.model.entities import PolicyAttachment, ThingPrincipal
from iot_dr.model.keys import Key, Kind, certificate_target
from iot_dr.model.looks import Look

PAUSES = (1, 1, 2, 3, 5, 8, 13, 21, 34)
"""Seconds between the looks at an incomplete device: growing, so that a burst leaves room for others.

After the first, quick one they are as many times longer as new devices wait beside each other, up to the last of them:
a burst is looked at about as often as one device, instead of taking the calls that its own events need.
"""

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


def complete(seen: Attachments) -> bool:
    """Tell whether a device could connect: it has a certificate, and every certificate has a policy."""
    return bool(seen) and all(seen.values())


def fingerprint(seen: Attachments) -> str:
    """Return a short text that differs whenever the attachments do."""
    text = json.dumps(sorted((certificate, sorted(policies)) for certificate, policies in seen.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def pause(look: Look, seen: Attachments, now: int, settling: Settling, beside: int = 1) -> int:
    """Return the seconds to wait before the next look, 0 if the device may be left alone.

    Only what an event called new is waited for: the sweep has the rest. `beside` is how many new devices are looked
    at in this batch, this one included.
    """
    if look.key.kind is not Kind.THING or not look.created:
        return 0
    if now - look.occurred_at >= settling.longest * 1000:
        return 0
    stood_still = (now - look.changed_at) / 1000
    if complete(seen):
        return 0 if stood_still >= settling.complete else settling.complete
    if stood_still >= settling.incomplete:
        return 0
    alone = PAUSES[min(look.looks, len(PAUSES) - 1)]
    return alone if look.looks == 0 else min(alone * max(beside, 1), PAUSES[-1])
