"""A key of the customer's own for what a stack stores: one multi-Region key, so that one value suits all stacks.

A global table needs a key in each Region, and the replicas of a multi-Region key have one ID.
https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html
"""

from __future__ import annotations

from typing import Any

from awacs import kms
from awacs.aws import StringLike
from troposphere import Equals, If, Not, NoValue, Parameter, Ref, Sub, Template, iam

from templates.blocks.parameters import Field
from templates.blocks.permissions import allow
from templates.blocks.roles import document

KEY = "KmsKeyId"
HAS_KEY = "HasOwnKey"
"""The parameter, and the template's condition that it is given."""

STORES = ("dynamodb", "s3", "secretsmanager", "sqs")
"""Services that use the key with the rights of whoever reads or writes; logs are encrypted by the key's own policy."""


USES = (kms.Decrypt, kms.DescribeKey, kms.Encrypt, kms.GenerateDataKey, kms.ReEncryptFrom, kms.ReEncryptTo)
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.howitworks.html"""


def own_key(without: str = "Empty: AWS's keys.") -> Field:
    """Ask for the key; `without` says what an empty input means."""
    return Field(
        Parameter(
            KEY,
            Type="String",
            Description="ID of a multi-Region key of AWS KMS with a replica in both Regions, for tables, queues, "
            f"buckets, secrets and logs. Its policy must let CloudWatch Logs and EventBridge use it. {without}",
            Default="",
            AllowedPattern="(mrk-[0-9a-f]{32})?",
            ConstraintDescription="must be the ID of a multi-Region key: mrk- and 32 hexadecimal digits",
        ),
        "Key of your own",
    )


def add_key(template: Template) -> None:
    """Have what a template stores take the key, if one is given in its form."""
    template.add_condition(HAS_KEY, Not(Equals(Ref(KEY), "")))


def takes_key(template: Template) -> bool:
    """Tell whether what the template stores takes the key; the main stack's form asks for it on behalf of others."""
    return HAS_KEY in template.conditions


def with_key(value: Any, otherwise: Any = NoValue) -> If:
    """Return `value` if a key is given, `otherwise` if not."""
    return If(HAS_KEY, value, otherwise)


def key_arn() -> Sub:
    """Return the ARN of the key's replica in the stack's own Region."""
    return Sub(f"arn:${{AWS::Partition}}:kms:${{AWS::Region}}:${{AWS::AccountId}}:key/${{{KEY}}}")


def let_roles_use_key(template: Template) -> None:
    """Let each role that reads or writes a store use the key, through those services alone.

    Call it last: it checks the roles that the template has.
    """
    roles = [resource for resource in template.resources.values() if isinstance(resource, iam.Role)]
    template.add_resource(
        iam.PolicyType(
            "UseKeyPolicy",
            Condition=HAS_KEY,
            PolicyName="UseKey",
            PolicyDocument=document(
                allow(
                    "UseKey",
                    list(USES),
                    [key_arn()],
                    _through_stores(),
                )
            ),
            Roles=[_named(role) for role in roles if _uses_a_store(role)],
        )
    )


def _named(role: iam.Role) -> Any:
    condition = role.resource.get("Condition")
    return If(condition, Ref(role), NoValue) if condition else Ref(role)


def let_role_read_table_in(template: Template, title: str, role: str, region: str) -> None:
    """Let a role read a table of another Region too, where the key has a replica; `region` may hold `${...}`."""
    template.add_resource(
        iam.PolicyType(
            title,
            Condition=HAS_KEY,
            PolicyName=title,
            PolicyDocument=document(
                allow(
                    "UseKey",
                    [kms.Decrypt],
                    [Sub(f"arn:${{AWS::Partition}}:kms:{region}:${{AWS::AccountId}}:key/${{{KEY}}}")],
                    StringLike({"kms:ViaService": ["dynamodb.*"]}),  # any partition
                )
            ),
            Roles=[Ref(role)],
        )
    )


def _uses_a_store(role: iam.Role) -> bool:
    actions = (
        action
        for policy in role.Policies
        if isinstance(policy, iam.Policy)  # one that a condition adds is about traces
        for statement in policy.PolicyDocument.Statement
        for action in statement.Action
    )
    return any(action.prefix in STORES for action in actions)


def _through_stores() -> Any:
    # The key's ARN names the Region, and a service asks for a key in its own alone.
    return StringLike({"kms:ViaService": [f"{name}.*" for name in STORES]})  # any partition
