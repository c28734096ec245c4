"""The main stack: checks the Regions before anything is made, then starts the build that launches the other stacks."""

from __future__ import annotations

from typing import Any

from awacs import awslambda, cloudformation, codebuild, dynamodb, iot, s3
from awacs.aws import Null
from troposphere import (
    AWSObject,
    Equals,
    GetAtt,
    If,
    Not,
    NoValue,
    Output,
    Parameter,
    Ref,
    Sub,
    Template,
    iam,
)
from troposphere import codebuild as build_projects

from templates import failover, fleet_domain, primary_region, r53_health_checker, secondary_region
from templates.blocks import parameters, permissions
from templates.blocks.buckets import log_bucket
from templates.blocks.console import add_console_domains, link
from templates.blocks.custom_resources import add_custom_resource
from templates.blocks.functions import LambdaSpec, add_function, add_layer
from templates.blocks.keys import KEY, own_key
from templates.blocks.log_groups import add_log_group
from templates.blocks.notifications import notification_topic
from templates.blocks.parameters import Field
from templates.blocks.roles import add_managed_policy, add_role, document
from templates.blocks.solution import (
    LAUNCHER,
    add_digests,
    asset_key,
    code_bucket,
    reference_bucket,
    source,
    start_template,
)
from templates.blocks.tracing import TRACING, tracing_or_as_it_is
from templates.config import Config
from templates.launch_names import both_regions, named, work_buckets
from templates.launch_permissions import areas, log_requests, run_build
from templates.launched_boundary import add_boundary

IMAGE = "aws/codebuild/amazonlinux-x86_64-standard:5.0"
BUILDSPEC = "launch-solution.yml"
BUILD_MINUTES = 60
NO_OVERRIDES = (
    "codebuild:environment.image",
    "codebuild:environment.privilegedMode",
    "codebuild:serviceRole",
    "codebuild:source.buildspec",
    "codebuild:source.location",
)
"""What a start of the project may not put in the place of its own.

https://docs.aws.amazon.com/codebuild/latest/userguide/action-context-keys.html
"""
CHECK_ANSWERS = "2"
"""Raise it whenever the check answers something new.

CloudFormation calls a custom resource again only if its properties changed. On an update of a main stack whose check
was called by an older version, `GetAtt` would find what that version answered, without what is new.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requesttypes-update.html
"""
LAUNCHED = (primary_region, secondary_region, r53_health_checker)
LOG_BUCKETS = {"PrimaryAccessLogBucket": "IoTDRPrimary", "SecondaryAccessLogBucket": "IoTDRSecondary"}
"""The parameter with the bucket of a stack's access log, and how that stack's name begins."""
TOPICS = {
    "PrimaryNotificationTopicArn": "PRIMARY_NOTIFICATION_TOPIC_ARN",
    "SecondaryNotificationTopicArn": "SECONDARY_NOTIFICATION_TOPIC_ARN",
}
"""The parameters of the topics that alarms notify, and the build's variable of each."""
FLEET = {
    "FleetName": "FLEET_NAME",
    "HostedZoneId": "HOSTED_ZONE_ID",
    "PrimaryFleetCertificateArn": "PRIMARY_FLEET_CERTIFICATE_ARN",
    "SecondaryFleetCertificateArn": "SECONDARY_FLEET_CERTIFICATE_ARN",
    "HealthCheckInterval": "HEALTH_CHECK_INTERVAL",
    "FailureThreshold": "FAILURE_THRESHOLD",
    "HealthCheckerRegions": "HEALTH_CHECKER_REGIONS",
    "NameServers": "NAME_SERVERS",
}
"""The parameters of the fleet's name and of how Route 53 checks, and the build's variable of each."""
KEPT = "the launched stacks keep what they have"
"""What an empty input means to a launch that is there; a new one has nothing to keep."""


def build(config: Config) -> Template:
    """Return the main template, the one that an operator launches."""
    template = start_template(config, "Disaster recovery for AWS IoT Core: launches the solution in two Regions")
    add_console_domains(template)
    _add_form(template, config)
    digests = add_digests(template, config)
    layer = add_layer(template)
    check = add_custom_resource(
        template,
        "LaunchCheck",
        "LaunchCheck",
        add_function(template, _check_launch(digests), layer),
        Answers=CHECK_ANSWERS,
        PrimaryRegion=Ref("PrimaryRegion"),
        SecondaryRegion=Ref("SecondaryRegion"),
    )
    boundary = add_boundary(template, [stack.build(config) for stack in LAUNCHED])
    project = _add_launch_project(template, digests, boundary)
    add_custom_resource(
        template,
        "SolutionLaunch",
        "SolutionLaunch",
        add_function(template, _start_launch(project), layer),
        ProjectName=Ref(project),
        # CloudFormation calls a custom resource again only if its properties changed: a release must be one of them.
        Version=source("Version"),
        SourceBucket=code_bucket(),
        SourceKey=asset_key(LAUNCHER),
        SourceSha256=dict(config.digests).get(LAUNCHER, ""),
        PermissionsBoundary=Ref(boundary),
        PrimaryRegion=Ref("PrimaryRegion"),
        SecondaryRegion=Ref("SecondaryRegion"),
        CreateHealthCheck=Ref("CreateHealthCheck"),
        CertificateMode=Ref("CertificateMode"),
        ProvisioningTemplate=Ref("ProvisioningTemplate"),
        ReplicateShadows=Ref("ReplicateShadows"),
        ShadowNamePattern=Ref("ShadowNamePattern"),
        **{name: Ref(name) for name in (KEY, *LOG_BUCKETS, "HealthCheckConcurrency", TRACING, *FLEET, *TOPICS)},
        StackPostfix=GetAtt(check, "StackPostfix"),
        Uuid=GetAtt(check, "Uuid"),
        # No build starts before its role has these; what a condition makes cannot stand in DependsOn.
        LogPolicies=[If(_given(bucket), Ref(_policy_of(bucket)), NoValue) for bucket in LOG_BUCKETS],
    )
    _add_outputs(template, check, project)
    return template


def _add_form(template: Template, config: Config) -> None:
    parameters.add_form(
        template,
        {
            "Regions": (
                parameters.region(
                    config,
                    "PrimaryRegion",
                    "Primary Region",
                    "Region that your devices use today. Registry events and thing indexing must be on there.",
                ),
                parameters.region(
                    config,
                    "SecondaryRegion",
                    "Secondary Region",
                    "Region that is kept ready for your devices. It must differ from the primary Region.",
                ),
            ),
            "Certificates": (
                parameters.certificate_mode(),
                parameters.provisioning_template(f"Empty: none in a new launch; later {KEPT}."),
            ),
            "Shadows": parameters.shadows(),
            "Failover": (
                parameters.choice(
                    "CreateHealthCheck",
                    "Create Route 53 health checks?",
                    "Makes a health check of AWS IoT Core in each Region, which your DNS can fail over by.",
                    ("yes", "no"),
                ),
                _health_check_concurrency(),
                *_checks(),
            ),
            "Name of the fleet": _fleet(),
            "Alarms": tuple(
                notification_topic(
                    f"{side}NotificationTopicArn",
                    f"Topic that alarms of the {side.lower()} Region notify",
                    f"the {side.lower()} Region",
                    f"Empty: alarms notify nobody in a new launch; later {KEPT}.",
                )
                for side in ("Primary", "Secondary")
            ),
            "Traces": (tracing_or_as_it_is(f"Empty: no in a new launch; later {KEPT}."),),
            "Security": (
                own_key(f"Empty: AWS's keys in a new launch; later {KEPT}."),
                *(
                    log_bucket(
                        f"{side}AccessLogBucket",
                        f"Bucket for access logs in the {side.lower()} Region",
                        f"the {side.lower()} Region",
                        f"Empty: requests are not logged in a new launch; later {KEPT}.",
                    )
                    for side in ("Primary", "Secondary")
                ),
            ),
        },
    )
    template.add_rule(
        "RegionsDiffer",
        {
            "Assertions": [
                {
                    "Assert": Not(Equals(Ref("PrimaryRegion"), Ref("SecondaryRegion"))),
                    "AssertDescription": "The secondary Region must differ from the primary Region.",
                }
            ]
        },
    )
    fleet_domain.require_zone(template)
    template.add_condition("CreatesHealthCheck", Equals(Ref("CreateHealthCheck"), "yes"))


def _health_check_concurrency() -> Field:
    """Ask for the health checks' executions; as text, for only that can be empty."""
    most = r53_health_checker.MOST_RESERVED
    return Field(
        Parameter(
            "HealthCheckConcurrency",
            Type="String",
            Description="Executions of Lambda that are reserved for the health check in each Region, so that other "
            "functions of the account cannot make it fail; 5 are enough. AWS wants 100 to remain for the others, so an "
            f"account with a small quota cannot reserve any. Empty: none in a new launch; later {KEPT}.",
            Default="",
            AllowedPattern=f"([1-9]?[0-9]|{most})?",
            ConstraintDescription=f"must be a whole number from 0 to {most}, or empty",
        ),
        "Concurrent executions reserved for the health check",
    )


def _checks() -> tuple[Field, ...]:
    """Ask how Route 53 checks; as text, as above."""
    least, most = fleet_domain.FAILURES
    return (
        fleet_domain.optional(
            "HealthCheckInterval",
            "Seconds between health checks",
            "How often each of Route 53's checkers asks: 30, or 10 to find a failure in a third of the time for three "
            "times the requests. A change makes new health checks with other IDs. Empty: 30 in a new launch; later "
            f"{KEPT}.",
            "|".join(map(str, fleet_domain.INTERVALS)),
            f"must be {' or '.join(map(str, fleet_domain.INTERVALS))}",
        ),
        fleet_domain.optional(
            "FailureThreshold",
            "Failed checks until a Region counts as unhealthy",
            f"How many checks in a row must fail, or succeed, before Route 53 changes its opinion, {least} to {most}. "
            f"Empty: 3 in a new launch; later {KEPT}.",
            "[1-9]|10",
            f"must be a whole number from {least} to {most}",
        ),
        fleet_domain.checker_regions(f"Empty: all in a new launch; later {KEPT}."),
    )


def _fleet() -> tuple[Field, ...]:
    made = f"Empty: one is made and validated in the hosted zone in a new launch; later {KEPT}."
    return (
        fleet_domain.fleet_name(f"Empty: no domain and no records are made in a new launch; later {KEPT}."),
        fleet_domain.hosted_zone(f"Empty: none is used in a new launch; later {KEPT}."),
        *(
            fleet_domain.fleet_certificate(
                f"{side}FleetCertificateArn",
                f"Certificate of the name in the {side.lower()} Region",
                f"the {side.lower()} Region",
                made,
            )
            for side in ("Primary", "Secondary")
        ),
        failover.name_servers(f"Empty: those of the zone's NS records in a new launch; later {KEPT}."),
    )


def _check_launch(digests: Any) -> LambdaSpec:
    return LambdaSpec(
        folder="check_launch",
        description="Checks both Regions before anything is made, and chooses the names of the launch",
        statements=(
            permissions.allow(
                "ReadIotSettings",
                [iot.DescribeEndpoint, iot.DescribeEventConfigurations, iot.GetIndexingConfiguration],
                ["*"],  # settings of a Region know no resource
                permissions.in_regions(Ref("PrimaryRegion"), Ref("SecondaryRegion")),
            ),
            permissions.allow(
                "ReadConcurrency",
                [awslambda.GetAccountSettings],
                ["*"],  # GetAccountSettings knows no resource
                permissions.in_regions(Ref("PrimaryRegion"), Ref("SecondaryRegion")),
            ),
            *permissions.read_release(Ref("PrimaryRegion"), Ref("SecondaryRegion")),
        ),
        environment={
            "BUCKET_PREFIX": source("BucketPrefix"),
            "SOLUTION_NAME": source("Name"),
            "VERSION": source("Version"),
            "RELEASE_SHA256": digests,
        },
        # Over thirty files, eight at a time; a Region that does not answer takes four calls of up to 52 seconds each.
        memory=512,
        timeout=300,
    )


def _start_launch(project: build_projects.Project) -> LambdaSpec:
    """Describe the function that starts the build, and on deletion says what the build made and is left."""
    return LambdaSpec(
        folder="start_launch",
        description="Starts the build that launches the solution; on deletion says what is left",
        statements=(
            permissions.allow(
                "StartLaunch",
                [codebuild.StartBuild],
                [GetAtt(project, "Arn")],
                Null(dict.fromkeys(NO_OVERRIDES, "true")),
            ),
            permissions.allow(
                "FindStacks", [cloudformation.DescribeStacks], named("cloudformation", "stack/"), both_regions()
            ),
            permissions.allow("FindTables", [dynamodb.DescribeTable], named("dynamodb", "table/"), both_regions()),
            *permissions.read_release(Ref("AWS::Region")),
            permissions.allow("FindBuckets", [s3.ListBucket], work_buckets(), permissions.in_own_account()),
        ),
        timeout=60,
        log_outlives_stack=True,
    )


def _add_launch_project(template: Template, digests: Any, boundary: iam.ManagedPolicy) -> build_projects.Project:
    log_group = add_log_group(template, "LaunchLogGroup", outlive_stack=True)
    role = add_role(
        template,
        "LaunchRole",
        "codebuild",
        "Lets the build launch the solution's stacks in both Regions",
        {"RunBuild": run_build(log_group)},
        *(add_managed_policy(template, area.title, area.description, area.statements) for area in areas(boundary)),
    )
    for bucket, stack in LOG_BUCKETS.items():
        template.add_condition(_given(bucket), Not(Equals(Ref(bucket), "")))
        template.add_resource(
            iam.PolicyType(
                _policy_of(bucket),
                Condition=_given(bucket),
                PolicyName="LogRequests",
                PolicyDocument=document(log_requests(bucket, stack)),
                Roles=[Ref(role)],
            )
        )
    variables: dict[str, Any] = {
        "BUCKET_RESOURCES": reference_bucket(),
        "SOLUTION_NAME": source("Name"),
        "VERSION": source("Version"),
        "CREATE_HEALTH_CHECK": Ref("CreateHealthCheck"),
        "CERTIFICATE_MODE": Ref("CertificateMode"),
        "PROVISIONING_TEMPLATE": Ref("ProvisioningTemplate"),
        "REPLICATE_SHADOWS": Ref("ReplicateShadows"),
        "SHADOW_NAME_PATTERN": Ref("ShadowNamePattern"),
        "KMS_KEY_ID": Ref(KEY),
        "PRIMARY_ACCESS_LOG_BUCKET": Ref("PrimaryAccessLogBucket"),
        "SECONDARY_ACCESS_LOG_BUCKET": Ref("SecondaryAccessLogBucket"),
        "HEALTH_CHECK_CONCURRENCY": Ref("HealthCheckConcurrency"),
        "TRACING": Ref(TRACING),
        **{variable: Ref(parameter) for parameter, variable in (FLEET | TOPICS).items()},
        "PRIMARY_REGION": Ref("PrimaryRegion"),
        "SECONDARY_REGION": Ref("SecondaryRegion"),
        "STACK_POSTFIX": GetAtt("LaunchCheck", "StackPostfix"),
        "UUID": GetAtt("LaunchCheck", "Uuid"),
        "RELEASE_SHA256": digests,
        "PERMISSIONS_BOUNDARY": Ref(boundary),
    }
    return template.add_resource(
        build_projects.Project(
            "LaunchProject",
            Name=Sub("${AWS::StackName}-launch"),
            Description="Launches the regional stacks of the disaster recovery solution; can be run again",
            ServiceRole=GetAtt(role, "Arn"),
            Artifacts=build_projects.Artifacts(Type="NO_ARTIFACTS"),
            Source=build_projects.Source(
                Type="S3",
                Location=Sub("${Bucket}/${Key}", Bucket=code_bucket(), Key=asset_key(LAUNCHER)),
                BuildSpec=BUILDSPEC,
            ),
            Environment=build_projects.Environment(
                Type="LINUX_CONTAINER",
                ComputeType="BUILD_GENERAL1_SMALL",
                Image=IMAGE,
                EnvironmentVariables=[
                    build_projects.EnvironmentVariable(Name=name, Value=value) for name, value in variables.items()
                ],
            ),
            LogsConfig=build_projects.LogsConfig(
                CloudWatchLogs=build_projects.CloudWatchLogs(Status="ENABLED", GroupName=Ref(log_group))
            ),
            TimeoutInMinutes=BUILD_MINUTES,
        )
    )


def _given(bucket: str) -> str:
    return f"Has{bucket}"


def _policy_of(bucket: str) -> str:
    return f"{bucket}Policy"


def _add_outputs(template: Template, check: AWSObject, project: build_projects.Project) -> None:
    postfix, uuid = GetAtt(check, "StackPostfix"), GetAtt(check, "Uuid")

    def stack_link(name: str, region: str) -> Sub:
        return link(
            f"cloudformation/home?region=${{{region}}}#/stacks?filteringText={name}${{Postfix}}",
            f"${{{region}}}",
            Postfix=postfix,
        )

    health_check = {"Condition": "CreatesHealthCheck"}
    outputs: list[tuple[str, str, Any, dict[str, str]]] = [
        ("CFNIoTDRPrimaryStack", "Stack in the primary Region", stack_link("IoTDRPrimary", "PrimaryRegion"), {}),
        (
            "CFNIoTDRSecondaryStack",
            "Stack in the secondary Region",
            stack_link("IoTDRSecondary", "SecondaryRegion"),
            {},
        ),
        (
            "CFNR53HealthCheckPrimaryStack",
            "Health checker's stack in the primary Region",
            stack_link("R53HealthChecker", "PrimaryRegion"),
            health_check,
        ),
        (
            "CFNR53HealthCheckSecondaryStack",
            "Health checker's stack in the secondary Region",
            stack_link("R53HealthChecker", "SecondaryRegion"),
            health_check,
        ),
        (
            "CodeBuildLaunchSolutionProject",
            "Project that launches the stacks; watch its build, or start it again",
            link(
                "codesuite/codebuild/${AWS::AccountId}/projects/${Project}/history?region=${AWS::Region}",
                Project=Ref(project),
            ),
            {},
        ),
        ("IoTEndpointPrimary", "Endpoint of devices in the primary Region", GetAtt(check, "PrimaryEndpoint"), {}),
        ("IoTEndpointSecondary", "Endpoint of devices in the secondary Region", GetAtt(check, "SecondaryEndpoint"), {}),
        ("StackPostfix", "What the names of the launched stacks end with", postfix, {}),
        (
            "ToolsS3Url",
            "Operator's tools; toolsrc sets up a shell",
            link(
                "s3/object/iot-dr-primary-${Uuid}?region=${PrimaryRegion}&prefix=tools/toolsrc",
                "${PrimaryRegion}",
                Uuid=uuid,
            ),
            {},
        ),
        (
            "LambdaS3Url",
            "Code of the functions of this Region",
            link(
                "s3/buckets/${Bucket}?region=${AWS::Region}&prefix=${KeyPrefix}/",
                Bucket=code_bucket(),
                KeyPrefix=source("KeyPrefix"),
            ),
            {},
        ),
        ("UuidS3Postfix", "What the names of the launched buckets end with", uuid, {}),
    ]
    template.add_output([Output(name, Description=text, Value=value, **extra) for name, text, value, extra in outputs])
