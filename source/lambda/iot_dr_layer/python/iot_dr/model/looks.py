"""A look: the request to compare one resource, whoever asks for it (an event, the schedule, an operator).

It is what the workflow carries from state to state, so it is small and holds no certificate, policy or attribute.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from iot_dr.errors import EventError
from iot_dr.model.events import RegistryEvent
from iot_dr.model.keys import ROOT_KINDS, Key, Kind


@dataclass(frozen=True)
class Look:
    """One resource to look at.

    Attributes:
        key: the resource.
        occurred_at: the newest event's time, epoch milliseconds, which starts the lag; 0 without event.
        created: the resource is new, so what raises no event (attachments) may still be on its way.
        whole: read all that hangs on it. A look that is not whole is content with the resource itself, if both Regions
            have it: all that an update event tells of.
        event_id: the newest event's ID, which ties log lines together.
        looks: how many looks there have been.
        changed_at: when the last change was seen, epoch milliseconds.
        fingerprint: of the attachments that the last look saw.
    """

    key: Key
    occurred_at: int = 0
    created: bool = False
    whole: bool = True
    event_id: str = ""
    looks: int = 0
    changed_at: int = 0
    fingerprint: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the form in which the workflow carries it."""
        return {
            "kind": str(self.key.kind),
            "name": self.key.name,
            "occurred_at": self.occurred_at,
            "created": self.created,
            "whole": self.whole,
            "event_id": self.event_id,
            "looks": self.looks,
            "changed_at": self.changed_at,
            "fingerprint": self.fingerprint,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read it back.

        Raises:
            EventError: kind or name is missing or not one that can be looked at.
        """
        kind, name = value.get("kind"), value.get("name")
        if kind not in ROOT_KINDS or not isinstance(name, str) or not name:
            raise EventError(f"cannot look at {kind!r} {name!r}: the kind must be one of {sorted(ROOT_KINDS)}")
        return cls(
            key=Key(Kind(kind), name),
            occurred_at=int(value.get("occurred_at", 0)),
            created=bool(value.get("created", False)),
            whole=bool(value.get("whole", True)),
            event_id=str(value.get("event_id", "")),
            looks=int(value.get("looks", 0)),
            changed_at=int(value.get("changed_at", 0)),
            fingerprint=str(value.get("fingerprint", "")),
        )


def coalesce(events: Iterable[RegistryEvent]) -> tuple[Look, ...]:
    """Return one look per distinct resource, in the order of first mention, each with its newest event's time."""
    looks: dict[Key, Look] = {}
    for event in events:
        seen = looks.get(event.key)
        newest = seen is None or event.timestamp >= seen.occurred_at
        looks[event.key] = Look(
            key=event.key,
            occurred_at=event.timestamp if newest or seen is None else seen.occurred_at,
            created=event.created or (seen is not None and seen.created),
            whole=not event.updated or (seen is not None and seen.whole),
            event_id=event.event_id if newest or seen is None else seen.event_id,
        )
    return tuple(looks.values())
