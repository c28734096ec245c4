import pytest

from iot_dr.model.launch.launched_stacks import LaunchedStack, StackResource
from iot_dr.model.shadows.shadow import ShadowSelection

STACK = LaunchedStack(
    "us-west-2",
    "IoTDRSecondary1",
    "CREATE_COMPLETE",
    outputs={"SolutionVersion": "v1.2.3"},
    resources=(
        StackResource("SweepRole", "AWS::IAM::Role", "IoTDRSecondary1-SweepRole-A"),
        StackResource("Ledger", "AWS::DynamoDB::Table", "IoTDRSecondary1-Ledger-B"),
    ),
)


def test_resources_are_found_by_their_type() -> None:
    assert STACK.of_type("AWS::IAM::Role") == {"SweepRole": "IoTDRSecondary1-SweepRole-A"}
    assert STACK.of_type("AWS::SQS::Queue") == {}


def test_a_stack_tells_its_release() -> None:
    assert STACK.version == "v1.2.3"
    assert LaunchedStack("us-west-2", "other", "CREATE_COMPLETE").version == ""


@pytest.mark.parametrize(
    ("parameters", "selection"),
    [
        ({}, ShadowSelection("none")),
        ({"ReplicateShadows": "named", "ShadowNamePattern": "config"}, ShadowSelection("named", "config")),
    ],
)
def test_shadows_are_selected_as_the_stack_says(parameters: dict[str, str], selection: ShadowSelection) -> None:
    stack = LaunchedStack("us-west-2", "stack", "", parameters=parameters)

    assert (stack.shadows, stack.shadows.any) == (selection, bool(parameters))
