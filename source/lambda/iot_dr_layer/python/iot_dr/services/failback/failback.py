"""A failback from its plan to the moment when replication goes on in the old direction.

    plan   both Regions are read, and what differs is laid beside what the leader's ledger knows; nothing is changed
    apply  snapshot of the old primary - it follows - the plan is written - both Regions hold the same
    switch the old primary leads - devices move - what they wrote until then is carried - the other one follows

Each step is noted when it has ended, and may be repeated. So a run that was stopped, by whatever cause, is taken up by
the same command. Nothing is written that was not in the accepted plan, but for two things that devices do meanwhile:
a shadow goes back as it is by then, and what devices make until they have moved is filled in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from iot_dr.errors import ConfigurationError
from iot_dr.model.failback.plan import FailbackChoices, FailbackVerdict, Party, PlannedRow, PlanNumbers
from iot_dr.model.failback.steps import APPLYING, MOST_TOLD, SWITCHING, Checked, FailbackResult, FailbackStep
from iot_dr.model.registry.digests import digest_of
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.sync.progress import ChangeResult
from iot_dr.ports.clock import Clock, RegionClock
from iot_dr.ports.failback import BaseStore, FailbackPlan, HeldResources
from iot_dr.reconcile.failback import resolve, stays_different
from iot_dr.reconcile.safety import DEFAULT_LIMITS, Limits, ensure_few
from iot_dr.services.failback.engine import PartyParts, write_plan
from iot_dr.services.failback.lead_back import LeadBack
from iot_dr.services.failback.moving import Moved
from iot_dr.services.failback.planned import PlannedWrites
from iot_dr.services.failback.planning import Planning, existing
from iot_dr.services.pacing import Use, Wait

KEPT_FOR = 24 * 3_600_000
"""Milliseconds for which the reading of a plan that was cut off is gone on with."""

FRESH = 15 * 60_000
"""Milliseconds for which a check serves; a switch later than that checks once more."""

BETWEEN_SECONDS = 2.0
"""Between the last write and the order that sends devices back: AWS tells times of shadows in whole seconds."""

BATCH = 100
OVERRIDE = "raise the limit with --delete-share"
_MADE, _SHOWN, _EPOCH, _CHOICES, _SNAPSHOT = "made", "shown", "epoch", "choices", "snapshot"
_SINCE = "old primary leads since"


class StepStopped(Exception):  # it is no error: a step has not come to its end
    """A step that did not end well, with what is told of it."""

    def __init__(self, result: FailbackResult) -> None:
        super().__init__(result.why)
        self.result = result


@dataclass(frozen=True)
class Failback:
    """One failback, over ports.

    Attributes:
        plan: the plan that is shown, accepted and applied, with what was done of it.
        check: the plan of what differs after it, and `carried`: of what differs after the devices have moved.
        planning: makes plans of what was read.
        read: reads both Regions; goes on with a reading that was cut off if it began at this time, epoch milliseconds,
            or later.
        lead: who leads, and the steps in between.
        parties: what writing into either Region takes, and `carrier`: into the old primary when that leads again.
        snapshot: writes the old primary down, and returns where.
        moving: moves the devices, given since when they are sent to the old primary.
        old_clock: the old primary's own time.
        step: is told in words what comes next.
        uses: tells what was made of the APIs' budgets so far, by Region.
        leave_behind: go on though devices stay connected to the Region that has led.
    """

    plan: FailbackPlan
    check: FailbackPlan
    carried: FailbackPlan
    planning: Planning
    read: Callable[[int], object]
    lead: LeadBack
    parties: Mapping[Party, PartyParts]
    carrier: PartyParts
    bases: BaseStore
    held: HeldResources
    snapshot: Callable[[], str]
    moving: Callable[[int], Moved]
    old_clock: RegionClock
    clock: Clock
    pause: Wait
    step: Callable[[str], object]
    choices: FailbackChoices
    uses: Callable[[], Mapping[str, tuple[Use, ...]]] = dict
    limits: Limits = DEFAULT_LIMITS
    leave_behind: bool = False

    # The plan

    def make_plan(self) -> PlanNumbers:
        """Read both Regions and make the plan anew; it is the one that is applied if nobody makes another.

        Raises:
            NotAgreed: no Region leads from which something could be brought back.
            RetryableError: as the reading of both Regions.
        """
        epoch = self.lead.ensure_agreed()
        self.read(self.clock() - KEPT_FOR)
        self.plan.clear()
        numbers = self.planning.make(self.plan)
        self.plan.set_fact(_EPOCH, str(epoch))
        self.plan.set_fact(_SHOWN, self.plan.digest())
        self.plan.set_fact(_MADE, str(self.clock()))
        return numbers

    @property
    def shown(self) -> str:
        """Return the digest of the plan that was made last; empty if there is none."""
        return self.plan.fact(_SHOWN) if self.plan.fact(_MADE) else ""

    @property
    def done(self) -> tuple[FailbackStep, ...]:
        """Return the steps that have ended."""
        return tuple(step for step in FailbackStep if self._has_ended(step))

    def rows(self) -> Iterator[PlannedRow]:
        """Yield the plan, kinds in their order."""
        return (row for kind in Kind for row in self.plan.rows(kind))

    def open_rows(self) -> Iterator[PlannedRow]:
        """Yield what somebody must decide, or what could not be read."""
        undecided = (FailbackVerdict.CONFLICT, FailbackVerdict.UNDECIDED)
        return (row for row in self.rows() if row.verdict in undecided)

    # Applying

    def apply(self, accept: str = "", *, switch: bool = False) -> FailbackResult:
        """Apply the accepted plan, going on where an earlier run stopped; with `switch`, have the devices back too.

        `accept` is the digest of the accepted plan; without it the one that was made last is.

        Raises:
            ConfigurationError: there is no such plan, or it leaves open what becomes of something; nothing was changed.
            UnsafePlan: it deletes too much; nothing was changed.
            IotDrError: a step met it; run it again, it goes on.
        """
        self._forget_an_order_that_was_not_given()
        self._ensure_accepted(accept)
        self._ensure_decided()
        self._begin()
        result = FailbackResult()
        try:
            for step in (*APPLYING, *SWITCHING) if switch else APPLYING:
                if not self._has_ended(step):
                    self.step(WORDS[step])
                    result = _STEPS[step](self, result)
                    self.plan.set_fact(_ended(step), str(self.clock()))
        except StepStopped as stopped:
            result = stopped.result
        return replace(result, done=self.done, snapshot=self.plan.fact(_SNAPSHOT))

    def _has_ended(self, step: FailbackStep) -> bool:
        return bool(self.plan.fact(_ended(step)))

    def _ensure_accepted(self, accept: str) -> None:
        if not self.shown:
            raise ConfigurationError("there is no plan to apply: make one with `iot-dr failback`, and look at it")
        found, wanted = self.plan.digest(), accept or self.shown
        if found != wanted:
            raise ConfigurationError(
                f"the plan is {found}, and not {wanted}, which was accepted: look at it again with `iot-dr failback`. "
                "Nothing was changed"
            )
        if self._is_of_another_failover():
            raise ConfigurationError(
                "the plan is of another failover than the one that stands: make a new one with `iot-dr failback`. "
                "Nothing was changed"
            )

    def _is_of_another_failover(self) -> bool:
        leads_by, begun = self.lead.leads_by(), bool(self.plan.fact(_SINCE))
        if leads_by is None:
            # Only this plan's own last steps may have had it follow.
            return not begun
        if begun:
            return self._has_ended(FailbackStep.LEAVE)
        return str(leads_by) != self.plan.fact(_EPOCH)

    def _ensure_decided(self) -> None:
        numbers = self.plan.numbers()
        if unread := numbers.of(FailbackVerdict.UNDECIDED):
            raise ConfigurationError(
                f"{unread} resources could not be read: the plan says why. Correct that, and make a new plan with "
                "`iot-dr failback`. Nothing was changed"
            )
        if self.choices.prefer is None and (undecided := numbers.of(FailbackVerdict.CONFLICT)):
            raise ConfigurationError(
                f"{undecided} conflicts are undecided: look at them with `iot-dr failback`, then say which side wins "
                "with --prefer leader or --prefer old, or make both sides equal yourself. Nothing was changed"
            )

    def _forget_an_order_that_was_not_given(self) -> None:
        """Have a run that ended right before it had the old primary lead be taken up as one that never came to it.

        Hours may have passed: what the old primary got in them is no newer than what devices wrote in the leader, and
        the check is old.
        """
        if self.plan.fact(_SINCE) and not self._has_ended(FailbackStep.LEAD) and not self.lead.has_begun():
            self.plan.set_fact(_SINCE, "")

    def _begin(self) -> None:
        """Have done again what depends on what the operator has said, if that is something else now."""
        if self.plan.fact(_SINCE):
            # The old primary may lead by now: nothing of the plan is written there any more.
            return
        if self.plan.fact(_CHOICES) != str(self.choices):
            for step in (FailbackStep.BRING, FailbackStep.LATE, FailbackStep.CHECK):
                self.plan.set_fact(_ended(step), "")
            self.plan.set_fact(_CHOICES, str(self.choices))
        if self.clock() - int(self.plan.fact(_ended(FailbackStep.CHECK)) or 0) > FRESH:
            self.plan.set_fact(_ended(FailbackStep.CHECK), "")

    # The steps

    def _take_snapshot(self, result: FailbackResult) -> FailbackResult:
        self.lead.ensure_agreed()
        self._ensure_few_deletes()
        self.plan.set_fact(_SNAPSHOT, self.snapshot())
        return result

    def _ensure_few_deletes(self) -> None:
        deletes: Counter[Party] = Counter()
        for kind in Kind:
            found = (resolve(row, self.choices) for row in self.plan.rows(kind))
            deletes.update(party for one in found if one.final is None for party in one.into)
        for party in Party:
            there = sum(int(self.plan.fact(existing(party, kind))) for kind in Kind)
            ensure_few(deletes[party], there, self.limits, OVERRIDE)

    def _follow(self, result: FailbackResult) -> FailbackResult:
        self.lead.follow()
        return result

    def _bring(self, result: FailbackResult) -> FailbackResult:
        return self._written(FailbackStep.BRING, Party.OLD, result)

    def _late(self, result: FailbackResult) -> FailbackResult:
        return self._written(FailbackStep.LATE, Party.LEADER, result)

    def _written(self, step: FailbackStep, party: Party, result: FailbackResult) -> FailbackResult:
        writes = PlannedWrites(self.plan, self.choices, party, self.planning.direction)
        run = f"plan {self.shown} {self.choices}"
        return _well(step, write_plan(self.parties[party], writes, self.planning.comparison, run), result)

    def _check(self, result: FailbackResult) -> FailbackResult:
        self.read(int(self.plan.fact(_ended(FailbackStep.LATE))))
        self.check.clear_rows()
        self.planning.make(self.check)
        self._catch_up(result)
        checked = self._checked()
        result = replace(result, checked=checked)
        if checked.differing:
            why = f"{len(checked.differing)} resources differ still: correct them, or make a new plan"
            raise StepStopped(replace(result, stopped=FailbackStep.CHECK, why=why))
        self._note_equal()
        return result

    def _catch_up(self, result: FailbackResult) -> None:
        """Bring what devices have written in the leader since the plan was applied."""
        run = f"check {self.clock()}"
        for party in Party:
            writes = PlannedWrites(self.check, self.choices, party, self.planning.direction, only=_is_shadow)
            problems = write_plan(self.parties[party], writes, self.planning.comparison, run)
            _well(FailbackStep.CHECK, problems, result)

    def _checked(self) -> Checked:
        differing: list[tuple[Key, str]] = []
        left, since = 0, Counter[Kind]()
        for kind in (one for one in Kind if one is not Kind.SHADOW):
            for row in self.check.rows(kind):
                planned = self.plan.row(row.key)
                if planned is not None and stays_different(planned, self.choices):
                    left += 1
                elif planned is None and row.verdict is FailbackVerdict.CREATE_OLD:
                    since[kind] += 1
                elif len(differing) < MOST_TOLD:
                    differing.append((row.key, row.decision.reason))
        return Checked(tuple(differing), left, since)

    def _note_equal(self) -> None:
        """Tell the leader's ledger what both Regions hold by now, for replication and for the next failback."""
        rows = (row for kind in Kind if kind is not Kind.SHADOW for row in self.plan.rows(kind))
        found = ((row.key, resolve(row, self.choices)) for row in rows)
        digests = ((key, digest_of(one.final)) for key, one in found if one.final is not None and not one.left)
        while batch := dict(islice(digests, BATCH)):
            self.bases.note_equal(batch, self.clock())

    def _lead(self, result: FailbackResult) -> FailbackResult:
        if not self.plan.fact(_SINCE):
            self.pause(BETWEEN_SECONDS)
            self.plan.set_fact(_SINCE, str(self.old_clock.now()))
        self.lead.lead()
        return result

    def _move(self, result: FailbackResult) -> FailbackResult:
        moved = self.moving(int(self.plan.fact(_SINCE)))
        result = replace(result, left_behind=moved.left_behind)
        if moved.complete or (self.leave_behind and not moved.why):
            return result
        why = moved.why or f"{moved.number_left} devices are left behind: --leave-behind goes on without them"
        raise StepStopped(replace(result, stopped=FailbackStep.MOVE, why=why))

    def _carry(self, result: FailbackResult) -> FailbackResult:
        self.read(int(self.plan.fact(_ended(FailbackStep.MOVE))))
        self.carried.clear_rows()
        self.planning.make(self.carried)
        nobody_chose = FailbackChoices()
        writes = PlannedWrites(self.carried, nobody_chose, Party.OLD, self.planning.direction, only=_is_carried)
        since, run = int(self.plan.fact(_SINCE)), f"carry {self.clock()}"
        problems = write_plan(self.carrier, writes, self.planning.comparison, run, written_since=since)
        return _well(FailbackStep.CARRY, problems, result)

    def _leave(self, result: FailbackResult) -> FailbackResult:
        self.lead.leave()
        return result

    def _release(self, result: FailbackResult) -> FailbackResult:
        self.lead.release()
        held = self.held.held()
        while batch := list(islice(held, BATCH)):
            self.held.release(batch, self.clock())
        return result


def _is_shadow(row: PlannedRow) -> bool:
    return row.key.kind is Kind.SHADOW


def _is_carried(row: PlannedRow) -> bool:
    """Tell whether a difference is filled in where the old primary leads again: what is new, and stricter statuses."""
    new = row.verdict is FailbackVerdict.CREATE_OLD
    return new or (row.verdict is FailbackVerdict.UPDATE_OLD and row.key.kind in (Kind.SHADOW, Kind.CERTIFICATE))


def _ended(step: FailbackStep) -> str:
    return f"step {step}"


def _well(step: FailbackStep, problems: tuple[ChangeResult, ...], result: FailbackResult) -> FailbackResult:
    """Return the result if nothing went wrong.

    Raises:
        StepStopped: something did.
    """
    if problems:
        why = f"{len(problems)} changes failed or were left"
        raise StepStopped(replace(result, stopped=step, why=why, problems=problems))
    return result


_STEPS: Mapping[FailbackStep, Callable[[Failback, FailbackResult], FailbackResult]] = {
    FailbackStep.SNAPSHOT: Failback._take_snapshot,
    FailbackStep.FOLLOW: Failback._follow,
    FailbackStep.BRING: Failback._bring,
    FailbackStep.LATE: Failback._late,
    FailbackStep.CHECK: Failback._check,
    FailbackStep.LEAD: Failback._lead,
    FailbackStep.MOVE: Failback._move,
    FailbackStep.CARRY: Failback._carry,
    FailbackStep.LEAVE: Failback._leave,
    FailbackStep.RELEASE: Failback._release,
}

WORDS: Mapping[FailbackStep, str] = {
    FailbackStep.SNAPSHOT: "Writing the old primary down",
    FailbackStep.FOLLOW: "Having the old primary follow, so that it may be written",
    FailbackStep.BRING: "Writing the plan into the old primary",
    FailbackStep.LATE: "Writing late changes of the old primary into the leader",
    FailbackStep.CHECK: "Reading both Regions again: they must hold the same",
    FailbackStep.LEAD: "Having the old primary lead: devices are sent there",
    FailbackStep.MOVE: "Following the devices",
    FailbackStep.CARRY: "Carrying over what devices wrote until they moved",
    FailbackStep.LEAVE: "Having the other Region follow: replication goes on in the old direction",
    FailbackStep.RELEASE: "Letting health decide where devices go, and checking what was held",
}
"""What is told where a step begins."""
