"""The state machine that syncs a fleet, and what it and its function may do."""

from __future__ import annotations

import pytest

from iot_dr.model.registry.keys import Kind
from iot_dr.model.replication.requests import REQUESTS_PER_BATCH
from iot_dr.model.sync.fleet_runs import AGAIN_STAGES, FleetRun, folder, results_folder
from templates import batch_states, fleet_sync
from tests.unit.templates.resolving import ACCOUNT, PRIMARY, SECONDARY
from tests.unit.templates.stacks import Stack

DEFINITION = fleet_sync.definition("bucket", "arn:list", "arn:replicate", "arn:shadows", "arn:record")
STATES = DEFINITION["States"]
MAP = STATES["Check all"]
BATCH = MAP["ItemProcessor"]["States"]
ALONE = BATCH["One by one"]["ItemProcessor"]["States"]
CARRIED = FleetRun("r", apply=True, at_once=4).next_stage().to_json()


@pytest.fixture(name="secondary")
def secondary_stack(stacks: dict[str, Stack]) -> Stack:
    return stacks["secondary"]


def test_a_list_is_read_to_its_end_before_any_of_it_is_checked() -> None:
    first, second = STATES["Listed"]["Choices"]

    assert DEFINITION["StartAt"] == "List"
    assert (first["Condition"], first["Next"]) == ("{% $states.input.more %}", "List")
    assert (second["Condition"], second["Next"]) == (
        "{% $states.input.apply and $states.input.rows > 0 %}",
        "Check all",
    )
    assert STATES["Listed"]["Default"] == "Kind done"


def test_kind_follows_kind_until_the_last() -> None:
    assert MAP["Next"] == "Kind done"
    assert STATES["Kind done"] == {
        "Type": "Choice",
        "Choices": [{"Condition": "{% $states.input.last %}", "Next": "Done"}],
        "Default": "List",
    }


def test_what_the_choices_and_the_map_ask_for_is_what_the_function_answers() -> None:
    asked = {"more", "apply", "rows", "last", "at_once", "inventory", "results"}
    texts = [rule["Condition"] for state in STATES.values() for rule in state.get("Choices", ())]
    texts += [MAP["MaxConcurrency"], MAP["ItemReader"]["Arguments"]["Key"], MAP["ResultWriter"]["Arguments"]["Prefix"]]

    assert all(any(f"$states.input.{name}" in text for text in texts) for name in asked)
    assert asked <= CARRIED.keys()


def test_the_inventory_is_read_in_batches_as_large_as_the_worker_takes() -> None:
    assert MAP["ItemReader"]["ReaderConfig"] == {"InputType": "JSONL"}
    assert MAP["ItemBatcher"] == {"MaxItemsPerBatch": REQUESTS_PER_BATCH}
    assert BATCH["Take batch"]["Output"] == {"looks": "{% $states.input.Items %}"}
    assert MAP["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}


def test_the_run_goes_on_whatever_the_map_returns() -> None:
    assert MAP["Output"] == "{% $states.input %}"


def test_a_batch_is_checked_until_none_of_it_is_to_come_again() -> None:
    states = batch_states.batch_states("arn:replicate", "arn:shadows", "arn:record")

    assert {name: BATCH[name] for name in states} == states


def test_every_kind_that_is_listed_is_checked() -> None:
    kinds = {rule["Condition"].split("'")[1] for rule in BATCH["Which kind"]["Choices"]}

    assert {str(kind) for kind in AGAIN_STAGES} == kinds


def test_a_batch_fails_only_if_the_ledger_could_not_be_told_or_lambda_had_no_room() -> None:
    assert BATCH["One by one"]["Next"] == "All recorded"
    assert "End" not in BATCH["One by one"]
    (rule,) = BATCH["All recorded"]["Choices"]
    assert (rule["Condition"], BATCH[rule["Next"]]["Type"]) == ("{% $states.input.outcome = 'unrecorded' %}", "Fail")
    assert BATCH[BATCH["All recorded"]["Default"]]["End"] is True
    assert 0 < MAP["ToleratedFailurePercentage"] < 50


def test_files_lie_where_the_rights_reach() -> None:
    run = FleetRun("r", apply=True, at_once=1, kind=Kind.THING)

    assert run.inventory.startswith(f"{fleet_sync.FILES}r/inventory/")
    assert results_folder("r") == f"{fleet_sync.FILES}r/results/"
    assert folder("r").startswith(fleet_sync.FILES)


def test_the_role_runs_batches_of_its_own_machine_alone(secondary: Stack) -> None:
    name = secondary.properties("FleetSyncStateMachine")["StateMachineName"]
    allowed = _allowed(secondary, "FleetSyncRole")
    states = f"arn:aws:states:{SECONDARY}:{ACCOUNT}"

    assert allowed["states:StartExecution"] == [f"{states}:stateMachine:{name}"]
    assert allowed["states:StopExecution"] == [f"{states}:execution:{name}:*"]
    assert allowed["states:DescribeExecution"] == [f"{states}:execution:{name}:*", f"{states}:express:{name}/looks:*:*"]
    assert allowed["states:RedriveExecution"] == [f"{states}:execution:{name}/looks:*"]


def test_the_role_calls_exactly_the_functions_that_the_machine_names(secondary: Stack) -> None:
    functions = ("ListFleet", "ReplicateResource", "ReplicateShadows", "RecordFailure")

    assert set(_allowed(secondary, "FleetSyncRole")["lambda:InvokeFunction"]) == {
        secondary.resolve.arn(f"{function}Function") for function in functions
    }


def test_the_role_reads_inventories_and_writes_results_and_no_other_file(secondary: Stack) -> None:
    bucket = secondary.resolve.arn("WorkBucket")
    allowed = _allowed(secondary, "FleetSyncRole")

    assert allowed["s3:PutObject"] == [f"{bucket}/sync/*/results/*"]
    assert allowed["s3:GetObject"] == [f"{bucket}/sync/*/inventory/*", f"{bucket}/sync/*/results/*"]


def test_the_function_lists_the_primary_alone_and_writes_inventories_alone(secondary: Stack) -> None:
    statements = {one["Sid"]: one for one in secondary.statements("ListFleetRole")}

    assert statements["ListRegistries"]["Condition"] == {"StringEquals": {"aws:RequestedRegion": [PRIMARY]}}
    assert statements["SelectThings"]["Resource"] == [f"arn:aws:iot:{PRIMARY}:{ACCOUNT}:index/AWS_Things"]
    assert statements["WriteInventories"]["Resource"] == [f"{secondary.resolve.arn('WorkBucket')}/sync/*/inventory/*"]
    assert not [action for action in _allowed(secondary, "ListFleetRole") if action.startswith("iot:Create")]


def test_files_of_a_run_go_after_a_month(secondary: Stack) -> None:
    rules = secondary.properties("WorkBucket")["LifecycleConfiguration"]["Rules"]

    assert {"Id": "ForgetSyncs", "Status": "Enabled", "Prefix": "sync/", "ExpirationInDays": 30} in rules


def test_the_operator_finds_the_machine_in_the_outputs(secondary: Stack) -> None:
    assert "FleetSyncStateMachineArn" in secondary.template["Outputs"]
    assert secondary.properties("FleetSyncStateMachine")["StateMachineType"] == "STANDARD"


def _allowed(stack: Stack, role: str) -> dict[str, list[str]]:
    allowed: dict[str, list[str]] = {}
    for statement in stack.statements(role):
        for action in statement["Action"]:
            allowed.setdefault(action, []).extend(statement["Resource"])
    return allowed
