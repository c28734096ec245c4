"""Brings shadows of the secondary to the primary's state: from what an event carries, or by looking at both Regions.

Events are doubled, lost and out of order, and several workers may be about one shadow. Every write follows the same
steps, so that the newest state stays whatever happens between any two calls:

1. read the ledger's note of the shadow,
2. read the copy, with its version,
3. know that the state to write is newer than the note: by the event's version, or by reading the primary now,
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
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from iot_dr.errors import Conflict, IotDrError, LimitExceeded, TerminalError
from iot_dr.model.control import HELD_BACK
from iot_dr.model.keys import Key, Kind, shadow_key
from iot_dr.model.looks import Look
from iot_dr.model.outcomes import Outcome, State
from iot_dr.model.shadows import Document, Shadow, ShadowEvent, ShadowNote, ShadowSelection, Source, digest
from iot_dr.ports import Clock, ControlReader, Ledger, ShadowNotes, ShadowReader, ShadowStore
from iot_dr.reconcile.shadows import Order, halves, is_outdated, newest, order, patch
from iot_dr.services.concurrency import Together, one_by_one
from iot_dr.services.record_failure import record_failure

ROUNDS = 6
"""Times that one shadow is read again, since another worker was faster or a reading is to confirm a write."""

NOT_OWNED = "deleted in the primary; replication did not make the copy, so it stays"
KEPT_OTHERWISE = "AWS keeps the document otherwise than it was written; what differs stays"


@dataclass(frozen=True)
class Applied:
    """What became of a batch: an outcome per shadow, and those of which not even the ledger could be told."""

    outcomes: tuple[Outcome, ...] = ()
    unrecorded: frozenset[Key] = frozenset()


@dataclass(frozen=True)
class _Unrecorded:
    """A shadow whose failure could not be noted anywhere."""

    key: Key


@dataclass(frozen=True)
class _Task:
    """A shadow to bring to the primary's state.

    Attributes:
        key: the shadow.
        event: what asks for it; None if a look does.
        by_event: the event may decide; once something was deleted only the primary may.
    """

    key: Key
    event: ShadowEvent | None = None
    by_event: bool = True

    @property
    def event_id(self) -> str:
        return self.event.event_id if self.event else ""


class ShadowReplication:
    """The use case, over ports."""

    def __init__(  # noqa: PLR0913  # the composition root is the only caller, by keyword
        self,
        *,
        primary: ShadowReader,
        secondary: ShadowStore,
        ledger: Ledger,
        notes: ShadowNotes,
        control: ControlReader,
        region: str,
        clock: Clock,
        selection: ShadowSelection | None = None,
        together: Together = one_by_one,
    ) -> None:
        self._primary = primary
        self._secondary = secondary
        self._ledger = ledger
        self._notes = notes
        self._control = control
        self._region = region
        self._clock = clock
        self._selection = selection or ShadowSelection()
        self._together = together

    def apply(self, events: Iterable[ShadowEvent]) -> Applied:
        """Apply the newest event of each shadow.

        Raises:
            RetryableError: the control item cannot be read, so nothing may be written.
        """
        return self._done([_Task(event.key, event) for event in newest(events) if self._chosen(event.key)])

    def look(self, keys: Iterable[Key]) -> Applied:
        """Compare shadows, or all shadows of things, in both Regions and make the secondary's equal.

        Raises:
            RetryableError: the control item cannot be read, so nothing may be written.
        """
        found = self._together(self._listed, dict.fromkeys(keys))
        listed = Applied(
            tuple(one for one in found if isinstance(one, Outcome)),
            frozenset(one.key for one in found if isinstance(one, _Unrecorded)),
        )
        shadows = dict.fromkeys(key for one in found if isinstance(one, tuple) for key in one)
        done = self._done([_Task(key) for key in shadows])
        return Applied(listed.outcomes + done.outcomes, listed.unrecorded | done.unrecorded)

    def _listed(self, key: Key) -> tuple[Key, ...] | Outcome | _Unrecorded:
        """Return the chosen shadows that a key stands for, in either Region."""
        if key.kind is Kind.SHADOW:
            return (key,) if self._chosen(key) else ()
        begun = self._clock()
        names = {""}
        try:
            if self._selection.named:
                names |= self._secondary.shadow_names(key.name) | self._primary.shadow_names(key.name)
            # A failure to list them may have been noted before.
            self._ledger.forget([key], begun)
        except IotDrError as error:
            return self._failed(_Task(key), error)
        return tuple(one for one in (shadow_key(key.name, name) for name in sorted(names)) if self._chosen(one))

    def _chosen(self, key: Key) -> bool:
        return not key.reserved and self._selection.selects(key.other)

    def _done(self, tasks: list[_Task]) -> Applied:
        if not tasks:
            return Applied()
        held_back = self._reason_to_hold_back()
        results = self._together(self._held_back(held_back) if held_back else self._one, tasks)
        return Applied(
            tuple(one for one in results if isinstance(one, Outcome)),
            frozenset(one.key for one in results if isinstance(one, _Unrecorded)),
        )

    def _reason_to_hold_back(self) -> str:
        try:
            return self._control.control().holds_back(self._region)
        except TerminalError as error:
            # What devices wrote while this Region served must not be overwritten for a right or an item that is wrong.
            return f"{HELD_BACK}: {error}"

    def _held_back(self, reason: str) -> Callable[[_Task], Outcome | _Unrecorded]:
        def hold(task: _Task) -> Outcome | _Unrecorded:
            outcome = Outcome(task.key, State.PENDING, reason, self._clock(), event_id=task.event_id, again=True)
            try:
                self._ledger.record(outcome)
            except IotDrError:
                return _Unrecorded(task.key)
            return outcome

        return hold

    def _one(self, task: _Task) -> Outcome | _Unrecorded:
        """Bring one shadow to the primary's state; what stands in the way is its own affair."""
        try:
            return self._brought(task)
        except IotDrError as error:
            return self._failed(task, error)

    def _failed(self, task: _Task, error: IotDrError) -> Outcome | _Unrecorded:
        look, name = Look(task.key, event_id=task.event_id), type(error).__name__
        try:
            return record_failure(look, name, str(error), ledger=self._ledger, clock=self._clock)
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
        raise Conflict(f"{task.key} kept changing while it was looked at{met}")

    def _round(self, task: _Task) -> Outcome | _Task:
        """Go through the steps once; return how it ended, or what is left to do by another reading."""
        note = self._notes.read(task.key)
        judged = order(task.event, note) if task.event and task.by_event else Order.DOUBTFUL
        if judged is Order.OLDER:
            return self._outcome(task, State.SUPERSEDED)
        copy = self._secondary.shadow(task.key)
        source = task.event.source if task.event and judged is Order.NEWER else self._asked(task, note)
        if source.document is None:
            return self._removed(task, note, copy, source)
        if copy is None:
            self._notes.claim(task.key, note, source, owned_at=self._clock())
            self._secondary.make(task.key)
            return task
        return self._written(task, note, copy, replace(copy, document=source.document), source)

    def _asked(self, task: _Task, note: ShadowNote) -> Source:
        """Ask the primary what it holds now.

        Raises:
            Conflict: it answered with an older state than is known of.
        """
        found = self._primary.shadow(task.key)
        if found is None:
            told = task.event.source if task.event else Source(0, 0, None)
            return Source(max(note.version, told.version), max(note.source_at, told.at), None)
        if is_outdated(found.source, task.event, note):
            raise Conflict(f"the primary answered with version {found.version} of {task.key}, which is old")
        return found.source

    def _removed(self, task: _Task, note: ShadowNote, copy: Shadow | None, source: Source) -> Outcome | _Task:
        """Delete the copy of what is gone from the primary, if replication made it or it holds nothing."""
        if copy is None:
            # Noted, so that an update of before the deletion is not taken for a new shadow.
            known = task.event or note != ShadowNote()
            ended = self._outcome(task, State.ABSENT)
            return self._concluded(task, note, source, ended, None) if known else ended
        if copy.document and not note.owned:
            return self._concluded(task, note, source, self._outcome(task, State.UNSUPPORTED, NOT_OWNED), copy)
        self._notes.claim(task.key, note, source)
        self._secondary.update(task.key, {}, copy.version)
        self._secondary.delete(task.key)
        # Made anew in the primary meanwhile, it may have been written already, and deleted with this.
        return replace(task, by_event=False)

    def _written(self, task: _Task, note: ShadowNote, copy: Shadow, wanted: Shadow, source: Source) -> Outcome:
        """Make the copy what is wanted."""
        change = patch(wanted.document, copy.document)
        if note.is_settled and not change:
            return self._concluded(task, note, source, self._outcome(task, State.IN_SYNC), copy)
        repeated = note.is_settled and note.copy_version == copy.version and note.digest == digest(wanted.document)
        if repeated and note.state is State.UNSUPPORTED:
            return self._concluded(task, note, source, self._outcome(task, State.UNSUPPORTED, KEPT_OTHERWISE), wanted)
        claimed = self._notes.claim(task.key, note, source)
        written = replace(wanted, version=self._update(task.key, change, copy.version))
        if repeated and self._differs(written):
            outcome = self._outcome(task, State.UNSUPPORTED, KEPT_OTHERWISE)
        else:
            outcome = self._outcome(task, State.IN_SYNC)
        return self._settled(task, claimed, outcome, written)

    def _differs(self, written: Shadow) -> bool:
        """Tell whether a document that was written twice is another one, though nobody else has written."""
        found = self._secondary.shadow(written.key)
        return found is not None and found.version == written.version and found != written

    def _update(self, key: Key, change: Document, version: int) -> int:
        try:
            return self._secondary.update(key, change, version)
        except LimitExceeded:
            removals, additions = halves(change)
            if not removals or not additions:
                raise
        return self._secondary.update(key, additions, self._secondary.update(key, removals, version))

    def _outcome(self, task: _Task, state: State, reason: str = "") -> Outcome:
        now, event = self._clock(), task.event
        lag = now - event.accepted_at if event and event.accepted_at and state is State.IN_SYNC else None
        return Outcome(task.key, state, reason, at=now, lag=lag, event_id=task.event_id)

    def _concluded(
        self, task: _Task, note: ShadowNote, source: Source, outcome: Outcome, copy: Shadow | None
    ) -> Outcome:
        """Note an outcome that takes no write; nothing is noted twice."""
        stands = note.brings_about(source)
        if stands and note.is_settled and note.state is _kept(outcome):
            return outcome
        claimed = note if stands else self._notes.claim(task.key, note, source)
        return self._settled(task, claimed, outcome, copy)

    def _settled(self, task: _Task, claimed: ShadowNote, outcome: Outcome, copy: Shadow | None) -> Outcome:
        if self._notes.settle(task.key, claimed, outcome, copy):
            return outcome
        return self._outcome(task, State.SUPERSEDED)


def _kept(outcome: Outcome) -> State | None:
    """Return the state that the ledger keeps: none of what is gone."""
    return None if outcome.state is State.ABSENT else outcome.state
