"""What a run with `--apply` wrote, change by change: so that it is known afterwards, and can be taken back."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from iot_dr.model.registry.changes import Action, Create, Delete, Update
from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.field_changes import FieldChange
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.sync.progress import SyncProgress


class WriteResult(enum.StrEnum):
    """What came of one write."""

    DONE = "done"
    REFUSED = "refused"
    """AWS refused it, or did not answer: what was written before that is in its requests."""


class ChangeKind(enum.StrEnum):
    """What a write does to a resource."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    ADOPT = "adopt"
    """Replication owns it from then on; only the ledger was written."""
    RELEASE = "release"
    """The same taken back."""


OF_THE_LEDGER = frozenset({ChangeKind.ADOPT, ChangeKind.RELEASE})
"""What changes no registry, so that no restore takes it back."""


@dataclass(frozen=True)
class RunHeader:
    """A run of a command that wrote: when it began (epoch milliseconds), which command it was, and where it wrote.

    `primary` and `secondary` are the launch's Regions, as far as the run knew them; `region` is the one it wrote.
    """

    run: str
    began: int
    command: str
    account: str
    region: str
    primary: str = ""
    secondary: str = ""
    release: str = ""


@dataclass(frozen=True)
class RunEnd:
    """How a run ended; one that was stopped or killed has none."""

    ended: int
    done: int
    failed: int
    left: int


@dataclass(frozen=True)
class AppliedChange:
    """One write: what it did, what came of it, and AWS's IDs of its requests, as `CreateThing 5f0c...`.

    `before` is what the Region held until then, as it was read right before the write; None if that was nothing, or is
    not known.
    """

    at: int
    key: Key
    change: ChangeKind
    result: WriteResult
    reason: str = ""
    requests: tuple[str, ...] = ()
    fields: tuple[FieldChange, ...] = ()
    before: Entity | None = None


class OrderKind(enum.StrEnum):
    """What a command orders beside its own writes of resources."""

    START = "start"
    """A sync in the account."""
    RESUME = "resume"
    """A sync in the account that failed."""
    STOP = "stop"
    """A sync in the account."""
    CHECK = "check"
    """One resource, by replication."""
    SWEEP = "sweep"
    """Both Regions, by the function of the launch."""
    REPLAY = "replay"
    """An event that did not arrive."""
    FENCE = "fence"
    """A Region leads or follows."""
    LEAD = "lead"
    """Health checks answer for a Region."""
    REMOVE = "remove"
    """A part of a launch."""


@dataclass(frozen=True)
class GivenOrder:
    """One order: what was ordered, of what, what came of it, and AWS's IDs of its requests; `at` epoch milliseconds."""

    at: int
    order: OrderKind
    of: str
    result: WriteResult
    reason: str = ""
    requests: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunSummary:
    """One line of the list of runs; no end: it was stopped, or is still at work."""

    header: RunHeader
    changes: Mapping[ChangeKind, int] = field(default_factory=dict)
    refused: int = 0
    end: RunEnd | None = None
    orders: int = 0


@dataclass(frozen=True)
class Undo:
    """What takes a run back: a snapshot of what was there before, and what a restore of it cannot take back.

    `restored` counts, by kind, what it brings back. `stays` is what the run created: a restore deletes nothing.
    `lost` is what the run wrote without knowing what was there.
    """

    header: RunHeader
    folder: str
    restored: Mapping[Kind, int]
    stays: int
    lost: int


def ended(standing: SyncProgress, at: int) -> RunEnd:
    """Return how a run ended, from how far it came."""
    done = standing.all_ended - standing.failed - standing.left
    return RunEnd(at, done, standing.failed, standing.left)


def kind_of(change: Action) -> ChangeKind:
    """Return what a change does."""
    match change:
        case Create():
            return ChangeKind.CREATE
        case Update():
            return ChangeKind.UPDATE
        case Delete():
            return ChangeKind.DELETE
