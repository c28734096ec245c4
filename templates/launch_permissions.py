"""What the launch's build may do: bring up, change and take down the stacks of one launch in its two Regions.

CloudFormation acts with the build's rights, so they follow what its handlers call for each resource type in the
regional templates; a test compares the two. Names of resources begin with their stack's, which is what holds the
rights to this launch; the condition on the Region holds them to the two that were chosen. What would give rights away,
or knows no names, is possible only through CloudFormation, which makes stacks only from the published templates, and
roles only with the boundary of `launched_boundary`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from awacs import (
    acm,
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
from awacs.aws import (
    Action,
    ArnEquals,
    ArnLike,
    ForAllValuesStringEquals,
    ForAllValuesStringLike,
    ForAnyValueStringEquals,
    Statement,
    StringEquals,
    StringLike,
)
from troposphere import Ref, Sub

from templates.blocks import keys
from templates.blocks.permissions import allow, arn, in_own_account, read_release, write_log
from templates.blocks.solution import LAUNCHER, asset_key, code_bucket, reference_bucket, source
from templates.launch_names import both_regions as _both
from templates.launch_names import functions_of_custom_resources, named_by_day, postfix, roles, work_buckets
from templates.launch_names import named as _named

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

LAUNCHED_FILES = tuple(
    f"disaster-recovery-for-aws-iot-{stack}.template"
    for stack in ("primary-region", "secondary-region", "r53-health-checker")
)
REGION_PATTERNS = tuple("??-".ljust(length, "?") for length in (9, 10, 12, 13, 14))  # us-east-1 to ap-southeast-1
"""What the names of Regions look like, all that have AWS IoT Core; a test compares."""


@dataclass(frozen=True)
class Area:
    """A part of the rights, small enough for one managed policy (6,144 characters)."""

    title: str
    description: str
    statements: tuple[Statement, ...]


def run_build(log_group: Any) -> tuple[Statement, ...]:
    """Return what the build itself does, and CloudFormation does with its rights to the stacks as such."""
    return (write_log(log_group), *_read_assets(), *_stacks())


def areas(boundary: Any) -> tuple[Area, ...]:
    """Return what CloudFormation does with the build's rights to what is in the stacks; roles have a boundary."""
    return (
        Area(
            "LaunchRolesPolicy",
            "Lets the launch manage roles that go no further than their boundary, and use a key of the customer's own",
            (*_roles(boundary), *_key()),
        ),
        Area(
            "LaunchCodePolicy",
            "Lets the launch manage functions, their workflow, and what starts them",
            (*_functions(), *_workflow(), *_event_rules()),
        ),
        Area("LaunchLogsPolicy", "Lets the launch manage logs, alarms and the dashboard", (*_logs(), *_alarms())),
        Area(
            "LaunchDataPolicy",
            "Lets the launch manage tables, buckets, queues, topic rules, secrets and the health check",
            (*_tables(), *_buckets(), *_queues(), *_rules(), *_secrets(), *_health_check()),
        ),
        Area(
            "LaunchFleetPolicy",
            "Lets the launch manage the fleet's name: its domain in AWS IoT, its certificate and its records",
            (*_domains(), *_certificates(), *_records()),
        ),
    )


def log_requests(bucket: str, stack: str) -> Statement:
    """Return what CloudFormation needs for a bucket's access log below a stack's name in the bucket of a parameter.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-s3-bucket-loggingconfiguration.html
    """
    logs_of_stack = Sub(
        f"arn:${{AWS::Partition}}:s3:::${{{bucket}}}/{stack}${{Postfix}}/*",  # S3 chooses the key
        Postfix=postfix(),
    )
    return allow(
        "LogRequests", [s3.PutObject, s3.PutObjectAcl], [logs_of_stack], [in_own_account(), _through_cloudformation()]
    )


def _through_cloudformation() -> ForAnyValueStringEquals:
    """Hold a statement to what CloudFormation does for the build; the build's own commands cannot.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-calledvia
    """
    return ForAnyValueStringEquals({"aws:CalledVia": ["cloudformation.amazonaws.com"]})


def _published() -> StringLike:
    """Hold a statement to the published templates of this release, in whichever Region their bucket lies.

    `*` would fit a bucket `PREFIX-reference.s3.anything` too; no such name is so short with a hyphen in that place.
    """
    return StringLike(
        {
            "cloudformation:TemplateUrl": [
                Sub(
                    f"https://${{Bucket}}.s3.{region}.${{AWS::URLSuffix}}/${{KeyPrefix}}/{file}",
                    Bucket=reference_bucket(),
                    KeyPrefix=source("KeyPrefix"),
                )
                for region in REGION_PATTERNS
                for file in LAUNCHED_FILES
            ]
        }
    )


def _read_assets() -> list[Statement]:
    """Read the templates, the build's own source, and the code, with which CloudFormation makes functions."""
    return [
        *read_release(Ref("PrimaryRegion"), Ref("SecondaryRegion")),
        allow(
            "ReadVersionOfSource",
            [s3.GetObjectVersion],
            [Sub("arn:${AWS::Partition}:s3:::${Bucket}/${Key}", Bucket=code_bucket(), Key=asset_key(LAUNCHER))],
            in_own_account(),
        ),
        allow(
            "FindSource",
            # https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html
            [s3.GetBucketAcl, s3.GetBucketLocation],
            [Sub("arn:${AWS::Partition}:s3:::${Bucket}", Bucket=code_bucket())],
            in_own_account(),
        ),
        allow(
            "FindEndpoints",
            [iot.DescribeEndpoint],
            ["*"],  # DescribeEndpoint knows no resource
            _both(),
        ),
    ]


def _stacks() -> list[Statement]:
    stacks = _named("cloudformation", "stack/")
    return [
        allow("MakeStacks", [cloudformation.CreateStack, cloudformation.UpdateStack], stacks, [_both(), _published()]),
        allow(
            "ManageStacks",
            [
                cloudformation.DeleteStack,
                cloudformation.DescribeStackEvents,
                cloudformation.DescribeStacks,
                Action("cloudformation", "UpdateTerminationProtection"),
            ],
            stacks,
            _both(),
        ),
        allow(
            "ReadTemplates",
            [cloudformation.GetTemplateSummary],
            ["*"],  # GetTemplateSummary of a template that is no stack's yet knows no resource
            [_both(), _published()],
        ),
    ]


def _roles(boundary: Any) -> list[Statement]:
    # Roles are global: no Region in their ARNs, and none to hold them to.
    return [
        allow(
            "WriteRoles",
            [
                iam.CreateRole,
                iam.DeleteRolePolicy,
                iam.PutRolePermissionsBoundary,
                iam.PutRolePolicy,
            ],
            roles(),
            [ArnEquals({"iam:PermissionsBoundary": [Ref(boundary)]}), _through_cloudformation()],
        ),
        allow(
            "ManageRoles",
            [
                iam.DeleteRole,
                iam.TagRole,
                iam.UntagRole,
                iam.UpdateAssumeRolePolicy,
                iam.UpdateRole,
                iam.UpdateRoleDescription,
            ],
            roles(),
            _through_cloudformation(),
        ),
        allow(
            "ReadRoles",
            [iam.GetRole, iam.GetRolePolicy, iam.ListAttachedRolePolicies, iam.ListRolePolicies],
            roles(),
        ),
        allow(
            "HandRolesToServices",
            [iam.PassRole],
            roles(),
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
    functions = named_by_day("lambda", "function:")
    of_launched_functions = ArnLike({"lambda:FunctionArn": functions})
    mappings = [arn("lambda", "event-source-mapping:*", "*")]  # a UUID made at creation, in either Region
    return [
        allow(
            "WriteFunctions",
            [
                awslambda.AddPermission,
                awslambda.CreateFunction,
                awslambda.DeleteFunction,
                awslambda.DeleteFunctionConcurrency,
                awslambda.DeleteFunctionEventInvokeConfig,
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
            [_both(), _through_cloudformation()],
        ),
        allow(
            "ReadFunctions",
            [
                awslambda.GetFunction,
                awslambda.GetFunctionCodeSigningConfig,
                awslambda.GetFunctionConfiguration,
                awslambda.GetFunctionEventInvokeConfig,
                awslambda.GetFunctionRecursionConfig,
                awslambda.GetPolicy,
                awslambda.GetRuntimeManagementConfig,
            ],
            functions,
            _both(),
        ),
        allow(
            "CallFunctionsOfCustomResources",
            # Nothing of AWS says that aws:CalledVia comes with this call, which is no handler's of a resource type.
            [awslambda.InvokeFunction],
            functions_of_custom_resources(),
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
            [of_launched_functions, _through_cloudformation()],
        ),
        allow(
            "ManageStreamMappings",
            [
                awslambda.DeleteEventSourceMapping,
                awslambda.GetEventSourceMapping,
                awslambda.UpdateEventSourceMapping,
            ],
            mappings,
            [of_launched_functions, _through_cloudformation()],
        ),
        allow(
            "TagStreamMappings",
            [awslambda.ListTags, awslambda.TagResource, awslambda.UntagResource],
            mappings,
            [_both(), _through_cloudformation()],
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
                # A key of the customer's own is put on groups that are there, and taken off when that is rolled back.
                Action("logs", "AssociateKmsKey"),
                Action("logs", "DisassociateKmsKey"),
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
            _named("dynamodb", "table/"),
            _both(),
        ),
        allow(
            "UseTablesKey",
            # Tables are encrypted with a key of KMS; DynamoDB asks for these with the rights of who makes them.
            # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
            [kms.CreateGrant, kms.Decrypt, kms.DescribeKey, kms.Encrypt, kms.GenerateDataKey, kms.ReEncryptFrom],
            [arn("kms", "key/*", "*")],  # a key's ID is made with it; the condition holds it to DynamoDB
            StringEquals(
                {
                    "kms:ViaService": [
                        Sub(f"dynamodb.${{{region}}}.${{AWS::URLSuffix}}")
                        for region in ("PrimaryRegion", "SecondaryRegion")
                    ]
                }
            ),
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
    buckets = work_buckets()
    tools = Sub("${Bucket}/tools/*", Bucket=buckets[0])  # the operator's tools, in the primary Region
    return [
        allow(
            "ManageBuckets",
            [
                s3.CreateBucket,
                s3.DeleteBucket,
                s3.DeleteBucketPolicy,
                s3.GetBucketAcl,
                s3.GetBucketLocation,
                s3.GetBucketLogging,
                s3.GetBucketOwnershipControls,
                s3.GetBucketPolicy,
                s3.GetBucketPublicAccessBlock,
                s3.GetBucketTagging,
                s3.GetBucketVersioning,
                s3.GetEncryptionConfiguration,
                s3.GetLifecycleConfiguration,
                s3.ListBucket,
                s3.PutBucketLogging,
                s3.PutBucketOwnershipControls,
                s3.PutBucketPolicy,
                s3.PutBucketPublicAccessBlock,
                s3.PutBucketTagging,
                s3.PutBucketVersioning,
                s3.PutEncryptionConfiguration,
                s3.PutLifecycleConfiguration,
            ],
            buckets,
            in_own_account(),
        ),
        allow("PutTools", [s3.PutObject], [tools], in_own_account()),
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
            _named("sqs", ""),
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
            _named("iot", "rule/"),
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
            _named("events", "rule/"),
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
            _named("secretsmanager", "secret:"),
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
            [arn("kms", "key/mrk-*", "*")],  # a launched stack may have one that the form does not name
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
        ),
        allow(
            "ManageDashboard",
            [cloudwatch.DeleteDashboards, cloudwatch.GetDashboard, cloudwatch.PutDashboard],
            _named("cloudwatch", "dashboard/", ""),  # dashboards are global, no Region holds them
        ),
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
            [_both(), _through_cloudformation()],
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
            _through_cloudformation(),
        ),
        allow(
            "CreateHealthChecks",
            [route53.CreateHealthCheck],
            ["*"],  # CreateHealthCheck knows no resource
            _through_cloudformation(),
        ),
        allow(
            "DeliverAccessLog",
            list(DELIVER_LOGS),
            ["*"],  # log deliveries know no resource
            _both(),
        ),
    ]


def _domains() -> list[Statement]:
    return [
        allow(
            "ManageDomains",
            [
                iot.CreateDomainConfiguration,
                iot.DeleteDomainConfiguration,
                iot.DescribeDomainConfiguration,
                iot.ListTagsForResource,
                iot.TagResource,
                iot.UntagResource,
                iot.UpdateDomainConfiguration,
            ],
            _named("iot", "domainconfiguration/"),
            [_both(), _through_cloudformation()],
        ),
    ]


def _certificates() -> list[Statement]:
    """Make the certificate of the fleet's name, and look at the one that the form names instead."""
    certificates = [arn("acm", "certificate/*", "*")]  # an ID is made with it, in either Region
    return [
        allow(
            "MakeCertificate",
            [acm.RequestCertificate],
            ["*"],  # RequestCertificate knows no resource
            [
                _both(),
                _through_cloudformation(),
                ForAllValuesStringEquals({"acm:DomainNames": [Ref("FleetName")]}),
            ],
        ),
        allow(
            "ManageCertificates",
            [
                acm.AddTagsToCertificate,
                acm.DeleteCertificate,
                acm.DescribeCertificate,
                acm.GetCertificate,
                acm.ListTagsForCertificate,
                acm.RemoveTagsFromCertificate,
                Action("acm", "UpdateCertificateOptions"),
            ],
            certificates,
            [_both(), _through_cloudformation()],
        ),
    ]


def _records() -> list[Statement]:
    """Write the record of the fleet's name, and the one below it by which its certificate is validated."""
    zone = [Sub("arn:${AWS::Partition}:route53:::hostedzone/${HostedZoneId}")]
    validation = Sub("_*.${FleetName}")  # AWS Certificate Manager chooses the beginning
    return [
        allow(
            "WriteRecords",
            [route53.ChangeResourceRecordSets],
            zone,
            [
                _through_cloudformation(),
                ForAllValuesStringLike(
                    {"route53:ChangeResourceRecordSetsNormalizedRecordNames": [Ref("FleetName"), validation]}
                ),
                ForAllValuesStringEquals({"route53:ChangeResourceRecordSetsRecordTypes": ["CNAME"]}),
            ],
        ),
        allow(
            "ReadRecords",
            [route53.GetHostedZone, route53.ListResourceRecordSets],
            zone,
            _through_cloudformation(),
        ),
        allow(
            "FollowChanges",
            [route53.GetChange],
            [Sub("arn:${AWS::Partition}:route53:::change/*")],  # an ID is made with each change
            _through_cloudformation(),
        ),
        allow(
            "FindZones",
            [route53.ListHostedZones],
            ["*"],  # ListHostedZones knows no resource
            _through_cloudformation(),
        ),
    ]
