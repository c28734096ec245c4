"""Roles: one service may take each, and what it may do stands in inline policies that go with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from awacs import sts
from awacs.aws import Allow, ArnLike, Condition, PolicyDocument, Principal, Statement, StringEquals
from troposphere import Equals, If, Not, NoValue, Parameter, Ref, Template, iam

from templates.blocks import tracing
from templates.blocks.parameters import Field
from templates.blocks.permissions import arn

_HAS_BOUNDARY = "HasPermissionsBoundary"
POLICY_LANGUAGE = "2012-10-17"
BOUNDARY = "PermissionsBoundary"
"""The parameter of launched stacks with the policy that no role of theirs may go beyond."""
SOURCES = {
    "codebuild": ("project/${AWS::StackName}-launch",),
    "iot": ("rule/${AWS::StackName}_*",),  # each rule of the stack
    # The documentation names the group; before September 2023 it was the schedule.
    "scheduler": ("schedule-group/default", "schedule/default/${AWS::StackName}-*"),  # each one
    "states": ("stateMachine:*",),  # a name that CloudFormation makes, and may cut
}
"""Services that say on whose behalf they take a role, and for what; the trust then holds for these alone.

Lambda says neither. https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
"""


def add_role(
    template: Template,
    title: str,
    service: str,
    description: str,
    policies: Mapping[str, Sequence[Statement]],
    *managed: iam.ManagedPolicy,
) -> iam.Role:
    """Add a role for one service; `policies` maps each inline policy's name to its statements."""
    optional: dict[str, Any] = {"ManagedPolicyArns": [Ref(policy) for policy in managed]} if managed else {}
    traces: list[Any] = [
        If(tracing.IS_TRACED, iam.Policy(PolicyName="Trace", PolicyDocument=document(right)), NoValue)
        for right in tracing.rights(template, service)
    ]
    if BOUNDARY in template.parameters:
        optional["PermissionsBoundary"] = If(_HAS_BOUNDARY, Ref(BOUNDARY), NoValue)
    return template.add_resource(
        iam.Role(
            title,
            Description=description,
            AssumeRolePolicyDocument=document(_trust(service)),
            Policies=[
                iam.Policy(PolicyName=name, PolicyDocument=document(*statements))
                for name, statements in policies.items()
            ]
            + traces,
            **optional,
        )
    )


def permissions_boundary(template: Template) -> Field:
    """Ask for the policy that no role of the stack may go beyond."""
    template.add_condition(_HAS_BOUNDARY, Not(Equals(Ref(BOUNDARY), "")))
    return Field(
        Parameter(
            BOUNDARY,
            Type="String",
            Description="ARN of the policy that no role of this stack may go beyond. Empty for none.",
            Default="",
            AllowedPattern="|arn:[a-z-]+:iam::\\d{12}:policy/.+",
            ConstraintDescription="must be the ARN of a policy of this account, or empty",
        ),
        "Permissions boundary of the roles",
    )


def add_managed_policy(
    template: Template, title: str, description: str, statements: Sequence[Statement]
) -> iam.ManagedPolicy:
    """Add a policy of its own, for a role whose inline policies would be more than IAM admits (10,240 characters)."""
    return template.add_resource(
        iam.ManagedPolicy(title, Description=description, PolicyDocument=document(*statements))
    )


def document(*statements: Statement) -> PolicyDocument:
    """Make a policy document of statements."""
    return PolicyDocument(Version=POLICY_LANGUAGE, Statement=list(statements))


def _trust(service: str) -> Statement:
    optional = {}
    if service in SOURCES:
        sources = [arn(service, source) for source in SOURCES[service]]
        account = StringEquals({"aws:SourceAccount": Ref("AWS::AccountId")})
        optional = {"Condition": Condition([account, ArnLike({"aws:SourceArn": sources})])}
    return Statement(
        Effect=Allow, Principal=Principal("Service", f"{service}.amazonaws.com"), Action=[sts.AssumeRole], **optional
    )
