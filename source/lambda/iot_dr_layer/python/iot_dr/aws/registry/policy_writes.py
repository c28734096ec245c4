"""Writes of policies, their versions and their attachments, over an `iot` client."""

from __future__ import annotations

from typing import Any

from iot_dr.aws.errors import call, read
from iot_dr.aws.registry.tag_writes import created_with
from iot_dr.model.registry.entities import Policy, PolicyAttachment

REQUIRED_ACTIONS = frozenset(
    {
        "iot:AttachPolicy",
        "iot:CreatePolicy",
        "iot:CreatePolicyVersion",
        "iot:DeletePolicy",
        "iot:DeletePolicyVersion",
        "iot:DetachPolicy",
        "iot:ListPolicyVersions",
    }
)

MAX_POLICY_VERSIONS = 5
"""https://docs.aws.amazon.com/iot/latest/apireference/API_CreatePolicyVersion.html"""


def create_policy(client: Any, policy: Policy) -> None:
    """Make a policy with one version."""
    call(client.create_policy, policyName=policy.name, policyDocument=policy.document, **created_with(policy))


def put_policy_version(client: Any, policy: Policy) -> None:
    """Make the desired document the default version; the oldest other version goes if there is no room."""
    versions = call(client.list_policy_versions, policyName=policy.name)["policyVersions"]
    if len(versions) >= MAX_POLICY_VERSIONS:
        spare = [version for version in versions if not version["isDefaultVersion"]]
        oldest = min(spare, key=lambda version: int(version["versionId"]))
        read(client.delete_policy_version, policyName=policy.name, policyVersionId=oldest["versionId"])
    call(client.create_policy_version, policyName=policy.name, policyDocument=policy.document, setAsDefault=True)


def delete_policy(client: Any, policy: Policy) -> None:
    """Remove a policy with all its versions.

    Raises:
        Conflict: it was attached to something since it was read.
    """
    answer = read(client.list_policy_versions, policyName=policy.name)
    for version in [] if answer is None else answer["policyVersions"]:
        if not version["isDefaultVersion"]:
            read(client.delete_policy_version, policyName=policy.name, policyVersionId=version["versionId"])
    read(client.delete_policy, policyName=policy.name)


def attach(client: Any, attachment: PolicyAttachment, arn: str) -> None:
    """Attach a policy to a certificate or group."""
    call(client.attach_policy, policyName=attachment.policy, target=arn)


def detach(client: Any, attachment: PolicyAttachment, arn: str) -> None:
    """Detach a policy from a certificate or group."""
    read(client.detach_policy, policyName=attachment.policy, target=arn)
