"""Finds what no event told: compares both Regions by their lists, and has every difference looked at.

The lists cost one call per 250 resources. What they do not show (documents, attachments) is covered by a round: every
sweep has the next slice of things, policies and certificates looked at whole, whatever the lists say, until all have
had their turn. With a thing go its shadows, and those of a thing that only one Region has.

A sweep applies nothing itself. It finds, with the same `plan` as everybody, and starts the workflow.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from iot_dr.model.changes import Delete, Skip
from iot_dr.model.entities import BillingGroup, Entity, Policy, ThingGroup
from iot_dr.model.keys import Key, Kind, certificate_target, policy_key, thing_shadows_key
from iot_dr.model.looks import Look
from iot_dr.model.regions import RegionPair, Side
from iot_dr.ports import Clock, Ledger, RegistryLister, Workflow
from iot_dr.reconcile.safety import DEFAULT_LIMITS, SWEEP_OVERRIDE, Limits, ensure_few
from iot_dr.reconcile.translate import translate
from iot_dr.services.comparison import differences
from iot_dr.services.concurrency import Together, one_by_one
from iot_dr.services.side_by_side import SideBySide

Lists = Callable[[RegistryLister], Iterator[Entity]]
"""A part of a Region's lists, read one after the other."""

ROUND_KINDS = (Kind.THING, Kind.POLICY, Kind.CERTIFICATE, Kind.THING_GROUP, Kind.BILLING_GROUP)
"""What the round covers: documents, descriptions and attachments; a certificate without thing has some too."""


@dataclass(frozen=True)
class Swept:
    """What a sweep found: differences by the lists, those of them left to the next sweep, and the round's share."""

    drift: int
    left: int
    round: int


class Sweep:
    """The use case, over ports."""

    def __init__(  # noqa: PLR0913  # the composition root is the only caller, by keyword
        self,
        *,
        primary: RegistryLister,
        secondary: RegistryLister,
        regions: RegionPair,
        ledger: Ledger,
        workflow: Workflow,
        clock: Clock,
        slice_size: int = 200,
        at_most: int = 1000,
        shadows: bool = False,
        together: Together = one_by_one,
    ) -> None:
        self._listers = {Side.PRIMARY: primary, Side.SECONDARY: secondary}
        self._regions = regions
        self._ledger = ledger
        self._workflow = workflow
        self._clock = clock
        self._slice_size = slice_size
        self._at_most = at_most
        self._shadows = shadows
        self._together = together

    def retry(self) -> int:
        """Have what failed or was left unfinished looked at again, if its time has come; return how many."""
        # New, as far as settling goes: what was left without its certificate stays on the list until it has one.
        looks = [Look(key, created=True) for key in self._ledger.due(self._clock())]
        self._workflow.start(looks)
        return len(looks)

    def sweep(self, limits: Limits = DEFAULT_LIMITS) -> Swept:
        """Compare both Regions by their lists and have every difference, and the round's next slice, looked at.

        Raises:
            RetryableError: a list could not be read to its end; nothing is concluded from a part.
            UnsafePlan: too large a share of the secondary would be deleted; nothing is started.
        """
        turns = {kind: _Turn(self._ledger, kind, self._slice_size) for kind in ROUND_KINDS}
        both = self._side_by_side(turns)
        # A fleet that was never copied differs in everything; more workers at once than the quotas feed help nobody.
        drift = _Turn(self._ledger, "drift", self._at_most)
        deletes = 0
        for difference in differences(both, self._regions, owned=self._ledger.owned):
            if not isinstance(difference.change, Skip):
                drift.offer(difference.key)
                deletes += isinstance(difference.change, Delete)
        ensure_few(deletes, both.number[Side.SECONDARY], limits, SWEEP_OVERRIDE)
        due = drift.take()
        turn = [key for each in turns.values() for key in each.take()]
        found_or_due = dict.fromkeys((*due, *turn))
        self._workflow.start([Look(key) for key in (*found_or_due, *self._shadows_of(found_or_due))])
        return Swept(drift.number, drift.number - len(due), len(turn))

    def _side_by_side(self, turns: Mapping[Kind, _Turn]) -> SideBySide:
        """Read both Regions' lists at the same time; what the primary has is offered to the round."""
        both = SideBySide()

        def take(listed: tuple[Side, Lists]) -> None:
            side, lists = listed
            for entity in lists(self._listers[side]):
                if entity.key.reserved:
                    continue
                if side is Side.PRIMARY:
                    both.add(side, translate(entity, self._regions))
                    if entity.key.kind in turns:
                        turns[entity.key.kind].offer(entity.key)
                else:
                    both.add(side, entity)

        self._together(take, product(Side, (_things, _all_but_things)))
        return both

    def _shadows_of(self, keys: Iterable[Key]) -> list[Key]:
        """Return what has all shadows of the things among these looked at; no list shows a shadow's version."""
        return [thing_shadows_key(key.name) for key in keys if key.kind is Kind.THING] if self._shadows else []


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

    def offer(self, key: Key) -> None:
        """Take a key into account."""
        if self._cursor is None:
            self._cursor = self._ledger.cursor(self._name)
        self.number += 1
        text = str(key)
        if text <= self._cursor:
            return
        self._behind += 1
        if len(self._next) < self._size or text < self._next[-1]:
            bisect.insort(self._next, text)
            del self._next[self._size :]

    def take(self) -> list[Key]:
        """Return the keys whose turn it is, and move the round on."""
        if self._cursor is not None:
            ends = not self._next or self._behind <= self._size
            self._ledger.move_cursor(self._name, "" if ends else self._next[-1])
        return [Key.parse(text) for text in self._next]


def _things(lister: RegistryLister) -> Iterator[Entity]:
    return lister.things()


def _all_but_things(lister: RegistryLister) -> Iterator[Entity]:
    """List everything else without the health checker's certificate, which is known by its policy alone."""
    names = list(lister.policy_names())
    probes = frozenset().union(*(lister.targets_of(name) for name in names if policy_key(name).reserved))
    yield from lister.thing_types()
    # The list of policies gives names alone, so all that it can show is which are missing; so do those of groups.
    yield from (Policy(name, "{}") for name in names)
    yield from map(ThingGroup, lister.thing_group_names())
    yield from map(BillingGroup, lister.billing_group_names())
    yield from (one for one in lister.certificates() if certificate_target(one.certificate_id) not in probes)
