"""Brings one resource of the target to the source's state: read, plan, mark, apply, record.

Whoever asks for a request (an event, the schedule, an operator), the same steps follow, and they may be repeated,
doubled and interrupted between any two calls: what is done is found done, what is missing is found missing.

A write rests on a reading, and much may happen between the two. So before anything is written a mark is noted in the
ledger, at all that the write is about, unless somebody has concluded about it since the reading began; and a request
that finds another's mark, or finds that one was taken off since its own reading began, leaves another request noted.
docs/adr/0015-marks-before-writes.md says why nothing is lost then.

The pause before another request for a new device is returned, never slept: it waits in the queue, no function does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

from iot_dr.errors import (
    Conflict,
    InvalidResource,
    IotDrError,
    LimitExceeded,
    NotReadyYet,
    RegionUnavailable,
    RetryableError,
    Throttled,
    WriteRefused,
)
from iot_dr.model.events.counts import FAR_AHEAD
from iot_dr.model.registry.changes import Action, Create, Delete, Plan, Skip, Snapshot, Update
from iot_dr.model.registry.digests import digest_of
from iot_dr.model.registry.entities import (
    BillingGroup,
    GroupMembership,
    Policy,
    PolicyAttachment,
    Thing,
    ThingGroup,
    ThingPrincipal,
    ThingType,
)
from iot_dr.model.registry.keys import (
    Key,
    Kind,
    certificate_key,
    group_membership_key,
    policy_attachment_key,
    policy_key,
    thing_group_key,
    thing_key,
)
from iot_dr.model.registry.kinds import HOLDING_KINDS, marked
from iot_dr.model.registry.tagging import tags_differ, with_tags
from iot_dr.model.replication.marks import Certainty, Mark
from iot_dr.model.replication.outcomes import Outcome, State
from iot_dr.model.replication.requests import Depth, ReconcileRequest
from iot_dr.ports.clock import Clock
from iot_dr.ports.failover import WriteGate
from iot_dr.ports.ledger import Ledger
from iot_dr.ports.registry import RegistryReader, RegistryWriter
from iot_dr.reconcile.failover import fill_in
from iot_dr.reconcile.just_in_time import without_unregistered
from iot_dr.reconcile.order import waves
from iot_dr.reconcile.plan import deletable, needs, plan
from iot_dr.services.concurrency import Together, one_by_one
from iot_dr.services.replication.once_more import of_far_ends, once_more
from iot_dr.services.replication.scopes import MOST_RELATIONS, Scope, ScopeReader
from iot_dr.services.replication.settling import (
    DEFAULT_SETTLING,
    NO_CERTIFICATE,
    Attachments,
    Settling,
    attached,
    attachments,
    complete,
    fingerprint,
    lacks_own_policy,
    pause,
    policies_by_groups,
    standing,
)
from iot_dr.services.replication.shared_answers import SharedAnswers

ROUNDS = 4
"""Times that one request reads again, after a conflict or a deletion, before the workflow's own retry takes over."""

SOURCE_UNREACHABLE = "the primary cannot be read; what the event says is applied"


@dataclass(frozen=True)
class ReplicationResult:
    """The result of a request: the outcome, what was changed, the request to come after `pause` seconds (0: none), and
    `further` ones, each when it is due.
    """

    outcome: Outcome
    plan: Plan
    next_request: ReconcileRequest
    pause: int = 0
    further: tuple[ReconcileRequest, ...] = ()


@dataclass
class _Work:
    """What one request has done so far.

    Attributes:
        key: the resource that is checked.
        depth: how much is read; everything once the resource itself was deleted, for what hung on it went along.
        needs: what it needs in order to exist is read too.
        began: when the last reading began.
        scope: what the last reading found.
        done: what was written.
        skips: differences that stay.
        touched: what was, or was to be, written; relations among it are read again, whatever they hang on by now.
        deleted: what of it was deleted, and not made since, with when its mark was made.
        unmade: what was to be made and was not, with when its mark was made.
        noted_at: when the mark of the last writes was made, epoch milliseconds.
        refused: what AWS refused, whatever was tried.
        held: what is not written because the target leads.
        leads: why it leads; empty if it does not.
        overtaken: somebody else was about one of these since it was read, or one of them was gone.
        mark: the mark in the ledger; None before anything is written.
        denied: what AWS would not change or delete when it was asked last, so it stands as it stood.
        unanswered: AWS left a write unanswered, so it may land yet.
        far: what AWS took away along with something that was made anew.
    """

    key: Key
    depth: Depth
    needs: bool = False
    began: int = 0
    scope: Scope = field(default_factory=lambda: Scope(Snapshot(), Snapshot()))
    done: list[Action] = field(default_factory=list)
    skips: tuple[Skip, ...] = ()
    touched: frozenset[Key] = frozenset()
    deleted: dict[Key, int] = field(default_factory=dict)
    unmade: dict[Key, int] = field(default_factory=dict)
    noted_at: int = 0
    refused: dict[Key, IotDrError] = field(default_factory=dict)
    held: tuple[Action, ...] = ()
    leads: str = ""
    overtaken: bool = False
    mark: Mark | None = None
    denied: frozenset[Key] = frozenset()
    unanswered: bool = False
    far: frozenset[Key] = frozenset()

    @property
    def equal(self) -> Mapping[Key, str]:
        """Return digests of what was made equal, as it was written last."""
        written = {change.key: change for change in self.done}
        return {key: digest_of(one.desired) for key, one in written.items() if not isinstance(one, Delete)}

    def ended(self, changes: Iterable[Action]) -> None:
        """Note what was written."""
        for change in changes:
            self.done.append(change)
            self.touched |= {change.key}
            self.unmade.pop(change.key, None)
            if not isinstance(change, Delete):
                self.deleted.pop(change.key, None)
                continue
            self.deleted[change.key] = self.noted_at
            if change.key == self.key:
                self.depth = Depth.EVERYTHING


class Replication:
    """The use case, over ports."""

    def __init__(  # noqa: PLR0913  # the composition root is the only caller, by keyword
        self,
        *,
        scopes: ScopeReader,
        source: RegistryReader,
        target: RegistryReader,
        writer: RegistryWriter,
        ledger: Ledger,
        gate: WriteGate,
        clock: Clock,
        settling: Settling = DEFAULT_SETTLING,
        just_in_time: bool = False,
        together: Together = one_by_one,
    ) -> None:
        self._scopes = scopes
        self._source = source
        self._target = target
        self._writer = writer
        self._ledger = ledger
        self._gate = gate
        self._clock = clock
        self._settling = settling
        self._just_in_time = just_in_time
        self._together = together

    def replicate(
        self, request: ReconcileRequest, beside: int = 1, shared: SharedAnswers | None = None
    ) -> ReplicationResult:
        """Check one resource, make the target equal, and record it; what the gate refuses is recorded as what waits.

        `beside` is how many new resources are checked beside each other; the more, the longer the pauses. `shared` is
        what the requests of the same batch have read.

        Raises:
            RetryableError: the same request may succeed later.
            TerminalError: somebody must act.
        """
        try:
            return self._request_or_carried(request, beside, shared)
        except WriteRefused as refusal:
            return self._refused(request, str(refusal))

    def _request_or_carried(
        self, request: ReconcileRequest, beside: int, shared: SharedAnswers | None
    ) -> ReplicationResult:
        try:
            return self._check(request, beside, shared)
        except RegionUnavailable:
            self._apply_carried(request)
            raise

    def _refused(self, request: ReconcileRequest, reason: str) -> ReplicationResult:
        outcome = Outcome(
            request.key,
            State.PENDING,
            reason,
            at=self._clock(),
            event_id=request.event_id,
            again=True,
            whole=request.whole,
        )
        self._ledger.record(outcome)
        return ReplicationResult(outcome, Plan(), request)

    def _check(self, request: ReconcileRequest, beside: int, shared: SharedAnswers | None) -> ReplicationResult:
        if request.checks and request.fingerprint:
            seen = attached(self._source, request.key.name, self._together)
            if fingerprint(seen) == request.fingerprint:
                return self._stood_still(request, seen, beside)
        return self._changed(request, self._reconcile(request, shared), beside)

    def _stood_still(self, request: ReconcileRequest, seen: Attachments, beside: int) -> ReplicationResult:
        now, by_groups = self._clock(), self._rights_by_groups(request, seen)
        wait = pause(request, seen, now, self._settling, beside, by_groups)
        outcome = Outcome(request.key, State.IN_SYNC, "", at=now, event_id=request.event_id)
        if not complete(seen, by_groups):
            # Not recorded: the ledger has had it since the request that saw the same, and the schedule goes on from
            # there.
            outcome = replace(outcome, state=State.PENDING, reason=NO_CERTIFICATE, again=True)
        return ReplicationResult(outcome, Plan(), replace(request, checks=request.checks + 1), wait)

    def _changed(self, request: ReconcileRequest, work: _Work, beside: int) -> ReplicationResult:
        now, scope, done = self._clock(), work.scope, Plan((*work.done, *work.skips))
        seen = attachments(scope.desired, request.key)
        source = scope.desired.entities.get(request.key)
        there = source is not None
        first = request.checks == 0
        request = replace(request, changed_at=request.occurred_at if first else now)
        by_groups = self._rights_by_groups(request, seen) if there else frozenset[str]()
        state, reason, again = _verdict(done, standing(request, seen, now, self._settling, by_groups), there=there)
        if work.held:
            state, reason, again = State.HELD, _held_reason(work), False
        outcome = Outcome(
            request.key,
            state,
            reason,
            at=now,
            lag=now - request.occurred_at if first and request.occurred_at and done.actions else None,
            event_id=request.event_id,
            # Kept by the schedule too, should the workflow that waits for it end early.
            again=again,
            partial=not scope.whole and state is State.IN_SYNC,
            whole=replace(request, depth=work.depth).whole,
            attached=replace(request, depth=work.depth).attached,
            source_id=source.thing_id if isinstance(source, Thing) else "",
            source_version=source.version if isinstance(source, Thing) else 0,
            read_at=work.began,
            digest=_digest_of_both(work, request.key),
        )
        self._forget(work)
        certainty = self._ledger.record(outcome, work.mark, work.equal)
        wait = pause(request, seen, now, self._settling, beside, by_groups) if there else 0
        further = once_more(request, now) if certainty is Certainty.UNSURE else ()
        return ReplicationResult(
            outcome,
            done,
            replace(request, checks=request.checks + 1, fingerprint=fingerprint(seen)),
            wait,
            (*further, *of_far_ends(work.far, request.event_id, now)),
        )

    def _rights_by_groups(self, request: ReconcileRequest, seen: Attachments) -> frozenset[str]:
        """Return the policies that a new device's certificates have by its groups, if they lack any of their own."""
        if request.key.kind is not Kind.THING or not request.created or not seen or not lacks_own_policy(seen):
            return frozenset()
        return policies_by_groups(self._source, request.key.name)

    def _reconcile(self, request: ReconcileRequest, shared: SharedAnswers | None) -> _Work:
        """Read, plan and apply until a reading confirms what no version guards; raise what AWS refused, at the end."""
        work = _Work(request.key, request.depth)
        try:
            self._reconcile_in_rounds(request, work, shared)
        except (Conflict, NotReadyYet, Throttled, WriteRefused):
            self._lay_down(work)
            raise
        if work.held:
            self._disown_unmade(work)
        self._raise_refusal(work)
        return work

    def _reconcile_in_rounds(self, request: ReconcileRequest, work: _Work, shared: SharedAnswers | None) -> None:
        met = ""
        for _ in range(ROUNDS):
            work.began = self._clock() if shared is None else shared.began
            scope = self._scopes.read(request.key, work.depth, needs=work.needs, also=work.touched, shared=shared)
            # What is read again has to be newer than what was written.
            shared = None
            _refuse_old_answer(request, scope.desired)
            todo = self._plan(scope, work.refused)
            if request.key.kind is Kind.BILLING_GROUP and work.depth is Depth.EVERYTHING:
                self._note_strays(request.key.name)
            try:
                todo = self._admitted(todo, work)
                self._apply(todo, work, _taken_along(todo, scope))
            except Conflict as error:
                work.overtaken, met = True, f": {error}"
                continue
            except (NotReadyYet, InvalidResource):
                # Something that it needs may be missing, or not be what it was: only a deeper reading tells.
                if work.needs:
                    raise
                work.needs = True
                continue
            if not any(_needs_confirmation(change) for change in todo.actions):
                work.scope, work.skips = scope, todo.skips
                return
            # The source may have changed it between the reading and the write: only another reading tells.
        raise Conflict(f"{request.key} kept changing while it was checked{met}")

    def _plan(self, scope: Scope, refused: Mapping[Key, IotDrError]) -> Plan:
        desired, actual = scope.desired, scope.actual
        if self._just_in_time:
            desired, actual = without_unregistered(desired, actual)
        candidates = deletable(desired, actual)
        owned = self._ledger.owned(candidates) if candidates else frozenset()
        return _without(plan(desired, actual, owned=owned), refused)

    def _admitted(self, todo: Plan, work: _Work) -> Plan:
        """Return what of a plan may be written now; where the target leads, the rest is held back.

        Raises:
            WriteRefused: nothing may be written.
            RetryableError: that cannot be told now.
        """
        work.held = ()
        if not todo.actions:
            return todo
        now = self._gate.standing()
        if now.closed:
            raise WriteRefused(now.closed)
        if not now.leads:
            return todo
        made = [change.key for change in todo.creates]
        filled = fill_in(todo, self._ledger.known(made) if made else ())
        work.held, work.leads = filled.held, now.leads
        return filled.plan

    def _apply(self, todo: Plan, work: _Work, along: frozenset[Key] = frozenset()) -> None:
        """Mark what is about to be written, and write it in waves; what AWS refuses keeps back only what needs it.

        Raises:
            RetryableError: the same may succeed later; all calls have ended.
            InvalidResource: something may be missing that was not read yet.
        """
        if not todo.actions:
            return
        made = [change.key for change in todo.creates]
        # Asked for only if the ledger has refused once: what is new was never there.
        held = [key for key in made if key.kind in HOLDING_KINDS] if work.overtaken else []
        # Before any of it is written: what never comes to be, or goes with something else, has to be forgotten too.
        work.touched |= along
        self._note_far_ends(todo, work, self._ledger.gone(held) if held else frozenset())
        work.touched |= {change.key for change in todo.actions}
        work.noted_at = self._clock()
        work.unmade |= dict.fromkeys(made, work.noted_at)
        work.mark = self._ledger.begin(
            made,
            work.noted_at,
            below=_below(todo) | along | {work.key},
            taken=[change.key for change in todo.deletes if change.key.kind in HOLDING_KINDS],
            began=work.began,
            unless_gone=not work.overtaken,
            mark=work.mark,
        )
        if unlinked := _unlinked(todo) - {work.key}:
            self._ledger.revisit(unlinked, work.noted_at)
        for wave in waves(todo.actions):
            possible = [change for change in wave if work.refused.keys().isdisjoint({change.key, *needs(change)})]
            ended = self._together(self._written, possible)
            work.ended(change for change, error in zip(possible, ended, strict=True) if error is None)
            errors = {change.key: error for change, error in zip(possible, ended, strict=True) if error is not None}
            work.unanswered |= any(isinstance(error, RegionUnavailable) for error in errors.values())
            work.denied = frozenset(errors) - frozenset(made)
            self._judge(errors, todo, work)

    def _written(self, change: Action) -> IotDrError | None:
        try:
            self._writer.write(change)
        except IotDrError as error:
            return error
        return None

    def _judge(self, errors: Mapping[Key, IotDrError], todo: Plan, work: _Work) -> None:
        """Raise what another try may mend; note what AWS refuses whatever is tried."""
        for error in errors.values():
            if isinstance(error, RetryableError):
                raise error
        for key, error in errors.items():
            if isinstance(error, InvalidResource) and not work.needs:
                raise error
            if isinstance(error, InvalidResource) and any(isinstance(one.desired, ThingType) for one in todo.updates):
                # Another request deprecated the type between the two writes.
                raise Conflict(str(error)) from error
            work.refused[key] = error

    def _note_far_ends(self, todo: Plan, work: _Work, gone: frozenset[Key]) -> None:
        """Have what hangs on a policy or group checked by itself, where that comes or goes without it.

        One that is made by a request of its own was missing, and so may be all that hangs on it, which no list shows.
        The same is so of one that was `gone`, whatever makes it anew. Of one that a request of something else deletes,
        only a request of its own would have listed what goes with it.
        """
        ends = {
            change.key: frozenset(one for one in self._far_ends(change) if not one.reserved) - work.touched
            for change in todo.actions
            if change.key == work.key or change.key in gone or change in todo.deletes
        }
        if far := frozenset(chain.from_iterable(ends.values())):
            self._ledger.revisit(far, self._clock())
        work.far |= frozenset(chain.from_iterable(ends[key] for key in ends.keys() & gone))

    def _far_ends(self, change: Action) -> Iterable[Key]:
        """List what hangs on a policy or group that comes or goes, as many as there are."""
        match change:
            case Create(desired=Policy(name=name)):
                # Each costs one write in the ledger, and a short request later.
                return (policy_attachment_key(name, one) for one in self._source.targets_of(name))
            case Create(desired=ThingGroup(name=name, query="")):
                return (group_membership_key(name, one) for one in self._source.things_of_group(name))
            case Create(desired=BillingGroup(name=name)):
                return map(thing_key, self._source.things_of_billing_group(name))
            case Delete(actual=ThingGroup(name=name, query="")):
                return (group_membership_key(name, one) for one in self._target.things_of_group(name, MOST_RELATIONS))
            case Delete(actual=BillingGroup(name=name)):
                return map(thing_key, self._target.things_of_billing_group(name))
            case _:
                return ()

    def _note_strays(self, billing_group: str) -> None:
        """Have things checked that only one Region has in a billing group: they say so themselves, if asked."""
        source, target = self._together(
            lambda reader: reader.things_of_billing_group(billing_group), (self._source, self._target)
        )
        if strays := frozenset(key for key in map(thing_key, source ^ target) if not key.reserved):
            self._ledger.revisit(strays, self._clock())

    def _raise_refusal(self, work: _Work) -> None:
        """Raise what AWS refused, now that all that does not need it is done.

        What may only be in the way of something that is held, such as a group that a thing has left, is held with it.
        """
        if not work.refused:
            return
        self._forget(work)
        self._disown_unmade(work)
        if work.held and all(isinstance(error, InvalidResource | LimitExceeded) for error in work.refused.values()):
            # The mark comes off as the outcome is recorded.
            return
        if work.mark:
            self._ledger.end(work.mark, work.mark.keys, self._clock(), equal=work.equal)
        raise next(iter(work.refused.values()))

    def _disown_unmade(self, work: _Work) -> None:
        """Take back the ownership of what was to be made and was not: AWS has answered so, and no answer is missing."""
        if work.mark is None or work.unanswered:
            return
        unmade = {key: at for key, at in work.unmade.items() if key not in work.scope.actual.entities}
        work.unmade.clear()
        for at in sorted(set(unmade.values())):
            self._ledger.disown([key for key in unmade if unmade[key] == at], at, work.mark, work.began)

    def _lay_down(self, work: _Work) -> None:
        """Take the mark off what stands as it stood, for the request comes again.

        What was made, or was to be, may be gone when it does: then nobody but a request of its own drops what is noted.
        """
        if work.mark and not work.unanswered:
            self._ledger.end(work.mark, work.mark.keys - (work.touched - work.denied), self._clock())

    def _forget(self, work: _Work) -> None:
        """Drop the notes of what is gone from both Regions; how the resource itself stands is recorded."""
        desired, actual = work.scope.desired, work.scope.actual
        there = desired.entities.keys() | actual.entities.keys()
        # What was deleted and not read again may be back since its mark: whoever saw that has noted it after the mark.
        known = {key: marked_at + 1 for key, marked_at in work.deleted.items() if key not in there}
        known |= dict.fromkeys(work.touched & desired.absent & actual.absent, work.began)
        known.pop(work.key, None)
        for began in sorted(set(known.values())):
            self._ledger.forget([key for key in known if known[key] == began], began, work.mark)
        if work.mark:
            work.mark = replace(work.mark, keys=work.mark.keys - known.keys())

    def _apply_carried(self, request: ReconcileRequest) -> None:
        """Apply what the event told of a thing, if it is surely newer than what the target has; delete nothing."""
        carried = request.carried
        if carried is None:
            return
        work = _Work(request.key, request.depth, needs=True, began=self._clock())
        found = self._target.thing(carried.name)
        if found is None:
            self._apply(self._admitted(Plan((Create(carried, SOURCE_UNREACHABLE),)), work), work)
        else:
            known_id, known_version = self._ledger.source_version(request.key)
            wanted = replace(carried, billing_group=found.billing_group)
            newer = known_id == carried.thing_id and 0 < carried.version - known_version <= FAR_AHEAD
            if not newer or wanted == found:
                return
            self._apply(self._admitted(Plan((Update(wanted, found, SOURCE_UNREACHABLE),)), work), work)
        self._raise_refusal(work)
        if not work.done:
            return
        now = self._clock()
        outcome = Outcome(
            request.key,
            State.PENDING,
            SOURCE_UNREACHABLE,
            at=now,
            lag=now - request.occurred_at,
            event_id=request.event_id,
            again=True,
            source_id=carried.thing_id,
            source_version=carried.version,
            digest=work.equal.get(request.key, ""),
        )
        self._ledger.record(outcome, work.mark, work.equal)


def _digest_of_both(work: _Work, key: Key) -> str:
    """Return the digest of what both Regions hold of a resource; empty if they differ in it."""
    source, target = work.scope.desired.entities.get(key), work.scope.actual.entities.get(key)
    if source is not None and target is not None and with_tags(source, None) == with_tags(target, None):
        return digest_of(source)
    return work.equal.get(key, "")


def _held_reason(work: _Work) -> str:
    held = [f"{type(one).__name__} {one.key}" for one in work.held]
    refused = [f"{key} ({error})" for key, error in work.refused.items()]
    return f"{work.leads}; not written: {', '.join((*held, *refused))}"


def _without(found: Plan, refused: Mapping[Key, IotDrError]) -> Plan:
    """Leave out what AWS has refused once, and what needs it."""
    if not refused:
        return found
    left = (change for change in found.changes if refused.keys().isdisjoint({change.key, *needs(change)}))
    return Plan(tuple(left))


def _refuse_old_answer(request: ReconcileRequest, desired: Snapshot) -> None:
    """Refuse an answer of the source that is older than the event that asks for the request.

    AWS does not say that a reading after an event shows what the event tells of. A version that is far ahead of the
    answer is no measure of it: AWS counts by one.

    Raises:
        NotReadyYet: the same thing had a higher version already.
    """
    told, found = request.carried, desired.entities.get(request.key)
    if told is None or not isinstance(found, Thing) or found.thing_id != told.thing_id:
        return
    if 0 < told.version - found.version <= FAR_AHEAD:
        raise NotReadyYet(f"the primary answered with version {found.version} of {request.key}, not {told.version} yet")


def _taken_along(todo: Plan, scope: Scope) -> frozenset[Key]:
    """Return the memberships that AWS ends without a word as it deletes what a plan deletes.

    The plan itself ends those that the source lacks; where a group was made anew, the source may have them again.
    """
    gone = {change.key for change in todo.deletes}
    both = scope.actual.entities.keys() & scope.desired.entities.keys()
    members = (one for key in both if isinstance(one := scope.actual.entities[key], GroupMembership))
    return frozenset(one.key for one in members if gone & {thing_group_key(one.group), thing_key(one.thing)})


def _below(todo: Plan) -> frozenset[Key]:
    """Return all that a request for it might draw a wrong conclusion about while a plan is applied.

    Who checks a device or a certificate concludes about what is attached to it too. Of a policy nobody concludes what
    it is attached to, unless it is about to go.
    """
    return frozenset(key for change in todo.actions for key in marked(change.key))


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
        case Update(desired=Thing(billing_group=wanted), actual=Thing(billing_group=found)):
            # Two calls, of which the second has no version.
            return wanted != found
        case Update(desired=ThingGroup() | BillingGroup()):
            return tags_differ(change.desired, change.actual)
        case _:
            return isinstance(change, Update)


def _verdict(done: Plan, stands: tuple[State, str, bool], *, there: bool) -> tuple[State, str, bool]:
    """Return how the resource stands now, why if there is more to say, and whether it is to be checked again."""
    if done.skips:
        _, _, again = stands
        return State.UNSUPPORTED, "; ".join(f"{skip.key}: {skip.reason}" for skip in done.skips), there and again
    return stands if there else (State.ABSENT, "", False)
