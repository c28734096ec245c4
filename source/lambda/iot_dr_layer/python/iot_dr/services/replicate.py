"""Brings one resource of the secondary to the primary's state: read, plan, apply, record.

Whoever asks for a look (an event, the schedule, an operator), the same steps follow, and they may be repeated, doubled
and interrupted between any two calls: what is done is found done, what is missing is found missing.

The pause before another look at a new device is returned, never slept: it waits in the queue, no function does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from iot_dr.errors import Conflict, InvalidResource, NotReadyYet, RegionUnavailable
from iot_dr.model.changes import Action, Create, Delete, Plan, Update
from iot_dr.model.entities import BillingGroup, PolicyAttachment, Thing, ThingGroup, ThingPrincipal
from iot_dr.model.keys import Key, Kind, certificate_key, certificate_target, policy_key
from iot_dr.model.looks import Look
from iot_dr.model.outcomes import Outcome, State
from iot_dr.ports import Clock, Ledger, RegistryReader, RegistryWriter
from iot_dr.reconcile.just_in_time import without_unregistered
from iot_dr.reconcile.order import waves
from iot_dr.reconcile.plan import deletable, plan
from iot_dr.services.concurrency import Together, one_by_one
from iot_dr.services.scopes import Scope, ScopeReader
from iot_dr.services.settling import DEFAULT_SETTLING, Attachments, Settling, attachments, complete, fingerprint, pause
from iot_dr.services.single_writes import write_one

ROUNDS = 4
"""Times that one look reads again, after a conflict or a deletion, before the workflow's own retry takes over."""

NO_CERTIFICATE = "no certificate with a policy is attached yet"
PRIMARY_UNREACHABLE = "the primary cannot be asked; what the event told is applied"


@dataclass(frozen=True)
class Replicated:
    """The result of a look: the outcome, what was changed, and the look to come after `pause` seconds (0: none)."""

    outcome: Outcome
    plan: Plan
    next_look: Look
    pause: int = 0


class Replication:
    """The use case, over ports."""

    def __init__(  # noqa: PLR0913  # the composition root is the only caller, by keyword
        self,
        *,
        scopes: ScopeReader,
        primary: RegistryReader,
        secondary: RegistryReader,
        writer: RegistryWriter,
        ledger: Ledger,
        clock: Clock,
        settling: Settling = DEFAULT_SETTLING,
        just_in_time: bool = False,
        together: Together = one_by_one,
    ) -> None:
        self._scopes = scopes
        self._primary = primary
        self._secondary = secondary
        self._writer = writer
        self._ledger = ledger
        self._clock = clock
        self._settling = settling
        self._just_in_time = just_in_time
        self._together = together

    def replicate(self, look: Look, beside: int = 1) -> Replicated:
        """Look at one resource, make the secondary equal, and record it.

        `beside` is how many new resources are looked at beside each other; the more, the longer the pauses.

        Raises:
            RetryableError: the same look may succeed later.
            TerminalError: somebody must look.
        """
        try:
            return self._look(look, beside)
        except RegionUnavailable:
            self._apply_carried(look)
            raise

    def _look(self, look: Look, beside: int) -> Replicated:
        if look.looks and look.fingerprint:
            seen = self._attachments(look.key)
            if fingerprint(seen) == look.fingerprint:
                return self._stood_still(look, seen, beside)
        return self._changed(look, *self._reconcile(look), beside)

    def _stood_still(self, look: Look, seen: Attachments, beside: int) -> Replicated:
        now = self._clock()
        wait = pause(look, seen, now, self._settling, beside)
        outcome = Outcome(look.key, State.IN_SYNC, "", at=now, event_id=look.event_id)
        if not complete(seen):
            # Not recorded: the ledger has had it since the look that saw the same, and the schedule goes on from there.
            outcome = replace(outcome, state=State.PENDING, reason=NO_CERTIFICATE, again=True)
        return Replicated(outcome, Plan(), replace(look, looks=look.looks + 1), wait)

    def _changed(self, look: Look, done: Plan, scope: Scope, read_at: int, beside: int) -> Replicated:
        now = self._clock()
        seen = attachments(scope.desired, look.key)
        source = scope.desired.entities.get(look.key)
        there = source is not None
        first = look.looks == 0
        look = replace(look, changed_at=look.occurred_at if first else now)
        state, reason = _verdict(look, done, seen, there=there)
        outcome = Outcome(
            look.key,
            state,
            reason,
            at=now,
            lag=now - look.occurred_at if first and look.occurred_at and done.actions else None,
            event_id=look.event_id,
            # Kept by the schedule too, should the workflow that waits for it end early.
            again=state is State.PENDING,
            partial=not scope.whole and state is State.IN_SYNC,
            source_id=source.thing_id if isinstance(source, Thing) else "",
            source_version=source.version if isinstance(source, Thing) else 0,
            read_at=read_at,
        )
        if state is not State.ABSENT:
            self._ledger.record(outcome)
        wait = pause(look, seen, now, self._settling, beside) if there else 0
        return Replicated(outcome, done, replace(look, looks=look.looks + 1, fingerprint=fingerprint(seen)), wait)

    def _reconcile(self, look: Look) -> tuple[Plan, Scope, int]:
        """Read, plan and apply until a reading confirms what no version guards.

        Return all that was done, the last reading and when it began.
        """
        done: list[Action] = []
        deleted: set[Key] = set()
        needs = False
        for _ in range(ROUNDS):
            started = self._clock()
            scope = self._scopes.read(look.key, look.depth, needs=needs)
            todo = self._plan(scope)
            try:
                self._apply(look.key, todo, deleted)
            except Conflict:
                continue
            except (NotReadyYet, InvalidResource):
                # Something that it needs may be missing, or not be what it was: only a deeper reading tells.
                if needs:
                    raise
                needs = True
                continue
            done.extend(todo.actions)
            if not any(_needs_confirmation(change) for change in todo.actions):
                # The resource itself too: a failure noted before it was gone would be tried again for ever.
                self._forget({*deleted, look.key}, scope, started)
                return Plan((*done, *todo.skips)), scope, started
            # The primary may have changed it between the reading and the write: only another reading tells.
        raise Conflict(f"{look.key} kept changing while it was looked at")

    def _plan(self, scope: Scope) -> Plan:
        desired, actual = scope.desired, scope.actual
        if self._just_in_time:
            desired, actual = without_unregistered(desired, actual)
        candidates = deletable(desired, actual)
        owned = self._ledger.owned(candidates) if candidates else frozenset()
        return plan(desired, actual, owned=owned)

    def _apply(self, looked_at: Key, todo: Plan, deleted: set[Key]) -> None:
        # Noted first: a worker that dies in between leaves a note too many, never a copy that nobody owns, and nothing
        # that hangs on nothing and that nobody comes back to.
        if todo.creates:
            self._ledger.intend([change.key for change in todo.creates], self._clock())
        if unlinked := _unlinked(todo) - {looked_at}:
            self._ledger.revisit(unlinked, self._clock())
        for wave in waves(todo.actions):
            self._together(partial(write_one, self._writer), wave)
            deleted.update(change.key for change in wave if isinstance(change, Delete))

    def _forget(self, suspects: set[Key], scope: Scope, before: int) -> None:
        gone = suspects - scope.desired.entities.keys() - scope.actual.entities.keys()
        if gone:
            self._ledger.forget(gone, before)

    def _attachments(self, thing: Key) -> Attachments:
        certificates = sorted(one.certificate_id for one in self._primary.principals_of_thing(thing.name))
        policies = self._together(self._primary.policies_of, map(certificate_target, certificates))
        return dict(zip(certificates, policies, strict=True))

    def _apply_carried(self, look: Look) -> None:
        """Apply what the event told of a thing, if it is surely newer than what the secondary has; delete nothing."""
        carried = look.carried
        if carried is None:
            return
        found = self._secondary.thing(carried.name)
        if found is None:
            self._apply(look.key, Plan((Create(carried, PRIMARY_UNREACHABLE),)), set())
        else:
            known_id, known_version = self._ledger.source_version(look.key)
            wanted = replace(carried, billing_group=found.billing_group)
            newer = known_id == carried.thing_id and carried.version > known_version
            if not newer or wanted == found:
                return
            self._apply(look.key, Plan((Update(wanted, found, PRIMARY_UNREACHABLE),)), set())
        now = self._clock()
        outcome = Outcome(
            look.key,
            State.PENDING,
            PRIMARY_UNREACHABLE,
            at=now,
            lag=now - look.occurred_at,
            event_id=look.event_id,
            again=True,
            source_id=carried.thing_id,
            source_version=carried.version,
        )
        self._ledger.record(outcome)


def _unlinked(todo: Plan) -> frozenset[Key]:
    """Return what a plan takes off something: what raises no event of its own, as its deletion does not either."""
    return frozenset(
        certificate_key(gone.certificate_id) if isinstance(gone, ThingPrincipal) else policy_key(gone.policy)
        for change in todo.actions
        if isinstance(change, Delete) and isinstance(gone := change.actual, ThingPrincipal | PolicyAttachment)
    )


def _needs_confirmation(change: Action) -> bool:
    """Tell whether no version guards a write, so that it may have put an old state over a newer one.

    A creation cannot: it is refused if somebody else was first, or changes nothing, as an attachment made twice.
    """
    match change:
        case Delete():
            return True
        case Update(desired=Thing() | ThingGroup() | BillingGroup()):
            return False
        case _:
            return isinstance(change, Update)


def _verdict(look: Look, done: Plan, seen: Attachments, *, there: bool) -> tuple[State, str]:
    """Return how the resource stands now, and why if there is more to say."""
    if done.skips:
        return State.UNSUPPORTED, "; ".join(f"{skip.key}: {skip.reason}" for skip in done.skips)
    if not there:
        return State.ABSENT, ""
    if look.key.kind is Kind.THING and look.created and not complete(seen):
        return State.PENDING, NO_CERTIFICATE
    return State.IN_SYNC, ""
