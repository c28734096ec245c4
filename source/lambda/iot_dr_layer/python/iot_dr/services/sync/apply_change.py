"""Applies one change that a comparison found, as both Regions stand right before it is written.

A comparison may be hours old. So what is made is read once more in the source, and what changes or removes something
that is there is compared again in both Regions. What no version guards is read and written under a mark in the ledger
(`marking`), so that whoever checks it meanwhile has it checked again. Where AWS puts the last write over whatever
is there (a policy's version, a certificate's status) and after a removal, the source is read after the write too: only
that tells soon whether it was changed in between.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from iot_dr.errors import (
    Conflict,
    InvalidResource,
    IotDrError,
    LimitExceeded,
    NotReadyYet,
    RetryableError,
    Throttled,
)
from iot_dr.model.registry.changes import Action, Create, Delete, Skip, Update
from iot_dr.model.registry.differences import Pair, Sigil
from iot_dr.model.registry.digests import digest_of
from iot_dr.model.registry.entities import Policy, Thing, ThingType
from iot_dr.model.registry.keys import Key
from iot_dr.model.registry.kinds import root_of
from iot_dr.model.replication.outcomes import Outcome, State
from iot_dr.model.sites import Direction
from iot_dr.ports.registry import RegistryReader, RegistryWriter, SourceReader
from iot_dr.reconcile.translate import translate
from iot_dr.services.comparison import compare
from iot_dr.services.gate import ensure_follows, ensure_open
from iot_dr.services.single_resource import read_one
from iot_dr.services.sync.marking import Held, Marking, suffices, unguarded

ROUNDS = 5
"""Times that a change is read and written again after AWS refused it, or after the source was changed meanwhile."""


@dataclass(frozen=True)
class _FreshReading:
    """What is to be done as the Regions stand, read from `began` on under a mark.

    `gone`: the source has none. `missing`: the target has none.
    """

    began: int
    held: Held | None
    todo: Action | None
    gone: bool = False
    missing: bool = False


class ChangeApplier:
    """The use case, over ports."""

    def __init__(  # the composition root is the only caller, by keyword
        self,
        *,
        direction: Direction,
        source: SourceReader,
        target: RegistryReader,
        writer: RegistryWriter,
        marks: Marking,
    ) -> None:
        self._direction = direction
        self._source, self._target = source, target
        self._writer = writer
        self._marks = marks
        self._ledger, self._gate, self._clock = marks.ledger, marks.gate, marks.clock

    def ensure_follows(self) -> None:
        """Refuse a whole run where the target leads.

        Raises:
            TargetLeads: it does, or nothing may be written there.
            RetryableError: that cannot be told now.
        """
        ensure_follows(self._gate)

    def apply(self, change: Action) -> None:
        """Apply it, unless the Regions agree by now.

        Raises:
            RetryableError: it may succeed later.
            TerminalError: somebody must act.
        """
        with self._marks.writing(change.key):
            self._apply(change)

    def leave(self, key: Key, *, unmade: bool = False) -> None:
        """Take the mark off what is not applied; if nobody has made it, take back that replication will own it."""
        self._marks.drop(key, unmade=unmade)

    def take_back(self, found: ThingType) -> None:
        """Let a deprecated type take things."""
        change = Update(replace(found, deprecated=False), found, "a thing is to be made in it")
        with self._marks.writing(change.key):
            self._marks.of(change)
            ensure_open(self._gate)
            self._writer.write(change)

    def note_failure(self, key: Key, error: IotDrError) -> None:
        """Have the schedule check what it belongs to again, and the operator see why it is not in sync."""
        state, root, now = (
            State.PENDING if isinstance(error, RetryableError) else State.FAILED,
            root_of(key),
            self._clock(),
        )
        self._ledger.record(Outcome(root, state, str(error), at=now, again=True))
        if key != root:
            # By itself too: what it belongs to need not lead to it any more, and what was noted of it has to go.
            self._ledger.revisit({key}, now)

    def _apply(self, change: Action) -> None:
        refusal: IotDrError = Conflict(f"{change.key} kept changing")
        reading: _FreshReading | None = None
        refused: Action | None = None
        asked, compared, since = change, not isinstance(change, Create), 0
        owned = {change.key} if isinstance(change, Delete) else set[Key]()
        for _ in range(ROUNDS):
            held = self._marks.of(asked)
            # What was refused for its rate alone is as true as it was, while its mark or its version guards it.
            if reading is None or held is not reading.held:
                since = max(since, held.stands_since if held else self._clock())
                reading = (
                    self._compared(change.key, held, owned, since) if compared else self._wanted(asked, held, since)
                )
            todo = reading.todo
            if todo is None and compared:
                self._note_gone(change.key, reading)
                return
            if refused is not None and _asks_the_same(todo, refused) and not isinstance(refusal, Conflict):
                raise refusal
            refused, compared = None, True
            if todo is None or not suffices(held, todo) or (held is not None and not held.usable(self._clock())):
                # Read before the mark that it needs, or so slowly that the mark may run out before it is written.
                asked, reading = todo or asked, None
                continue
            asked, error = todo, self._written(todo)
            if error is None and self._is_current(todo, reading):
                self._note(todo, reading)
                return
            if error is None and isinstance(todo, Create):
                # It may have to go again.
                owned.add(todo.key)
            refusal = error or refusal
            if not isinstance(error, Throttled):
                refused, reading, since = todo if error else None, None, self._clock()
        raise refusal

    def _written(self, change: Action) -> IotDrError | None:
        """Write it; return why AWS refused it if another reading, or another try at a lower rate, may help.

        Raises:
            WriteRefused: the target may not be written now.
        """
        ensure_open(self._gate)
        try:
            self._writer.write(change)
        except (Throttled, Conflict, NotReadyYet, InvalidResource, LimitExceeded) as error:
            return error
        return None

    def _wanted(self, change: Action, held: Held | None, since: int) -> _FreshReading:
        """Read what is to be made in the source alone: AWS refuses it if somebody else was first."""
        began = self._clock()
        found = self._source.now(change.key, since)
        if found is None:
            return _FreshReading(began, held, None, gone=True)
        made = translate(found, self._direction)
        # A type is deprecated when the things that need it are there.
        made = replace(made, deprecated=False) if isinstance(made, ThingType) else made
        return _FreshReading(began, held, Create(made, change.reason))

    def _compared(self, key: Key, held: Held | None, owned: Collection[Key], since: int) -> _FreshReading:
        """Compare both Regions.

        Raises:
            InvalidResource: what the source has cannot be moved to the target.
        """
        began = self._clock()
        # The source last, so that what is written is no older than the version that guards the write.
        target = read_one(self._target, key)
        source = self._source.now(key, since)
        found = compare(Pair(key, source, target), self._direction, owned=owned)
        if found.sigil is Sigil.UNREADABLE or (isinstance(found.change, Skip) and isinstance(source, Policy)):
            # Of a policy that the source has, only one that is too long for the target is left.
            raise InvalidResource(found.reason)
        todo = None if isinstance(found.change, Skip) else found.change
        return _FreshReading(began, held, todo, gone=source is None, missing=target is None)

    def _is_current(self, written: Action, reading: _FreshReading) -> bool:
        """Tell whether the source still wants what was written, as far as a mark does not see to that."""
        if reading.held is not None and reading.held.run_out(self._clock()):
            return False
        match written:
            case Delete():
                # What was made anew in the source comes with the next run, once all that is in its way has gone.
                return not reading.gone or self._source.now(written.key, self._clock()) is None
            case Update(desired=desired) if unguarded(written):
                found = self._source.now(written.key, self._clock())
                return found is not None and translate(found, self._direction) == desired
            case _:
                return True

    def _note(self, change: Action, reading: _FreshReading) -> None:
        match change:
            case Create(desired=Thing() as thing) | Update(desired=Thing() as thing):
                # Of its own fields alone: what is attached to it may still be on its way.
                applied = Outcome(
                    thing.key,
                    State.IN_SYNC,
                    "",
                    at=self._clock(),
                    partial=True,
                    source_id=thing.thing_id,
                    source_version=thing.version,
                    digest=digest_of(thing),
                )
                self._ledger.note_applied(applied)
            case Create() | Update():
                self._marks.written(change)
            case Delete():
                self._note_gone(change.key, replace(reading, missing=True))

    def _note_gone(self, key: Key, reading: _FreshReading) -> None:
        """Drop the note of ownership of what neither Region has, unless another has noted it since the reading."""
        if reading.gone and reading.missing:
            self._ledger.forget({key}, reading.began, reading.held.mark if reading.held else None)


def _asks_the_same(again: Action | None, refused: Action) -> bool:
    """Tell whether a second reading leads to the very call that was refused."""
    if isinstance(again, Delete) or isinstance(refused, Delete):
        return type(again) is type(refused)
    return again is not None and type(again) is type(refused) and again.desired == refused.desired
