"""One stack of a launch, as CloudFormation knows it, and how the parts that are found from there stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from iot_dr.model.shadows.shadow import NO_SHADOWS, ShadowSelection

REQUEST_QUEUES = ("LookQueueUrl", "BackgroundQueueUrl")
"""Outputs of the secondary's stack that name where resources wait for a worker: for events, and for background work."""


@dataclass(frozen=True)
class StackResource:
    """A resource of a stack: its name in the template, its type, and its name or ID in the account."""

    logical_id: str
    type: str
    physical_id: str


@dataclass(frozen=True)
class LaunchedStack:
    """A stack that exists."""

    region: str
    name: str
    status: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    resources: tuple[StackResource, ...] = ()

    def of_type(self, kind: str) -> Mapping[str, str]:
        """Return the physical IDs of all resources of one type, by logical ID."""
        return {one.logical_id: one.physical_id for one in self.resources if one.type == kind}

    @property
    def version(self) -> str:
        """Return the release that made it, as `v1.2.3`; empty if it does not tell."""
        return self.outputs.get("SolutionVersion", "")

    @property
    def shadows(self) -> ShadowSelection:
        """Return which shadows it replicates; a stack of a release that knew no shadows replicates none."""
        mode = self.parameters.get("ReplicateShadows", NO_SHADOWS.mode)
        return ShadowSelection(mode, self.parameters.get("ShadowNamePattern", ShadowSelection.pattern))


@dataclass(frozen=True)
class TableState:
    """A global table: its version, and the status of each replica by Region, the asked Region's own included."""

    version: str
    replicas: Mapping[str, str]


@dataclass(frozen=True)
class MappingState:
    """An event source mapping: `Enabled` or another state, and what came of the last batch."""

    state: str
    last_result: str


@dataclass(frozen=True)
class Need:
    """Actions that a role must be able to do in a Region, each with one of these resources at least."""

    role: str
    region: str
    actions: frozenset[str]
    resources: tuple[str, ...]
