from typing import Any

import pytest

from iot_dr import errors
from iot_dr.model.keys import ROOT_KINDS
from templates import replication_workflow

DEFINITION = replication_workflow.definition("arn:replicate", "arn:record")
MAP = DEFINITION["States"]["For each resource"]
STATES = MAP["ItemProcessor"]["States"]
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}


def test_every_kind_that_can_be_looked_at_has_a_branch() -> None:
    assert replication_workflow.KINDS.keys() == {str(kind) for kind in ROOT_KINDS}
    conditions = {rule["Condition"]: rule["Next"] for rule in STATES["Which kind"]["Choices"]}
    assert conditions == {
        f"{{% $states.input.kind = '{kind}' %}}": state for kind, state in replication_workflow.KINDS.items()
    }


def test_what_is_of_no_kind_is_recorded_as_failed() -> None:
    assert STATES["Which kind"]["Default"] == "Unknown kind"
    assert STATES["Unknown kind"]["Next"] == "Record failure"


@pytest.mark.parametrize("task", TASKS)
def test_every_task_retries_what_a_repetition_may_mend_with_jitter(task: str) -> None:
    retried = {name for retrier in TASKS[task]["Retry"] for name in retrier["ErrorEquals"]}

    assert {kind.__name__ for kind in errors.RetryableError.__subclasses__()} <= retried
    assert {"Lambda.TooManyRequestsException", "Lambda.Unknown", "Lambda.ServiceException"} <= retried
    assert {retrier["JitterStrategy"] for retrier in TASKS[task]["Retry"]} == {"FULL"}


@pytest.mark.parametrize("task", TASKS)
def test_no_task_retries_what_no_repetition_mends(task: str) -> None:
    retried = {name for retrier in TASKS[task]["Retry"] for name in retrier["ErrorEquals"]}

    assert not retried & {kind.__name__ for kind in errors.TerminalError.__subclasses__()}
    assert "States.ALL" not in retried


@pytest.mark.parametrize("kind", replication_workflow.KINDS.values())
def test_what_fails_for_good_is_recorded_with_its_error(kind: str) -> None:
    (catcher,) = STATES[kind]["Catch"]

    assert catcher["ErrorEquals"] == ["States.ALL"]
    assert catcher["Next"] == "Record failure"
    assert catcher["Output"].keys() == {"resource", "error"}


def test_a_failure_that_cannot_be_recorded_stops_no_other_resource_but_fails_the_execution() -> None:
    (catcher,) = STATES["Record failure"]["Catch"]

    assert STATES[catcher["Next"]]["End"] is True
    assert DEFINITION["States"]["All recorded"]["Choices"][0]["Next"] == "Failure lost"
    assert DEFINITION["States"]["Failure lost"]["Type"] == "Fail"


def test_a_device_that_is_not_settled_is_looked_at_again_after_a_pause_without_a_worker() -> None:
    assert STATES["Settled"]["Choices"] == [{"Condition": "{% $states.input.pause > 0 %}", "Next": "Wait"}]
    assert STATES["Wait"]["Type"] == "Wait"
    assert STATES["Wait"]["Output"] == "{% $states.input.resource %}"
    assert STATES["Wait"]["Next"] == "Which kind"


def test_resources_are_looked_at_side_by_side() -> None:
    assert MAP["ItemProcessor"]["ProcessorConfig"] == {"Mode": "INLINE"}
    assert MAP["MaxConcurrency"] == 40


@pytest.mark.parametrize("states", [DEFINITION["States"], STATES], ids=["execution", "resource"])
def test_every_state_is_reached_and_leads_to_one_that_exists(states: dict[str, dict[str, Any]]) -> None:
    first = next(iter(states))
    led_to = {first} | {name for state in states.values() for name in _next(state)}

    assert led_to == states.keys()


def _next(state: dict[str, Any]) -> set[str]:
    branches = [*state.get("Choices", ()), *state.get("Catch", ())]
    named = [state.get("Next"), state.get("Default"), *(branch["Next"] for branch in branches)]
    return {name for name in named if name}
