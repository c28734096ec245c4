"""Brings shadows of the target to the source's state: from what an event carries, or by checking both Regions.

Events are doubled, lost and out of order, and several workers may be about one shadow. Every write follows the same
steps, so that the newest state stays whatever happens between any two calls:

1. read the ledger's note of the shadow,
2. read the copy, with its version,
3. know that the state to write is newer than the note: by the event's version, or by reading the source now,
4. claim: replace the note, if nobody has since it was read,
5. write, if the copy still has the version that was read,
6. settle: note how it ended, if nobody has claimed since.

Why an older state cannot stay. Say A claims an older state, B a newer one, and A writes after B. B's write gave the
copy a new version, so A read the copy after it, hence after B's claim. If A read the note before B's claim, A's claim
is refused; if after, A's state is known to be older.

Three cases have no such write, and get one. Where the copy already is what it should become while the last claim is not
settled, an older write may be under way: an empty update changes nothing but the version. A shadow that does not exist
has no version to guard: it is made empty first, which changes nothing that another worker has written meanwhile, and
read again. A deletion takes no version at all: an empty update goes before it, and another reading of both Regions
comes after it, lest it hit what was made anew.

Why what no version guards cannot stay either. It may land after another worker has read, written and settled, and its
own worker may die before it reads again. So the claim of a creation or deletion also notes, in the same write, that the
shadow is to be checked again once nothing of it can land any more. Only two may take that back: the worker itself, by
a reading after its write, if nobody else's stood there when it claimed; and who begins to read after that time.

Why a lie does not last. Who may publish to the topic rules can tell any version, time and state, and the next versions
of a shadow cannot be told from honest ones. What is far ahead or of the future is not written: the source is asked.
What was written for a lie stands until the rule accepts an honest event, which is then not higher than the note, or has
another state under the same version: the source is asked again, and its answer counts as soon as it cannot be an old
one any more.

Why what a device has written stays for a while. Until the watch has noticed that devices failed over, the target
follows. A copy that replication did not write last is kept from it for some minutes. While a claim is open, another
worker may have written and not noted it yet. So a claim also notes a digest of what it brings about, and who reads a
copy under an open claim compares: what no open claim brings about, somebody else has written.

Why what waits is not forgotten. A shadow waits because something newer than the copy may be in the source. Who writes
what an event carries does not know what that is. So only who has asked the source takes back that a shadow waits, and
only if it was not noted to wait again since step 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from iot_dr.errors import Conflict, IotDrError, LimitExceeded, RetryableError
from iot_dr.model.failover.fence import HELD_BACK
from iot_dr.model.registry.keys import Key, Kind, shadow_key
from iot_dr.model.replication.marks import MARK_LIFETIME
from iot_dr.model.replication.outcomes import Outcome, State
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.model.shadows.shadow import Document, Shadow, ShadowEvent, ShadowNote, ShadowSelection, ShadowState, digest
from iot_dr.ports.clock import Clock
from iot_dr.ports.failover import WriteGate
from iot_dr.ports.ledger import Ledger
from iot_dr.ports.shadows import ShadowNotes, ShadowReader, ShadowStore
from iot_dr.reconcile.shadows import (
    Order,
    gone,
    halves,
    in_time,
    is_believable,
    is_outdated,
    newest,
    order,
    patch,
)
from iot_dr.services.concurrency import Together, one_by_one
from iot_dr.services.replication.record_failure import record_failure

ROUNDS = 6
"""Times that one shadow is read again, since another worker was faster or a reading is to confirm a write."""

KEPT_FOR = 15 * 60_000
"""Milliseconds for which what somebody else wrote into a copy is kept while the target follows.

Where Route 53 has failed over by itself devices write here before the target leads; the watch notices within minutes.
"""

HELD_FOR = 5 * 60_000
"""Milliseconds after which what is held back is checked again, so that it comes soon once nothing holds it back."""

BEGUN_WITHIN = 60_000
"""Milliseconds after its claim in which a write that no version guards must begin.

With the SDK's repetitions, which take a minute at most, it ends well before it is taken for ended.
"""

BATCH_TAKES = 25_000
"""Milliseconds after which no other shadow of a batch is begun.

Where AWS refuses calls for their rate a batch waits for them; the function must end before its own time is over.
"""

NOT_OWNED = "deleted in the primary; replication did not make the copy, so it stays"
KEPT_OTHERWISE = "AWS keeps the document otherwise than it was written; what differs stays"


@dataclass(frozen=True)
class Applied:
    """What became of a batch: an outcome per shadow, and those to be handed in again.

    Not even the ledger could be told of these, or there was no time left to begin with them.
    """

    outcomes: tuple[Outcome, ...] = ()
    unrecorded: frozenset[Key] = frozenset()


@dataclass(frozen=True)
class _Known:
    """What a round of the steps has read: the note, the copy after it and the state to bring about.

    Attributes:
        begun: when the round began, epoch milliseconds.
        asked: the state is the source's own answer.
    """

    begun: int
    note: ShadowNote
    copy: Shadow | None
    source: ShadowState
    asked: bool


@dataclass(frozen=True)
class _Listed:
    """All chosen shadows of a thing; `begun` is when the listing began."""

    key: Key
    begun: int
    shadows: tuple[Key, ...]


@dataclass(frozen=True)
class _Unrecorded:
    """A shadow of which nothing could be noted anywhere, or that was not begun."""

    key: Key


@dataclass(frozen=True)
class _Task:
    """A shadow to bring to the source's state.

    Attributes:
        key: the shadow.
        event: what asks for it; None if a request does.
        by_event: the event may decide; once something was deleted only the source may.
        unsure_until: what it has noted itself before a write that no version guards, to be taken back by it; 0 if
            nothing, or if another worker's stood there.
    """

    key: Key
    event: ShadowEvent | None = None
    by_event: bool = True
    unsure_until: int = 0

    @property
    def event_id(self) -> str:
        return self.event.event_id if self.event else ""

    @property
    def told(self) -> ShadowState:
        """Return what its event tells of the source; without one, nothing."""
        return self.event.source if self.event else ShadowState(0, 0, None)


class ShadowReplication:
    """The use case, over ports."""

    def __init__(  # noqa: PLR0913  # the composition root is the only caller, by keyword
        self,
        *,
        source: ShadowReader,
        target: ShadowStore,
        ledger: Ledger,
        notes: ShadowNotes,
        gate: WriteGate,
        clock: Clock,
        selection: ShadowSelection | None = None,
        kept_for: int = 0,
        together: Together = one_by_one,
    ) -> None:
        """`kept_for`: milliseconds for which a copy that somebody else wrote is kept while the target follows."""
        self._source = source
        self._target = target
        self._kept_for = kept_for
        self._ledger = ledger
        self._notes = notes
        self._gate = gate
        self._clock = clock
        self._selection = selection or ShadowSelection()
        self._together = together

    def apply(self, events: Iterable[ShadowEvent]) -> Applied:
        """Apply the newest event of each shadow.

        Raises:
            RetryableError: the gate cannot tell whether the target may be written, so nothing is.
        """
        now = self._clock()
        timely = (in_time(event, now) for event in events)
        tasks = [_Task(event.key, event) for event in newest(timely) if self._chosen(event.key)]
        if not tasks:
            return Applied()
        closed = self._gate.standing().closed
        return _applied(self._together(self._held_back(closed) if closed else self._until(now + BATCH_TAKES), tasks))

    def check(self, keys: Iterable[Key]) -> Applied:
        """Compare shadows, or all shadows of things, in both Regions and make the target's equal.

        Raises:
            RetryableError: the gate cannot tell whether the target may be written, so nothing is.
        """
        chosen = [key for key in dict.fromkeys(keys) if self._chosen(key)]
        if not chosen:
            return Applied()
        if closed := self._gate.standing().closed:
            return _applied(self._together(self._held_back(closed), [_Task(key) for key in chosen]))
        found = self._together(self._listed, chosen)
        listed = [one for one in found if isinstance(one, _Listed)]
        shadows = dict.fromkeys(key for one in listed for key in one.shadows)
        done = self._together(self._one, [_Task(key) for key in shadows])
        unrecorded = any(isinstance(one, _Unrecorded) for one in done)
        things = [one for one in listed if one.key.kind is Kind.THING_SHADOWS and not unrecorded]
        return _applied([*found, *done, *self._together(self._all_noted, things)])

    def _listed(self, key: Key) -> _Listed | Outcome | _Unrecorded:
        """Return the chosen shadows that a key stands for, in either Region."""
        begun = self._clock()
        if key.kind is Kind.SHADOW:
            return _Listed(key, begun, (key,))
        names = {""}
        try:
            if self._selection.named:
                names |= self._target.shadow_names(key.name) | self._source.shadow_names(key.name)
        except IotDrError as error:
            return self._failed(_Task(key), error)
        found = (shadow_key(key.name, name) for name in sorted(names))
        return _Listed(key, begun, tuple(one for one in found if self._chosen(one)))

    def _all_noted(self, thing: _Listed) -> Outcome | _Unrecorded | None:
        """Drop that a thing waits, now that each of its shadows is noted by itself."""
        try:
            self._ledger.forget([thing.key], thing.begun)
        except IotDrError as error:
            return self._failed(_Task(thing.key), error)
        return None

    def _chosen(self, key: Key) -> bool:
        if key.reserved:
            return False
        if key.kind is Kind.THING_SHADOWS:
            return self._selection.classic or self._selection.named
        return self._selection.selects(key.other)

    def _held_back(self, reason: str) -> Callable[[_Task], Outcome | _Unrecorded]:
        def hold(task: _Task) -> Outcome | _Unrecorded:
            outcome = Outcome(task.key, State.PENDING, reason, self._clock(), event_id=task.event_id, again=True)
            try:
                self._notes.hold(outcome, outcome.at + HELD_FOR)
            except IotDrError:
                return _Unrecorded(task.key)
            return outcome

        return hold

    def _until(self, end: int) -> Callable[[_Task], Outcome | _Unrecorded]:
        return lambda task: self._one(task) if self._clock() < end else _Unrecorded(task.key)

    def _one(self, task: _Task) -> Outcome | _Unrecorded:
        """Bring one shadow to the source's state; what stands in the way is its own affair."""
        try:
            return self._brought(task)
        except IotDrError as error:
            return self._failed(task, error)

    def _failed(self, task: _Task, error: IotDrError) -> Outcome | _Unrecorded:
        request, name = ReconcileRequest(task.key, event_id=task.event_id), type(error).__name__
        try:
            self._notes.announce(task.key)
            return record_failure(request, name, str(error), ledger=self._ledger, clock=self._clock)
        except IotDrError:
            return _Unrecorded(task.key)

    def _brought(self, task: _Task) -> Outcome:
        met = ""
        for _ in range(ROUNDS):
            try:
                result = self._round(task)
            except Conflict as error:
                met = f": {error}"
                continue
            if isinstance(result, Outcome):
                return result
            task = result
        raise Conflict(f"{task.key} kept changing while it was checked{met}")

    def _round(self, task: _Task) -> Outcome | _Task:
        """Go through the steps once; return how it ended, or what is left to do by another reading."""
        begun = self._clock()
        note = self._notes.read(task.key)
        judged = order(task.event, note) if task.event and task.by_event else Order.DOUBTFUL
        if judged is Order.OLDER and not task.unsure_until:
            return self._outcome(task, State.SUPERSEDED)
        copy = self._target.shadow(task.key)
        # What a device wrote after it has failed over is not overwritten by an event of before.
        told = judged is Order.NEWER and not (copy and copy.document and not note.is_certain(copy))
        answer = self._asked(task, note, needed=not told) if not told or note.is_waiting else None
        source = answer or task.told
        known = _Known(begun, note, copy, source, asked=answer is not None)
        if source.document is None:
            return self._removed(task, known)
        if copy is None:
            return self._made(task, known)
        return self._written(task, known, copy, replace(copy, document=source.document))

    def _asked(self, task: _Task, note: ShadowNote, *, needed: bool) -> ShadowState | None:
        """Ask the source what it holds now; None if it cannot tell and the answer is not needed.

        Raises:
            Conflict: it answered with an older state than is known of.
        """
        try:
            found = self._source.shadow(task.key)
        except RetryableError:
            if needed:
                raise
            return None
        # What an event tells that cannot be so is no measure of the answer.
        event = task.event if task.event and is_believable(task.event, note) else None
        if found is None:
            return gone(event, note)
        if is_outdated(found.source, event, note):
            raise Conflict(f"the primary answered with version {found.version} of {task.key}, which is old")
        return found.source

    def _claimed_unguarded(self, task: _Task, known: _Known, owned_at: int | None = None) -> _Task:
        """Claim, before a write that no version guards, that the shadow is checked again after it."""
        note = known.note
        unsure_until = max(self._clock() + MARK_LIFETIME, note.unsure_until + 1)
        self._notes.claim(task.key, note, known.source, owned_at=owned_at, unsure_until=unsure_until)
        alone = note.is_sure(known.begun, task.unsure_until)
        return replace(task, unsure_until=unsure_until if alone else 0)

    def _begin(self, key: Key, claimed_at: int) -> None:
        if self._clock() - claimed_at > BEGUN_WITHIN:
            raise Conflict(f"the worker was held up after it had claimed {key}")

    def _made(self, task: _Task, known: _Known) -> Outcome | _Task:
        """Make an empty copy, which has a version to guard what is written next."""
        there = known.note.claims and known.note.is_settled and not known.note.deleted
        if there and not task.unsure_until and (leads := self._leads()):
            return self._held(task, f"{leads}; the shadow was there and is not any more")
        claimed_at = self._clock()
        task = self._claimed_unguarded(task, known, owned_at=claimed_at)
        self._begin(task.key, claimed_at)
        self._target.make(task.key)
        return task

    def _removed(self, task: _Task, known: _Known) -> Outcome | _Task:
        """Delete the copy of what is gone from the source, if replication made it or it holds nothing."""
        note, copy = known.note, known.copy
        if copy is None:
            # Noted, so that an update of before the deletion is not taken for a new shadow.
            worth_noting = task.event or note != ShadowNote()
            ended = self._outcome(task, State.ABSENT)
            return self._concluded(task, known, ended, None) if worth_noting else ended
        if copy.document and not note.owned:
            outcome = self._outcome(task, State.UNSUPPORTED, NOT_OWNED)
            return self._concluded(task, known, outcome, self._taken_for_own(note, copy))
        if kept := self._kept(task, note, copy):
            return kept
        if leads := self._leads():
            return self._held(task, f"{leads}; the shadow is not deleted")
        claimed_at = self._clock()
        task = self._claimed_unguarded(task, known)
        try:
            self._target.update(task.key, {}, copy.version)
        except Conflict:
            return task
        self._begin(task.key, claimed_at)
        self._target.delete(task.key)
        # Made anew in the source meanwhile, it may have been written already, and deleted with this.
        return replace(task, by_event=False)

    def _written(self, task: _Task, known: _Known, copy: Shadow, wanted: Shadow) -> Outcome | _Task:
        """Make the copy what is wanted."""
        note, change = known.note, patch(wanted.document, copy.document)
        if note.is_settled and not change:
            outcome = self._outcome(task, State.IN_SYNC)
            return self._concluded(task, known, outcome, self._taken_for_own(note, copy))
        if kept := self._kept(task, note, copy):
            return kept
        repeated = note.is_settled and note.copy_version == copy.version and note.digest == digest(wanted.document)
        if repeated and note.state is State.UNSUPPORTED:
            return self._concluded(task, known, self._outcome(task, State.UNSUPPORTED, KEPT_OTHERWISE), wanted)
        claimed = self._notes.claim(task.key, note, known.source)
        try:
            written = replace(wanted, version=self._update(task.key, change, copy.version))
        except Conflict:
            return task
        if repeated and self._differs(written):
            outcome = self._outcome(task, State.UNSUPPORTED, KEPT_OTHERWISE)
        else:
            outcome = self._outcome(task, State.IN_SYNC)
        return self._settled(task, known, claimed, outcome, written)

    def _kept(self, task: _Task, note: ShadowNote, copy: Shadow) -> Outcome | None:
        """Hold back a write over what somebody else wrote, for good or for a while; None if it may be written."""
        if not copy.document or note.copy_version == copy.version:
            return None
        if leads := self._leads():
            return self._held(task, f"{leads}; the copy was written here since")
        if not note.is_foreign(copy):
            return None
        until = copy.written_at + self._kept_for
        now = self._clock()
        if until <= now:
            return None
        reason = f"{HELD_BACK}: the copy was written here by somebody else {(now - copy.written_at) // 1000} s ago"
        outcome = replace(self._outcome(task, State.PENDING, reason), again=True)
        self._notes.hold(outcome, min(until, now + HELD_FOR))
        return outcome

    def _taken_for_own(self, note: ShadowNote, copy: Shadow) -> Shadow | None:
        """Return a copy that is noted as replication's own though it may have found it so; None if it may not be.

        What a device has just written here may be what the source has too, or has not: it is the device's all the same.
        """
        if not note.is_foreign(copy):
            return copy
        if copy.written_at + self._kept_for > self._clock() or self._leads():
            return None
        return copy

    def _leads(self) -> str:
        """Return why what is there may not be overwritten, as it is right before a write; empty if it may.

        Raises:
            Conflict: nothing may be written; what begins anew finds that.
        """
        now = self._gate.standing()
        if now.closed:
            raise Conflict(now.closed)
        return now.leads

    def _held(self, task: _Task, reason: str) -> Outcome:
        outcome = self._outcome(task, State.HELD, reason)
        self._notes.hold(outcome, outcome.at)
        return outcome

    def _differs(self, written: Shadow) -> bool:
        """Tell whether a document that was written twice is another one, though nobody else has written."""
        found = self._target.shadow(written.key)
        return found is not None and found.version == written.version and found != written

    def _update(self, key: Key, change: Document, version: int) -> int:
        try:
            return self._target.update(key, change, version)
        except LimitExceeded:
            removals, additions = halves(change)
            if not removals or not additions:
                raise
        return self._target.update(key, additions, self._target.update(key, removals, version))

    def _outcome(self, task: _Task, state: State, reason: str = "") -> Outcome:
        now, event = self._clock(), task.event
        lag = now - event.accepted_at if event and event.accepted_at and state is State.IN_SYNC else None
        return Outcome(task.key, state, reason, at=now, lag=lag, event_id=task.event_id)

    def _concluded(self, task: _Task, known: _Known, outcome: Outcome, copy: Shadow | None) -> Outcome:
        """Note an outcome that takes no write; nothing is noted twice."""
        note = known.note
        stands = note.brings_about(known.source)
        if stands and note.is_settled and not note.due and note.state is _kept(outcome):
            return outcome
        # Nothing is written: what the copy holds may be what somebody else has written, though the source has it too.
        claimed = note if stands else self._notes.claim(task.key, note, known.source, writes=False)
        return self._settled(task, known, claimed, outcome, copy)

    def _settled(
        self, task: _Task, known: _Known, claimed: ShadowNote, outcome: Outcome, copy: Shadow | None
    ) -> Outcome:
        """Note that a write has ended, and how the shadow stands, unless it must be checked again."""
        note = known.note
        sure = note.is_sure(known.begun, task.unsure_until)
        stands_so = sure and (known.asked or not note.is_waiting)
        noted = self._notes.settle(
            task.key, claimed, outcome if stands_so else None, copy, check=0 if sure else note.unsure_until
        )
        return outcome if noted else self._outcome(task, State.SUPERSEDED)


def _applied(results: Iterable[object]) -> Applied:
    found = list(results)
    return Applied(
        tuple(one for one in found if isinstance(one, Outcome)),
        frozenset(one.key for one in found if isinstance(one, _Unrecorded)),
    )


def _kept(outcome: Outcome) -> State | None:
    """Return the state that the ledger keeps: none of what is gone."""
    return None if outcome.state is State.ABSENT else outcome.state
