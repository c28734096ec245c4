"""X-Ray traces functions and workflows of both Regions where the form says so, with a right that nothing else needs."""

from __future__ import annotations

import pytest

from tests.unit.templates.stacks import Stack, make_stacks

FUNCTION, STATE_MACHINE = "AWS::Lambda::Function", "AWS::StepFunctions::StateMachine"
TRACED = ("primary", "secondary")
SEND = {"xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments"}


@pytest.fixture(scope="module")
def traced() -> dict[str, Stack]:
    return make_stacks({"Tracing": "yes", "ProvisioningTemplate": "pumps"})


def senders(stack: Stack) -> set[str]:
    """The roles that may send traces."""
    roles = stack.of_type("AWS::IAM::Role")
    return {role for role in roles if any({*one["Action"]} >= SEND for one in stack.statements(role))}


@pytest.mark.parametrize("name", TRACED)
def test_every_function_and_workflow_is_traced_and_its_role_may_send_traces(
    name: str, traced: dict[str, Stack]
) -> None:
    stack = traced[name]
    functions, machines = stack.of_type(FUNCTION), stack.of_type(STATE_MACHINE)

    assert functions
    assert all(stack.properties(one)["TracingConfig"] == {"Mode": "Active"} for one in functions)
    assert all(stack.properties(one)["TracingConfiguration"] == {"Enabled": True} for one in machines)
    users = {stack.role_of(one, "Role") for one in functions} | {stack.role_of(one, "RoleArn") for one in machines}
    assert senders(stack) == users


@pytest.mark.parametrize("name", TRACED)
def test_the_right_comes_with_the_role_for_lambda_refuses_to_trace_without_it(name: str) -> None:
    stack = make_stacks({"Tracing": "yes"})[name]
    role = next(iter(senders(stack)))

    assert [policy["PolicyName"] for policy in stack.properties(role)["Policies"]][-1] == "Trace"


@pytest.mark.parametrize("chosen", [{}, {"Tracing": "no"}], ids=["by default", "no"])
def test_otherwise_nothing_is_traced_and_no_role_may(chosen: dict[str, str]) -> None:
    for stack in make_stacks(chosen).values():
        properties = [stack.properties(one) for one in stack.of_type(FUNCTION, STATE_MACHINE)]

        assert not any({"TracingConfig", "TracingConfiguration"} & one.keys() for one in properties)
        assert not senders(stack)


def test_the_health_checkers_are_never_traced_for_each_answer_would_be_paid(traced: dict[str, Stack]) -> None:
    stack = traced["health checker"]

    assert "Tracing" not in stack.template["Parameters"]
    assert not senders(stack)


def test_the_boundary_admits_the_right(traced: dict[str, Stack]) -> None:
    statements = traced["main"].properties("LaunchedRolesBoundary")["PolicyDocument"]["Statement"]

    assert any({*one["Action"]} >= SEND for one in statements)
