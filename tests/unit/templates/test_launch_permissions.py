"""The launch's role against the list of calls that CloudFormation's own handlers make, which cfn-lint carries."""

from __future__ import annotations

import fnmatch
import re

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from tests.unit.templates.resolving import PRIMARY
from tests.unit.templates.stacks import Stack

NOT_NEEDED = {
    "AWS::ApiGatewayV2::Api": r"s3:.*",  # an API from a definition in S3
    "AWS::ApiGatewayV2::Integration": r"iam:.*",  # credentials of an integration; ours has a Lambda permission
    "AWS::ApiGatewayV2::Stage": r"apigateway:(Unt|T)agResource",  # granted as POST and DELETE on /tags
    "AWS::DynamoDB::GlobalTable": (
        r"kinesis:.*|kms:ListAliases|application-autoscaling:(Put|Delete|Register|Deregister).*|cloudwatch:.*"
        r"|dynamodb:(Enable|Disable|Update)KinesisStreamingDestination|dynamodb:UpdateContributorInsights"
        r"|dynamodb:(Put|Delete)ResourcePolicy|dynamodb:UpdateTableReplicaAutoScaling|dynamodb:DisassociateTableReplica"
    ),  # streams to Kinesis, keys by alias, provisioned capacity, insights, policies, replicas in other accounts
    "AWS::DynamoDB::Table": (
        r"kinesis:.*|kms:ListAliases|logs:.*|s3:.*|dynamodb:(Describe)?Import.*|dynamodb:AssociateTableReplica"
        r"|dynamodb:(Enable|Disable|Update)KinesisStreamingDestination|dynamodb:UpdateContributorInsights"
        r"|dynamodb:(Put|Delete)ResourcePolicy"
    ),  # as above, and import from S3
    "AWS::Events::Rule": r"iam:PassRole",  # a target with a role; ours has a Lambda permission
    # Managed policies, boundaries.
    "AWS::IAM::Role": r"iam:(At|De)tachRolePolicy|iam:(Put|Delete)RolePermissionsBoundary",
    "AWS::IAM::Policy": r"iam:.*(User|Group)Policy",  # a policy of users or groups
    "AWS::Lambda::EventSourceMapping": r"kms:.*",  # own keys
    "AWS::Lambda::Function": (
        r"ec2:.*|elasticfilesystem:.*|s3files:.*|kms:.*|lambda:GetCodeSigningConfig"
        r"|lambda:(Put|Delete)FunctionCodeSigningConfig|lambda:PutRuntimeManagementConfig"
        r"|lambda:PutFunctionRecursionConfig|lambda:(Get|Put)FunctionScalingConfig|lambda:PublishVersion"
        r"|lambda:PassCapacityProvider|lambda:AssociateRuntimeAlias"
    ),  # networks, file systems, own keys, signing, fixed runtimes, versions
    "AWS::Logs::LogGroup": (
        r"s3:.*|firehose:.*|logs:(Put|Delete)(DataProtection|Index|Resource)Policy|logs:CreateLogDelivery"
        r"|logs:(Disa|A)ssociateKmsKey|logs:PutLogGroupDeletionProtection|logs:PutBearerTokenAuthentication"
    ),  # data protection, indexes, a key that is changed
    "AWS::Route53::HealthCheck": r"cloudwatch:DescribeAlarms|route53-recovery.*",  # checks of alarms, routing controls
    "AWS::S3::Bucket": (
        r"s3tables:.*|iam:.*|s3:(Get|Put|Delete)?.*(Analytics|CORS|Cors|Inventory|Metrics|Notification|Replication"
        r"|Website|Accelerate|ObjectLock|ObjectAcl|Logging|IntelligentTiering|MetadataTable|Journal|Annotation|Abac).*"
        r"|s3:(Unt|T)agResource|s3:ListTagsForResource|s3:DeleteObject|s3:PutBucketAcl"
        r"|s3:DeleteBucketEncryption|s3:DeleteBucketLifecycle|s3:.*InventoryTable.*"
    ),  # what our buckets do not have
    "AWS::SecretsManager::Secret": r"secretsmanager:(ReplicateSecretTo|RemoveRegionsFrom).*",  # copies in other Regions
    "AWS::StepFunctions::StateMachine": r"s3:.*|kms:.*",  # a definition in S3, own keys
}
ACCESS_LOG = {
    "logs:CreateLogDelivery",
    "logs:CreateLogGroup",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
}
"""What API Gateway asks of whoever turns an access log on; its handlers do not list it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html
"""
LAUNCHED = ("primary", "secondary", "health checker")


@pytest.mark.parametrize("name", LAUNCHED)
def test_the_launch_may_do_what_cloudformation_does_for_each_resource(name: str, stacks: dict[str, Stack]) -> None:
    granted = {action for statement in stacks["main"].statements("LaunchRole") for action in statement["Action"]}
    types = {found["Type"] for found in stacks[name].template["Resources"].values()}

    missing = {
        kind: lacking
        for kind in sorted(types)
        if not kind.startswith("Custom::")
        and (lacking := {action for action in _handlers_calls(kind) if not _covered(action, granted)})
    }

    assert not missing


def test_the_launch_may_have_the_access_log_of_the_health_check_delivered(stacks: dict[str, Stack]) -> None:
    granted = {action for statement in stacks["main"].statements("LaunchRole") for action in statement["Action"]}

    assert granted >= ACCESS_LOG


@pytest.mark.parametrize("kind", NOT_NEEDED)
def test_what_is_not_needed_is_of_a_resource_that_a_template_has(kind: str, stacks: dict[str, Stack]) -> None:
    assert any(stacks[name].of_type(kind) for name in LAUNCHED)


def test_the_launch_may_invoke_the_functions_of_custom_resources(stacks: dict[str, Stack]) -> None:
    checker = stacks["health checker"]
    granted = [
        resource
        for statement in stacks["main"].statements("LaunchRole")
        if "lambda:InvokeFunction" in statement["Action"]
        for resource in statement["Resource"]
    ]

    for found in (found for found in checker.template["Resources"].values() if found["Type"].startswith("Custom::")):
        function = checker.resolve(found["Properties"]["ServiceToken"])
        assert any(fnmatch.fnmatchcase(function, pattern) for pattern in granted)


@pytest.mark.parametrize("name", LAUNCHED)
def test_what_the_stacks_name_is_within_the_launchs_rights(name: str, stacks: dict[str, Stack]) -> None:
    granted = [resource for statement in stacks["main"].statements("LaunchRole") for resource in statement["Resource"]]
    stack = stacks[name]

    for title in stack.of_type(
        "AWS::DynamoDB::GlobalTable",
        "AWS::DynamoDB::Table",
        "AWS::Events::Rule",
        "AWS::IAM::Role",
        "AWS::Lambda::Function",
        "AWS::Lambda::LayerVersion",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
        "AWS::SecretsManager::Secret",
        "AWS::StepFunctions::StateMachine",
    ):
        arn = stack.resolve.arn(title)
        assert any(fnmatch.fnmatchcase(arn, pattern) for pattern in granted if pattern != "*"), arn


def test_the_launch_may_pass_each_launched_role_to_the_service_that_takes_it(stacks: dict[str, Stack]) -> None:
    (passing,) = [
        statement for statement in stacks["main"].statements("LaunchRole") if "iam:PassRole" in statement["Action"]
    ]
    services = passing["Condition"]["StringEquals"]["iam:PassedToService"]
    taken_by = set()
    for name in LAUNCHED:
        for role in stacks[name].of_type("AWS::IAM::Role"):
            (trust,) = stacks[name].properties(role)["AssumeRolePolicyDocument"]["Statement"]
            taken_by.add(trust["Principal"]["Service"])
            assert any(fnmatch.fnmatchcase(stacks[name].resolve.arn(role), pattern) for pattern in passing["Resource"])

    assert taken_by == set(services)


def _handlers_calls(kind: str) -> set[str]:
    handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema(PRIMARY, kind).schema.get("handlers", {})
    assert handlers, f"cfn-lint has no handlers for {kind}"
    calls = {
        call
        for name in ("create", "read", "update", "delete")
        for call in handlers.get(name, {}).get("permissions", ())
    }
    exempt = re.compile(NOT_NEEDED.get(kind, r"(?!)"))
    return {call for call in calls if not exempt.fullmatch(call)}


def _covered(action: str, granted: set[str]) -> bool:
    if action.endswith("*"):
        # A handler that lists `Describe*` gets those that its resource can need; each is among the other handlers' too.
        return any(fnmatch.fnmatchcase(one, action) for one in granted)
    return action in granted
