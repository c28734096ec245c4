"""What customers and devices do in the secondary, and what must hold there once it leads.

A worker that began before the fence changed may know nothing of it: AWS IoT takes no token that would refuse its write.
So what no version guards is held to the rules only for those that began after, or long after all others have ended.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any

from iot_dr.model.exact_json import Number
from iot_dr.model.registry.changes import Action, Delete
from iot_dr.model.registry.entities import (
    BillingGroup,
    Certificate,
    CertificateStatus,
    Entity,
    Policy,
    Thing,
    ThingGroup,
)
from iot_dr.model.registry.keys import Key
from iot_dr.model.registry.tagging import with_tags
from iot_dr.reconcile.translate import translate
from iot_dr.services.gate import REMEMBERED_FOR
from iot_dr.services.shadows.replicate import KEPT_FOR
from tests.builders import REGIONS
from tests.fakes import InMemoryRegistry
from tests.shadow_fakes import InMemoryShadowNotes
from tests.simulation.customers import VERBS, Fleet
from tests.simulation.failovers import Failovers
from tests.simulation.process import LATEST_LANDING, TIME_OUT
from tests.simulation.scheduler import Scheduler
from tests.simulation.shadows import KEYS, ShadowSide, document

ENDED_AFTER = 2 * (TIME_OUT + LATEST_LANDING)
"""Milliseconds after the fence changed by which whatever was written without knowing of it has landed."""

SERVED_WITHIN = 600_000
"""Milliseconds for which a device or an operator waits to be served by the secondary, before it gives up."""

THERE = " there"
DEVICE_WRITES, DEVICE_DELETES = "device writes", "device deletes"

THERE_VERBS = (
    *(
        f"{verb}{THERE}"
        for verb in VERBS
        if verb not in ("flip", "change type", "replace thing", "replace certificate", "replace policy")
    ),
    *[DEVICE_WRITES] * 6,
    DEVICE_DELETES,
)
"""What is done in the secondary once it serves: a device registers itself, its shadow is reported, operators act."""

_STRICTER = {
    CertificateStatus.ACTIVE: {CertificateStatus.INACTIVE, CertificateStatus.REVOKED},
    CertificateStatus.INACTIVE: {CertificateStatus.REVOKED},
}

Break = Callable[[str, Collection[Key], str], None]


@dataclass
class Led:
    """The secondary as others than replication change it, and what replication does to that.

    `touched` has when others last changed something, `guarded_at` when they changed what a version guards, and `taken`
    when they took away what replication had noted. `brought` is what replication has made there.
    """

    scheduler: Scheduler
    failovers: Failovers
    registry: InMemoryRegistry
    primary: Fleet
    shadows: ShadowSide
    break_rule: Break
    syncs: bool = False
    touched: dict[Key, int] = field(default_factory=dict)
    guarded_at: dict[Key, int] = field(default_factory=dict)
    taken: dict[Key, int] = field(default_factory=dict)
    brought: set[Key] = field(default_factory=set)
    written: dict[Key, int] = field(default_factory=dict)
    deleted: dict[Key, int] = field(default_factory=dict)
    wrote: Callable[[Key], None] = lambda _key: None
    left_behind: set[Key] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.fleet = Fleet(self.registry, self.scheduler, trail=False, implicit=False)

    # What others do

    def call(self, name: str, change: Any) -> bool:
        """Make a customer's call in the secondary, which tells nobody."""
        if not isinstance(change, Delete) and isinstance(change.desired, Policy):
            # Whoever writes a policy there names that Region in it.
            change = replace(change, desired=translate(change.desired, REGIONS))
        known = self.shadows.ledger.known([change.key]) if isinstance(change, Delete) else frozenset[Key]()
        before = self.registry.entities
        if (answer := self.fleet.call(name, change)) is None:
            return False
        after = self.registry.entities
        for key in answer[1]:
            if guarded(before.get(key)) != guarded(after.get(key)):
                self.guarded_at[key] = self.scheduler.now
        self.touched |= dict.fromkeys(answer[1], self.scheduler.now)
        self.taken |= dict.fromkeys(known, self.scheduler.now)
        self.brought &= self.registry.entities.keys()
        return True

    def device(self, verb: str, subject: int, other: int) -> Key:
        """Have a device write its shadow, or an app delete it; return which."""
        key, now = KEYS[subject % len(KEYS)], self.scheduler.now
        self.touched[key] = now
        if verb == DEVICE_WRITES:
            if self.failovers.led_since is not None and other % 3 == 0:
                # A state that it has had before, perhaps the one that crossed last.
                self.shadows.secondary.become(key, document(other // 3 % 3))
            else:
                self.shadows.secondary.put(key, {"reported": {"by": "device", "n": Number(str(other))}})
            self.written[key] = now
            self.deleted.pop(key, None)
        elif key in self.shadows.secondary.documents:
            self.shadows.secondary.remove(key)
            self.written.pop(key, None)
            note = self._notes.read(key)
            if note.claims and note.is_settled and not note.deleted:
                self.deleted[key] = now
        self.wrote(key)
        return key

    def left(self, since: int, but: Collection[Key]) -> None:
        """Forget what others changed before a failback read it for the last time: the Regions are equal in it.

        Not so in what was left to differ: what others made there, and the primary has not, stays theirs.
        """
        self.left_behind |= self.touched.keys()
        alone = {key for key in but if key in self.registry.entities and key not in self.primary.registry.entities}
        self.touched = {key: at for key, at in self.touched.items() if at >= since or key in alone}
        self.taken.clear()
        # What devices wrote has come back, so a later write there may follow it.
        self.written.clear()

    @property
    def _notes(self) -> InMemoryShadowNotes:
        return self.shadows.notes

    # What replication does

    def by_registry(self, began: int, change: Action, effect: Callable[[], Any]) -> Any:
        """Make a write of replication, and hold it to what a Region that leads allows."""
        key = change.key
        before = self.registry.entities.get(key)
        try:
            return effect()
        finally:
            after = self.registry.entities.get(key)
            if before is None and after is not None:
                self.brought.add(key)
            self.brought &= self.registry.entities.keys()
            if before != after and self.failovers.led_since is not None:
                self._judge(began, change, before, after)

    def _judge(self, began: int, change: Action, before: Entity | None, after: Entity | None) -> None:
        key, led = change.key, self.failovers.led_since or 0
        since = self.touched.get(key, 0)
        told = f"{type(change).__name__} {key}: {before} becomes {after}"
        if self._knows(began):
            if before is None:
                at = self.taken.get(key)
                if at is not None and at >= led and not self.primary.lacked_since(key, at):
                    self.break_rule("overwritten", [key], f"{key} is made again, which was taken away there")
            elif not _is_stricter(before, after) and not (isinstance(before, Certificate) and since >= began):
                self.break_rule("overwritten", [key], told)
        elif (
            before is not None
            and guarded(before) != guarded(after)
            and self.guarded_at.get(key, 0) >= led + self._remembered
        ):
            self.break_rule("overwritten", [key], told)

    def by_shadows(self, began: int, operation: str, key: Key, effect: Callable[[], Any]) -> Any:
        """Make a write of replication to a shadow, and hold it to what a device wrote there."""
        documents = self.shadows.secondary.documents
        before = documents.get(key)
        try:
            return effect()
        finally:
            after = self.shadows.secondary.documents.get(key)
            if before != after:
                told = f"{operation} {key}: {before} becomes {after}"
                self._judge_shadow(began, operation, key, told)

    def _judge_shadow(self, began: int, operation: str, key: Key, told: str) -> None:
        led, now = self.failovers.led_since, self.scheduler.now
        deleted, written = self.deleted.pop(key, None), self.written.pop(key, None)
        taken = deleted is not None and led is not None and deleted >= led and self._knows(began)
        if taken and not self.shadows.lacked_since(key, deleted or 0):
            self.break_rule("overwritten", [key], f"{told}, which was taken away there")
        if written is None:
            return
        if led is not None and (self._knows(began) or (written >= led and operation != "delete")):
            self.break_rule("device", [key], told)
        elif led is None and now - written < KEPT_FOR - 1_000:
            self.break_rule("device", [key], f"{told}, {now - written} ms after a device wrote it")

    def _knows(self, began: int) -> bool:
        """Tell whether whoever began then must know that the Region leads."""
        led = self.failovers.led_since
        return led is not None and (began > led or self.scheduler.now > led + ENDED_AFTER)

    @property
    def _remembered(self) -> int:
        """Return for how long an operator's sync may go on by what it was told before."""
        return REMEMBERED_FOR if self.syncs else 0

    @property
    def ever_touched(self) -> frozenset[Key]:
        """Return what others have changed at any time."""
        return frozenset((*self.left_behind, *self.touched))

    def explains(self, keys: Collection[Key]) -> bool:
        """Tell whether others have changed one of these, so that the Regions may differ in it."""
        return not self.touched.keys().isdisjoint(keys)


def _is_stricter(before: Entity, after: Entity | None) -> bool:
    if not isinstance(before, Certificate) or not isinstance(after, Certificate):
        return False
    return after.status in _STRICTER.get(before.status, ())


def guarded(entity: Entity | None) -> object:
    """Return what of an entity a version guards."""
    match entity:
        case Thing():
            return entity.attributes, entity.type_name
        case ThingGroup() | BillingGroup():
            # Their tags have no version.
            return with_tags(entity, None)
        case _:
            return None
