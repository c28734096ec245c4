"""The launch's role against the list of calls that CloudFormation's own handlers make, which cfn-lint carries."""

from __future__ import annotations

import fnmatch
import re
from typing import Any

import pytest
from awacs.aws import Action
from troposphere import Template

import generate
from iot_dr.model.launch.distribution import MAIN_TEMPLATE, TEMPLATES, Distribution, object_url
from templates.blocks.keys import STORES
from templates.blocks.permissions import allow
from templates.blocks.roles import BOUNDARY, add_role
from templates.launch_permissions import REGION_PATTERNS
from templates.launched_boundary import TITLE, add_boundary
from tests.unit.templates.policy_linter import findings
from tests.unit.templates.resolving import ACCOUNT, PARAMETERS, POSTFIX, PRIMARY, SECONDARY, UUID
from tests.unit.templates.stacks import Stack, make_stacks

NOT_NEEDED = {
    "AWS::ApiGatewayV2::Api": r"s3:.*",  # an API from a definition in S3
    "AWS::ApiGatewayV2::Integration": r"iam:.*",  # credentials of an integration; ours has a Lambda permission
    "AWS::CertificateManager::Certificate": r"acm-pca:.*",  # a private authority
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
    # Managed policies; a boundary stays.
    "AWS::IAM::Role": r"iam:(At|De)tachRolePolicy|iam:DeleteRolePermissionsBoundary",
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
        r"|logs:PutLogGroupDeletionProtection|logs:PutBearerTokenAuthentication"
    ),  # data protection, indexes
    "AWS::Route53::HealthCheck": r"cloudwatch:DescribeAlarms|route53-recovery.*",  # checks of alarms, routing controls
    "AWS::S3::Bucket": (
        r"s3tables:.*|iam:.*|s3:(Get|Put|Delete)?.*(Analytics|CORS|Cors|Inventory|Metrics|Notification|Replication"
        r"|Website|Accelerate|ObjectLock|ObjectAcl|IntelligentTiering|MetadataTable|Journal|Annotation|Abac).*"
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


@pytest.mark.parametrize(
    ("parameter", "name"), [("PrimaryAccessLogBucket", "primary"), ("SecondaryAccessLogBucket", "secondary")]
)
def test_the_launch_may_have_requests_logged_below_the_stacks_name_in_the_bucket_that_was_chosen(
    parameter: str, name: str
) -> None:
    stacks = make_stacks({parameter: "logs-of-mine", "AccessLogBucket": "logs-of-mine"})
    main, launched = stacks["main"], stacks[name]
    logging = launched.properties("WorkBucket")["LoggingConfiguration"]

    attached = [one for one in _attached(main, "LaunchRole") if "s3:PutObjectAcl" in one["Action"]]
    in_use = [title for title in main.of_type("AWS::IAM::Policy") if main.resolve.holds(f"Has{title[:-6]}")]

    place = f"arn:aws:s3:::{logging['DestinationBucketName']}/{logging['LogFilePrefix']}*"
    (statement,) = [one for one in attached if one["Resource"] == [place]]
    assert in_use == [f"{parameter}Policy"]
    assert set(statement["Action"]) == {"s3:PutObject", "s3:PutObjectAcl"}
    assert _through_cloudformation(statement)
    assert statement["Condition"]["StringEquals"] == {"s3:ResourceAccount": ACCOUNT}


def test_the_launch_starts_when_it_has_the_rights_to_log_requests(stacks: dict[str, Stack]) -> None:
    main = stacks["main"]

    named = main.template["Resources"]["SolutionLaunch"]["Properties"]["LogPolicies"]

    assert named == [
        {"Fn::If": [policy["Condition"], {"Ref": title}, {"Ref": "AWS::NoValue"}]}
        for title, policy in main.of_type("AWS::IAM::Policy").items()
    ]


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


@pytest.mark.parametrize("name", LAUNCHED)
def test_every_launched_role_has_the_boundary_that_the_launch_gives(name: str, stacks: dict[str, Stack]) -> None:
    stack = stacks[name]

    for title, role in stack.of_type("AWS::IAM::Role").items():
        assert role["Properties"]["PermissionsBoundary"] == {
            "Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundary"}, {"Ref": "AWS::NoValue"}]
        }, title
    assert stack.template["Parameters"]["PermissionsBoundary"]["Default"] == ""
    assert re.fullmatch(stack.template["Parameters"]["PermissionsBoundary"]["AllowedPattern"], PARAMETERS[BOUNDARY])


@pytest.mark.parametrize("name", LAUNCHED)
def test_the_boundary_admits_all_that_a_launched_role_does(name: str, stacks: dict[str, Stack]) -> None:
    admitted = _boundary(stacks["main"])

    for role in stacks[name].of_type("AWS::IAM::Role"):
        for statement in [*stacks[name].statements(role), *_attached(stacks[name], role)]:
            for action in statement["Action"]:
                for resource in statement["Resource"]:
                    assert any(
                        action in one["Action"] and any(fnmatch.fnmatchcase(resource, at) for at in one["Resource"])
                        for one in admitted
                    ), f"{role}: {action} on {resource}"


@pytest.mark.parametrize("name", LAUNCHED)
def test_some_launched_role_uses_a_key_of_the_customers_own(name: str, stacks: dict[str, Stack]) -> None:
    attached = [one for role in stacks[name].of_type("AWS::IAM::Role") for one in _attached(stacks[name], role)]

    assert any("kms:Decrypt" in one["Action"] for one in attached)


def test_the_boundary_admits_nothing_by_which_a_role_gets_other_rights(stacks: dict[str, Stack]) -> None:
    main = stacks["main"]
    actions = [action for statement in _boundary(main) for action in statement["Action"]]

    assert not [one for one in actions if "*" in one or one.startswith(("iam:", "sts:", "organizations:"))]
    assert {statement["Effect"] for statement in _boundary(main)} == {"Allow"}


def test_the_boundary_outlives_the_main_stack_as_the_roles_do(stacks: dict[str, Stack]) -> None:
    boundary = stacks["main"].template["Resources"][TITLE]

    assert (boundary["DeletionPolicy"], boundary["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_a_launched_role_that_could_give_itself_rights_is_refused_when_the_templates_are_made() -> None:
    template = Template()
    add_role(template, "Role", "lambda", "", {"P": (allow("Take", [Action("iam", "PutRolePolicy")], ["a"]),)})

    with pytest.raises(ValueError, match="iam:PutRolePolicy"):
        add_boundary(Template(), [template])


def test_the_launch_makes_roles_and_their_policies_only_with_the_boundary(stacks: dict[str, Stack]) -> None:
    main = stacks["main"]
    held = {"iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary", "iam:DeleteRolePolicy"}

    for statement in main.statements("LaunchRole"):
        if held & set(statement["Action"]):
            boundary = statement["Condition"]["ArnEquals"]["iam:PermissionsBoundary"]
            assert boundary == [main.resolve.arn(TITLE)]

    granted = {action for statement in main.statements("LaunchRole") for action in statement["Action"]}
    assert held <= granted
    assert not granted & {
        "iam:AttachRolePolicy",
        "iam:CreatePolicy",
        "iam:CreatePolicyVersion",
        "iam:DeleteRolePermissionsBoundary",
        "iam:SetDefaultPolicyVersion",
    }


def test_the_builds_own_commands_change_nothing_that_is_named_by_its_day_alone(stacks: dict[str, Stack]) -> None:
    named_by_day = [
        (action, resource)
        for statement in stacks["main"].statements("LaunchRole")
        if not _through_cloudformation(statement)
        for action in statement["Action"]
        for resource in statement["Resource"]
        if POSTFIX[:8] in resource and POSTFIX not in resource
    ]

    written = {
        (action, resource.rpartition(":")[2])
        for action, resource in named_by_day
        if not action.partition(":")[2].startswith(("Get", "List"))
    }
    assert named_by_day
    assert written == {
        ("iam:PassRole", f"role/IoTDR*{POSTFIX[:8]}*"),
        ("iam:PassRole", f"role/R53HealthChecker{POSTFIX[:8]}*"),
        ("lambda:InvokeFunction", f"R53HealthChecker{POSTFIX[:8]}*"),
    }


def test_the_builds_own_commands_touch_no_stream_mapping(stacks: dict[str, Stack]) -> None:
    held = [
        one
        for one in stacks["main"].statements("LaunchRole")
        if any("event-source-mapping" in place for place in one["Resource"])
        or "lambda:CreateEventSourceMapping" in one["Action"]
    ]

    assert len(held) == 3
    assert all(_through_cloudformation(one) for one in held)


def test_no_way_to_other_rights_is_open_to_the_builds_own_commands(stacks: dict[str, Stack]) -> None:
    own = [one for one in stacks["main"].statements("LaunchRole") if not _through_cloudformation(one)]
    document = {"Version": "2012-10-17", "Statement": own}

    ways = [line for line in findings(document) if line.startswith("PRIVILEGE_ESCALATION")]

    # CloudFormation takes no role that the launch may hand over, see the services in the test of iam:PassRole.
    assert [line for line in ways if "'PassExistingRoleToCloudFormation'" not in line] == []


@pytest.mark.parametrize("call", ["cloudformation:CreateStack", "cloudformation:UpdateStack"])
def test_stacks_are_made_only_from_the_published_templates_of_the_release(call: str, stacks: dict[str, Stack]) -> None:
    (statement,) = [one for one in stacks["main"].statements("LaunchRole") if call in one["Action"]]
    patterns = statement["Condition"]["StringLike"]["cloudformation:TemplateUrl"]
    release = Distribution("iot-dr-example", "disaster-recovery-for-aws-iot", "v0.0.0")
    bucket, launched = release.reference_bucket, [release.key(file) for file in TEMPLATES if file != MAIN_TEMPLATE]

    def fits(url: str) -> bool:
        return any(fnmatch.fnmatchcase(url, pattern) for pattern in patterns)

    # The bucket may lie anywhere: it stays where it was first made, whatever Regions are published for later.
    for region in (one for one in generate.iot_regions() if not one.startswith("cn-")):  # of this partition
        for key in launched:
            assert fits(object_url(bucket, region, key)), (region, key)
    for url in (
        object_url("iot-dr-example-eu-west-1", PRIMARY, launched[0]),
        object_url("strangers-reference", PRIMARY, launched[0]),
        object_url(bucket, PRIMARY, "other/v0.0.0/a.template"),
        object_url(bucket, PRIMARY, release.key("a.template")),
        object_url(bucket, PRIMARY, release.key(MAIN_TEMPLATE)),
        object_url(f"{bucket}.s3.anything", PRIMARY, launched[0]),
        object_url(f"{bucket}.s3.a", PRIMARY, launched[0]),
        object_url(f"{bucket}.s3.us-east-1", PRIMARY, launched[0]),
    ):
        assert not fits(url), url


@pytest.mark.parametrize("region", [one for one in generate.iot_regions() if one.startswith("cn-")])
def test_every_region_of_china_requests_as_the_templates_addresses_have_it(region: str) -> None:
    assert any(fnmatch.fnmatchcase(region, pattern) for pattern in REGION_PATTERNS)


def test_what_is_named_belongs_to_this_launch_alone(stacks: dict[str, Stack]) -> None:
    for role in ("LaunchRole", "StartLaunchRole"):
        for statement in stacks["main"].statements(role):
            for resource in statement["Resource"]:
                name = resource.split(":", 5)[-1]
                if any(stem in name for stem in ("IoTDR", "R53HealthChecker", "iot-dr-primary", "iot-dr-secondary")):
                    assert any(own in resource for own in (POSTFIX, POSTFIX[:8], UUID)), resource


@pytest.mark.parametrize("name", LAUNCHED)
def test_what_is_named_by_the_whole_postfix_has_a_name_that_cloudformation_need_not_cut(
    name: str, stacks: dict[str, Stack]
) -> None:
    longest = {"AWS::SQS::Queue": 80, "AWS::StepFunctions::StateMachine": 80, "AWS::DynamoDB::Table": 255}
    stack = stacks[name]

    for title, found in stack.of_type(*longest).items():
        assert len(stack.resolve.name(title)) <= longest[found["Type"]], title


def test_reading_the_release_is_held_to_the_accounts_own_buckets(stacks: dict[str, Stack]) -> None:
    main = stacks["main"]
    reading = [
        statement
        for role in ("CheckLaunchRole", "LaunchRole", "StartLaunchRole")
        for statement in main.statements(role)
        if any(action.startswith("s3:") for action in statement["Action"])
    ]

    assert len(reading) >= 4
    for statement in reading:
        assert statement["Condition"] == {"StringEquals": {"s3:ResourceAccount": ACCOUNT}}
        assert not any("example-*" in resource for resource in statement["Resource"])


def test_codebuild_may_ask_where_its_source_lies(stacks: dict[str, Stack]) -> None:
    main = stacks["main"]
    bucket = main.properties("LaunchProject")["Source"]["Location"].partition("/")[0]

    (statement,) = [one for one in main.statements("LaunchRole") if one["Sid"] == "FindSource"]

    assert statement["Action"] == ["s3:GetBucketAcl", "s3:GetBucketLocation"]
    assert statement["Resource"] == [f"arn:aws:s3:::{bucket}"]


def test_keys_are_used_through_dynamodb_and_a_multi_region_key_through_stores_alone(stacks: dict[str, Stack]) -> None:
    tables, own = [one for one in stacks["main"].statements("LaunchRole") if "kms:CreateGrant" in one["Action"]]

    if tables["Sid"] == "UseKey":
        tables, own = own, tables
    services = [f"dynamodb.{region}.amazonaws.com" for region in (PRIMARY, SECONDARY)]
    assert tables["Condition"] == {"StringEquals": {"kms:ViaService": services}}
    assert own["Resource"] == [f"arn:aws:kms:*:{ACCOUNT}:key/mrk-*"]
    assert set(own["Condition"]["StringLike"]["kms:ViaService"]) == {f"{store}.*" for store in STORES}


FLEET = {"FleetName": "iot.example.com", "HostedZoneId": "Z0123456789ABCDEFGHIJ"}


def test_the_launch_writes_the_fleets_record_and_the_one_that_validates_its_certificate_alone() -> None:
    main = make_stacks(FLEET)["main"]

    (writing,) = [one for one in main.statements("LaunchRole") if "route53:ChangeResourceRecordSets" in one["Action"]]

    assert writing["Action"] == ["route53:ChangeResourceRecordSets"]
    assert writing["Resource"] == ["arn:aws:route53:::hostedzone/Z0123456789ABCDEFGHIJ"]
    assert _through_cloudformation(writing)
    assert writing["Condition"]["ForAllValues:StringLike"] == {
        "route53:ChangeResourceRecordSetsNormalizedRecordNames": ["iot.example.com", "_*.iot.example.com"]
    }
    assert writing["Condition"]["ForAllValues:StringEquals"] == {
        "route53:ChangeResourceRecordSetsRecordTypes": ["CNAME"]
    }


def test_the_launch_makes_a_certificate_for_the_fleets_name_alone() -> None:
    main = make_stacks(FLEET)["main"]

    (making,) = [one for one in main.statements("LaunchRole") if "acm:RequestCertificate" in one["Action"]]

    assert making["Condition"]["ForAllValues:StringEquals"] == {"acm:DomainNames": ["iot.example.com"]}
    assert _through_cloudformation(making)


def test_the_launch_manages_the_domain_that_is_named_after_its_stack(stacks: dict[str, Stack]) -> None:
    domain = stacks["health checker"].resolve.arn("FleetDomain")
    granted = [
        one for one in stacks["main"].statements("LaunchRole") if "iot:CreateDomainConfiguration" in one["Action"]
    ]

    (statement,) = granted
    assert any(fnmatch.fnmatchcase(domain, pattern) for pattern in statement["Resource"])
    assert not any(fnmatch.fnmatchcase(domain.replace(POSTFIX, "1"), one) for one in statement["Resource"])
    assert _through_cloudformation(statement)


def test_without_a_fleet_the_launch_writes_in_no_zone(stacks: dict[str, Stack]) -> None:
    zones = {
        resource
        for one in stacks["main"].statements("LaunchRole")
        for resource in one["Resource"]
        if ":hostedzone/" in resource
    }

    assert zones == {"arn:aws:route53:::hostedzone/"}


def test_the_start_of_the_build_puts_nothing_in_the_place_of_the_projects_own(stacks: dict[str, Stack]) -> None:
    (statement,) = [one for one in stacks["main"].statements("StartLaunchRole") if one["Sid"] == "StartLaunch"]

    assert statement["Condition"]["Null"] == dict.fromkeys(
        (
            "codebuild:environment.image",
            "codebuild:environment.privilegedMode",
            "codebuild:serviceRole",
            "codebuild:source.buildspec",
            "codebuild:source.location",
        ),
        "true",
    )


def test_a_role_is_taken_by_a_service_for_this_account_and_region_alone(stacks: dict[str, Stack]) -> None:
    for stack in stacks.values():
        for title in stack.of_type("AWS::IAM::Role"):
            service, sources = _trusted(stack, title)
            if service == "lambda":  # which says neither account nor function
                continue
            (trust,) = stack.properties(title)["AssumeRolePolicyDocument"]["Statement"]
            assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
            assert sources
            assert all(one.startswith(f"arn:aws:{service}:{stack.resolve.region}:{ACCOUNT}:") for one in sources)


def test_each_rule_and_the_build_may_take_the_role_that_they_have(stacks: dict[str, Stack]) -> None:
    main = stacks["main"]
    taking = [
        (main, main.role_of("LaunchProject", "ServiceRole"), f"project/{main.properties('LaunchProject')['Name']}")
    ]
    for stack in stacks.values():
        for rule, found in stack.of_type("AWS::IoT::TopicRule").items():
            payload = found["Properties"]["TopicRulePayload"]
            for action in [*payload["Actions"], payload["ErrorAction"]]:
                for value in action.values():
                    taking.append((stack, value["RoleArn"]["Fn::GetAtt"][0], f"rule/{stack.resolve.name(rule)}"))

    assert len(taking) > 10
    for stack, role, resource in taking:
        service, sources = _trusted(stack, role)
        arn = f"arn:aws:{service}:{stack.resolve.region}:{ACCOUNT}:{resource}"
        assert any(fnmatch.fnmatchcase(arn, source) for source in sources), arn


def _trusted(stack: Stack, role: str) -> tuple[str, list[str]]:
    """Return the service that may take a role, and for which resources it may."""
    (trust,) = stack.properties(role)["AssumeRolePolicyDocument"]["Statement"]
    sources: list[str] = trust.get("Condition", {}).get("ArnLike", {}).get("aws:SourceArn", [])
    return trust["Principal"]["Service"].partition(".")[0], sources


def _attached(stack: Stack, role: str) -> list[dict[str, Any]]:
    """Return what policies of their own give a role, those of a condition among them, whether or not it holds."""
    return [
        statement
        for title, policy in stack.of_type("AWS::IAM::Policy").items()
        if {"Ref": role} in policy["Properties"]["Roles"]
        for statement in stack.properties(title)["PolicyDocument"]["Statement"]
    ]


def _boundary(main: Stack) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = main.properties(TITLE)["PolicyDocument"]["Statement"]
    return statements


def _through_cloudformation(statement: dict[str, Any]) -> bool:
    called = statement.get("Condition", {}).get("ForAnyValue:StringEquals", {})
    return bool(called == {"aws:CalledVia": ["cloudformation.amazonaws.com"]})


def _handlers_calls(kind: str) -> set[str]:
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # noqa: PLC0415  # takes a second in each process

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
