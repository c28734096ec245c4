"""Reads one resource or relation of the source once more, right before it is written; relations share their lists.

A relation is told by the lists of both its ends. One list is enough for all relations of one end, if it was asked for
after the mark under which they are written: whoever changed the source since then finds the mark. Of the two ends the
first relation takes the one whose list the comparison has not asked for, since each of these APIs admits about as many
calls a second as the tightest write; from the second on it takes the end that they have in common.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from iot_dr.model.registry.entities import Entity, GroupMembership, PolicyAttachment, ThingPrincipal
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.registry.read_calls import ReadCall
from iot_dr.ports.clock import Clock
from iot_dr.ports.registry import RegistryReader
from iot_dr.services.single_resource import read_one

REMEMBERED = 1000
"""Subjects of each list that are remembered; more are asked once more, so memory does not grow with the fleet."""

Answer = TypeVar("Answer")

FewTargets = Callable[[str], frozenset[str] | None]
"""Lists what a policy is attached to in one call; None if it is more than one call tells."""

AskedBy = Callable[[Kind], ReadCall]
"""Tells by which question a comparison reads the attachments or principals of the source."""


class RegistrySourceReader:
    """`ports.SourceReader` over a reader, for many threads.

    Without `few_targets` and `asked_by` nothing is known of what a comparison has spent: policies are asked for by
    their targets, and certificates by their things.
    """

    def __init__(
        self,
        reader: RegistryReader,
        clock: Clock,
        *,
        few_targets: FewTargets | None = None,
        asked_by: AskedBy | None = None,
    ) -> None:
        self._reader, self._clock, self._asked_by = reader, clock, asked_by
        self._policies = _Answers(reader.policies_of, clock)
        self._targets = _Answers(few_targets, clock) if few_targets else None
        self._certificates = _Answers(reader.principals_of_thing, clock)
        self._things = _Answers(reader.things_of_certificate, clock)
        self._groups = _Answers(reader.groups_of_thing, clock)
        self._met, self._widely_attached = _Met(), _Met()

    def now(self, key: Key, since: int) -> Entity | None:
        """Return what the source has, asked for after `since`; raises what the reader does."""
        match key.kind:
            case Kind.POLICY_ATTACHMENT:
                return PolicyAttachment(key.name, key.other) if self._attached(key.name, key.other, since) else None
            case Kind.THING_PRINCIPAL:
                return self._principal(key.name, key.other, since)
            case Kind.GROUP_MEMBERSHIP:
                is_member = key.name in self._groups.after(since, key.other)
                return GroupMembership(key.name, key.other) if is_member else None
            case _:
                return read_one(self._reader, key)

    def _attached(self, policy: str, target: str, since: int) -> bool:
        if self._targets and not self._policies.has(target, since) and self._asks_targets(policy, target):
            targets = self._targets.after(since, policy)
            if targets is not None:
                return target in targets
            self._widely_attached.meet(policy)
        return policy in self._policies.after(since, target)

    def _asks_targets(self, policy: str, target: str) -> bool:
        if self._question(Kind.POLICY_ATTACHMENT) is not ReadCall.POLICIES_OF_CERTIFICATE:
            return False
        return not self._met.meet(target) and policy not in self._widely_attached

    def _principal(self, thing: str, certificate_id: str, since: int) -> ThingPrincipal | None:
        by_certificate = self._question(Kind.THING_PRINCIPAL) is ReadCall.CERTIFICATES_OF_THING
        if not self._certificates.has(thing, since) and (self._met.meet(certificate_id) or by_certificate):
            things = self._things.after(since, certificate_id)
            return next((one for one in things if one.thing == thing), None)
        certificates = self._certificates.after(since, thing)
        return next((one for one in certificates if one.certificate_id == certificate_id), None)

    def _question(self, kind: Kind) -> ReadCall | None:
        return self._asked_by(kind) if self._asked_by else None


@dataclass
class _Slot(Generic[Answer]):
    """The last answer about a subject, and when it was asked for."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    last: tuple[int, Answer] | None = None

    def after(self, since: int) -> bool:
        return self.last is not None and self.last[0] > since


class _Answers(Generic[Answer]):
    """Answers of one list call by subject: who wants one that another thread is asking for waits for it."""

    def __init__(self, ask: Callable[[str], Answer], clock: Clock) -> None:
        self._ask, self._clock = ask, clock
        self._slots: OrderedDict[str, _Slot[Answer]] = OrderedDict()
        self._lock = threading.Lock()

    def has(self, subject: str, since: int) -> bool:
        with self._lock:
            slot = self._slots.get(subject)
            return slot is not None and slot.after(since)

    def after(self, since: int, subject: str) -> Answer:
        with self._lock:
            slot = self._slots.setdefault(subject, _Slot())
            while len(self._slots) > REMEMBERED:
                self._slots.popitem(last=False)
        with slot.lock:
            if slot.last is not None and slot.after(since):
                return slot.last[1]
            began = self._clock()
            answer = self._ask(subject)
            slot.last = (began, answer)
            return answer


class _Met:
    """Names that were met lately."""

    def __init__(self) -> None:
        self._names: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, name: str) -> bool:
        with self._lock:
            return name in self._names

    def meet(self, name: str) -> bool:
        """Remember it, and tell whether it had been met."""
        with self._lock:
            met = name in self._names
            self._names[name] = None
            while len(self._names) > REMEMBERED:
                self._names.popitem(last=False)
            return met
