from typing import Any

import pytest

from iot_dr import errors
from templates import batch_states, replication_workflow

BRANCHES = {**replication_workflow.KINDS, **replication_workflow.SHADOW_KINDS}
TOGETHER = batch_states.batch_states("arn:replicate", "arn:shadows", "arn:record")
ONE_BY_ONE = TOGETHER["One by one"]
ALONE = ONE_BY_ONE["ItemProcessor"]["States"]
BY_PLACE = {"": TOGETHER, " alone": ALONE}
TASKS = {name: state for name, state in (TOGETHER | ALONE).items() if state["Type"] == "Task"}


def test_what_is_of_no_kind_is_recorded_as_failed() -> None:
    assert TOGETHER["Which kind"]["Default"] == "Unknown kind"
    assert TOGETHER["Unknown kind"]["Next"] == "One by one"
    assert ALONE["Which kind alone"]["Default"] == "Unknown kind alone"
    assert ALONE["Unknown kind alone"]["Next"] == "Record failure"


@pytest.mark.parametrize("task", TASKS)
def test_every_task_retries_what_a_repetition_may_mend_with_jitter(task: str) -> None:
    retried = {name for retrier in TASKS[task]["Retry"] for name in retrier["ErrorEquals"]}

    # A worker records what the write gate refuses; it never leaves it as an error.
    assert {kind.__name__ for kind in errors.RetryableError.__subclasses__()} - {"WriteRefused"} <= retried
    assert {"Lambda.TooManyRequestsException", "Lambda.ServiceException"} <= retried
    assert {retrier["JitterStrategy"] for retrier in TASKS[task]["Retry"]} == {"FULL"}


@pytest.mark.parametrize("task", TASKS)
def test_no_task_retries_what_no_repetition_mends(task: str) -> None:
    retried = {name for retrier in TASKS[task]["Retry"] for name in retrier["ErrorEquals"]}

    assert not retried & {kind.__name__ for kind in errors.TerminalError.__subclasses__()}
    assert "States.ALL" not in retried


@pytest.mark.parametrize("kind", BRANCHES.values())
def test_when_the_function_fails_each_request_is_taken_alone_but_not_because_lambda_has_no_room(kind: str) -> None:
    no_room, catcher = TOGETHER[kind]["Catch"]

    assert no_room["ErrorEquals"] == ["Lambda.TooManyRequestsException"]
    assert TOGETHER[no_room["Next"]]["Next"] == batch_states.AFTER
    assert (catcher["ErrorEquals"], catcher["Next"]) == (["States.ALL"], "One by one")
    assert catcher["Output"] == {"looks": "{% $states.input.looks %}"}
    assert ONE_BY_ONE["Items"] == "{% $states.input.looks %}"
    assert ONE_BY_ONE["ItemSelector"] == {"looks": ["{% $states.context.Map.Item.Value %}"]}


@pytest.mark.parametrize("kind", BRANCHES.values())
def test_the_request_that_fails_alone_is_recorded_with_its_error(kind: str) -> None:
    (catcher,) = ALONE[f"{kind} alone"]["Catch"]

    assert (catcher["ErrorEquals"], catcher["Next"]) == (["States.ALL"], "Record failure")
    assert catcher["Output"].keys() == {"looks", "error"}


def test_a_failure_that_cannot_be_recorded_stops_no_other_resource_and_is_told() -> None:
    (catcher,) = ALONE["Record failure"]["Catch"]

    assert ALONE[catcher["Next"]] == {"Type": "Pass", "Output": {"outcome": "unrecorded"}, "End": True}
    assert "'unrecorded' in $states.result.outcome" in ONE_BY_ONE["Output"]["outcome"]


def test_what_times_out_is_recorded_before_aws_ends_the_execution() -> None:
    once_more = {error for retrier in (batch_states.ONCE_MORE.to_json(),) for error in retrier["ErrorEquals"]}
    worker, recorder = replication_workflow.WORKER_SECONDS, replication_workflow.RECORDER_SECONDS
    timed_out = {"Lambda.Unknown", "Sandbox.Timedout", "States.Timeout"}

    def attempts(task: dict[str, Any]) -> int:
        return 1 + sum(one["MaxAttempts"] for one in task["Retry"] if timed_out & set(one["ErrorEquals"]))

    assert timed_out <= once_more
    together = attempts(TOGETHER["Replicate thing"]) * worker
    alone = attempts(ALONE["Replicate thing alone"]) * worker
    assert together + alone + 2 * recorder < batch_states.LONGEST_EXPRESS - 60  # for pauses


@pytest.mark.parametrize("place", BY_PLACE)
def test_what_is_not_settled_is_checked_again_after_a_pause_without_a_worker(place: str) -> None:
    states = BY_PLACE[place]

    assert states[f"Settled{place}"]["Choices"] == [
        {"Condition": "{% $states.input.pause > 0 %}", "Next": f"Wait{place}"}
    ]
    assert states[f"Wait{place}"]["Type"] == "Wait"
    assert states[f"Wait{place}"]["Output"] == {"looks": "{% $states.input.looks %}"}
    assert states[f"Wait{place}"]["Next"] == f"Which kind{place}"
