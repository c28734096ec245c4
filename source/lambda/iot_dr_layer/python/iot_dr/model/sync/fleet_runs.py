"""A sync in the account: what its state machine carries from state to state, and how far it is."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Self

from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.registry.kinds import RELATIONS, RESOURCE_KINDS
from iot_dr.model.replication.requests import REQUESTS_PER_BATCH
from iot_dr.model.sites import Side

_BEFORE_CERTIFICATES = tuple(kind for kind in RESOURCE_KINDS if kind is not Kind.CERTIFICATE)
STAGES = (*_BEFORE_CERTIFICATES, Kind.CERTIFICATE, Kind.THING_SHADOWS)
"""Kinds in the order in which they are brought across: what others need first, and certificates after the things that
bring theirs along."""

THING_STAGES = (Kind.THING, Kind.THING_SHADOWS)
"""What a query for things selects; what they need and have attached comes with them."""

AGAIN_STAGES = (*_BEFORE_CERTIFICATES, *RELATIONS, Kind.CERTIFICATE, Kind.THING_SHADOWS, Kind.SHADOW)
"""Whatever can have failed: some kinds are checked by themselves that come along with others here."""

BATCH_SECONDS = 4
"""What a batch is taken to last at most, to reckon how many are needed at once for a rate."""

CALLS_PER_REQUEST: Mapping[Side, Mapping[str, float]] = MappingProxyType(
    {
        Side.SOURCE: MappingProxyType(
            {
                "DescribeThing": 1,
                "ListThingPrincipalsV2": 1,
                "DescribeCertificate": 1,
                "ListAttachedPolicies": 1,
                "GetPolicy": 1,
                "ListThingGroupsForThing": 1,
            }
        ),
        Side.TARGET: MappingProxyType(
            {
                "DescribeThing": 1,
                "DescribeCertificate": 1,
                "GetPolicy": 1,
                "RegisterCertificateWithoutCA": 1,
                "CreateThing": 1,
                "AttachThingPrincipal": 1,
                "AttachPolicy": 1,
            }
        ),
    }
)
"""What the request for one complete device costs that the target lacks; `benchmarks/sync_at_scale.py` counts
them.
"""


def batches_at_once(per_second: float) -> int:
    """Return how many batches keep up with the requests that the quotas allow; more would only be refused.

    >>> batches_at_once(10)
    4
    """
    return max(1, math.ceil(per_second * BATCH_SECONDS / REQUESTS_PER_BATCH))


@dataclass(frozen=True)
class FleetRun:
    """One sync in the account, as its state machine carries it.

    Attributes:
        run: its ID, which is the name of its execution and of its folder.
        apply: check what is listed; else it is only counted.
        at_once: batches that are checked side by side.
        select: a query for things; empty for the whole fleet.
        again: ID of an earlier run; what failed is checked again, instead of what the source lists.
        kinds: stages to come.
        kind: the stage under way.
        token: where the source's list goes on.
        upload: ID of the inventory's upload while it is written, `parts` the tags of what is uploaded.
        rows: keys that the stage's inventory has so far.
        more: the stage's inventory goes on.
        listed: keys by kind, of all stages so far.
    """

    run: str
    apply: bool
    at_once: int
    select: str = ""
    again: str = ""
    kinds: tuple[Kind, ...] = STAGES
    kind: Kind | None = None
    token: str = ""
    upload: str = ""
    parts: tuple[str, ...] = ()
    rows: int = 0
    more: bool = False
    listed: Mapping[Kind, int] = field(default_factory=dict)

    @property
    def inventory(self) -> str:
        """Return the object that lists the stage's keys."""
        return f"{folder(self.run)}inventory/{self.kind}.jsonl"

    @property
    def results(self) -> str:
        """Return the prefix below which the stage's results are."""
        return f"{results_folder(self.run)}{self.kind}"

    def next_stage(self) -> FleetRun:
        """Return the run at the beginning of its next stage."""
        return replace(self, kind=self.kinds[0], kinds=self.kinds[1:], token="", upload="", parts=(), rows=0, more=True)

    def to_json(self) -> dict[str, Any]:
        """Return the form in which the state machine carries it, with what its choices ask for."""
        return {
            "run": self.run,
            "apply": self.apply,
            "at_once": self.at_once,
            "select": self.select,
            "again": self.again,
            "kinds": [str(kind) for kind in self.kinds],
            "kind": str(self.kind or ""),
            "token": self.token,
            "upload": self.upload,
            "parts": list(self.parts),
            "rows": self.rows,
            "more": self.more,
            "listed": {str(kind): number for kind, number in self.listed.items()},
            "inventory": self.inventory,
            "results": self.results,
            "last": not self.kinds,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read it back; what is missing has its default."""
        return cls(
            run=str(value["run"]),
            apply=bool(value.get("apply", False)),
            at_once=int(value.get("at_once", 1)),
            select=str(value.get("select", "")),
            again=str(value.get("again", "")),
            kinds=tuple(Kind(kind) for kind in value.get("kinds", STAGES)),
            kind=Kind(value["kind"]) if value.get("kind") else None,
            token=str(value.get("token", "")),
            upload=str(value.get("upload", "")),
            parts=tuple(value.get("parts", ())),
            rows=int(value.get("rows", 0)),
            more=bool(value.get("more", False)),
            listed={Kind(kind): int(number) for kind, number in value.get("listed", {}).items()},
        )


def folder(run: str) -> str:
    """Return the prefix of all that a run keeps in the work bucket."""
    return f"sync/{run}/"


def results_folder(run: str) -> str:
    """Return the prefix of a run's results."""
    return f"{folder(run)}results/"


def row(key: Key, *, again: bool = False) -> str:
    """Return a key as a line of an inventory: the request that the worker takes.

    A device that waits for its certificate stays waiting for it only if it is checked as a new one.

    >>> row(Key(Kind.THING, "pump-17"))
    '{"kind":"thing","name":"pump-17"}\\n'
    """
    request = {"kind": str(key.kind), "name": key.name}
    more = {"other": key.other} if key.other else {}
    return json.dumps(request | more | ({"created": True} if again else {}), separators=(",", ":")) + "\n"


def requests_to_come(run: FleetRun, earlier: Mapping[Kind, int]) -> int | None:
    """Return how many requests follow after the stage under way, by what an earlier run listed; None if a stage is new.

    The shadows of a thing are one request, so there are as many as things.
    """
    known = {**earlier, **run.listed}
    if Kind.THING in known:
        known[Kind.THING_SHADOWS] = known[Kind.THING]
    return None if any(kind not in known for kind in run.kinds) else sum(known[kind] for kind in run.kinds)


@dataclass(frozen=True)
class RequestsDone:
    """Requests of one stage by where they stand."""

    total: int
    pending: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0

    @property
    def ended(self) -> int:
        """Return the requests that are over, whatever came of them."""
        return self.succeeded + self.failed


@dataclass(frozen=True)
class ListedRun:
    """A run as a list tells it: its execution, the status of Step Functions, and when it began and ended.

    Times are epoch milliseconds; one that is under way has no end.
    """

    arn: str
    status: str
    began: int
    ended: int | None
    run: FleetRun

    @property
    def running(self) -> bool:
        """Tell whether it is under way."""
        return self.ended is None


@dataclass(frozen=True)
class RunState:
    """How a run stands: `status` as Step Functions says it, `done` by stage, `reason` why it failed.

    `began` is epoch milliseconds. `redrivable`: Step Functions can take it up where it failed.
    """

    arn: str
    status: str
    began: int
    run: FleetRun
    done: Mapping[Kind, RequestsDone] = field(default_factory=dict)
    reason: str = ""
    redrivable: bool = False

    @property
    def ended(self) -> bool:
        """Tell whether nothing more happens by itself."""
        return self.status not in {"RUNNING", "PENDING_REDRIVE"}

    @property
    def succeeded(self) -> bool:
        """Tell whether it came to its end."""
        return self.status == "SUCCEEDED"

    @property
    def under_way(self) -> RequestsDone | None:
        """Return where the stage under way stands; None while it is listed."""
        return self.done.get(self.run.kind) if self.run.kind else None


@dataclass(frozen=True)
class FailedRequest:
    """A resource that could not be brought across, and why."""

    key: Key
    reason: str
