"""The health checker of one Region: Route 53 watches a path that a real MQTT round trip answers for."""

from __future__ import annotations

from awacs import iot
from awacs import secretsmanager as secrets_actions
from awacs.aws import Statement
from troposphere import GetAtt, Output, Ref, Sub, Tags, Template, apigatewayv2, awslambda, route53, secretsmanager

from templates.blocks import parameters, permissions
from templates.blocks.custom_resources import add_custom_resource
from templates.blocks.functions import LambdaSpec, add_function, add_layer
from templates.blocks.roles import permissions_boundary
from templates.blocks.solution import source, start_template
from templates.config import Config

PROBE = "iot-dr-probe-${StackPostfix}"
"""Name of the checker's own thing and policy; replication leaves names with this beginning alone."""
PATH_LENGTH = 43
"""Letters and digits that make 256 bits."""
REQUESTS_PER_SECOND = 20
BURST = 40
ANSWER_SECONDS = 4
"""Route 53 waits 4 s for a connection and 2 s for the answer; what takes longer need not be finished.

https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html
"""


def build(config: Config) -> Template:
    """Return the template of the health checker, the same in both Regions."""
    template = start_template(config, "Disaster recovery for AWS IoT Core: checks AWS IoT Core's health in one Region")
    _add_form(template)
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
            statements=(permissions.read_secrets(probe_secret, path_secret),),
            environment={
                "PROBE_SECRET_ARN": GetAtt(probe_secret, "Id"),
                "PATH_SECRET_ARN": GetAtt(path_secret, "Id"),
                "IOT_ENDPOINT": GetAtt(probe, "Endpoint"),
            },
            timeout=ANSWER_SECONDS,
            memory=1024,  # CPU comes with memory, and two TLS handshakes must fit into the answer's 2 s
        ),
        layer,
    )
    api = _add_api(template, check)
    health_check = _add_health_check(template, api, path_secret)
    template.add_output(
        [
            Output("SolutionVersion", Description="Release of this stack", Value=source("Version")),
            Output("HealthCheckId", Description="Health check for your failover records", Value=Ref(health_check)),
            Output("HealthHost", Description="Host that the health check asks; its path is secret", Value=_host(api)),
        ]
    )
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
            "Roles": (permissions_boundary(template),),
        },
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
    return [
        permissions.allow(
            "ManageProbeThing",
            [iot.CreateThing, iot.DescribeThing, iot.DeleteThing],
            [permissions.arn("iot", f"thing/{PROBE}")],
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
            [permissions.arn("iot", "cert/*")],  # a certificate's ID is known only once it is made
        ),
        permissions.allow(
            "MakeProbeCertificate",
            [
                iot.CreateKeysAndCertificate,
                iot.AttachThingPrincipal,
                iot.DetachThingPrincipal,
                iot.ListThingPrincipals,
                iot.DescribeEndpoint,
            ],
            ["*"],  # none of these knows a resource
            own_region,
        ),
    ]


def _add_api(template: Template, check: awslambda.Function) -> apigatewayv2.Api:
    """Add the API. It writes no access log, for the path that one would hold is the secret."""
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
    template.add_resource(
        apigatewayv2.Route(
            "HealthRoute",
            ApiId=Ref(api),
            RouteKey="GET /health/{secret}",
            AuthorizationType="NONE",  # Route 53's checkers sign nothing; the path's secret is what they have
            Target=Sub(f"integrations/${{{integration.title}}}"),
        )
    )
    template.add_resource(
        apigatewayv2.Stage(
            "HealthStage",
            ApiId=Ref(api),
            StageName="$default",
            AutoDeploy=True,
            DefaultRouteSettings=apigatewayv2.RouteSettings(
                ThrottlingRateLimit=REQUESTS_PER_SECOND, ThrottlingBurstLimit=BURST
            ),
        )
    )
    called = f"${{{api.title}}}/*/GET/health/*"  # any stage; the path holds the secret
    template.add_resource(
        awslambda.Permission(
            "HealthApiPermission",
            Action="lambda:InvokeFunction",
            FunctionName=Ref(check),
            Principal="apigateway.amazonaws.com",
            SourceArn=permissions.arn("execute-api", called),
        )
    )
    return api


def _host(api: apigatewayv2.Api) -> Sub:
    return Sub(f"${{{api.title}}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}")


def _add_health_check(
    template: Template, api: apigatewayv2.Api, path_secret: secretsmanager.Secret
) -> route53.HealthCheck:
    """Add the health check; CloudFormation itself reads the secret path, so no template or output holds it."""
    return template.add_resource(
        route53.HealthCheck(
            "HealthCheck",
            DependsOn=["HealthRoute", "HealthStage"],
            HealthCheckConfig=route53.HealthCheckConfig(
                Type="HTTPS",
                FullyQualifiedDomainName=_host(api),
                Port=443,
                EnableSNI=True,
                ResourcePath=Sub("/health/{{resolve:secretsmanager:${Path}}}", Path=GetAtt(path_secret, "Id")),
                RequestInterval=30,
                FailureThreshold=3,
            ),
            HealthCheckTags=Tags(Name=Sub("${AWS::StackName} ${AWS::Region}")),
        )
    )
