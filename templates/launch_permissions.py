"""What the launch's build may do: bring up, change and take down the stacks of one launch in its two Regions.

CloudFormation acts with the build's rights, so they follow what its handlers call for each resource type in the
regional templates; a test compares the two. Names of resources begin with their stack's, which is what holds the
rights to launches of this solution; the condition on the Region holds them to the two that were chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from awacs import (
    apigateway,
    awslambda,
    cloudformation,
    cloudwatch,
    dynamodb,
    events,
    iam,
    iot,
    kms,
    logs,
    route53,
    s3,
    scheduler,
    secretsmanager,
    sqs,
    states,
)
from awacs.aws import Action, ArnLike, Statement, StringEquals, StringLike
from troposphere import Ref, Sub

from templates.blocks import keys
from templates.blocks.permissions import allow, arn, in_regions, write_log
from templates.blocks.solution import reference_bucket, source

STACKS = ("IoTDR", "R53HealthChecker")
"""How the names of the launched stacks begin, and so the names of what they hold."""


DELIVER_LOGS = (
    logs.CreateLogDelivery,
    logs.DeleteLogDelivery,
    logs.GetLogDelivery,
    logs.ListLogDeliveries,
    logs.PutResourcePolicy,
    logs.UpdateLogDelivery,
)
"""What the access log of an HTTP API takes, beside looking for log groups and resource policies.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html
"""


@dataclass(frozen=True)
class Area:
    """A part of the rights, small enough for one managed policy (6,144 characters)."""

    title: str
    description: str
    statements: tuple[Statement, ...]


def run_build(log_group: Any) -> tuple[Statement, ...]:
    """Return what the build itself does, and CloudFormation does with its rights to the stacks as such."""
    return (write_log(log_group), *_read_assets(), *_stacks())


def areas() -> tuple[Area, ...]:
    """Return what CloudFormation does with the build's rights to what is in the stacks."""
    return (
        Area(
            "LaunchCodePolicy",
            "Lets the launch manage roles, functions, their workflow, what starts them, and their logs",
            (*_roles(), *_functions(), *_workflow(), *_event_rules(), *_logs()),
        ),
        Area(
            "LaunchDataPolicy",
            "Lets the launch manage tables, buckets, queues, topic rules, secrets, alarms and the health check",
            (*_tables(), *_buckets(), *_queues(), *_rules(), *_secrets(), *_key(), *_alarms(), *_health_check()),
        ),
    )


def _both() -> StringEquals:
    return in_regions(Ref("PrimaryRegion"), Ref("SecondaryRegion"))


def _named(service: str, kind: str) -> list[Sub]:
    """Return the ARNs of what belongs to launched stacks, in either Region."""
    return [arn(service, f"{kind}{stack}*", "*") for stack in STACKS]  # any postfix; `_both` holds the Region


def _read_assets() -> list[Statement]:
    """Read the templates, the build's own source, and the code, with which CloudFormation makes functions."""
    objects = Sub(
        "arn:${AWS::Partition}:s3:::${Prefix}-*/${KeyPrefix}/*",  # a code bucket each Region; the whole release
        Prefix=source("BucketPrefix"),
        KeyPrefix=source("KeyPrefix"),
    )
    return [
        allow("ReadAssets", [s3.GetObject, s3.GetObjectVersion], [objects]),
        # Without the right to list, S3 answers 403 for what is not there, and the launch could not say so.
        allow(
            "FindTemplates", [s3.ListBucket], [Sub("arn:${AWS::Partition}:s3:::${Bucket}", Bucket=reference_bucket())]
        ),
        allow(
            "FindEndpoints",
            [iot.DescribeEndpoint],
            ["*"],  # DescribeEndpoint knows no resource
            _both(),
        ),
    ]


def _stacks() -> list[Statement]:
    return [
        allow(
            "ManageStacks",
            [
                cloudformation.CreateStack,
                cloudformation.DeleteStack,
                cloudformation.DescribeStackEvents,
                cloudformation.DescribeStacks,
                cloudformation.UpdateStack,
                Action("cloudformation", "UpdateTerminationProtection"),
            ],
            _named("cloudformation", "stack/"),
            _both(),
        ),
        allow(
            "ReadTemplates",
            [cloudformation.GetTemplateSummary],
            ["*"],  # GetTemplateSummary of a template that is no stack's yet knows no resource
            _both(),
        ),
    ]


def _roles() -> list[Statement]:
    # Roles are global: no Region in their ARNs, and none to hold them to.
    roles = [Sub(f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{stack}*") for stack in STACKS]  # any postfix
    return [
        allow(
            "ManageRoles",
            [
                iam.CreateRole,
                iam.DeleteRole,
                iam.DeleteRolePolicy,
                iam.GetRole,
                iam.GetRolePolicy,
                iam.ListAttachedRolePolicies,
                iam.ListRolePolicies,
                iam.PutRolePolicy,
                iam.TagRole,
                iam.UntagRole,
                iam.UpdateAssumeRolePolicy,
                iam.UpdateRole,
                iam.UpdateRoleDescription,
            ],
            roles,
        ),
        allow(
            "HandRolesToServices",
            [iam.PassRole],
            roles,
            StringEquals(
                {
                    "iam:PassedToService": [
                        f"{service}.amazonaws.com" for service in ("iot", "lambda", "scheduler", "states")
                    ]
                }
            ),
        ),
        allow(
            "LetServicesHaveTheirRoles",
            [iam.CreateServiceLinkedRole],
            [Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aws-service-role/*")],  # held by the condition
            StringEquals(
                {"iam:AWSServiceName": ["replication.dynamodb.amazonaws.com", "ops.apigateway.amazonaws.com"]}
            ),
        ),
    ]


def _functions() -> list[Statement]:
    functions = _named("lambda", "function:")
    of_launched_functions = ArnLike({"lambda:FunctionArn": functions})
    mappings = [arn("lambda", "event-source-mapping:*", "*")]  # a UUID made at creation, in either Region
    return [
        allow(
            "ManageFunctions",
            [
                awslambda.AddPermission,
                awslambda.CreateFunction,
                awslambda.DeleteFunction,
                awslambda.DeleteFunctionConcurrency,
                awslambda.DeleteFunctionEventInvokeConfig,
                awslambda.GetFunction,
                awslambda.GetFunctionCodeSigningConfig,
                awslambda.GetFunctionConfiguration,
                awslambda.GetFunctionEventInvokeConfig,
                awslambda.GetFunctionRecursionConfig,
                awslambda.GetPolicy,
                awslambda.GetRuntimeManagementConfig,
                awslambda.InvokeFunction,  # CloudFormation calls the functions of custom resources
                awslambda.PutFunctionConcurrency,
                awslambda.PutFunctionEventInvokeConfig,
                awslambda.RemovePermission,
                awslambda.TagResource,
                awslambda.UntagResource,
                awslambda.UpdateFunctionCode,
                awslambda.UpdateFunctionConfiguration,
                awslambda.UpdateFunctionEventInvokeConfig,
            ],
            functions,
            _both(),
        ),
        allow(
            "ManageLayers",
            [awslambda.DeleteLayerVersion, awslambda.GetLayerVersion, awslambda.PublishLayerVersion],
            _named("lambda", "layer:"),
            _both(),
        ),
        allow(
            "MakeStreamMappings",
            [awslambda.CreateEventSourceMapping],
            ["*"],  # CreateEventSourceMapping knows no resource; the function that it serves holds it
            of_launched_functions,
        ),
        allow(
            "ManageStreamMappings",
            [
                awslambda.DeleteEventSourceMapping,
                awslambda.GetEventSourceMapping,
                awslambda.UpdateEventSourceMapping,
            ],
            mappings,
            of_launched_functions,
        ),
        allow(
            "TagStreamMappings",
            [awslambda.ListTags, awslambda.TagResource, awslambda.UntagResource],
            mappings,
            _both(),
        ),
    ]


def _workflow() -> list[Statement]:
    return [
        allow(
            "ManageWorkflow",
            [
                states.CreateStateMachine,
                states.DeleteStateMachine,
                states.DescribeStateMachine,
                states.ListTagsForResource,
                states.TagResource,
                states.UntagResource,
                states.UpdateStateMachine,
            ],
            _named("states", "stateMachine:"),
            _both(),
        ),
        allow(
            "ManageSchedules",
            [
                scheduler.CreateSchedule,
                scheduler.DeleteSchedule,
                scheduler.GetSchedule,
                scheduler.UpdateSchedule,
            ],
            _named("scheduler", "schedule/default/"),
            _both(),
        ),
    ]


def _logs() -> list[Statement]:
    return [
        allow(
            "ManageLogGroups",
            [
                logs.CreateLogGroup,
                logs.DeleteLogGroup,
                logs.DeleteRetentionPolicy,
                logs.GetDataProtectionPolicy,
                logs.ListTagsForResource,
                logs.PutRetentionPolicy,
                logs.TagResource,
                logs.UntagResource,
            ],
            [
                *_named("logs", "log-group:"),
                *_named("logs", "log-group:/aws/vendedlogs/states/"),
                *_named("logs", "log-group:/aws/vendedlogs/apis/"),
            ],
            _both(),
        ),
        allow(
            "FindLogGroups",
            [logs.DescribeIndexPolicies, logs.DescribeLogGroups, logs.DescribeResourcePolicies],
            ["*"],  # what CloudFormation lists to find one log group knows no resource
            _both(),
        ),
    ]


def _tables() -> list[Statement]:
    return [
        allow(
            "ManageTables",
            [
                dynamodb.CreateTable,
                dynamodb.CreateTableReplica,
                dynamodb.DeleteTable,
                dynamodb.DeleteTableReplica,
                dynamodb.DescribeContinuousBackups,
                dynamodb.DescribeContributorInsights,
                dynamodb.DescribeKinesisStreamingDestination,
                dynamodb.DescribeTable,
                dynamodb.DescribeTableReplicaAutoScaling,
                dynamodb.DescribeTimeToLive,
                dynamodb.GetResourcePolicy,
                dynamodb.ListTagsOfResource,
                dynamodb.TagResource,
                dynamodb.UntagResource,
                dynamodb.UpdateContinuousBackups,
                dynamodb.UpdateTable,
                dynamodb.UpdateTimeToLive,
                # DynamoDB fills a new replica with the rights of who asks for it.
                # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/globaltables-security.html
                dynamodb.BatchWriteItem,
                dynamodb.DeleteItem,
                dynamodb.GetItem,
                dynamodb.PutItem,
                dynamodb.Query,
                dynamodb.Scan,
                dynamodb.UpdateItem,
            ],
            [arn("dynamodb", "table/IoTDR*", "*")],  # any postfix; the condition holds the Region
            _both(),
        ),
        allow(
            "FindTableScaling",
            [
                Action("application-autoscaling", "DescribeScalableTargets"),
                Action("application-autoscaling", "DescribeScalingPolicies"),
            ],
            ["*"],  # what CloudFormation reads of a global table's scaling knows no resource
            _both(),
        ),
    ]


def _buckets() -> list[Statement]:
    buckets = [
        Sub(f"arn:${{AWS::Partition}}:s3:::iot-dr-{role}-*")  # any launch's UUID
        for role in ("primary", "secondary")
    ]
    tools = Sub("arn:${AWS::Partition}:s3:::iot-dr-primary-*/tools/*")  # the operator's tools, of any launch
    return [
        allow(
            "ManageBuckets",
            [
                s3.CreateBucket,
                s3.DeleteBucket,
                s3.DeleteBucketPolicy,
                s3.GetBucketAcl,
                s3.GetBucketLocation,
                s3.GetBucketOwnershipControls,
                s3.GetBucketPolicy,
                s3.GetBucketPublicAccessBlock,
                s3.GetBucketTagging,
                s3.GetBucketVersioning,
                s3.GetEncryptionConfiguration,
                s3.GetLifecycleConfiguration,
                s3.ListBucket,
                s3.PutBucketOwnershipControls,
                s3.PutBucketPolicy,
                s3.PutBucketPublicAccessBlock,
                s3.PutBucketTagging,
                s3.PutBucketVersioning,
                s3.PutEncryptionConfiguration,
                s3.PutLifecycleConfiguration,
            ],
            buckets,
        ),
        allow("PutTools", [s3.PutObject], [tools]),
    ]


def _queues() -> list[Statement]:
    return [
        allow(
            "ManageQueues",
            [
                sqs.CreateQueue,
                sqs.DeleteQueue,
                sqs.GetQueueAttributes,
                sqs.GetQueueUrl,
                sqs.ListQueueTags,
                sqs.SetQueueAttributes,
                sqs.TagQueue,
                sqs.UntagQueue,
            ],
            [arn("sqs", "IoTDR*", "*")],  # any postfix; the condition holds the Region
            _both(),
        )
    ]


def _rules() -> list[Statement]:
    return [
        allow(
            "ManageTopicRules",
            [
                iot.CreateTopicRule,
                iot.DeleteTopicRule,
                iot.GetTopicRule,
                iot.ListTagsForResource,
                iot.ReplaceTopicRule,
                iot.TagResource,
                iot.UntagResource,
            ],
            [arn("iot", "rule/IoTDR*", "*")],  # any postfix; the condition holds the Region
            _both(),
        )
    ]


def _event_rules() -> list[Statement]:
    return [
        allow(
            "ManageEventRules",
            [
                events.DeleteRule,
                events.DescribeRule,
                events.ListTagsForResource,
                events.ListTargetsByRule,
                events.PutRule,
                events.PutTargets,
                events.RemoveTargets,
                events.TagResource,
                events.UntagResource,
            ],
            [arn("events", "rule/IoTDRPrimary*", "*")],  # any postfix; the condition holds the Region
            _both(),
        )
    ]


def _secrets() -> list[Statement]:
    return [
        allow(
            "ManageSecrets",
            [
                secretsmanager.CreateSecret,
                secretsmanager.DeleteSecret,
                secretsmanager.DescribeSecret,
                secretsmanager.GetSecretValue,  # CloudFormation resolves the path of the health check
                secretsmanager.PutSecretValue,
                secretsmanager.TagResource,
                secretsmanager.UntagResource,
                secretsmanager.UpdateSecret,
            ],
            [arn("secretsmanager", "secret:R53HealthChecker*", "*")],  # any postfix; the condition holds the Region
            _both(),
        ),
        allow(
            "MakeSecrets",
            [secretsmanager.GetRandomPassword],
            ["*"],  # GetRandomPassword knows no resource
            _both(),
        ),
    ]


def _key() -> list[Statement]:
    """Use a key of the customer's own through the services whose stores it encrypts; see `templates.blocks.keys`."""
    return [
        allow(
            "UseKey",
            [kms.CreateGrant, *keys.USES, kms.RevokeGrant],
            [arn("kms", "key/mrk-*", "*")],  # which one is known to the launched stacks alone
            StringLike({"kms:ViaService": [f"{store}.*" for store in keys.STORES]}),  # in either Region
        )
    ]


def _alarms() -> list[Statement]:
    return [
        allow(
            "ManageAlarms",
            [
                cloudwatch.DeleteAlarms,
                cloudwatch.DescribeAlarms,
                cloudwatch.ListTagsForResource,
                cloudwatch.PutMetricAlarm,
                cloudwatch.TagResource,
                cloudwatch.UntagResource,
            ],
            _named("cloudwatch", "alarm:"),
            _both(),
        )
    ]


def _health_check() -> list[Statement]:
    return [
        allow(
            "ManageApis",
            [apigateway.DELETE, apigateway.GET, apigateway.PATCH, apigateway.POST, apigateway.PUT],
            [
                Sub("arn:${AWS::Partition}:apigateway:*::/apis"),  # either Region, held by the condition
                Sub("arn:${AWS::Partition}:apigateway:*::/apis/*"),  # an API's ID is made at creation
                Sub("arn:${AWS::Partition}:apigateway:*::/tags/*"),  # as above, for its tags
            ],
            _both(),
        ),
        allow(
            "ManageHealthChecks",
            [
                route53.ChangeTagsForResource,
                route53.DeleteHealthCheck,
                route53.GetHealthCheck,
                route53.ListTagsForResource,
                route53.UpdateHealthCheck,
            ],
            [Sub("arn:${AWS::Partition}:route53:::healthcheck/*")],  # a health check's ID is made at creation
        ),
        allow(
            "DeliverAccessLog",
            list(DELIVER_LOGS),
            ["*"],  # log deliveries know no resource
            _both(),
        ),
        allow("CreateHealthChecks", [route53.CreateHealthCheck], ["*"]),  # CreateHealthCheck knows no resource
    ]
