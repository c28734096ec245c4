"""The health checker of one Region: Route 53 watches a path that a real MQTT round trip answers for.

A second path tells whether devices are to leave the other Region; `fleet_domain` has what both are for.
"""

from __future__ import annotations

import json

from awacs import iot
from awacs import secretsmanager as secrets_actions
from awacs.aws import ArnEqualsIfExists, Statement
from troposphere import (
    Equals,
    GetAtt,
    If,
    Not,
    NoValue,
    Output,
    Ref,
    Sub,
    Tags,
    Template,
    apigatewayv2,
    awslambda,
    route53,
    secretsmanager,
)

from templates import fleet_domain
from templates.blocks import leadership, parameters, permissions
from templates.blocks.alarms import add_alarm
from templates.blocks.custom_resources import add_custom_resource
from templates.blocks.functions import LambdaSpec, add_function, add_layer
from templates.blocks.keys import KEY, add_key, let_roles_use_key, own_key, with_key
from templates.blocks.log_groups import add_log_group
from templates.blocks.notifications import add_notifications, notification_topic
from templates.blocks.parameters import Field
from templates.blocks.roles import permissions_boundary
from templates.blocks.solution import source, start_template
from templates.config import Config

PROBE = "iot-dr-probe-${StackPostfix}"
"""Name of the checker's own thing and policy; replication leaves names with this beginning alone."""
PATH_LENGTH = 43
"""Letters and digits that make 256 bits."""
QUESTIONS = ("health", "drains")
"""What the API is asked: may devices come to this Region, and are they to leave the other one?"""
PATH = "{{resolve:secretsmanager:${Path}}}"
"""CloudFormation itself reads the secret, so no template, parameter or output holds it."""
REQUESTS_PER_SECOND = 20
BURST = 40
STRANGERS_PER_MINUTE = 60
"""Requests a minute that API Gateway refuses before somebody should act, when it goes on for five minutes."""
NOT_DRAINING_PER_MINUTE = 120
"""Answers with 404 that are right where `/drains` is asked: 96 a minute at an interval of ten seconds."""
FAILING_MINUTES = 3
"""How long a failure goes on before somebody should act; one call may fail by a cold start."""
MOST_RESERVED = 100
RESERVES = "ReservesConcurrency"
"""Condition of the template."""
ACCESS_LOG = {
    "requestId": "$context.requestId",
    "time": "$context.requestTimeEpoch",
    "ip": "$context.identity.sourceIp",
    "userAgent": "$context.identity.userAgent",
    "status": "$context.status",
    "milliseconds": "$context.responseLatency",
}
"""What is logged of each request: neither the path nor the route, for both hold the secret.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
"""
ANSWER_SECONDS = 4
"""Route 53 waits 4 s for a connection and 2 s for the answer; what takes longer need not be finished.

https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html
"""


def build(config: Config) -> Template:
    """Return the template of the health checker, the same in both Regions."""
    template = start_template(config, "Disaster recovery for AWS IoT Core: checks AWS IoT Core's health in one Region")
    _add_form(template)
    add_key(template)
    add_notifications(template)
    layer = add_layer(template)
    probe_secret = _add_secret(template, "ProbeSecret", "probe", "Certificate and private key of the health checker")
    path_secret = _add_secret(
        template,
        "PathSecret",
        "path",
        "Last part of the path that Route 53 asks for",
        secretsmanager.GenerateSecretString(PasswordLength=PATH_LENGTH, ExcludePunctuation=True, IncludeSpace=False),
    )
    probe = add_custom_resource(
        template,
        "Probe",
        "Probe",
        add_function(template, _provision_probe(probe_secret), layer),
        ProbeName=Sub(PROBE),
        SecretArn=GetAtt(probe_secret, "Id"),
    )
    check = add_function(
        template,
        LambdaSpec(
            folder="check_health",
            description="Answers whether this Region's AWS IoT Core carries a message to and fro",
            statements=(
                permissions.read_secrets(probe_secret, path_secret),
                leadership.on_controls(
                    "ReadControl",
                    leadership.READ_CONTROL,
                    permissions.arn("dynamodb", "table/${GlobalTableName}"),
                ),
            ),
            environment={
                "PROBE_SECRET_ARN": GetAtt(probe_secret, "Id"),
                "PATH_SECRET_ARN": GetAtt(path_secret, "Id"),
                "IOT_ENDPOINT": GetAtt(probe, "Endpoint"),
                "CONTROL_TABLE": Ref("GlobalTableName"),
                "PRIMARY_REGION": Ref("PrimaryRegion"),
                "SECONDARY_REGION": Ref("SecondaryRegion"),
            },
            timeout=ANSWER_SECONDS,
            memory=1024,  # CPU comes with memory, and two TLS handshakes must fit into the answer's 2 s
            reserved=If(RESERVES, Ref("HealthCheckConcurrency"), NoValue),
        ),
        layer,
    )
    api = _add_api(template, check, path_secret)
    health_check = _add_health_check(template, api, path_secret)
    _add_alarms(template, check)
    fleet_domain.add_fleet_domain(
        template,
        fleet_domain.Checks(
            host=_host(api),
            drains_path=_path("drains", path_secret),
            health=health_check,
            endpoint=GetAtt(probe, "Endpoint"),
        ),
    )
    template.add_output(
        [
            Output("SolutionVersion", Description="Release of this stack", Value=source("Version")),
            Output("HealthCheckId", Description="Health check for your failover records", Value=Ref(health_check)),
            Output("HealthHost", Description="Host that the health check asks; its path is secret", Value=_host(api)),
        ]
    )
    let_roles_use_key(template)
    return template


def _add_form(template: Template) -> None:
    parameters.add_form(
        template,
        {
            "Names": (
                parameters.text(
                    "StackPostfix",
                    "Postfix of the launch",
                    "What this stack's name ends with; names the health checker's own thing.",
                    "[A-Za-z0-9]{1,32}",
                    "must be 1 to 32 letters and digits",
                ),
            ),
            "Leadership": (
                _region("PrimaryRegion", "Primary Region"),
                _region("SecondaryRegion", "Secondary Region"),
                fleet_domain.optional(
                    "GlobalTableName",
                    "Name of the global table",
                    "Table that holds the control item, which says where devices are to go. Empty: the round trip "
                    "alone decides.",
                    parameters.TABLE_NAME,
                    "must be the name of a table",
                ),
            ),
            "Health checks": fleet_domain.form_of_checks(),
            "Name of the fleet": fleet_domain.form_of_fleet(),
            "Roles": (permissions_boundary(template),),
            "Security": (own_key(),),
            "Alarms": (notification_topic(),),
            "Tuning": (
                parameters.number(
                    "HealthCheckConcurrency",
                    "Concurrent executions reserved for the health check",
                    "Keeps the health check answering while other functions of the account use up all that Lambda "
                    "offers in this Region; 5 are enough. They are taken from the others, of whom AWS wants 100 to "
                    "remain, so an account with a small quota cannot reserve any. With 0 none are reserved.",
                    default=0,
                    between=(0, MOST_RESERVED),
                ),
            ),
        },
    )
    template.add_condition(RESERVES, Not(Equals(Ref("HealthCheckConcurrency"), 0)))
    fleet_domain.add_conditions(template)
    fleet_domain.require_zone(template)


def _region(title: str, label: str) -> Field:
    return fleet_domain.optional(
        title,
        label,
        f"{label} of the launch; this stack's own Region is one of the two. It is needed with a global table.",
        "[a-z]{2}(-[a-z]+)+-[0-9]",
        "must be a Region",
    )


def _add_secret(
    template: Template,
    title: str,
    name: str,
    description: str,
    generate: secretsmanager.GenerateSecretString | None = None,
) -> secretsmanager.Secret:
    """Add a secret, named after its stack; secrets are not unless told to, and the launch's rights go by that name."""
    optional = {} if generate is None else {"GenerateSecretString": generate}
    return template.add_resource(
        secretsmanager.Secret(
            title,
            # Both are made anew by every launch, so there is nothing to keep.
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
            Name=Sub(f"${{AWS::StackName}}/{name}"),
            Description=description,
            KmsKeyId=with_key(Ref(KEY)),
            **optional,
        )
    )


def _provision_probe(secret: secretsmanager.Secret) -> LambdaSpec:
    return LambdaSpec(
        folder="provision_probe",
        description="Makes the health checker's own thing, certificate and policy, and removes them",
        statements=(
            *_manage_probe(),
            permissions.allow(
                "KeepPrivateKey",
                [secrets_actions.PutSecretValue, secrets_actions.GetSecretValue],
                [GetAtt(secret, "Id")],
            ),
        ),
        timeout=600,
    )


def _manage_probe() -> list[Statement]:
    own_region = permissions.in_regions(Ref("AWS::Region"))
    probe = permissions.arn("iot", f"thing/{PROBE}")
    return [
        permissions.allow(
            "ManageProbeThing",
            [iot.CreateThing, iot.DescribeThing, iot.DeleteThing, iot.ListThingPrincipals],
            [probe],
        ),
        permissions.allow(
            "AttachProbeCertificate",
            [iot.AttachThingPrincipal, iot.DetachThingPrincipal],
            [permissions.arn("iot", "cert/*")],  # any certificate, but to and from the probe's thing alone
            ArnEqualsIfExists({"iot:thingArn": probe}),
        ),
        permissions.allow(
            "ManageProbePolicy",
            [
                iot.CreatePolicy,
                iot.GetPolicy,
                iot.DeletePolicy,
                iot.ListPolicyVersions,
                iot.CreatePolicyVersion,
                iot.DeletePolicyVersion,
                iot.ListTargetsForPolicy,
            ],
            [permissions.arn("iot", f"policy/{PROBE}")],
        ),
        permissions.allow(
            "ManageProbeCertificate",
            [
                iot.DescribeCertificate,
                iot.UpdateCertificate,
                iot.DeleteCertificate,
                iot.AttachPolicy,
                iot.DetachPolicy,
            ],
            # An ID is known only once the certificate is made, and these calls have no condition key (SECURITY.md).
            [permissions.arn("iot", "cert/*")],  # any certificate, as said
        ),
        permissions.allow(
            "MakeProbeCertificate",
            [iot.CreateKeysAndCertificate, iot.DescribeEndpoint],
            ["*"],  # neither knows a resource: the certificate is not there yet, an endpoint is none
            own_region,
        ),
    ]


def _add_api(template: Template, check: awslambda.Function, path_secret: secretsmanager.Secret) -> apigatewayv2.Api:
    """Add the API, whose only routes are the secret paths themselves.

    A request without the secret matches no route: API Gateway answers it by itself with 404. So strangers neither start
    the function nor use up what the routes' throttle admits, which Route 53 has for itself. An HTTP API takes no
    resource policy, and the checkers' addresses change; a list of them that is out of date would be a failover.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html
    """
    api = template.add_resource(
        apigatewayv2.Api(
            "HealthApi",
            Name=Ref("AWS::StackName"),
            Description="Health of AWS IoT Core in this Region",
            ProtocolType="HTTP",
        )
    )
    integration = template.add_resource(
        apigatewayv2.Integration(
            "HealthIntegration",
            ApiId=Ref(api),
            IntegrationType="AWS_PROXY",
            IntegrationUri=GetAtt(check, "Arn"),
            PayloadFormatVersion="2.0",
            TimeoutInMillis=ANSWER_SECONDS * 1000,
        )
    )
    for question in QUESTIONS:
        template.add_resource(
            apigatewayv2.Route(
                f"{question.capitalize()}Route",
                ApiId=Ref(api),
                RouteKey=Sub(f"GET /{question}/{PATH}", Path=GetAtt(path_secret, "Id")),
                AuthorizationType="NONE",  # Route 53's checkers sign nothing; the path's secret is what they have
                Target=Sub(f"integrations/${{{integration.title}}}"),
            )
        )
        called = f"${{{api.title}}}/*/GET/{question}/*"  # any stage; the path holds the secret
        template.add_resource(
            awslambda.Permission(
                f"{question.capitalize()}ApiPermission",
                Action="lambda:InvokeFunction",
                FunctionName=Ref(check),
                Principal="apigateway.amazonaws.com",
                SourceArn=permissions.arn("execute-api", called),
            )
        )
    _add_stage(template, api)
    return api


def _add_stage(template: Template, api: apigatewayv2.Api) -> None:
    """Add the stage with its access log, and an alarm on what it refuses."""
    # Below /aws/vendedlogs/ the log spares the account's resource policy, whose size is limited.
    log = add_log_group(template, "HealthAccessLogGroup", Sub("/aws/vendedlogs/apis/${AWS::StackName}"))
    template.add_resource(
        apigatewayv2.Stage(
            "HealthStage",
            ApiId=Ref(api),
            StageName="$default",
            AutoDeploy=True,
            AccessLogSettings=apigatewayv2.AccessLogSettings(
                DestinationArn=GetAtt(log, "Arn"), Format=json.dumps(ACCESS_LOG)
            ),
            DefaultRouteSettings=apigatewayv2.RouteSettings(
                ThrottlingRateLimit=REQUESTS_PER_SECOND, ThrottlingBurstLimit=BURST
            ),
        )
    )
    add_alarm(
        template,
        "HealthStrangersAlarm",
        "Somebody without the secret path keeps asking the health check's host, or its throttle refuses requests; the "
        "access log has the addresses",
        metric=("AWS/ApiGateway", "4xx"),
        dimensions={"ApiId": Ref(api)},
        above=If(fleet_domain.LEADS_TO_SECONDARY, STRANGERS_PER_MINUTE + NOT_DRAINING_PER_MINUTE, STRANGERS_PER_MINUTE),
        minutes=5,
    )


def _add_alarms(template: Template, check: awslambda.Function) -> None:
    """Add alarms on what `check_health` notices, and on that it cannot answer; its answers tell Route 53 alone."""
    by_service, by_function = {"service": "check_health"}, {"FunctionName": Ref(check)}
    for title, metric, dimensions, description in (
        (
            "PinnedWhileFailingAlarm",
            ("IoTDR", "PinnedWhileFailing"),
            by_service,
            "Devices are sent to this Region by an order, but the round trip through it fails: fail over, or correct "
            "the Region",
        ),
        (
            "ControlUnreadableAlarm",
            ("IoTDR", "ControlUnreadable"),
            by_service,
            "The control item cannot be read; the last order is used for five minutes, then the round trip decides",
        ),
        (
            "HealthFailedAlarm",
            ("AWS/Lambda", "Errors"),
            by_function,
            "The health check fails to answer, so Route 53 sends devices to the other Region, whatever was ordered",
        ),
        (
            "HealthThrottledAlarm",
            ("AWS/Lambda", "Throttles"),
            by_function,
            "Lambda has no execution left for the health check, so Route 53 sends devices to the other Region, "
            "whatever was ordered; see HealthCheckConcurrency",
        ),
    ):
        add_alarm(template, title, description, metric=metric, dimensions=dimensions, minutes=FAILING_MINUTES)


def _path(question: str, path_secret: secretsmanager.Secret) -> Sub:
    return Sub(f"/{question}/{PATH}", Path=GetAtt(path_secret, "Id"))


def _host(api: apigatewayv2.Api) -> Sub:
    return Sub(f"${{{api.title}}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}")


def _add_health_check(
    template: Template, api: apigatewayv2.Api, path_secret: secretsmanager.Secret
) -> route53.HealthCheck:
    """Add the health check."""
    return template.add_resource(
        route53.HealthCheck(
            "HealthCheck",
            DependsOn=["HealthRoute", "HealthStage"],
            HealthCheckConfig=route53.HealthCheckConfig(
                Type="HTTPS",
                FullyQualifiedDomainName=_host(api),
                Port=443,
                EnableSNI=True,
                ResourcePath=_path("health", path_secret),
                **fleet_domain.how_to_check(),
            ),
            HealthCheckTags=Tags(Name=Sub("${AWS::StackName} ${AWS::Region}")),
        )
    )
