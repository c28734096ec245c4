"""Makes the target equal to what a comparison found, as fast as the quotas of all APIs together allow.

Every kind has a lane of its own, and all lanes go on at the same time: the budgets of the APIs are independent of each
other, so what one waits for, another need not. Order follows from need alone: a change that needs another resource has
it made first, by whichever lane comes upon it first. Certificates and what is attached to them come in the order of
the certificates, and so do the policies that they need, so that lanes keep abreast and hardly ever wait for each other.

What is slowest to read, which certificates are attached to which things and which policies to which certificates, is
followed while it is read. That is safe for what is created. What is deleted waits until all has been read, because only
then is it known to be no more than the operator allows.

    all read first       removals of relations - creations and updates - deprecations - deletions
    relations followed   creations and updates - removals of relations - deprecations

Every end is in the journal before its thread goes on, so a run that was ended, by whatever cause, is taken up.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

from iot_dr.errors import AccessDenied, IotDrError, RegionUnavailable, RetryableError
from iot_dr.model.registry.changes import Action, Create, Delete, Update
from iot_dr.model.registry.differences import Difference, Pair
from iot_dr.model.registry.entities import ThingType
from iot_dr.model.registry.keys import SHADOW_KINDS, Key, Kind
from iot_dr.model.registry.kinds import BY_CERTIFICATE, REGISTRY_KINDS, RELATIONS, RESOURCE_KINDS
from iot_dr.model.sites import Side
from iot_dr.model.sync.progress import ChangeResult, Ending, Planned, SyncProgress
from iot_dr.ports.progress import SyncObserver
from iot_dr.reconcile.dependencies import needs
from iot_dr.reconcile.order import place
from iot_dr.reconcile.safety import DEFAULT_LIMITS, Limits, ensure_few
from iot_dr.services.comparison import compare
from iot_dr.services.sync.apply_change import ChangeApplier
from iot_dr.services.sync.lanes import Claims, run_lanes
from iot_dr.services.sync.pending_changes import PendingChanges, ReadyBefore, all_read, is_deleted, is_made, makes_room
from iot_dr.services.sync.pending_shadows import PendingShadows

WIDTH = 12
"""Threads of a lane: a rate of 100 calls a second, each of a tenth of a second, keeps ten of them busy."""

PATIENCE = 20
"""Changes in a row that may fail because a Region does not answer, before the run is given up."""

FOLLOWED = BY_CERTIFICATE
KINDS = tuple(kind for kind in REGISTRY_KINDS if kind not in FOLLOWED)
"""Kinds of which all is read before anything is written."""

ALL_KINDS = (*KINDS, *FOLLOWED)
DELETED_IN_ORDER = RESOURCE_KINDS[::-1]
OVERRIDE = "raise the limit with --delete-share"


class Sync:
    """The use case, over what was read, a journal, and ports."""

    def __init__(  # noqa: PLR0913  # the composition root is the only caller, by keyword
        self,
        *,
        pending: PendingChanges,
        shadows: PendingShadows,
        applier: ChangeApplier,
        progress: SyncObserver,
        stop: threading.Event,
        limits: Limits = DEFAULT_LIMITS,
        width: int = WIDTH,
    ) -> None:
        self._comparison, self._journal, self._direction = pending.comparison, pending.journal, pending.direction
        self._pending, self._shadows, self._applier = pending, shadows, applier
        self._progress, self._stop = progress, stop
        self._limits = limits
        self._width = width
        self._claims: Claims[Key] = Claims()
        self._lock = threading.Lock()
        self._planned: Counter[Kind] = Counter()
        self._ended: Counter[Kind] = Counter()
        self._endings: Counter[Ending] = Counter()
        self._unanswered = 0
        self._made_anew: set[Key] = set()

    def plan(self, kinds: Iterable[Kind] = (*ALL_KINDS, Kind.SHADOW)) -> Planned:
        """Count what would be done about these kinds, of which all has been read; nothing is changed."""
        planned = Planned()
        for kind in kinds:
            planned.existing += self._comparison.number(Side.TARGET, kind)
            for difference in self._pending.differences(kind):
                planned.count(difference)
                if isinstance(difference.change, Delete) and self._comparison.pair(difference.key).source is not None:
                    self._made_anew.add(difference.key)
        return planned

    def differences(self) -> Iterator[Difference]:
        """Yield again what `plan` counted, kinds in their order; memory stays the same however much it is."""
        for kind in (*REGISTRY_KINDS, Kind.SHADOW):
            yield from self._pending.differences(kind)

    def apply(self, planned: Planned, ready_before: ReadyBefore | None = None) -> SyncProgress:
        """Apply what `plan` counted, and go on where an earlier run stopped.

        Args:
            planned: what is to be done; without what is followed.
            ready_before: how far the reading of attachments and principals is, if it is under way. Nothing else may
                have to be deleted then.

        Raises:
            TargetLeads: the target leads; nothing was done.
            UnsafePlan: more would be deleted than the limits allow; nothing of that was done.
            AccessDenied: a right is missing, which AWS's message names.
            RegionUnavailable: a Region does not answer; run it again later, it goes on.
        """
        self._applier.ensure_follows()
        ensure_few(planned.deletes, planned.existing, self._limits, OVERRIDE)
        for ending in (Ending.FAILED, Ending.LEFT):
            self._journal.forget(ending)
        self._planned, self._ended = planned.changes(), self._journal.numbers(Ending.DONE)
        self._endings = Counter()
        self._planned[Kind.THING_SHADOWS] = self._shadows.things
        if ready_before is None:
            self._run(*(self._pending.unsettled(kind, makes_room) for kind in RELATIONS))
            relations = [self._pending.unsettled(kind, is_made) for kind in FOLLOWED]
            self._run(*self._lanes(all_read), *relations, self._shadows.unsettled())
        else:
            for kind in FOLLOWED:
                self._planned[kind] = self._ended[kind]
            relations = [self._counted(self._pending.followed(kind, ready_before, self._stop)) for kind in FOLLOWED]
            self._run(*self._lanes(ready_before), *relations, self._shadows.unsettled())
            self._remove_followed()
        self._again()
        self._deprecate()
        for kind in DELETED_IN_ORDER if planned.deletes else ():
            self._delete(kind)
        return self.standing()

    def standing(self) -> SyncProgress:
        """Return how far the run is."""
        with self._lock:
            endings = self._endings
            return SyncProgress(dict(self._planned), dict(self._ended), endings[Ending.FAILED], endings[Ending.LEFT])

    def problems(self) -> Iterator[ChangeResult]:
        """Yield what failed, then what was left for want of it."""
        yield from self._journal.with_ending(Ending.FAILED)
        yield from self._journal.with_ending(Ending.LEFT)

    # The phases

    def _lanes(self, ready_before: ReadyBefore) -> Iterator[Iterator[Action]]:
        for kind in KINDS:
            made = self._pending.unsettled(kind, is_made)
            if kind is Kind.POLICY:
                # What is left of all then is updated, or attached to nothing.
                made = chain(self._pending.policies_in_turn(ready_before, self._stop), made)
            yield made

    def _counted(self, changes: Iterator[Action]) -> Iterator[Action]:
        for change in changes:
            with self._lock:
                self._planned[change.key.kind] += 1
            yield change

    def _remove_followed(self) -> None:
        if self._stop.is_set():
            # Not all of it was read, so what is missing may not be gone.
            return
        for kind in FOLLOWED:
            removed = self.plan((kind,))
            ensure_few(removed.deletes, removed.existing, self._limits, OVERRIDE)
        room = Counter(one.key.kind for kind in FOLLOWED for one in self._pending.unsettled(kind, makes_room))
        if room:
            self._planned += room
            self._run(*(self._pending.unsettled(kind, makes_room) for kind in FOLLOWED))
            # A certificate has room for another policy, or an exclusive one for another thing, now.
            self._forget(Ending.FAILED)
            self._run(*(self._pending.unsettled(kind, is_made) for kind in FOLLOWED))

    def _again(self) -> None:
        """Give what was left another chance: what it needs may be there by now, or the Region answer again."""
        left = [one.key for one in self._journal.with_ending(Ending.LEFT)]
        self._forget(Ending.LEFT)
        shadows = [key for key in left if key.kind in SHADOW_KINDS]
        registry = (key for key in left if key.kind not in SHADOW_KINDS)
        found = (compare(self._comparison.pair(key), self._direction).change for key in registry)
        self._run(iter([change for change in found if isinstance(change, Create | Update)]), iter(shadows))

    def _forget(self, ending: Ending) -> None:
        self._ended -= self._journal.numbers(ending)
        self._endings[ending] = 0
        self._journal.forget(ending)

    def _deprecate(self) -> None:
        """Deprecate, now that no thing is made any more, the types that the source has deprecated."""
        for pair in self._comparison.pairs(Kind.THING_TYPE):
            wanted, found = pair.source, pair.target
            if not isinstance(wanted, ThingType) or not wanted.deprecated or self._stop.is_set():
                continue
            taken_back = self._journal.ending(pair.key) is Ending.TAKEN_BACK
            if self._journal.ending(pair.key) in (Ending.FAILED, Ending.LEFT):
                continue
            if found is None or taken_back or (isinstance(found, ThingType) and not found.deprecated):
                self._apply(Update(wanted, replace(wanted, deprecated=False), "deprecated in the primary"))

    def _delete(self, kind: Kind) -> None:
        doomed = self._pending.unsettled(kind, is_deleted)
        if kind is not Kind.THING_GROUP:
            self._run(doomed)
            return
        # Children before their parents, one by one; of groups there are few enough to be sorted.
        for change in sorted(doomed, key=lambda change: (place(change), change.key)):
            self._run(iter((change,)))

    def _run(self, *lanes: Iterator[Action] | Iterator[Key]) -> None:
        run_lanes(
            lanes,
            lambda todo: self._end(self._shadows.settle(todo)) if isinstance(todo, Key) else self._settle(todo),
            width=self._width,
            stop=self._stop,
            tick=lambda: self._progress.reached(self.standing()),
        )

    # One change

    def _settle(self, change: Action) -> None:
        """See to it that a change has ended, by this thread or another."""
        with self._claims.claim(change.key) as mine:
            if mine and self._journal.ending(change.key) in (None, Ending.TAKEN_BACK):
                unmet = self._unmet(change)
                if unmet:
                    self._applier.leave(change.key, unmade=isinstance(change, Create))
                    self._end(ChangeResult(change.key, Ending.LEFT, unmet))
                else:
                    self._apply(change)
            else:
                self._applier.leave(change.key)

    def _apply(self, change: Action) -> None:
        try:
            self._applier.apply(change)
        except AccessDenied:
            raise
        except RetryableError as error:
            self._give_up_on(error)
            self._applier.note_failure(change.key, error)
            self._end(ChangeResult(change.key, Ending.LEFT, str(error)))
        except IotDrError as error:
            self._applier.note_failure(change.key, error)
            self._end(ChangeResult(change.key, Ending.FAILED, str(error)))
        else:
            self._unanswered = 0
            self._end(ChangeResult(change.key, Ending.DONE))

    def _end(self, settled: ChangeResult) -> None:
        self._journal.settle(settled)
        with self._lock:
            self._ended[settled.key.kind] += 1
            self._endings[settled.ending] += 1

    def _give_up_on(self, error: RetryableError) -> None:
        """Raise if a Region has not answered so often that it will not."""
        if isinstance(error, RegionUnavailable):
            self._unanswered += 1
            if self._unanswered > PATIENCE:
                raise error

    def _unmet(self, change: Action) -> str:
        """Have made what a change needs; return why it cannot be, or nothing."""
        for need in _needs_of(change):
            if need in self._made_anew:
                return f"{need} is deleted first and created again by the next run"
            pair = self._comparison.pair(need)
            if isinstance(pair.target, ThingType) and pair.target.deprecated:
                try:
                    self._take_back(pair.target)
                except AccessDenied:
                    raise
                except IotDrError as error:
                    return f"{need} is deprecated, and could not be taken back: {error}"
            if pair.target is None and pair.source is not None:
                self._make(pair)
                if self._journal.ending(need) in (Ending.FAILED, Ending.LEFT):
                    return f"it needs {need}, which could not be made"
        return ""

    def _make(self, pair: Pair) -> None:
        found = compare(pair, self._direction).change
        if isinstance(found, Create) and self._journal.ending(pair.key) is None:
            self._settle(found)

    def _take_back(self, found: ThingType) -> None:
        """Let a deprecated type take things until all are made."""
        with self._claims.claim(found.key) as mine:
            if mine and self._journal.ending(found.key) is None:
                # Noted first: a process that ends in between has it deprecated once more for nothing.
                self._journal.settle(ChangeResult(found.key, Ending.TAKEN_BACK))
                self._applier.take_back(found)


def _needs_of(change: Action) -> tuple[Key, ...]:
    """Return what must be there for a change, beyond what is there for what it changes."""
    match change:
        case Create(desired=desired):
            return needs(desired)
        case Update(desired=desired, actual=actual):
            return tuple(need for need in needs(desired) if need not in needs(actual))
        case _:
            return ()
