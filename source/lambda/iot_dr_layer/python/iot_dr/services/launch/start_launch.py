"""Start the build that launches the regional stacks, and tell what is left of them when the main stack goes.

The build goes on after the main stack is complete: CloudFormation waits an hour at most and a global table with its
replica may take a good part of that. Its own log tells how it ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from iot_dr.errors import ConfigurationError, IotDrError
from iot_dr.model.launch.launches import Launch, LaunchResource, LaunchResourceKind
from iot_dr.ports.launch import BuildSource, BuildStarter, Leftovers


@dataclass(frozen=True)
class Leftover:
    """Something that outlives the main stack (or may, where it could not be checked), and how to remove it."""

    resource: LaunchResource
    removal: str
    unreadable: str = ""

    def __str__(self) -> str:
        doubt = f" (could not check: {self.unreadable})" if self.unreadable else ""
        return f"{self.resource}{doubt}: {self.removal}"


def checked_version(source: BuildSource, bucket: str, key: str, digest: str) -> str:
    """Return the version of the build's source that has a digest, so that the build runs it and no later one.

    Without a digest there is nothing to compare with, and the newest is taken.

    Raises:
        ConfigurationError: the newest version is another file.
    """
    if not digest:
        return ""
    found, version = source.newest(bucket, key)
    if found != digest:
        raise ConfigurationError(
            f"s3://{bucket}/{key} is not the file that this version was built with, and would run with the rights of "
            "the launch; find out who changed it, then publish your build again"
        )
    return version


def start_launch(  # noqa: PLR0913, PLR0917  # what one build differs by
    builds: BuildStarter, project: str, launch: Launch, choices: Mapping[str, str], token: str, version: str = ""
) -> str:
    """Start a build that brings all stacks of a launch up, or goes on where an earlier one stopped.

    `choices` are the operator's, by the names of the build's variables; `version` is that of the build's source.
    """
    return builds.start(
        project,
        {
            "PRIMARY_REGION": launch.regions.primary,
            "SECONDARY_REGION": launch.regions.secondary,
            **choices,
            "STACK_POSTFIX": launch.postfix,
            "UUID": launch.uuid,
        },
        token,
        version,
    )


def leftovers(launch: Launch, there: Leftovers) -> tuple[Leftover, ...]:
    """Return what is left of a launch, in the order in which it can be removed."""
    checked = (_checked(resource, _removal(resource, launch), there) for resource in launch.resources)
    found = tuple(leftover for leftover in checked if leftover is not None)
    owner = LaunchResource(LaunchResourceKind.STACK, launch.regions.primary, launch.primary_stack)
    stack = next((leftover for leftover in found if leftover.resource == owner), None)
    if stack is None:
        return tuple(_unprotected(leftover) for leftover in found)
    if stack.unreadable:
        return found  # what removes the stack takes the tables' protection off, in both Regions
    # The table and its replica go with the primary's stack; removing them first would leave that stack at odds.
    return tuple(leftover for leftover in found if leftover.resource.kind is not LaunchResourceKind.TABLE)


def describe(found: tuple[Leftover, ...], boundary: str = "") -> str:
    """Return what is left as one line, short enough for a custom resource's answer.

    The boundary of the launch's roles, a policy's ARN, goes last: while a role has it, it must stay.
    """
    last = (boundary_removal(boundary),) if boundary else ()
    if not found and not last:
        return "Nothing of this launch is left."
    numbered = " ".join(f"({number}) {leftover}" for number, leftover in enumerate((*found, *last), 1))
    return f"Still there; remove in this order: {numbered}"


def boundary_removal(boundary: str) -> str:
    """Return the command that deletes the boundary of the launch's roles, with what it is for."""
    return f"the roles' boundary: aws iam delete-policy --policy-arn {boundary}"


def _checked(resource: LaunchResource, removal: str, there: Leftovers) -> Leftover | None:
    try:
        return Leftover(resource, removal) if there.exists(resource) else None
    except IotDrError as error:
        # The main stack's deletion must not fail because a check failed; unreadable is told, never taken as gone.
        return Leftover(resource, removal, unreadable=type(error).__name__)


def _unprotected(leftover: Leftover) -> Leftover:
    """Take a table's protection off before it is deleted; AWS refuses to delete a table that has it."""
    if leftover.resource.kind is not LaunchResourceKind.TABLE:
        return leftover
    unprotect = f"aws dynamodb update-table --no-deletion-protection-enabled {_of_table(leftover.resource)}"
    return replace(leftover, removal=f"{unprotect}; {leftover.removal}")


def _of_table(table: LaunchResource) -> str:
    return f"--table-name {table.name} --region {table.region}"


def _removal(resource: LaunchResource, launch: Launch) -> str:
    name, region = resource.name, resource.region
    match resource.kind:
        case LaunchResourceKind.STACK:
            stack = f"--stack-name {name} --region {region}"
            return (
                f"{_unprotect_tables(name, launch)}"
                f"aws cloudformation update-termination-protection --no-enable-termination-protection {stack}; "
                f"aws cloudformation delete-stack {stack}"
            )
        case LaunchResourceKind.TABLE:
            return f"aws dynamodb delete-table {_of_table(resource)}"
        case LaunchResourceKind.BUCKET:
            # Versioned: `aws s3 rb --force` would only hide the content and then fail.
            versions = (
                f"aws s3api list-object-versions --bucket {name} --region {region} --output json "
                "--query '{Objects:[Versions,DeleteMarkers][].{Key:Key,VersionId:VersionId}}'"
            )
            return (
                f'aws s3api delete-objects --bucket {name} --region {region} --delete "$({versions})"; '
                f"aws s3api delete-bucket --bucket {name} --region {region}"
            )
    assert_never(resource.kind)


def _unprotect_tables(stack: str, launch: Launch) -> str:
    """Return what lets the tables of a stack go with it; that of the ledger has a name that CloudFormation made."""
    regions = {
        launch.primary_stack: f"{launch.regions.primary} {launch.regions.secondary}",
        launch.secondary_stack: launch.regions.secondary,
    }.get(stack, "")
    if not regions:
        return ""
    tables = (
        f"""aws dynamodb list-tables --region $r --query "TableNames[?contains(@,'{launch.postfix}')]" --output text"""
    )
    unprotect = "aws dynamodb update-table --no-deletion-protection-enabled --region $r --table-name $t"
    return f"for r in {regions}; do for t in $({tables}); do {unprotect}; done; done; "
