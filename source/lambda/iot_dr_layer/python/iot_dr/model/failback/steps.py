"""The steps of a failback, in their order, and what came of it."""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass, field

from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.sync.progress import ChangeResult


class FailbackStep(enum.StrEnum):
    """One step; each may be repeated, and is noted when it has ended."""

    SNAPSHOT = "snapshot"
    """The old primary is written down."""
    FOLLOW = "follow"
    """The old primary follows, so that it may be written."""
    BRING = "bring"
    """What the plan writes into the old primary."""
    LATE = "late"
    """What the plan writes into the leader."""
    CHECK = "check"
    """Both Regions are read again and hold the same."""
    LEAD = "lead"
    """The old primary leads, and devices are sent there."""
    MOVE = "move"
    """DNS and the devices have moved."""
    CARRY = "carry"
    """What devices wrote in the leader until they moved."""
    LEAVE = "leave"
    """The Region that has led follows: replication goes on in the old direction."""
    RELEASE = "release"
    """Health decides again where devices go, and what was held is checked."""


APPLYING = (FailbackStep.SNAPSHOT, FailbackStep.FOLLOW, FailbackStep.BRING, FailbackStep.LATE, FailbackStep.CHECK)
SWITCHING = (FailbackStep.LEAD, FailbackStep.MOVE, FailbackStep.CARRY, FailbackStep.LEAVE, FailbackStep.RELEASE)

MOST_TOLD = 1000
"""Differences and problems that are told one by one; the plan's file has all."""


@dataclass(frozen=True)
class Checked:
    """What a reading of both Regions after the plan has found.

    Attributes:
        differing: what differs and should not, and why.
        left: how many differences stay because the operator has said so.
        since: new in the leader since the plan was made, by kind; it comes with the switch.
    """

    differing: tuple[tuple[Key, str], ...] = ()
    left: int = 0
    since: Counter[Kind] = field(default_factory=Counter)


@dataclass(frozen=True)
class FailbackResult:
    """How far a failback came: `stopped` is the step that did not end well, and `why`; None if all did."""

    stopped: FailbackStep | None = None
    why: str = ""
    problems: tuple[ChangeResult, ...] = ()
    checked: Checked | None = None
    snapshot: str = ""
    done: tuple[FailbackStep, ...] = ()
    left_behind: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Tell whether all that was asked for is done."""
        return self.stopped is None
