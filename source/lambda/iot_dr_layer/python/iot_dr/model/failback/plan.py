"""A failback's plan: of each resource that differs what becomes of it, and what both Regions have of it."""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass, field

from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.keys import Key, Kind


class Party(enum.StrEnum):
    """A Region of a failback."""

    LEADER = "leader"
    """The Region that has led since the failover."""
    OLD = "old"
    """The old primary, which is to lead again."""


class FailbackVerdict(enum.StrEnum):
    """What becomes of a resource."""

    NOTHING = "nothing"
    """Both Regions have the same."""
    CREATE_OLD = "create_old"
    """New in the leader."""
    CREATE_LEADER = "create_leader"
    """The old primary made it, and it never crossed."""
    UPDATE_OLD = "update_old"
    """Changed in the leader."""
    UPDATE_LEADER = "update_leader"
    """Changed late in the old primary."""
    DELETE_OLD = "delete_old"
    """Deleted in the leader; done only if deletions are asked for."""
    CONFLICT = "conflict"
    """Changed in both Regions; somebody must say which wins."""
    UNDECIDED = "undecided"
    """A Region could not tell, so nothing is done."""


@dataclass(frozen=True)
class LastEqual:
    """What the ledger knows of the state in which both Regions last held the same.

    `known`: the leader has had the resource from the old primary. `begun`: replication was about to make it there, and
    nobody has noted whether it did. `digest` is of that state, as it stood in the leader; empty if it was not noted.
    `ends_known`: of a relation, it has had both ends. `version`: of a shadow, the leader's after the last write of
    replication that has ended; 0 if none was noted.
    """

    known: bool = False
    digest: str = ""
    ends_known: bool = False
    version: int = 0
    begun: bool = False


@dataclass(frozen=True)
class Decision:
    """What becomes of a resource, and why."""

    verdict: FailbackVerdict
    reason: str = ""


@dataclass(frozen=True)
class PlannedRow:
    """One resource of a plan; `leader` and `old` are what each Region has of it, None for nothing.

    `wanted` is what the old primary has as it would stand in the leader, so that the two can be laid side by side.
    """

    key: Key
    decision: Decision
    leader: Entity | None = None
    old: Entity | None = None
    wanted: Entity | None = None

    @property
    def verdict(self) -> FailbackVerdict:
        """Return what becomes of it."""
        return self.decision.verdict


@dataclass(frozen=True)
class FailbackChoices:
    """What the operator has said: who wins a conflict, None for nobody, and whether anything is deleted."""

    prefer: Party | None = None
    with_deletes: bool = False

    def __str__(self) -> str:
        return f"prefer {self.prefer or 'nobody'}, {'with' if self.with_deletes else 'without'} deletes"


@dataclass(frozen=True)
class Resolution:
    """What both Regions are to hold of a resource, None for nothing, as it stands in the leader.

    `into` are the Regions that are written; `left` says why what differs stays.
    """

    final: Entity | None = None
    into: frozenset[Party] = frozenset()
    left: str = ""


@dataclass(frozen=True)
class PlanNumbers:
    """How many resources of each kind have which verdict."""

    verdicts: Counter[tuple[Kind, FailbackVerdict]] = field(default_factory=Counter)

    def of(self, verdict: FailbackVerdict) -> int:
        """Return how many have a verdict."""
        return sum(number for (_, found), number in self.verdicts.items() if found is verdict)

    @property
    def total(self) -> int:
        """Return how many there are."""
        return self.verdicts.total()

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Return the kinds that there are, in the order in which they can be made."""
        found = {kind for kind, _ in self.verdicts}
        return tuple(kind for kind in Kind if kind in found)
