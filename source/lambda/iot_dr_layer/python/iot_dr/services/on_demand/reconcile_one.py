"""Has one resource checked now, and tells what came of it; or tells what a check would change, and changes nothing.

The check is the workflow's own: the request goes to the queue that events go to, and the ledger tells when it has
ended. So nothing is written that replication would not write, whoever leads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from iot_dr.errors import NotReadyYet
from iot_dr.model.registry.changes import Change
from iot_dr.model.registry.differences import Pair
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.registry.kinds import RESOURCE_KINDS
from iot_dr.model.replication.ledger_items import LedgerItem
from iot_dr.model.replication.outcomes import State
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.model.sites import Direction, Side
from iot_dr.ports.replication import Workflow
from iot_dr.ports.shadows import ShadowReader
from iot_dr.reconcile.just_in_time import without_unregistered
from iot_dr.reconcile.plan import deletable, plan
from iot_dr.services.comparison import Owned, compare
from iot_dr.services.replication.scopes import ScopeReader

CHECKED_KINDS = frozenset({*RESOURCE_KINDS, Kind.SHADOW})
"""What can be checked by itself; a relation is checked with what it hangs on."""

POLL = 1.0
"""Seconds between two requests to the ledger."""


@dataclass(frozen=True)
class CheckPreview:
    """What a check of one resource, with what hangs on it, would change; one shadow is compared by itself."""

    scopes: ScopeReader
    shadows: dict[Side, ShadowReader]
    direction: Direction
    owned: Owned
    just_in_time: bool = False

    def changes(self, key: Key) -> tuple[Change, ...]:
        """Return the changes in their order, differences that stay among them; none if both Regions are equal.

        Raises:
            RetryableError: a Region could not be read.
            InvalidResource: what a Region answers cannot be compared.
        """
        if key.kind is Kind.SHADOW:
            source, target = (self.shadows[side].shadow(key) for side in (Side.SOURCE, Side.TARGET))
            pair = Pair(key, source, target)
            owned = self.owned({key}) if source is None and target is not None else frozenset[Key]()
            change = compare(pair, self.direction, owned=owned).change
            return () if change is None else (change,)
        scope = self.scopes.read(key)
        desired, actual = scope.desired, scope.actual
        if self.just_in_time:
            desired, actual = without_unregistered(desired, actual)
        candidates = deletable(desired, actual)
        return plan(desired, actual, owned=self.owned(candidates) if candidates else frozenset()).changes


@dataclass(frozen=True)
class CheckedResource:
    """How a resource stands after its check; `item` is None if the ledger keeps nothing of it: no Region has it."""

    key: Key
    item: LedgerItem | None

    @property
    def in_order(self) -> bool:
        """Tell whether both Regions hold the same."""
        return self.item is None or self.item.state is State.IN_SYNC


@dataclass(frozen=True)
class ReconcileOne:
    """The use case. `clock` is monotonic, in seconds; `item` and `checked_at` read the ledger."""

    comparison: CheckPreview
    item: Callable[[Key], LedgerItem | None]
    checked_at: Callable[[Key], int]
    workflow: Workflow
    clock: Callable[[], float]
    pause: Callable[[float], object]

    def plan(self, key: Key) -> tuple[Change, ...]:
        """Return what a check would change; raises what `CheckPreview.changes` does."""
        return self.comparison.changes(key)

    def apply(self, key: Key, seconds: float) -> CheckedResource:
        """Have a resource checked, and wait so long for the end of it.

        Raises:
            NotReadyYet: the check did not end in this time; the request stays in the queue.
            RetryableError: the request was not taken.
        """
        before, ends = self.checked_at(key), self.clock() + seconds
        self.workflow.start([ReconcileRequest(key)])
        while self.clock() < ends:
            self.pause(POLL)
            if self._is_checked(key, before):
                return CheckedResource(key, self.item(key))
        raise NotReadyYet(
            f"{key} was not checked within {seconds:g} s; its request waits in the queue, where what events tell goes "
            "first come, first served; see how many wait: iot-dr status"
        )

    def _is_checked(self, key: Key, before: int) -> bool:
        after = self.checked_at(key)
        # Of what no Region has and the ledger never knew, nothing is noted.
        return after != before or (not after and self.item(key) is None and not self.comparison.changes(key))
