"""What must hold of a failback: what it writes, what it may not, and what has come back once the other Region follows.

A write may land late, and AWS takes no version of a certificate or an attachment. So what no version guards is held to
what was changed since the plan only where the change is older than any write that may still land.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from iot_dr.model.failback.plan import FailbackChoices, Party, PlannedRow
from iot_dr.model.registry.changes import Action, Create, Delete, Update
from iot_dr.model.registry.entities import Certificate, CertificateStatus, Entity, Thing, ThingType
from iot_dr.model.registry.keys import Key
from iot_dr.model.registry.tagging import alike
from iot_dr.model.shadows.shadow import Document, Shadow
from iot_dr.reconcile.failback import resolve, stays_different
from iot_dr.reconcile.failover import is_stricter
from iot_dr.reconcile.translate import translate
from iot_dr.services.failback.planning import in_leader_form
from tests.builders import REGIONS, SECONDARY
from tests.fakes import InMemoryRegistry
from tests.simulation.customers import CREATING, DELETING, UPDATING, Fleet, Told
from tests.simulation.leading import Led, guarded
from tests.simulation.scheduler import Scheduler
from tests.simulation.shadows import ShadowSide

if TYPE_CHECKING:
    from tests.simulation.failbacks import Disk, KeptPlan

LANDED_AFTER = 180_000
"""Milliseconds after a reading by which what no version guards has been written, or never is."""

ORDERED_WITHIN = 300_000
"""Milliseconds from when the old primary's time is taken until it leads: a slow process makes three calls."""


@dataclass
class BroughtBack:
    """Sees what customers and devices do, and what a failback does to that.

    Attributes:
        changed: when customers last changed something in the old primary.
        written: when apps and devices last wrote a shadow there, and `deleted`: when they deleted one.
        acknowledged: what devices wrote in the leader last, and when.
        lead_at: when the old primary last took the lead.
        raise_told: raises the events of what is written in the old primary.
        shadow_told: the same of a shadow, given what happened.
    """

    scheduler: Scheduler
    primary: Fleet
    there: Led
    shadows: ShadowSide
    disk: Disk
    raise_told: Callable[[list[Told], frozenset[Key]], None]
    shadow_told: Callable[[Key, str], None]
    break_rule: Callable[[str, list[Key], str], None]
    changed: dict[Key, int] = field(default_factory=dict)
    written: dict[Key, int] = field(default_factory=dict)
    deleted: dict[Key, int] = field(default_factory=dict)
    acknowledged: dict[Key, tuple[int, Document | None]] = field(default_factory=dict)
    lead_at: int = 0

    # What others do

    def device_wrote(self, key: Key) -> None:
        """Note what a device wrote in the leader, as AWS has acknowledged it."""
        document = self.shadows.secondary.documents.get(key)
        self.acknowledged[key] = (self.scheduler.now, copy.deepcopy(document))

    def shadow_changed(self, key: Key) -> None:
        """Note that somebody wrote a shadow in the old primary, or deleted it."""
        if key in self.shadows.primary.documents:
            self.written[key] = self.scheduler.now
        else:
            # Nobody can tell when something was deleted that is not there.
            self.written.pop(key, None)
            self.deleted[key] = self.scheduler.now

    def customers_changed(self, keys: frozenset[Key]) -> None:
        """Note what customers changed in the old primary."""
        self.changed |= dict.fromkeys(keys, self.scheduler.now)

    def leads_back(self) -> None:
        """Note that the old primary leads again."""
        self.lead_at = self.scheduler.now

    # What a failback writes

    def judge(
        self, writer: JudgedRegistry, operation: str, change: Action, before: Entity | None, after: Entity | None
    ) -> None:
        """Hold a write that changed something to the plan, to consent, and certificates to the stricter status."""
        key, told = change.key, f"{operation} {change.key} in the {writer.party}: {before} becomes {after}"
        row = writer.row(key)
        if isinstance(after, ThingType) and isinstance(before, ThingType) and _is_only_deprecated(before, after):
            # A deprecated type is taken back for a moment, so that things can be made in it.
            return
        resolution = None if row is None else resolve(row, writer.choices)
        if row is None or resolution is None or writer.party not in resolution.into:
            self.break_rule("planned", [key], f"{told}, which is in no plan")
            return
        if after is None and (resolution.final is not None or not writer.choices.with_deletes):
            self.break_rule("consent", [key], told)
        if writer.carries:
            return
        self._judge_certificate(writer.party, key, told, before, after)
        since = self._changed(writer.party).get(key, -1)
        if since < writer.plan_read_at or before is None or isinstance(before, Certificate):
            return
        known = row.old if writer.party is Party.OLD else row.leader
        if _same(before, known) or _same(writer.in_plan(before), resolution.final):
            return
        if _is_half_written(before, known, resolution.final):
            return
        if _is_held_to_it(before, after, self._age(since)):
            self.break_rule("planned", [key], f"{told}, which was changed since the plan")

    def _judge_certificate(
        self, party: Party, key: Key, told: str, before: Entity | None, after: Entity | None
    ) -> None:
        if not isinstance(after, Certificate):
            return
        if isinstance(before, Certificate):
            if is_stricter(before.status, after.status):
                self.break_rule("looser", [key], told)
            return
        other = (self.there.registry if party is Party.OLD else self.primary.registry).entities.get(key)
        asleep = isinstance(other, Certificate) and other.status is not CertificateStatus.ACTIVE
        settled = self._age(self._changed(Party.LEADER if party is Party.OLD else Party.OLD).get(key, 0))
        came_back = party is Party.OLD and key in self.there.brought
        if after.status is CertificateStatus.ACTIVE and ((asleep and settled > LANDED_AFTER) or came_back):
            self.break_rule("looser", [key], told)

    def judge_shadow(self, operation: str, key: Key, before: Document | None, *, with_deletes: bool) -> None:
        """Hold a write to a shadow of the old primary to consent, and to what was written there since it leads."""
        after = self.shadows.primary.documents.get(key)
        if before == after or (not before and operation == "make"):
            return
        told = f"{operation} {key} in the old primary: {before} becomes {after}"
        if after is None and not with_deletes:
            self.break_rule("consent", [key], told)
        if before and self.lead_at and self.written.get(key, 0) >= self.lead_at:
            self.break_rule("writes", [key], f"{told}, which was written there since that leads")

    # What has come back

    def left(self) -> None:
        """Check, as the other Region begins to follow, that what devices wrote there and who was shut out is back."""
        carried_at, checked_at = self.disk.carried.read_at, self.disk.check.read_at
        for key, (at, document) in self.acknowledged.items():
            newer = max(self.written.get(key, -1), self.deleted.get(key, -1)) >= self.lead_at - ORDERED_WITHIN
            if at >= carried_at or document is None or newer:
                continue
            found = self.shadows.primary.documents.get(key)
            if found != document:
                self.break_rule("writes", [key], f"a device wrote {document} to {key}, the old primary has {found}")
        self.acknowledged.clear()
        there, here = self.there.registry.entities, self.primary.registry.entities
        for key, one in there.items():
            other = here.get(key)
            if not isinstance(one, Certificate) or not isinstance(other, Certificate):
                continue
            told_in_time = self.there.touched.get(key, 0) < carried_at and self.changed.get(key, 0) < checked_at
            if told_in_time and is_stricter(one.status, other.status):
                self.break_rule("looser", [key], f"{key} is {one.status} in the leader, {other.status} in the other")

    def left_to_mend(self, choices: FailbackChoices) -> list[Key]:
        """Return what the plan leaves different, and what was changed in the leader after the check began to read."""
        left = (key for key, row in self.disk.plan.held.items() if stays_different(row, choices))
        late = (key for key, at in self.there.touched.items() if at >= self.disk.check.read_at)
        return sorted({*left, *late})

    def _changed(self, party: Party) -> Mapping[Key, int]:
        return self.changed if party is Party.OLD else self.there.touched

    def _age(self, at: int) -> int:
        return self.scheduler.now - at


def _same(one: Entity, other: Entity | None) -> bool:
    """Tell whether they are equal, as far as both are known."""
    return other is not None and alike(one, other)


def _is_half_written(before: Entity, known: Entity | None, final: Entity | None) -> bool:
    """Tell whether it is a thing whose billing group alone, which takes a call of its own, is not written yet."""
    if not (isinstance(before, Thing) and isinstance(known, Thing) and isinstance(final, Thing)):
        return False
    return before == replace(final, billing_group=known.billing_group)


def _is_only_deprecated(before: ThingType, after: ThingType) -> bool:
    return replace(after, deprecated=before.deprecated) == before


def _is_held_to_it(before: Entity | None, after: Entity | None, age: int) -> bool:
    if age > LANDED_AFTER:
        return not isinstance(before, ThingType)
    return guarded(before) != guarded(after)


@dataclass
class JudgedRegistry:
    """One Region's registry as a failback writes it; what it does in the old primary raises events there."""

    rules: BroughtBack
    party: Party
    plan: KeptPlan
    held: Mapping[Key, PlannedRow]
    choices: FailbackChoices
    carries: bool = False

    @property
    def plan_read_at(self) -> int:
        """Return when the reading began that the plan is of."""
        return self.plan.read_at

    def row(self, key: Key) -> PlannedRow | None:
        """Return a row of the plan: of the one that was accepted when the command was given, or the newest carried."""
        return (self.plan.held if self.carries else self.held).get(key)

    def in_plan(self, found: Entity) -> Entity:
        """Return what is there as it stands in the plan."""
        if self.party is Party.OLD:
            return translate(found, REGIONS)
        return in_leader_form(found, SECONDARY)

    def create(self, change: Create) -> None:
        """Make something."""
        self._write("create", CREATING.get(change.key.kind, ""), change)

    def update(self, change: Update) -> None:
        """Change something."""
        self._write("update", UPDATING.get(change.key.kind, ""), change)

    def delete(self, change: Delete) -> None:
        """Take something away."""
        self._write("delete", DELETING.get(change.key.kind, ""), change)

    def _write(self, operation: str, name: str, change: Any) -> None:
        registry: InMemoryRegistry = (
            self.rules.primary.registry if self.party is Party.OLD else self.rules.there.registry
        )
        before = registry.entities.get(change.key)
        if self.party is Party.OLD:
            told, changed = self.rules.primary.write(name, change)
            self.rules.raise_told(told, changed)
        else:
            getattr(registry, operation)(change)
        after = registry.entities.get(change.key)
        if before != after:
            self.rules.judge(self, operation, change, before, after)


@dataclass
class JudgedShadows:
    """The old primary's shadows as a failback writes them; each write raises its event there."""

    rules: BroughtBack
    with_deletes: bool

    def shadow(self, key: Key) -> Shadow | None:
        """Read a shadow."""
        return self.rules.shadows.primary.shadow(key)

    def make(self, key: Key) -> None:
        """Have a shadow exist."""
        self._write("make", key, lambda: self.rules.shadows.primary.make(key))

    def update(self, key: Key, change: Document, version: int) -> int:
        """Merge a change into the document of this version."""
        answer = self._write("update", key, lambda: self.rules.shadows.primary.update(key, change, version))
        return int(answer or 0)

    def delete(self, key: Key) -> None:
        """Delete a shadow."""
        self._write("delete", key, lambda: self.rules.shadows.primary.delete(key))

    def _write(self, operation: str, key: Key, effect: Callable[[], int | None]) -> int | None:
        before = copy.deepcopy(self.rules.shadows.primary.documents.get(key))
        answer = effect()
        self.rules.shadow_told(key, "DELETED" if operation == "delete" else "UPDATED")
        self.rules.judge_shadow(operation, key, before, with_deletes=self.with_deletes)
        return answer
