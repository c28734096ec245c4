"""A stack brought up from every state that an earlier launch can leave it in; CloudFormation is the SDK's stub."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from iot_dr.aws.launch.stacks import CloudFormationStackDeployer
from iot_dr.errors import AccessDenied, LaunchFailed
from iot_dr.model.launch.launches import Stack, StackEvent

STACK_ID = "arn:aws:cloudformation:us-east-1:111122223333:stack/IoTDRPrimary1/1e0c"
STACK = Stack("us-east-1", "IoTDRPrimary1", "https://example/primary.template", {"Uuid": "5f0c2a"})
NAME = {"StackName": "IoTDRPrimary1"}
GIVEN = [{"ParameterKey": "Uuid", "ParameterValue": "5f0c2a"}]
ORDER = {**NAME, "TemplateURL": STACK.template_url, "Capabilities": ["CAPABILITY_IAM"]}
NO_UPDATES = "No updates are to be performed."


class Script:
    """What CloudFormation is asked and answers, in order."""

    def __init__(self) -> None:
        self.client = boto3.client("cloudformation", region_name="us-east-1")
        self._stub = Stubber(self.client)
        self._stub.activate()
        self._events: list[dict[str, Any]] = []
        self.shown: list[StackEvent] = []

    def absent(self) -> None:
        self._stub.add_client_error(
            "describe_stacks",
            "ValidationError",
            "Stack with id IoTDRPrimary1 does not exist",
            400,
            expected_params=NAME,
        )

    def gone(self) -> None:
        """The stack is absent, and its history is read once more by its ID."""
        self.absent()
        self._history()

    def is_in(
        self,
        status: str,
        *happened: tuple[str, str, str],
        outputs: dict[str, str] | None = None,
        boundary: str | None = None,
    ) -> None:
        description = {
            "StackName": "IoTDRPrimary1",
            "StackId": STACK_ID,
            "StackStatus": status,
            "CreationTime": datetime(2026, 11, 24, tzinfo=UTC),
            "Parameters": [
                *GIVEN,
                {"ParameterKey": "Tuned", "ParameterValue": "9"},
                *([] if boundary is None else [{"ParameterKey": "PermissionsBoundary", "ParameterValue": boundary}]),
            ],
            "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in (outputs or {}).items()],
        }
        self._stub.add_response("describe_stacks", {"Stacks": [description]}, NAME)
        self._history(*happened)

    def _history(self, *happened: tuple[str, str, str]) -> None:
        for resource, status, reason in happened:
            self._events.insert(
                0,
                {
                    "EventId": str(len(self._events)),
                    "StackId": STACK_ID,
                    "StackName": "IoTDRPrimary1",
                    "Timestamp": datetime(2026, 11, 24, 12, 0, len(self._events), tzinfo=UTC),
                    "LogicalResourceId": resource,
                    "ResourceType": "AWS::S3::Bucket",
                    "ResourceStatus": status,
                    "ResourceStatusReason": reason,
                },
            )
        self._stub.add_response("describe_stack_events", {"StackEvents": list(self._events)}, {"StackName": STACK_ID})

    def created(self, *given: dict[str, str]) -> None:
        parameters = list(given) or GIVEN
        self._stub.add_response("create_stack", {"StackId": STACK_ID}, {**ORDER, "Parameters": parameters})

    def deleted(self) -> None:
        self._stub.add_response("delete_stack", {}, NAME)

    def updated(self, *, kept: bool, error: str = "") -> None:
        declared = [{"ParameterKey": key} for key in ("Uuid", *(["Tuned"] if kept else []))]
        self._stub.add_response("get_template_summary", {"Parameters": declared}, {"TemplateURL": STACK.template_url})
        parameters = [*GIVEN, *([{"ParameterKey": "Tuned", "UsePreviousValue": True}] if kept else [])]
        expected = {**ORDER, "Parameters": parameters}
        if error:
            self._stub.add_client_error("update_stack", "ValidationError", error, 400, expected_params=expected)
        else:
            self._stub.add_response("update_stack", {"StackId": STACK_ID}, expected)

    def protected(self) -> None:
        self._stub.add_response(
            "update_termination_protection", {"StackId": STACK_ID}, {**NAME, "EnableTerminationProtection": True}
        )

    def unprotected(self) -> None:
        self._stub.add_response(
            "update_termination_protection", {"StackId": STACK_ID}, {**NAME, "EnableTerminationProtection": False}
        )

    def denied(self) -> None:
        self._stub.add_client_error("create_stack", "AccessDenied", "not authorized", 403)

    def play(self, stack: Stack = STACK) -> dict[str, str]:
        stacks = CloudFormationStackDeployer(lambda _service, _region: self.client, delay=0)
        outputs = stacks.bring_up(stack, self.shown.append)
        self._stub.assert_no_pending_responses()
        return dict(outputs)


@pytest.fixture
def script() -> Script:
    return Script()


def test_a_stack_that_is_not_there_is_created_and_its_outputs_returned(script: Script) -> None:
    script.absent()
    script.absent()
    script.created()
    script.is_in("CREATE_IN_PROGRESS", ("WorkBucket", "CREATE_IN_PROGRESS", ""))
    script.is_in("CREATE_COMPLETE", ("WorkBucket", "CREATE_COMPLETE", ""), outputs={"A": "1"})
    script.protected()

    assert script.play() == {"A": "1"}
    assert [event.status for event in script.shown] == ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]


def test_events_are_shown_once_oldest_first_and_never_those_of_an_earlier_launch(script: Script) -> None:
    script.is_in("CREATE_COMPLETE", ("Old", "CREATE_COMPLETE", ""))
    script.is_in("CREATE_COMPLETE")
    script.updated(kept=True)
    script.is_in("UPDATE_IN_PROGRESS", ("A", "UPDATE_IN_PROGRESS", ""), ("B", "UPDATE_IN_PROGRESS", ""))
    script.is_in("UPDATE_COMPLETE", ("B", "UPDATE_COMPLETE", ""))
    script.protected()

    script.play()

    assert [(event.resource, event.status) for event in script.shown] == [
        ("A", "UPDATE_IN_PROGRESS"),
        ("B", "UPDATE_IN_PROGRESS"),
        ("B", "UPDATE_COMPLETE"),
    ]


def test_a_stack_that_needs_no_update_is_done(script: Script) -> None:
    script.is_in("CREATE_COMPLETE")
    script.is_in("CREATE_COMPLETE", outputs={"A": "1"})
    script.updated(kept=True, error=NO_UPDATES)
    script.protected()

    assert script.play() == {"A": "1"}


def test_an_update_keeps_what_the_operator_tuned_unless_the_new_template_dropped_it(script: Script) -> None:
    script.is_in("UPDATE_ROLLBACK_COMPLETE")
    script.is_in("UPDATE_ROLLBACK_COMPLETE")
    script.updated(kept=False)
    script.is_in("UPDATE_COMPLETE")
    script.protected()

    script.play()


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"])
def test_a_creation_that_failed_is_deleted_and_made_anew(script: Script, status: str) -> None:
    script.is_in(status, ("Old", "CREATE_FAILED", "of yesterday"))
    script.is_in(status)
    script.deleted()
    script.is_in("DELETE_IN_PROGRESS")
    script.gone()
    script.gone()
    script.created()
    script.is_in("CREATE_COMPLETE")
    script.protected()

    script.play()


@pytest.mark.parametrize(("given", "taken"), [("", "arn:before"), ("arn:other", "arn:other")])
def test_a_stack_made_anew_keeps_the_boundary_of_the_one_that_failed_unless_another_is_given(
    script: Script, given: str, taken: str
) -> None:
    script.is_in("ROLLBACK_COMPLETE", boundary="arn:before")
    script.is_in("ROLLBACK_COMPLETE", boundary="arn:before")
    script.deleted()
    script.gone()
    script.gone()
    script.created({"ParameterKey": "PermissionsBoundary", "ParameterValue": taken}, *GIVEN)
    script.is_in("CREATE_COMPLETE")
    script.protected()

    script.play(replace(STACK, parameters={**STACK.parameters, **({"PermissionsBoundary": given} if given else {})}))


def test_a_stack_under_way_is_waited_for_then_brought_up_to_date(script: Script) -> None:
    script.is_in("CREATE_IN_PROGRESS")
    script.is_in("CREATE_IN_PROGRESS")
    script.is_in("CREATE_COMPLETE")
    script.updated(kept=True, error=NO_UPDATES)
    script.protected()

    script.play()


def test_a_failure_names_the_first_resource_that_failed_not_those_it_took_along(script: Script) -> None:
    script.absent()
    script.absent()
    script.created()
    script.is_in(
        "ROLLBACK_COMPLETE",
        ("WorkBucket", "CREATE_FAILED", "iot-dr-primary-5f0c2a already exists"),
        ("Table", "CREATE_FAILED", "Resource creation cancelled"),
        ("Queue", "DELETE_FAILED", "later trouble"),
    )

    with pytest.raises(LaunchFailed) as caught:
        script.play()

    assert str(caught.value) == (
        "stack IoTDRPrimary1 in us-east-1 ended in ROLLBACK_COMPLETE; first to fail was WorkBucket "
        "(AWS::S3::Bucket, CREATE_FAILED): iot-dr-primary-5f0c2a already exists"
    )


def test_a_failure_of_an_earlier_launch_is_not_blamed(script: Script) -> None:
    script.is_in("CREATE_COMPLETE", ("Old", "CREATE_FAILED", "of yesterday"))
    script.is_in("CREATE_COMPLETE")
    script.updated(kept=True)
    script.is_in("UPDATE_ROLLBACK_COMPLETE", ("Table", "UPDATE_FAILED", "of today"))

    with pytest.raises(LaunchFailed, match="of today"):
        script.play()


def test_a_stack_that_cannot_be_deleted_ends_the_launch_instead_of_trying_for_ever(script: Script) -> None:
    script.is_in("ROLLBACK_COMPLETE")
    script.is_in("ROLLBACK_COMPLETE")
    script.deleted()
    script.is_in("DELETE_FAILED", ("WorkBucket", "DELETE_FAILED", "not empty"))

    with pytest.raises(LaunchFailed, match=r"WorkBucket .*not empty"):
        script.play()


@pytest.mark.parametrize("status", ["UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED"])
def test_a_stack_that_only_the_operator_can_free_is_reported_with_the_command(script: Script, status: str) -> None:
    script.is_in(status)
    script.is_in(status)

    with pytest.raises(LaunchFailed, match="aws cloudformation continue-update-rollback --stack-name IoTDRPrimary1"):
        script.play()


def test_a_missing_right_is_no_failed_stack(script: Script) -> None:
    script.absent()
    script.absent()
    script.denied()

    with pytest.raises(AccessDenied):
        script.play()


def take_down(script: Script) -> None:
    deployer = CloudFormationStackDeployer(lambda service, region: script.client, delay=0)
    deployer.take_down("us-east-1", "IoTDRPrimary1", script.shown.append)


def test_a_stack_that_is_taken_down_loses_its_protection_first(script: Script) -> None:
    script.is_in("CREATE_COMPLETE")
    script.is_in("CREATE_COMPLETE")
    script.unprotected()
    script.deleted()
    script.is_in("DELETE_IN_PROGRESS", ("WorkBucket", "DELETE_COMPLETE", ""))
    script.gone()

    take_down(script)

    assert [event.status for event in script.shown] == ["DELETE_COMPLETE"]


def test_a_stack_that_is_gone_is_taken_down_already(script: Script) -> None:
    script.absent()
    script.absent()

    take_down(script)

    assert script.shown == []


def test_a_stack_that_cannot_be_taken_down_is_told_with_what_failed_first(script: Script) -> None:
    script.is_in("UPDATE_COMPLETE")
    script.is_in("UPDATE_COMPLETE")
    script.unprotected()
    script.deleted()
    script.is_in("DELETE_FAILED", ("GlobalTable", "DELETE_FAILED", "its replica was made within 24 hours"))

    with pytest.raises(LaunchFailed, match=r"GlobalTable .* its replica was made within 24 hours"):
        take_down(script)
