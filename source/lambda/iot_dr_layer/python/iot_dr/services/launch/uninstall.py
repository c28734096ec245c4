"""Remove what a launch made, in the order in which AWS lets it be removed; the fleet's registry is never touched.

Each step begins by checking what is there, so a removal that was cut off is run again. The first step that fails ends
it: what comes later may be needed to remove what failed. What is left is named with the command that removes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from iot_dr.errors import ConfigurationError, IotDrError, NotReadyYet
from iot_dr.model.launch.launches import BOUNDARY, Launch, LaunchResource, LaunchResourceKind
from iot_dr.model.regions import RegionPair
from iot_dr.ports.failover import ControlReader
from iot_dr.ports.launch import LaunchRemover, Leftovers
from iot_dr.ports.progress import LaunchObserver
from iot_dr.ports.status import StackReader
from iot_dr.services.launch.start_launch import Leftover, boundary_removal, leftovers

_TABLES = ("AWS::DynamoDB::GlobalTable", "AWS::DynamoDB::Table")
_BOUNDARY_OF = "-LaunchedRolesBoundary-"
"""What follows the main stack's name in that of its boundary, as CloudFormation makes it."""

PASSES = 2
"""Tables go with the primary's stack; those that outlive it are found once the stack is gone."""


@dataclass(frozen=True)
class RemovalPlan:
    """What there is of a launch, in the order of its removal.

    Attributes:
        found: stacks, tables and buckets.
        boundary: ARN of the policy that bounds the launch's roles; empty if there is none.
        fleet_name: the name that devices connect to, which goes too; empty if the fleet has none.
    """

    found: tuple[Leftover, ...]
    boundary: str = ""
    fleet_name: str = ""

    @property
    def afterwards(self) -> tuple[str, ...]:
        """Return the commands for what is not the launch's own to remove."""
        if not self.boundary:
            return ()
        main = self.boundary.rpartition("/")[2].partition(_BOUNDARY_OF)[0]
        return (
            f"the main stack, in its Region: aws cloudformation delete-stack --stack-name {main}",
            f"then {boundary_removal(self.boundary)}",
        )


@dataclass(frozen=True)
class Uninstalled:
    """What a removal came to: what is gone, what is left, and why it ended before its time; empty if it did not."""

    removed: tuple[LaunchResource, ...]
    left: tuple[Leftover, ...]
    failure: str = ""


@dataclass(frozen=True)
class Uninstaller:
    """What a removal is done with."""

    there: Leftovers
    stacks: StackReader
    remover: LaunchRemover
    progress: LaunchObserver

    def plan(self, launch: Launch) -> RemovalPlan:
        """Tell what there is; nothing is changed."""
        found = leftovers(launch, self.there)
        given = {
            name: value
            for one in found
            if one.resource.kind is LaunchResourceKind.STACK and not one.unreadable
            if (stack := self.stacks.read(one.resource.region, one.resource.name)) is not None
            for name, value in stack.parameters.items()
            if value
        }
        return RemovalPlan(found, given.get(BOUNDARY, ""), given.get("FleetName", ""))

    def uninstall(self, launch: Launch, *, empty_buckets: bool) -> Uninstalled:
        """Remove what there is; buckets only with consent, for what they held is lost with them."""
        removed: list[LaunchResource] = []
        failure = ""
        for _ in range(PASSES):
            for leftover in leftovers(launch, self.there):
                failure = self._removed(leftover, launch, removed, empty_buckets=empty_buckets)
                if failure:
                    return Uninstalled(tuple(removed), leftovers(launch, self.there), failure)
        return Uninstalled(tuple(removed), leftovers(launch, self.there))

    def _removed(
        self, leftover: Leftover, launch: Launch, removed: list[LaunchResource], *, empty_buckets: bool
    ) -> str:
        """Remove one and note it, unless nobody wants that; return why it cannot be removed, empty if it can."""
        resource = leftover.resource
        if leftover.unreadable:
            return f"{resource} could not be checked: {leftover.unreadable}"
        if resource.kind is LaunchResourceKind.BUCKET and not empty_buckets:
            return ""
        self.progress.step(f"Removing {resource}")
        try:
            self._remove(resource, launch)
        except IotDrError as error:
            return f"{resource}: {error}"
        removed.append(resource)
        return ""

    def _remove(self, resource: LaunchResource, launch: Launch) -> None:
        region, name = resource.region, resource.name
        match resource.kind:
            case LaunchResourceKind.STACK:
                for table, place in self._tables_of(resource, launch.regions):
                    self.remover.unprotect(table, place)
                self.remover.take_down(region, name, self.progress.event)
            case LaunchResourceKind.TABLE:
                self.remover.remove_table(name, region)
            case LaunchResourceKind.BUCKET:
                self.remover.remove_bucket(name, region)
            case _:
                assert_never(resource.kind)

    def _tables_of(self, resource: LaunchResource, regions: RegionPair) -> Iterator[tuple[str, str]]:
        """Yield the tables that go with a stack, each with its Region; a global one has a replica in the other."""
        stack = self.stacks.read(resource.region, resource.name)
        if stack is None:
            return
        for kind in _TABLES:
            for table in filter(None, stack.of_type(kind).values()):
                yield from ((table, region) for region in (regions.secondary, regions.primary))


def ensure_primary_leads(control: ControlReader, regions: RegionPair) -> None:
    """Refuse a removal while devices are sent to the secondary; without a control item nobody sends them there.

    Raises:
        ConfigurationError: the secondary leads.
        IotDrError: that cannot be told now.
    """
    try:
        leader = control.control().leader
    except NotReadyYet:
        return  # the table is gone
    if leader != regions.primary:
        raise ConfigurationError(
            f"{leader} leads: what devices write there has not come back, and the health checkers send devices there. "
            "Fail back first, or give --although-secondary-leads"
        )


def still_costs(left: tuple[Leftover, ...], regions: RegionPair) -> tuple[str, ...]:
    """Return what costs money afterwards, or may."""
    buckets = tuple(
        f"{one.resource}: what it holds, all versions" for one in left if one.resource.kind is LaunchResourceKind.BUCKET
    )
    others = tuple(f"{one.resource}" for one in left if one.resource.kind is not LaunchResourceKind.BUCKET)
    return (
        *others,
        *buckets,
        "the buckets of the published build, PREFIX-reference and PREFIX-<region>",
        f"the index of things in {regions.secondary}, and in {regions.primary} if nothing else used it",
        "your own hosted zone, key, log buckets and topics, and a CloudTrail trail that was made for this",
    )
