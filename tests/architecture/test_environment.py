"""Variables that the templates set are those that the code reads, no more and no fewer."""

import dataclasses

import pytest

from iot_dr.runtime.commands.launch import launch as launching
from iot_dr.runtime.functions import (
    failover,
    health,
    list_fleet,
    record_failure,
    record_management_event,
    register_device,
    replicate_resource,
    replicate_shadows,
    run_workflow,
    start_replication,
    sweep_registry,
)
from iot_dr.runtime.functions.launch import check_launch
from tests.unit.templates.stacks import Stack, make_stacks

ENVIRONMENTS: dict[str, type | None] = {
    "CheckHealthFunction": health.HealthEnvironment,
    "CheckLaunchFunction": check_launch.CheckEnvironment,
    "FailOverFunction": failover.FailoverEnvironment,
    "ListFleetFunction": list_fleet.ListEnvironment,
    "ProvisionDeviceFunction": register_device.ProvisionerEnvironment,
    "ProvisionProbeFunction": None,
    "RecordFailureFunction": record_failure.FailureEnvironment,
    "RecordManagementEventFunction": record_management_event.RecorderEnvironment,
    "RegisterDeviceFunction": register_device.RegistrarEnvironment,
    "ReplicateResourceFunction": replicate_resource.WorkerEnvironment,
    "ReplicateShadowsFunction": replicate_shadows.ShadowsEnvironment,
    "RunWorkflowFunction": run_workflow.RunnerEnvironment,
    "StartLaunchFunction": None,
    "StartReplicationFunction": start_replication.TriggerEnvironment,
    "SweepRegistryFunction": sweep_registry.SweepEnvironment,
    "WatchDomainFunction": failover.FailoverEnvironment,
}
SET_BY_LAMBDA = {"AWS_REGION"}
READ_BY_POWERTOOLS = {"POWERTOOLS_SERVICE_NAME"}


@pytest.fixture(scope="module", name="stacks")
def generated_stacks() -> dict[str, Stack]:
    return make_stacks()


@pytest.mark.parametrize("function", ENVIRONMENTS)
def test_a_function_gets_the_variables_that_it_reads(function: str, stacks: dict[str, Stack]) -> None:
    (stack,) = [stack for stack in stacks.values() if function in stack.template["Resources"]]
    variables = stack.properties(function)["Environment"]["Variables"]

    assert set(variables) - READ_BY_POWERTOOLS == _variables(ENVIRONMENTS[function]) - SET_BY_LAMBDA


def test_every_function_stands_in_the_table(stacks: dict[str, Stack]) -> None:
    functions = {title for stack in stacks.values() for title in stack.of_type("AWS::Lambda::Function")}

    assert functions == ENVIRONMENTS.keys()


def test_the_build_gets_the_variables_that_the_launch_reads(stacks: dict[str, Stack]) -> None:
    variables = stacks["main"].properties("LaunchProject")["Environment"]["EnvironmentVariables"]

    assert {variable["Name"] for variable in variables} == _variables(launching.LaunchEnvironment)


def _variables(environment: type | None) -> set[str]:
    return {field.name.upper() for field in dataclasses.fields(environment)} if environment else set()
