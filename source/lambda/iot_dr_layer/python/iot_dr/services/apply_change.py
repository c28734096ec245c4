"""Applies one change that a comparison found: as it was found if that is safe, else as both Regions stand now.

A creation needs no second reading: AWS refuses it if somebody else was first. What changes or removes something that is
there is compared again first, because a comparison may be hours old and not every write is guarded by a version.

What a comparison leaves unread because nothing differs in it (a certificate's PEM, the document of a policy that the
secondary lacks) is read just before it is written.
"""

from __future__ import annotations

from dataclasses import replace

from iot_dr.errors import (
    Conflict,
    InvalidResource,
    IotDrError,
    LimitExceeded,
    NotReadyYet,
    RetryableError,
    Throttled,
)
from iot_dr.model.changes import Action, Create, Delete, Skip, Update
from iot_dr.model.differences import Pair
from iot_dr.model.entities import Certificate, Policy, Thing, ThingType
from iot_dr.model.keys import Key, Kind, key_of_target, thing_key
from iot_dr.model.outcomes import Outcome, State
from iot_dr.model.regions import RegionPair
from iot_dr.ports import Clock, Ledger, RegistryReader, RegistryWriter
from iot_dr.reconcile.translate import translate
from iot_dr.services.comparison import compare
from iot_dr.services.single_reads import read_one
from iot_dr.services.single_writes import write_one

ROUNDS = 5
"""Times that a change is compared again after AWS refused it for what somebody else did meanwhile."""


class ChangeApplier:
    """The use case, over ports."""

    def __init__(  # noqa: PLR0913  # the composition root is the only caller, by keyword
        self,
        *,
        regions: RegionPair,
        primary: RegistryReader,
        secondary: RegistryReader,
        writer: RegistryWriter,
        ledger: Ledger,
        clock: Clock,
    ) -> None:
        self._regions = regions
        self._primary, self._secondary = primary, secondary
        self._writer = writer
        self._ledger = ledger
        self._clock = clock

    def apply(self, change: Action) -> None:
        """Apply it, unless the Regions agree by now.

        Raises:
            RetryableError: it may succeed later.
            TerminalError: somebody must look.
        """
        began = self._clock()
        todo: Action | None = change if isinstance(change, Create) else self._compared_anew(change)
        refusal: IotDrError = Conflict(f"{change.key} kept changing")
        for _ in range(ROUNDS):
            if todo is None or (todo := self._whole(todo)) is None:
                return
            try:
                write_one(self._writer, todo)
            except Throttled as error:
                # Its budget is smaller now, so it waits longer the next time.
                refusal = error
            except (Conflict, NotReadyYet, InvalidResource, LimitExceeded) as error:
                again = self._compared_anew(change)
                if _asks_the_same(again, todo) and not isinstance(error, Conflict):
                    raise
                todo, refusal = again, error
            else:
                self._note(todo, began)
                return
        raise refusal

    def take_back(self, found: ThingType) -> None:
        """Let a deprecated type take things."""
        self._writer.update(Update(replace(found, deprecated=False), found, "a thing is to be made in it"))

    def note_failure(self, key: Key, error: IotDrError) -> None:
        """Have the schedule look at what it belongs to again, and the operator see why it is not in sync."""
        state = State.PENDING if isinstance(error, RetryableError) else State.FAILED
        self._ledger.record(Outcome(_root(key), state, str(error), at=self._clock(), again=True))

    def _note(self, change: Action, began: int) -> None:
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
                )
                self._ledger.record(applied)
            case Delete():
                self._ledger.forget({change.key}, began)

    def _compared_anew(self, change: Action) -> Action | None:
        key = change.key
        # The primary last, so that what is written is no older than the version that guards the write.
        secondary = read_one(self._secondary, key)
        pair = Pair(key, read_one(self._primary, key), secondary)
        owned = {key} if isinstance(change, Delete) else frozenset[Key]()
        again = compare(pair, self._regions, owned=owned).change
        return None if isinstance(again, Skip) else again

    def _whole(self, change: Action) -> Action | None:
        """Add what was not read; None if it is gone from the primary, so that nothing is to be made."""
        match change:
            case Create(desired=Certificate(certificate_id=certificate_id, pem="")):
                found: Certificate | Policy | None = self._primary.certificate(certificate_id)
            case Create(desired=Policy(name=name, document="")):
                found = self._primary.policy(name)
            case _:
                return change
        return None if found is None else replace(change, desired=translate(found, self._regions))


def _asks_the_same(again: Action | None, refused: Action) -> bool:
    """Tell whether a second reading leads to the very call that was refused."""
    if isinstance(again, Delete) or isinstance(refused, Delete):
        return type(again) is type(refused)
    return again is not None and type(again) is type(refused) and again.desired == refused.desired


def _root(key: Key) -> Key:
    """Return what the ledger keeps the state of: a thing, certificate or group for what hangs on it."""
    match key.kind:
        case Kind.POLICY_ATTACHMENT:
            return key_of_target(key.other)
        case Kind.THING_PRINCIPAL:
            return thing_key(key.name)
        case Kind.GROUP_MEMBERSHIP:
            return thing_key(key.other)
        case _:
            return key
