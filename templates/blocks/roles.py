"""Roles: one service may take each, and what it may do stands in inline policies that go with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from awacs import sts
from awacs.aws import Allow, Condition, PolicyDocument, Principal, Statement, StringEquals
from troposphere import Ref, Template, iam

POLICY_LANGUAGE = "2012-10-17"
KNOWS_SOURCE_ACCOUNT = frozenset({"codebuild", "iot", "scheduler", "states"})
"""Services that say on whose behalf they take a role; the trust then holds for this account alone.

https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
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
    optional = {"ManagedPolicyArns": [Ref(policy) for policy in managed]} if managed else {}
    return template.add_resource(
        iam.Role(
            title,
            Description=description,
            AssumeRolePolicyDocument=document(_trust(service)),
            Policies=[
                iam.Policy(PolicyName=name, PolicyDocument=document(*statements))
                for name, statements in policies.items()
            ],
            **optional,
        )
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
    optional = (
        {"Condition": Condition(StringEquals({"aws:SourceAccount": Ref("AWS::AccountId")}))}
        if service in KNOWS_SOURCE_ACCOUNT
        else {}
    )
    return Statement(
        Effect=Allow, Principal=Principal("Service", f"{service}.amazonaws.com"), Action=[sts.AssumeRole], **optional
    )
