"""What the doctor asks for of each role is what its role in the template allows, and nothing that no role has."""

import pytest

from iot_dr.model.launch.launched_stacks import LaunchedStack, Need, StackResource
from iot_dr.runtime.role_needs import needs_of_primary, needs_of_secondary
from iot_dr.services.doctor.stack_checks import GLOBAL_TABLE, ROLE
from tests.builders import ACCOUNT, PAIR, PRIMARY, SECONDARY
from tests.unit.templates.stacks import Stack, make_stacks


@pytest.fixture(scope="module", name="stacks")
def generated_stacks() -> dict[str, Stack]:
    return make_stacks()


def launched(stack: Stack, region: str) -> LaunchedStack:
    """The stack as CloudFormation would know it, its roles named as the template does."""
    resources = tuple(
        StackResource(title, kind, title) for kind in (ROLE, GLOBAL_TABLE) for title in stack.of_type(kind)
    )
    outputs = {
        "LedgerTableName": "ledger",
        "ReplicationStateMachineArn": "machine",
        "LookQueueUrl": "https://q/1/requests",
        "BackgroundQueueUrl": "https://q/1/background",
        "RuleErrorQueueUrl": "https://q/1/e",
    }
    return LaunchedStack(region, "stack", "CREATE_COMPLETE", outputs, {}, resources)


def allowed(stack: Stack, role: str) -> set[str]:
    return {action for statement in stack.statements(role) for action in statement["Action"]}


def all_needs(stacks: dict[str, Stack]) -> list[tuple[Stack, Need]]:
    primary, secondary = stacks["primary"], stacks["secondary"]
    return [
        *((primary, need) for need in needs_of_primary(launched(primary, PRIMARY), ACCOUNT)),
        *((secondary, need) for need in needs_of_secondary(launched(secondary, SECONDARY), PAIR, ACCOUNT)),
    ]


def test_no_more_is_asked_for_than_the_template_gives(stacks: dict[str, Stack]) -> None:
    beyond = {need.role: need.actions - allowed(stack, need.role) for stack, need in all_needs(stacks)}

    assert {role: actions for role, actions in beyond.items() if actions} == {}


def test_the_roles_that_replicate_and_that_store_events_are_asked_about(stacks: dict[str, Stack]) -> None:
    assert {need.role for _, need in all_needs(stacks)} == {
        "RegistryEventRulesRole",
        "ShadowEventRulesRole",
        "ReplicateResourceRole",
        "ReplicateShadowsRole",
        "SweepRegistryRole",
        "StartReplicationRole",
        "RunWorkflowRole",
        "RecordFailureRole",
    }


def test_a_role_that_a_stack_has_not_is_not_asked_about() -> None:
    empty = LaunchedStack(SECONDARY, "stack", "CREATE_COMPLETE")

    assert list(needs_of_secondary(empty, PAIR, ACCOUNT)) == []
