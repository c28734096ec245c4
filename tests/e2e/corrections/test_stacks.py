"""Corrections of stacks and of what they make."""

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.emulator import PRIMARY_REGION, REGIONS, SECONDARY_REGION
from lab.waiting import until
from tests.e2e.corrections.making import Aws, document, make_function, make_role, make_stack, make_user

pytestmark = pytest.mark.lab


def outputs(stack: dict[str, Any]) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def global_table() -> dict[str, Any]:
    return {
        "Table": {
            "Type": "AWS::DynamoDB::GlobalTable",
            "Properties": {
                "TableName": f"global-{uuid.uuid4().hex[:8]}",
                "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
                "BillingMode": "PAY_PER_REQUEST",
                "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
                "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
                "Replicas": [{"Region": region} for region in REGIONS],
            },
        }
    }


def test_a_global_table_has_its_replicas_with_streams_and_loses_them_with_the_stack(corrected: Aws) -> None:
    resources = global_table()
    name = resources["Table"]["Properties"]["TableName"]
    stack = make_stack(corrected, resources)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    here, there = (corrected.client("dynamodb", region) for region in REGIONS)
    replicas = here.describe_table(TableName=name)["Table"]["Replicas"]
    assert {(replica["RegionName"], replica["ReplicaStatus"]) for replica in replicas} == {
        (SECONDARY_REGION, "ACTIVE")
    } or {replica["RegionName"] for replica in replicas} == set(REGIONS)
    assert SECONDARY_REGION in there.describe_table(TableName=name)["Table"]["LatestStreamArn"]
    for client in (here, there):
        assert client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED"
    here.put_item(TableName=name, Item={"k": {"S": "x"}})
    assert there.get_item(TableName=name, Key={"k": {"S": "x"}})["Item"] == {"k": {"S": "x"}}
    corrected.client("cloudformation").delete_stack(StackName=stack["StackName"])
    assert until(lambda: name not in there.list_tables()["TableNames"], 10)


def test_the_emulator_makes_no_replica(uncorrected: Aws) -> None:
    resources = global_table()
    make_stack(uncorrected, resources)
    there = uncorrected.client("dynamodb", SECONDARY_REGION)
    assert resources["Table"]["Properties"]["TableName"] not in there.list_tables()["TableNames"]


def region_condition_holds(aws: Aws) -> bool:
    stack = make_stack(
        aws,
        {"Queue": {"Type": "AWS::SQS::Queue"}},
        Conditions={"Here": {"Fn::Equals": [{"Ref": "AWS::Region"}, PRIMARY_REGION]}},
        Outputs={"Here": {"Condition": "Here", "Value": "yes"}},
    )
    return outputs(stack) == {"Here": "yes"}


def test_a_condition_may_compare_the_region(corrected: Aws) -> None:
    assert region_condition_holds(corrected)


def test_the_emulator_compares_the_name_of_the_pseudo_parameter(uncorrected: Aws) -> None:
    assert not region_condition_holds(uncorrected)


def secret_stack(aws: Aws) -> tuple[dict[str, str], str]:
    stack = make_stack(
        aws,
        {
            "Secret": {
                "Type": "AWS::SecretsManager::Secret",
                "Properties": {"GenerateSecretString": {"PasswordLength": 43}},
            },
            "Mirror": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {"Type": "String", "Value": {"Fn::Sub": "/{{resolve:secretsmanager:${Secret}}}"}},
            },
        },
        Outputs={"Ref": {"Value": {"Ref": "Secret"}}, "Mirror": {"Value": {"Ref": "Mirror"}}},
    )
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return outputs(stack), stack["StackName"]


def test_ref_of_a_secret_is_its_arn_and_resolves(corrected: Aws) -> None:
    values, stack_name = secret_stack(corrected)
    secrets = corrected.client("secretsmanager")
    secret = secrets.get_secret_value(SecretId=values["Ref"])
    assert values["Ref"] == secret["ARN"]
    mirror = corrected.client("ssm").get_parameter(Name=values["Mirror"])["Parameter"]["Value"]
    assert mirror == f"/{secret['SecretString']}"
    corrected.client("cloudformation").delete_stack(StackName=stack_name)
    gone = secrets.exceptions.ResourceNotFoundException

    def deleted() -> bool:
        try:
            return "DeletedDate" in secrets.describe_secret(SecretId=values["Ref"])
        except gone:
            return True

    assert until(deleted, 10)


def test_the_emulator_gives_the_name_of_a_secret(uncorrected: Aws) -> None:
    assert not secret_stack(uncorrected)[0]["Ref"].startswith("arn:")


def generated_secret(aws: Aws) -> str:
    generate = {"PasswordLength": 200, "ExcludePunctuation": True}
    stack = make_stack(
        aws,
        {"Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"GenerateSecretString": generate}}},
        Outputs={"Ref": {"Value": {"Ref": "Secret"}}},
    )
    secret: str = aws.client("secretsmanager").get_secret_value(SecretId=outputs(stack)["Ref"])["SecretString"]
    return secret


def test_a_generated_secret_leaves_out_excluded_kinds_of_character(corrected: Aws) -> None:
    assert generated_secret(corrected).isalnum()


def test_the_emulator_puts_excluded_kinds_in_all_the_same(uncorrected: Aws) -> None:
    assert not generated_secret(uncorrected).isalnum()


HEALTH_CHECK = {
    "Check": {
        "Type": "AWS::Route53::HealthCheck",
        "Properties": {
            "HealthCheckConfig": {
                "Type": "HTTPS",
                "FullyQualifiedDomainName": "health.example.com",
                "ResourcePath": "/health",
                "Port": 443,
                "RequestInterval": 30,
                "FailureThreshold": 3,
                "EnableSNI": True,
            }
        },
    }
}


def test_a_health_check_can_be_a_resource(corrected: Aws) -> None:
    stack = make_stack(
        corrected,
        HEALTH_CHECK,
        Outputs={"Id": {"Value": {"Ref": "Check"}}, "Same": {"Value": {"Fn::GetAtt": ["Check", "HealthCheckId"]}}},
    )
    values, route53 = outputs(stack), corrected.client("route53")
    assert values["Id"] == values["Same"]
    check = route53.get_health_check(HealthCheckId=values["Id"])["HealthCheck"]
    assert check["HealthCheckConfig"]["ResourcePath"] == "/health"
    corrected.client("cloudformation").delete_stack(StackName=stack["StackName"])
    assert until(lambda: not route53.list_health_checks()["HealthChecks"], 10)


def test_the_emulator_refuses_a_template_with_a_health_check(uncorrected: Aws) -> None:
    with pytest.raises(ClientError, match="Unrecognized resource types"):
        make_stack(uncorrected, HEALTH_CHECK)


ANSWERING = """
import json, urllib.request

def handler(event, context):
    answer = {
        "Status": "STATUS", "Reason": "thing indexing is off; run: aws iot update-indexing-configuration",
        "PhysicalResourceId": "x", "StackId": event["StackId"], "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": {"Scheme": event["ResponseURL"].split(":")[0], "Text": "answered", "Request": event["RequestType"]},
    }
    request = urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT")
    urllib.request.urlopen(request)
"""


def custom_resource(aws: Aws, status: str) -> dict[str, Any]:
    function = make_function(aws, ANSWERING.replace("STATUS", status))
    return make_stack(
        aws,
        {"Check": {"Type": "Custom::Check", "Properties": {"ServiceToken": function}}},
        Outputs={"Scheme": {"Value": {"Fn::GetAtt": ["Check", "Scheme"]}}},
    )


def test_a_custom_resource_answers_over_https_with_a_certificate_it_can_check(corrected: Aws) -> None:
    assert outputs(custom_resource(corrected, "SUCCESS")) == {"Scheme": "https"}


def test_the_emulator_takes_a_custom_resources_answer_in_the_clear(uncorrected: Aws) -> None:
    assert outputs(custom_resource(uncorrected, "SUCCESS")) == {"Scheme": "http"}


def last_request(aws: Aws, before: dict[str, str], after: dict[str, str]) -> str:
    """What a custom resource was last asked for, when its stack was updated to other properties and another output."""
    function = make_function(aws, ANSWERING.replace("STATUS", "SUCCESS"))

    def body(properties: dict[str, str], text: str) -> str:
        resource = {"Type": "Custom::Check", "Properties": {"ServiceToken": function, **properties}}
        told = {"Request": {"Value": {"Fn::GetAtt": ["Check", "Request"]}}, "Text": {"Value": text}}
        return json.dumps({"Resources": {"Check": resource}, "Outputs": told})

    cloudformation, name = aws.client("cloudformation"), f"stack-{uuid.uuid4().hex[:8]}"
    cloudformation.create_stack(StackName=name, TemplateBody=body(before, "before"))
    assert until(lambda: status_of(cloudformation, name) == "CREATE_COMPLETE", 20)
    cloudformation.update_stack(StackName=name, TemplateBody=body(after, "after"))
    assert until(lambda: status_of(cloudformation, name) == "UPDATE_COMPLETE", 20)
    told = outputs(cloudformation.describe_stacks(StackName=name)["Stacks"][0])
    assert told["Text"] == "after"
    return told["Request"]


def status_of(cloudformation: Any, name: str) -> str:
    return str(cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])


def test_a_custom_resource_is_asked_to_update_only_when_its_properties_changed(corrected: Aws) -> None:
    assert last_request(corrected, {"Version": "v1.0.0"}, {"Version": "v1.0.0"}) == "Create"
    assert last_request(corrected, {"Version": "v1.0.0"}, {"Version": "v1.0.1"}) == "Update"


def names_in_both_regions(aws: Aws) -> set[str]:
    """The role that stacks of one name, in two Regions, get for the same logical ID."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": [trust]}}}
    name = f"stack-{uuid.uuid4().hex[:8]}"
    return {
        outputs(make_stack(aws, {"Role": role}, region=region, name=name, **ROLE_OUTPUT))["Role"] for region in REGIONS
    }


ROLE_OUTPUT = {"Outputs": {"Role": {"Value": {"Ref": "Role"}}}}


def test_stacks_of_one_name_in_two_regions_have_roles_of_their_own(corrected: Aws) -> None:
    assert len(names_in_both_regions(corrected)) == 2


def test_the_emulator_gives_them_the_same_role(uncorrected: Aws) -> None:
    assert len(names_in_both_regions(uncorrected)) == 1


def what_a_bounded_function_is_told(aws: Aws) -> str:
    """What S3 answers to a function whose role allows all of S3, made by a stack with a boundary of other actions."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    boundary = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
    rights = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    code = (
        "import boto3, botocore.exceptions\n"
        "def handler(event, context):\n"
        "    try:\n"
        "        return str(bool(boto3.client('s3').list_buckets()))\n"
        "    except botocore.exceptions.ClientError as error:\n"
        "        return error.response['Error']['Code']\n"
    )
    stack = make_stack(
        aws,
        {
            "Boundary": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document(boundary)}},
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": document(trust),
                    "PermissionsBoundary": {"Ref": "Boundary"},
                    "Policies": [{"PolicyName": "rights", "PolicyDocument": document(rights)}],
                },
            },
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Runtime": "python3.13",
                    "Handler": "index.handler",
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Code": {"ZipFile": code},
                },
            },
        },
        Outputs={"Function": {"Value": {"Ref": "Function"}}},
    )
    answer = aws.client("lambda").invoke(FunctionName=outputs(stack)["Function"])
    return str(json.load(answer["Payload"]))


def test_a_role_goes_no_further_than_the_boundary_that_its_stack_gives_it(corrected: Aws) -> None:
    assert what_a_bounded_function_is_told(corrected) == "AccessDenied"


def test_the_emulator_lets_it_go_further(uncorrected: Aws) -> None:
    assert what_a_bounded_function_is_told(uncorrected) == "True"


def stack_from_a_template_that_a_condition_names(aws: Aws, bucket: str) -> str:
    """What CloudFormation answers to a user who may make stacks from the templates of the bucket `published`."""
    published = {"StringLike": {"cloudformation:TemplateUrl": "https://published.s3.*.amazonaws.com/v1/*"}}
    rights = {"Effect": "Allow", "Action": "cloudformation:CreateStack", "Resource": "*", "Condition": published}
    user = aws.client("cloudformation", **make_user(aws, rights))
    aws.client("s3").create_bucket(Bucket=bucket)
    template = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
    aws.client("s3").put_object(Bucket=bucket, Key="v1/a.template", Body=template.encode())
    url = f"{aws.emulator.endpoint_url}/{bucket}/v1/a.template"
    try:
        return str(user.create_stack(StackName=f"stack-{uuid.uuid4().hex[:8]}", TemplateURL=url)["StackId"])
    except ClientError as error:
        return str(error.response["Error"]["Code"])


def test_a_condition_on_the_templates_address_admits_the_published_ones(corrected: Aws) -> None:
    assert stack_from_a_template_that_a_condition_names(corrected, "published").startswith("arn:aws:cloudformation:")
    assert stack_from_a_template_that_a_condition_names(corrected, "another") == "AccessDenied"


def test_the_emulator_admits_none(uncorrected: Aws) -> None:
    assert stack_from_a_template_that_a_condition_names(uncorrected, "published") == "AccessDenied"


def variables_of_a_build(aws: Aws) -> dict[str, str]:
    codebuild, name = aws.client("codebuild"), f"project-{uuid.uuid4().hex[:8]}"
    codebuild.create_project(
        name=name,
        source={"type": "NO_SOURCE", "buildspec": "version: 0.2"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/amazonlinux-x86_64-standard:5.0",
            "computeType": "BUILD_GENERAL1_SMALL",
            "environmentVariables": [{"name": "VERSION", "value": "v1"}, {"name": "UUID", "value": ""}],
        },
        serviceRole=make_role(aws, "codebuild"),
    )
    started = codebuild.start_build(
        projectName=name, environmentVariablesOverride=[{"name": "UUID", "value": "1234", "type": "PLAINTEXT"}]
    )["build"]["id"]
    build = codebuild.batch_get_builds(ids=[started])["builds"][0]
    return {entry["name"]: entry["value"] for entry in build["environment"]["environmentVariables"]}


def test_a_build_keeps_the_variables_that_it_was_started_with(corrected: Aws) -> None:
    assert variables_of_a_build(corrected) == {"VERSION": "v1", "UUID": "1234"}


def test_the_emulator_forgets_them(uncorrected: Aws) -> None:
    assert variables_of_a_build(uncorrected) == {"VERSION": "v1", "UUID": ""}


def test_a_failing_custom_resource_fails_the_stack_with_its_reason(corrected: Aws) -> None:
    stack = custom_resource(corrected, "FAILED")
    assert stack["StackStatus"] == "CREATE_FAILED"
    events = corrected.client("cloudformation").describe_stack_events(StackName=stack["StackName"])["StackEvents"]
    reasons = [event.get("ResourceStatusReason", "") for event in events if event["LogicalResourceId"] == "Check"]
    assert any("aws iot update-indexing-configuration" in reason for reason in reasons)
