"""The workflow's definition: one worker for one message, and nothing that holds a place while it waits."""

import pytest

from iot_dr import errors
from iot_dr.aws.workflow import workflow
from templates import replication_workflow, request_queues
from tests.unit.templates.stacks import Stack

DEFINITION = replication_workflow.definition("arn:replicate", "arn:shadows", "arn:record")
STATES = DEFINITION["States"]
BRANCHES = {**replication_workflow.KINDS, **replication_workflow.SHADOW_KINDS}


def test_what_is_of_no_kind_is_recorded_as_failed() -> None:
    assert STATES["Which kind"]["Default"] == "Unknown kind"
    assert STATES["Unknown kind"]["Next"] == "Record failure"


@pytest.mark.parametrize("branch", BRANCHES.values())
def test_a_worker_is_asked_once_and_told_whether_it_is_background_work(branch: str) -> None:
    assert "Retry" not in STATES[branch]
    assert STATES[branch]["Arguments"]["Payload"]["background"] == "{% $states.input.background = true %}"
    assert STATES[branch]["End"] is True


@pytest.mark.parametrize("branch", [*BRANCHES.values(), "Record failure"])
def test_where_lambda_has_no_room_the_requests_come_later_and_are_not_taken_apart(branch: str) -> None:
    no_room, _ = STATES[branch]["Catch"]

    assert no_room["ErrorEquals"] == ["Lambda.TooManyRequestsException"]
    assert STATES[no_room["Next"]] == {"Type": "Pass", "Output": {"busy": True}, "End": True}


@pytest.mark.parametrize("branch", BRANCHES.values())
def test_when_the_function_fails_its_requests_are_taken_alone_and_the_one_that_keeps_failing_is_recorded(
    branch: str,
) -> None:
    _, failed = STATES[branch]["Catch"]
    (last,) = STATES[failed["Next"]]["Choices"]

    assert (failed["ErrorEquals"], failed["Output"].keys()) == (["States.ALL"], {"looks", "error"})
    assert last["Condition"] == "{% $count($states.input.looks) = 1 and $states.input.looks[0].tries >= 3 %}"
    assert last["Next"] == "Record failure"
    assert STATES[STATES[failed["Next"]]["Default"]]["Output"]["failed"] is True


def test_recording_retries_what_a_repetition_may_mend_with_jitter() -> None:
    (retrier,) = STATES["Record failure"]["Retry"]

    # NotReadyYet would be a ledger that is not there; the write gate is not asked for the ledger.
    expected = {kind.__name__ for kind in errors.RetryableError.__subclasses__()} - {"NotReadyYet", "WriteRefused"}
    assert expected <= set(retrier["ErrorEquals"])
    assert not {kind.__name__ for kind in errors.TerminalError.__subclasses__()} & set(retrier["ErrorEquals"])
    assert retrier["JitterStrategy"] == "FULL"


def test_a_failure_that_cannot_be_recorded_fails_the_execution() -> None:
    _, lost = STATES["Record failure"]["Catch"]

    assert STATES[lost["Next"]]["Type"] == "Fail"


def test_nothing_in_it_waits() -> None:
    assert {state["Type"] for state in STATES.values()} == {"Choice", "Task", "Pass", "Fail"}


def test_what_times_out_is_recorded_before_the_execution_is_ended(stacks: dict[str, Stack]) -> None:
    functions = {
        "arn:replicate": "ReplicateResourceFunction",
        "arn:shadows": "ReplicateShadowsFunction",
        "arn:record": "RecordFailureFunction",
    }

    def longest(name: str) -> float:
        """Return the most seconds that a task takes, each of its attempts to its function's time-out."""
        state = STATES[name]
        timeout = stacks["secondary"].properties(functions[state["Arguments"]["FunctionName"]])["Timeout"]
        retries = state.get("Retry", ())
        return float(
            timeout * (1 + sum(one["MaxAttempts"] for one in retries))
            + sum(one["MaxAttempts"] * one["MaxDelaySeconds"] for one in retries if one["MaxAttempts"] > 1)
            + sum(one["IntervalSeconds"] for one in retries)
        )

    for branch in BRANCHES.values():
        assert longest(branch) + longest("Record failure") < DEFINITION["TimeoutSeconds"]


def test_whoever_runs_it_waits_for_its_end_and_the_message_is_hidden_until_then(stacks: dict[str, Stack]) -> None:
    secondary = stacks["secondary"]
    runner = secondary.properties("RunWorkflowFunction")["Timeout"]

    assert workflow.LONGEST_RUN == DEFINITION["TimeoutSeconds"] < runner
    for queue in ("LookQueue", "BackgroundQueue"):
        assert secondary.properties(queue)["VisibilityTimeout"] > runner == request_queues.RUNNER_SECONDS
