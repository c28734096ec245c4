"""What CloudFormation knows of a stack, against the SDK's stub."""

from datetime import UTC, datetime
from typing import Any

from botocore.stub import Stubber

from iot_dr.aws.launch.launched_stacks import CloudFormationStackLister, CloudFormationStackReader
from iot_dr.model.launch.launched_stacks import LaunchedStack, StackResource

STUBBED = ("cloudformation", "us-east-1")
NAME = "IoTDRPrimary1"
MADE = datetime(2026, 1, 1, tzinfo=UTC)


def summary(logical: str, kind: str, physical: str = "") -> dict[str, Any]:
    return {
        "LogicalResourceId": logical,
        "ResourceType": kind,
        "LastUpdatedTimestamp": MADE,
        "ResourceStatus": "CREATE_COMPLETE",
        **({"PhysicalResourceId": physical} if physical else {}),
    }


def test_a_stack_is_read_with_outputs_parameters_and_all_pages_of_resources(stub: Stubber) -> None:
    stack = {
        "StackName": NAME,
        "CreationTime": MADE,
        "StackStatus": "CREATE_COMPLETE",
        "Outputs": [{"OutputKey": "SolutionVersion", "OutputValue": "v1.0.0"}],
        "Parameters": [{"ParameterKey": "CertificateMode", "ParameterValue": "jitr"}],
    }
    stub.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": NAME})
    first = {"StackResourceSummaries": [summary("Role", "AWS::IAM::Role", "role-1")], "NextToken": "more"}
    stub.add_response("list_stack_resources", first, {"StackName": NAME})
    last = {"StackResourceSummaries": [summary("Failed", "AWS::SQS::Queue")]}
    stub.add_response("list_stack_resources", last, {"StackName": NAME, "NextToken": "more"})

    found = CloudFormationStackReader(lambda *_: stub.client).read("us-east-1", NAME)

    assert found == LaunchedStack(
        "us-east-1",
        NAME,
        "CREATE_COMPLETE",
        {"SolutionVersion": "v1.0.0"},
        {"CertificateMode": "jitr"},
        (StackResource("Role", "AWS::IAM::Role", "role-1"), StackResource("Failed", "AWS::SQS::Queue", "")),
    )


def test_a_stack_that_is_not_there_is_none(stub: Stubber) -> None:
    stub.add_client_error("describe_stacks", "ValidationError", f"Stack with id {NAME} does not exist")

    assert CloudFormationStackReader(lambda *_: stub.client).read("us-east-1", NAME) is None


def test_all_stacks_of_a_region_are_listed_page_by_page_without_their_resources(stub: Stubber) -> None:
    stacks = [{"StackName": name, "CreationTime": MADE, "StackStatus": "CREATE_COMPLETE"} for name in ("a", "b")]
    stub.add_response("describe_stacks", {"Stacks": stacks[:1], "NextToken": "more"}, {})
    stub.add_response("describe_stacks", {"Stacks": stacks[1:]}, {"NextToken": "more"})

    found = list(CloudFormationStackLister(lambda *_: stub.client).listed("us-east-1"))

    assert found == [LaunchedStack("us-east-1", name, "CREATE_COMPLETE") for name in ("a", "b")]


def test_one_stack_is_read_by_its_name(stub: Stubber) -> None:
    stack = {"StackName": NAME, "CreationTime": MADE, "StackStatus": "CREATE_COMPLETE"}
    stub.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": NAME})
    stub.add_client_error("describe_stacks", "ValidationError", f"Stack with id {NAME} does not exist")
    lister = CloudFormationStackLister(lambda *_: stub.client)

    assert lister.named("us-east-1", NAME) == LaunchedStack("us-east-1", NAME, "CREATE_COMPLETE")
    assert lister.named("us-east-1", NAME) is None
