"""A request: the request to compare one resource, whoever asks for it (an event, the schedule, an operator).

It is what the workflow carries from state to state, so it is small and holds no certificate and no policy.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Self

from iot_dr.errors import EventError
from iot_dr.model.events.registry_events import RegistryEvent
from iot_dr.model.registry.entities import Thing
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.registry.kinds import ROW

REQUESTS_PER_BATCH = 10
"""What one invocation of the worker takes side by side."""


class Depth(enum.StrEnum):
    """How much of what hangs on a resource a request compares.

    `own` is content with the resource itself, if both Regions have it: all that an update event tells of. `attachments`
    goes on to certificates and policies, which raise no event. `everything` takes in what has events of its own as
    well, for the case that one was lost.
    """

    OWN = "own"
    ATTACHMENTS = "attachments"
    EVERYTHING = "everything"


@dataclass(frozen=True)
class ReconcileRequest:
    """One resource to check.

    Attributes:
        key: the resource.
        occurred_at: the newest event's time, epoch milliseconds, which starts the lag; 0 without event.
        created: the resource is new, so what raises no event (attachments) may still be on its way.
        depth: how much of what hangs on it to compare.
        event_id: the newest event's ID, which ties log lines together.
        checks: how many times it has been checked since the event.
        changed_at: when the last change was seen, epoch milliseconds.
        fingerprint: of the attachments that the last request saw.
        due: when it is to be taken, epoch milliseconds; 0 at once.
        tries: how often in a row it met a fault that a repetition may mend.
        carried: the thing as the newest event had it, for the time when the primary cannot be asked.
        can_wait: it confirms what is known to be complete, or checks once more, so others go first while they wait.
        noted_at: when a request noted that this is to be checked once more, epoch milliseconds; 0 for what an event,
            the schedule or an operator asks for.
    """

    key: Key
    occurred_at: int = 0
    created: bool = False
    depth: Depth = Depth.EVERYTHING
    event_id: str = ""
    checks: int = 0
    changed_at: int = 0
    fingerprint: str = ""
    carried: Thing | None = None
    due: int = 0
    tries: int = 0
    can_wait: bool = False
    noted_at: int = 0

    @property
    def whole(self) -> bool:
        """Tell whether it takes in everything that hangs on the resource, what has events of its own too."""
        return self.depth is Depth.EVERYTHING or not self._has_depth

    @property
    def _has_depth(self) -> bool:
        row = ROW.get(self.key.kind)
        return row is not None and row.has_depth

    @property
    def is_first(self) -> bool:
        """Tell whether it is the first one for an event, which has met no fault yet."""
        return self.occurred_at > 0 and self.checks == self.tries == 0

    @property
    def is_asked_for(self) -> bool:
        """Tell whether the schedule or an operator asks for it, and it has met no fault yet."""
        return not (self.occurred_at or self.noted_at or self.checks or self.tries)

    @property
    def confirms(self) -> bool:
        """Tell whether it only confirms what was attached to a device that was complete when it was checked last."""
        return self.can_wait and self.key.kind is Kind.THING and self.checks > 0 and bool(self.fingerprint)

    @property
    def attached(self) -> bool:
        """Tell whether it takes in what is attached to the resource, which no registry event tells of."""
        return self.depth is not Depth.OWN or not self._has_depth

    def to_json(self) -> dict[str, Any]:
        """Return the form in which the workflow carries it."""
        return {
            "kind": str(self.key.kind),
            "name": self.key.name,
            "other": self.key.other,
            "occurred_at": self.occurred_at,
            "created": self.created,
            "depth": str(self.depth),
            "event_id": self.event_id,
            "looks": self.checks,
            "changed_at": self.changed_at,
            "fingerprint": self.fingerprint,
            "due": self.due,
            "tries": self.tries,
            "can_wait": self.can_wait,
            "noted_at": self.noted_at,
            "carried": None if self.carried is None else _thing_to_json(self.carried),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read it back.

        Raises:
            EventError: kind or name is missing or not one that can be checked.
        """
        kind, name = value.get("kind"), value.get("name")
        if kind not in set(Kind) or not isinstance(name, str) or not name:
            raise EventError(f"cannot check {kind!r} {name!r}: the kind must be one of {sorted(Kind)}")
        carried = value.get("carried")
        return cls(
            key=Key(Kind(kind), name, str(value.get("other", ""))),
            occurred_at=int(value.get("occurred_at", 0)),
            created=bool(value.get("created", False)),
            depth=Depth(value.get("depth", Depth.EVERYTHING)),
            event_id=str(value.get("event_id", "")),
            checks=int(value.get("looks", 0)),
            changed_at=int(value.get("changed_at", 0)),
            fingerprint=str(value.get("fingerprint", "")),
            carried=None if carried is None else _thing_from_json(name, carried),
            due=int(value.get("due", 0)),
            tries=int(value.get("tries", 0)),
            can_wait=bool(value.get("can_wait", False)),
            noted_at=int(value.get("noted_at", 0)),
        )


def coalesce(events: Iterable[RegistryEvent]) -> tuple[ReconcileRequest, ...]:
    """Return one request per distinct resource, in the order of first mention, each with its newest event's facts."""
    found: dict[Key, ReconcileRequest] = {}
    for event in events:
        request = _request_of(event)
        found[event.key] = _of_both(found[event.key], request) if event.key in found else request
    return tuple(found.values())


def without_repetitions(requests: Iterable[ReconcileRequest]) -> tuple[ReconcileRequest, ...]:
    """Return requests that are taken together, one for all events of a resource: it begins after each of them.

    Of those that the schedule or operators ask for one is left too: while AWS has no room for any, they pile up.
    """
    found: dict[tuple[Key, bool] | int, ReconcileRequest] = {}
    for number, request in enumerate(requests):
        may_be_joined = request.is_first or request.is_asked_for
        place = (request.key, request.is_first) if may_be_joined else number
        found[place] = _of_both(found[place], request) if place in found else request
    return tuple(found.values())


def _of_both(one: ReconcileRequest, other: ReconcileRequest) -> ReconcileRequest:
    """Return the request of the newer event, as deep as either asks for; of one moment the later is the newer."""
    newer = other if other.occurred_at >= one.occurred_at else one
    depth = max(one.depth, other.depth, key=tuple(Depth).index)
    return replace(newer, created=one.created or other.created, depth=depth, due=min(one.due, other.due))


def _request_of(event: RegistryEvent) -> ReconcileRequest:
    return ReconcileRequest(
        key=event.key,
        occurred_at=event.timestamp,
        created=event.created,
        depth=_depth(event),
        event_id=event.event_id,
        carried=event.carried,
    )


def _depth(event: RegistryEvent) -> Depth:
    """Return how deep an event has one look: what was deleted may be there again, without what hung on it."""
    if event.deleted:
        return Depth.EVERYTHING
    return Depth.OWN if event.updated else Depth.ATTACHMENTS


def _thing_to_json(thing: Thing) -> dict[str, Any]:
    return {
        "attributes": dict(thing.attributes),
        "type_name": thing.type_name,
        "version": thing.version,
        "thing_id": thing.thing_id,
    }


def _thing_from_json(name: str, value: Mapping[str, Any]) -> Thing:
    return Thing(
        name=name,
        attributes=MappingProxyType(dict(value["attributes"])),
        type_name=value["type_name"],
        version=int(value["version"]),
        thing_id=value["thing_id"],
    )
