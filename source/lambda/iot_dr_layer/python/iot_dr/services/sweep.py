"""Finds what no event told: compares both Regions by their lists, and has every difference checked.

The lists cost one call per 250 resources. What they do not show (documents, attachments) is covered by a round: every
sweep has the next slice of things, policies and certificates checked whole, whatever the lists say, until all have
had their turn. With a thing go its shadows, and those of a thing that only one Region has.

A sweep applies nothing itself. It finds, with the same `plan` as everybody, and starts the workflow: certificates whose
status differs first, for one of them may be revoked; deletions last, and not at all if they are suspiciously many.
"""

from __future__ import annotations

import bisect
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import product

from iot_dr.errors import UnsafePlan
from iot_dr.model.registry.changes import Change, Delete, Skip, Update
from iot_dr.model.registry.differences import Sigil, Unreadable
from iot_dr.model.registry.entities import Certificate
from iot_dr.model.registry.keys import Key, Kind, key_of_target, thing_shadows_key
from iot_dr.model.registry.kinds import RESOURCE_KINDS, ROWS
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.model.sites import Direction, Side
from iot_dr.ports.clock import Clock
from iot_dr.ports.failover import WriteGate
from iot_dr.ports.ledger import Ledger
from iot_dr.ports.registry import RegistryLister
from iot_dr.ports.replication import Workflow
from iot_dr.reconcile.just_in_time import waits_for_its_device
from iot_dr.reconcile.safety import DEFAULT_LIMITS, SWEEP_OVERRIDE, Limits, ensure_few
from iot_dr.reconcile.translate import translate
from iot_dr.services.comparison import differences
from iot_dr.services.concurrency import Together, one_by_one
from iot_dr.services.reading.side_by_side import SideBySide

LISTED_KINDS = tuple(reversed(RESOURCE_KINDS))
"""None needs another's list, so all are read at the same time. Those of policies and groups tell names alone, and so
show which are missing."""

LISTS_AT_ONCE = len(Side) * len(LISTED_KINDS)

ROUND_KINDS = tuple(row.kind for row in reversed(ROWS) if row.in_round)
"""What the round covers: documents, descriptions and attachments; a certificate without thing has some too."""

_STATUSES, _OTHERS, _DELETIONS = "drift-statuses", "drift", "drift-deletions"
"""Differences, the most urgent first, by the names of their rounds in the ledger."""

_LEAST_SHARE = 10
"""What is less urgent has this part of a sweep's differences at least, so that it does not wait for ever."""


@dataclass(frozen=True)
class Swept:
    """What a sweep found.

    Attributes:
        drift: differences by the lists.
        left: those of them that are left to the next sweep.
        round: the round's share.
        unreadable: entries of the lists that cannot be read; they are not among the differences.
        why_unreadable: the first of them, and why.
        refused: why the deletions are left until an operator says that they are meant; empty if they are not.
        complete: whether the lists were read to their end in time; if not, only what both Regions listed was compared.
        held_back: why nothing was read: the target may not be made equal now; empty if it may.
        stale: certificates among the differences: in the target they have another status than in the source.
    """

    drift: int
    left: int
    round: int
    unreadable: int = 0
    why_unreadable: str = ""
    refused: str = ""
    complete: bool = True
    held_back: str = ""
    stale: int = 0


class Sweep:
    """The use case, over ports; without `apply` a sweep starts nothing and notes nothing, and tells what it would."""

    def __init__(  # noqa: PLR0913  # the composition root is the only caller, by keyword
        self,
        *,
        source: RegistryLister,
        target: RegistryLister,
        direction: Direction,
        ledger: Ledger,
        workflow: Workflow,
        gate: WriteGate,
        clock: Clock,
        slice_size: int = 200,
        at_most: int = 1000,
        shadows: bool = False,
        just_in_time: bool = False,
        together: Together = one_by_one,
        apply: bool = True,
    ) -> None:
        self._listers = {Side.SOURCE: source, Side.TARGET: target}
        self._direction = direction
        self._ledger = ledger
        self._workflow = workflow
        self._gate = gate
        self._clock = clock
        self._slice_size = slice_size
        self._at_most = at_most
        self._shadows = shadows
        self._just_in_time = just_in_time
        self._together = together
        self._apply = apply

    def sweep(self, limits: Limits = DEFAULT_LIMITS, until: int | None = None) -> Swept:
        """Compare both Regions by their lists and have every difference, and the round's next slice, checked.

        Where the target leads, or nothing may be written there, nothing is read either. Deletions of too large a share
        of the target are refused, and all else is checked.

        Args:
            limits: what share may be deleted.
            until: when reading the lists ends, done or not, epoch milliseconds.

        Raises:
            RetryableError: a list could not be read to its end; nothing is concluded from a part.
        """
        if held_back := self._gate.standing().refusal:
            return Swept(0, 0, 0, held_back=held_back)
        turns = {kind: _Turn(self._ledger, kind, self._slice_size) for kind in ROUND_KINDS}
        both, complete = self._side_by_side(turns, until)
        # A fleet that was never copied differs in everything; more workers at once than the quotas feed help nobody.
        found = {name: _Turn(self._ledger, name, self._at_most) for name in (_STATUSES, _OTHERS, _DELETIONS)}
        unreadable: list[str] = []
        for difference in differences(both, self._direction, owned=self._ledger.owned):
            if difference.sigil is Sigil.UNREADABLE:
                unreadable.append(f"{difference.key}: {difference.reason}")
            elif difference.change and self._wanted(difference.change):
                found[_sort(difference.change)].offer(difference.key)
        deletes, refused = found[_DELETIONS].number, ""
        try:
            ensure_few(deletes, both.number[Side.TARGET], limits, SWEEP_OVERRIDE)
        except UnsafePlan as error:
            refused = str(error)
        begun: set[Key] = set()
        checked = self._start([found[_STATUSES]], self._at_most, begun)
        checked += self._start([found[_OTHERS]], self._room(checked), begun)
        in_turn = self._start(turns.values(), self._slice_size, begun)
        if not refused:
            checked += self._start([found[_DELETIONS]], self._room(checked), begun)
        drift = sum(turn.number for turn in found.values())
        return Swept(
            drift,
            drift - checked,
            in_turn,
            len(unreadable),
            next(iter(unreadable), ""),
            refused,
            complete=complete,
            stale=found[_STATUSES].number,
        )

    def _wanted(self, change: Change) -> bool:
        return not isinstance(change, Skip) and not (self._just_in_time and waits_for_its_device(change))

    def _room(self, checked: int) -> int:
        """Return how many differences may still be checked, after those that were more urgent."""
        return max(self._at_most - checked, self._at_most // _LEAST_SHARE, 1)

    def _start(self, turns: Collection[_Turn], most: int, begun: set[Key]) -> int:
        """Have the next of each turn checked, unless their requests were begun, and return how many these are.

        A turn moves on once its requests are started, and not before: what was not started has its turn again. Where
        nothing is applied they are only counted.
        """
        keys = [key for turn in turns for key in turn.take(most)]
        new = [key for key in keys if key not in begun]
        begun.update(new)
        if not self._apply:
            return len(keys)
        self._workflow.start([ReconcileRequest(key) for key in (*new, *self._shadows_of(new))], background=True)
        for turn in turns:
            turn.move_on()
        return len(keys)

    def _side_by_side(self, turns: dict[Kind, _Turn], until: int | None) -> tuple[SideBySide, bool]:
        """Read all lists at the same time, offer to the round what it is made of, and tell whether all were read whole.

        A certificate of the health checker is known by its policy alone, so it is taken out again at the end.
        """
        both = SideBySide()

        def take(listed: tuple[Side, Kind]) -> _Read:
            side, kind = listed
            probes: set[Key] = set()
            for entry in self._listers[side].listed(kind):
                if until is not None and self._clock() >= until:
                    return _Read(probes, complete=False)
                if entry.key.reserved:
                    probes.update(self._certificates_of(side, entry.key))
                    continue
                if isinstance(entry, Unreadable):
                    both.add_unreadable(side, entry)
                else:
                    both.add(side, translate(entry, self._direction) if side is Side.SOURCE else entry)
                if side is self._told_by(entry.key.kind) and entry.key.kind in turns:
                    turns[entry.key.kind].offer(entry.key)
            return _Read(probes, complete=True)

        read = self._together(take, product(Side, LISTED_KINDS))
        for probe in frozenset().union(*(one.probes for one in read)):
            both.forget(probe)
            turns[Kind.CERTIFICATE].leave_out(probe)
        complete = all(one.complete for one in read)
        if not complete:
            both.forget_alone()
            # Which of them are the health checker's own may not be known.
            del turns[Kind.CERTIFICATE]
        return both, complete

    def _told_by(self, kind: Kind) -> Side:
        """Tell whose list makes the round of a kind; certificates that wait for their devices need no turn."""
        return Side.TARGET if self._just_in_time and kind is Kind.CERTIFICATE else Side.SOURCE

    def _certificates_of(self, side: Side, probe: Key) -> list[Key]:
        """Return the certificates of the health checker's policy, if this is one."""
        if probe.kind is not Kind.POLICY:
            return []
        keys = map(key_of_target, self._listers[side].targets_of(probe.name))
        return [key for key in keys if key.kind is Kind.CERTIFICATE]

    def _shadows_of(self, keys: Iterable[Key]) -> list[Key]:
        """Return what has all shadows of the things among these checked; no list shows a shadow's version."""
        return [thing_shadows_key(key.name) for key in keys if key.kind is Kind.THING] if self._shadows else []


@dataclass(frozen=True)
class _Read:
    """What came of reading a list: the health checker's certificates that it led to, and whether it was read whole."""

    probes: Collection[Key]
    complete: bool


class _Turn:
    """The next keys after where the round of this name stands, of keys that come in any order; then it starts anew.

    The ledger is not asked for a round of which there is nothing.
    """

    def __init__(self, ledger: Ledger, name: str, size: int) -> None:
        self.number = 0
        self._ledger = ledger
        self._name = name
        self._size = size
        self._cursor: str | None = None
        self._behind = 0
        self._next: list[str] = []
        self._taken: list[str] = []
        self._left_out: set[Key] = set()

    def offer(self, key: Key) -> None:
        """Take a key into account."""
        self.number += 1
        if not self._size:
            return
        if self._cursor is None:
            self._cursor = self._ledger.cursor(self._name)
        text = str(key)
        if text <= self._cursor:
            return
        self._behind += 1
        if len(self._next) < self._size or text < self._next[-1]:
            bisect.insort(self._next, text)
            del self._next[self._size :]

    def leave_out(self, key: Key) -> None:
        """Pass over a key that was offered."""
        self._left_out.add(key)

    def take(self, most: int) -> list[Key]:
        """Return the keys whose turn it is, no more than so many."""
        self._taken = self._next[:most]
        return [key for key in map(Key.parse, self._taken) if key not in self._left_out]

    def move_on(self) -> None:
        """Note that those that were taken have had their turn."""
        if self._cursor is not None:
            ends = len(self._taken) == self._behind
            self._ledger.move_cursor(self._name, "" if ends else self._taken[-1])


def _sort(change: Change) -> str:
    """Return which of the sorts of differences a change is."""
    match change:
        case Update(desired=Certificate()):
            return _STATUSES
        case Delete():
            return _DELETIONS
        case _:
            return _OTHERS
