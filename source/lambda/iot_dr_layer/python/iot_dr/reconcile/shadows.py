"""Shadows: which of two states is the newer one, and the update that makes one document the other."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import replace

from iot_dr.model.events.counts import FAR_AHEAD
from iot_dr.model.exact_json import Json
from iot_dr.model.registry.keys import Key
from iot_dr.model.shadows.shadow import Document, ShadowEvent, ShadowNote, ShadowState, digest

RESET_AFTER = 3_600_000
"""Milliseconds: a lower version that is this much younger is one that AWS began to count anew.

AWS does so 48 hours after a deletion; no event is an hour late and tells a younger time.
https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-data-flow.html
"""


AHEAD = 60_000
"""Milliseconds: what the clocks of AWS and of the function may be apart."""

LATE = 2_000
"""Milliseconds from the second of an update to its acceptance by the rule, at most, but for a rare one."""

STALE_FOR = 60_000
"""Milliseconds: an answer of the source is not older than this."""


class Order(enum.Enum):
    """How what an event tells stands to what the ledger notes."""

    NEWER = "newer"
    """It may be written."""
    OLDER = "older"
    """It, or what came after it, has been written or is being written."""
    DOUBTFUL = "doubtful"
    """Only the source can tell."""


def order(event: ShadowEvent, note: ShadowNote) -> Order:
    """Tell whether an event is newer than what the ledger notes.

    A deletion is always checked, since it needs the source's word. So is whatever follows one: an update that comes
    late and one that made the shadow anew look alike. The same version again is a repetition of a write that may not
    have ended. Versions of two counts tell nothing: the one that is much younger need not be the higher one.

    Whoever may publish to the rules can tell any version, time and state, but not when a rule accepts it. So a version
    that is far ahead is checked, and so is one that comes to the rule after what is noted and is not higher: one of
    the two is not AWS's.
    """
    if not is_believable(event, note):
        return Order.DOUBTFUL
    younger = event.updated_at - note.source_at
    if event.version < note.version and younger < RESET_AFTER:
        return Order.DOUBTFUL if _accepted_later(event, note) else Order.OLDER
    repeated = event.version == note.version and event.deleted is note.deleted
    if repeated and note.claims and note.is_settled and younger < RESET_AFTER:
        other = event.document is not None and digest(event.document) != note.digest
        return Order.DOUBTFUL if other or _accepted_later(event, note) else Order.OLDER
    if event.deleted or event.document is None or note.deleted or _of_two_counts(event, note):
        return Order.DOUBTFUL
    return Order.NEWER


def in_time(event: ShadowEvent, now: int) -> ShadowEvent:
    """Return an event whose time is not later than its acceptance; what comes with a later one only the source tells.

    `now` is the function's time, epoch milliseconds.
    """
    latest = min(event.accepted_at or now, now)
    if event.updated_at <= latest:
        return event
    carried = event.document if event.updated_at - latest <= AHEAD else None
    return replace(event, updated_at=latest, document=carried)


def is_believable(event: ShadowEvent, note: ShadowNote) -> bool:
    """Tell whether the version of an event can follow what is noted."""
    return event.version <= note.version + FAR_AHEAD


def _accepted_later(event: ShadowEvent, note: ShadowNote) -> bool:
    return bool(event.accepted_at) and event.accepted_at - note.source_at >= LATE


def _of_two_counts(event: ShadowEvent, note: ShadowNote) -> bool:
    """Tell whether version and time of an event and of the note contradict each other."""
    younger = event.updated_at - note.source_at
    if not note.claims or abs(younger) < RESET_AFTER:
        return event.version < note.version
    return event.version <= note.version if younger > 0 else event.version >= note.version


def is_outdated(found: ShadowState, event: ShadowEvent | None, note: ShadowNote) -> bool:
    """Tell whether the source's answer is older than what the ledger or an event already tells.

    A shadow made anew goes on from the version that was deleted, or begins anew after so long that it cannot be meant.
    No answer is old for long: if the source goes on to tell a lower version, what was known did not come from AWS.
    """
    known = [(note.version + note.deleted, note.source_at)]
    if event:
        known.append((event.version + event.deleted, event.updated_at))
    return any(found.version < version and found.at - at < STALE_FOR for version, at in known)


def gone(event: ShadowEvent | None, note: ShadowNote) -> ShadowState:
    """Return, as the state to bring about, that the source has no such shadow: at the newest version that is known."""
    if event is None or not note.claims:
        return (
            ShadowState(event.version, event.updated_at, None)
            if event
            else ShadowState(note.version, note.source_at, None)
        )
    younger = event.updated_at - note.source_at
    if abs(younger) < RESET_AFTER:
        return ShadowState(max(note.version, event.version), max(note.source_at, event.updated_at), None)
    return (
        ShadowState(event.version, event.updated_at, None)
        if younger > 0
        else ShadowState(note.version, note.source_at, None)
    )


def newest(events: Iterable[ShadowEvent]) -> tuple[ShadowEvent, ...]:
    """Return the newest event of each shadow, in the order of first mention; a deletion comes after its version."""
    found: dict[Key, ShadowEvent] = {}
    for event in events:
        other = found.get(event.key)
        if other is None or _follows(event, other):
            found[event.key] = event
    return tuple(found.values())


def _follows(event: ShadowEvent, other: ShadowEvent) -> bool:
    if abs(event.updated_at - other.updated_at) >= RESET_AFTER:
        return event.updated_at > other.updated_at
    return (event.version, event.deleted) >= (other.version, other.deleted)


def patch(desired: Document, actual: Document) -> Document:
    """Return the least that UpdateThingShadow must be told to make `actual` become `desired`; empty if they are equal.

    Objects are merged, null takes a key away, and everything else, arrays too, is replaced whole.
    """
    return _difference(desired, actual)


def _difference(wanted: Mapping[str, Json], found: Mapping[str, Json]) -> dict[str, Json]:
    change: dict[str, Json] = {name: None for name in found if name not in wanted}
    for name, value in wanted.items():
        present = found.get(name)
        if value == present:
            continue
        both = isinstance(value, dict) and isinstance(present, dict)
        change[name] = _difference(value, present) if both else value  # type: ignore[arg-type]  # both are objects
    return change


def halves(change: Document) -> tuple[Document, Document]:
    """Divide a patch into what it takes away and what it adds, to be written in this order where one is too large."""
    return _removals(change), _additions(change)


def _removals(change: Mapping[str, Json]) -> dict[str, Json]:
    removed: dict[str, Json] = {}
    for name, value in change.items():
        if value is None:
            removed[name] = None
        elif isinstance(value, dict) and (below := _removals(value)):
            removed[name] = below
    return removed


def _additions(change: Mapping[str, Json]) -> dict[str, Json]:
    added: dict[str, Json] = {}
    for name, value in change.items():
        if isinstance(value, dict) and value:
            if below := _additions(value):
                added[name] = below
        elif value is not None:
            added[name] = value
    return added
