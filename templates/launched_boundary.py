"""What no role of a launch may go beyond, whoever wrote its policies: the actions of the roles that it launches.

The launch may make roles only with this boundary, so that neither who starts its build nor who writes the buckets of
the release gets more by it. https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from awacs.aws import Action, Statement
from troposphere import Sub, Template, iam

from templates.blocks.permissions import allow, arn
from templates.blocks.roles import add_managed_policy
from templates.launch_names import both_regions, named, named_by_day, work_buckets

TITLE = "LaunchedRolesBoundary"
NEVER = frozenset({"iam", "organizations", "sts"})
"""Services by which a role could get other rights than its own."""


def add_boundary(template: Template, launched: Sequence[Template]) -> iam.ManagedPolicy:
    """Add the boundary of what some templates launch; it outlives the stack, for what was launched does."""
    boundary = add_managed_policy(
        template, TITLE, "What no role of the launched stacks may go beyond", tuple(_statements(launched))
    )
    boundary.DeletionPolicy = "Retain"
    boundary.UpdateReplacePolicy = "Retain"
    return boundary


def _statements(launched: Sequence[Template]) -> Iterator[Statement]:
    anywhere, by_service = _actions(launched)
    yield allow(
        "KnowNoResource",
        [_action(action) for action in anywhere],
        ["*"],  # a launched role has them on no resource either
        both_regions(),
    )
    resources = _resources()
    for service, actions in by_service.items():
        if service in NEVER or service not in resources:
            raise ValueError(f"a launched role may do {', '.join(actions)}: say in {__name__} on what at most")
        # Names hold the others to the launch; the registry is the customer's, and is held to the Regions alone.
        condition = both_regions() if service == "iot" else None
        yield allow(f"Bound{service.capitalize()}", [_action(one) for one in actions], resources[service], condition)


def _resources() -> Mapping[str, Sequence[Any]]:
    """Return what of each service the launch's roles may reach at most."""
    buckets = work_buckets()
    return {
        "dynamodb": named("dynamodb", "table/"),
        "iot": [arn("iot", "*", "*")],  # the customer's registry in both Regions, whatever its names
        "kms": [Sub("arn:${AWS::Partition}:kms:*:*:key/*")],  # a key that the customer names, maybe another account's
        "lambda": named_by_day("lambda", "function:"),
        "logs": named("logs", "log-group:"),
        "s3": [*buckets, *(Sub("${Bucket}/*", Bucket=bucket) for bucket in buckets)],  # all that they hold
        "secretsmanager": named("secretsmanager", "secret:"),
        "sqs": named("sqs", ""),
        "states": named("states", "*:"),  # machines and their executions
    }


def _actions(launched: Sequence[Template]) -> tuple[list[str], Mapping[str, list[str]]]:
    """Return the actions that roles have on any resource, and the others by their service, in alphabetic order."""
    anywhere: set[str] = set()
    somewhere: set[str] = set()
    for statement in (one for template in launched for one in _of_roles(template.to_dict())):
        on_all = "*" in statement["Resource"]  # the whole pattern
        (anywhere if on_all else somewhere).update(statement["Action"])
    by_service: defaultdict[str, list[str]] = defaultdict(list)
    for action in sorted(somewhere - anywhere):
        by_service[action.partition(":")[0]].append(action)
    return sorted(anywhere), by_service


def _of_roles(template: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::IAM::Role":
            for policy in map(_whatever_is_chosen, properties["Policies"]):
                yield from policy["PolicyDocument"]["Statement"]
        elif resource["Type"] in {"AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"}:
            yield from properties["PolicyDocument"]["Statement"]


def _whatever_is_chosen(policy: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a role's policy, also one that it has under a condition alone."""
    chosen: Mapping[str, Any] = policy["Fn::If"][1] if "Fn::If" in policy else policy
    return chosen


def _action(name: str) -> Action:
    return Action(*name.split(":"))
