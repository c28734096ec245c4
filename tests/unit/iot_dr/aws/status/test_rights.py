"""What IAM's simulation says of a role, against the SDK's stub."""

from typing import Any

import pytest
from botocore.stub import Stubber

from iot_dr.aws.status.rights import SimulatedRights
from iot_dr.model.launch.launched_stacks import Need

STUBBED = ("iam", "us-east-1")
NEED = Need("worker", "us-west-2", frozenset({"iot:CreateThing", "iot:ListThings"}), ("thing-arn", "*"))
ASKED = {
    "PolicySourceArn": "arn:aws:iam::123456789012:role/worker",
    "ActionNames": ["iot:CreateThing", "iot:ListThings"],
    "ResourceArns": ["thing-arn", "*"],
    "ContextEntries": [
        {"ContextKeyName": "aws:RequestedRegion", "ContextKeyValues": ["us-west-2"], "ContextKeyType": "string"}
    ],
}


def result(action: str, decision: str, *of_resources: str, **details: Any) -> dict[str, Any]:
    each = [
        {"EvalResourceName": resource, "EvalResourceDecision": one}
        for resource, one in zip(NEED.resources, of_resources, strict=False)
    ]
    return {"EvalActionName": action, "EvalDecision": decision, "ResourceSpecificResults": each, **details}


def denied(stub: Stubber, *pages: list[dict[str, Any]]) -> Any:
    marker: dict[str, str] = {}
    for number, results in enumerate(pages, 1):
        more = {"IsTruncated": True, "Marker": str(number)} if number < len(pages) else {"IsTruncated": False}
        stub.add_response("simulate_principal_policy", {"EvaluationResults": results, **more}, {**ASKED, **marker})
        marker = {"Marker": str(number)}
    return SimulatedRights(stub.client, "123456789012").denied(NEED)


def test_an_action_is_allowed_if_it_is_for_one_of_the_resources(stub: Stubber) -> None:
    things = result("iot:CreateThing", "implicitDeny", "allowed", "implicitDeny")
    lists = result("iot:ListThings", "implicitDeny", "implicitDeny", "allowed")

    assert denied(stub, [things], [lists]) == {}


@pytest.mark.parametrize(
    ("decision", "details", "reason"),
    [
        ("implicitDeny", {}, "no policy allows it"),
        ("explicitDeny", {}, "a policy denies it"),
        (
            "implicitDeny",
            {"OrganizationsDecisionDetail": {"AllowedByOrganizations": False}},
            "a policy of the organization denies it",
        ),
        (
            "implicitDeny",
            {"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False}},
            "its permissions boundary denies it",
        ),
    ],
)
def test_what_denies_an_action_is_told(stub: Stubber, decision: str, details: dict[str, Any], reason: str) -> None:
    things = result("iot:CreateThing", decision, decision, decision, **details)
    lists = result("iot:ListThings", "allowed")

    assert denied(stub, [things, lists]) == {"iot:CreateThing": reason}


def test_results_that_come_one_by_one_for_each_resource_are_put_together(stub: Stubber) -> None:
    apart = [result("iot:CreateThing", "implicitDeny"), result("iot:CreateThing", "allowed")]

    assert denied(stub, apart) == {}
