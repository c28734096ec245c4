"""Syncs in the account, against the SDK's stub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from iot_dr.aws.workflow.fleet_runs import LOOKED_THROUGH, NEWEST, StepFunctionsFleetRuns
from iot_dr.errors import ConfigurationError, Throttled
from iot_dr.model.registry.keys import Kind
from iot_dr.model.sync.fleet_runs import FleetRun, ListedRun, RequestsDone

MACHINE = "arn:aws:states:us-west-2:123456789012:stateMachine:IoTDRSecondary-fleet-sync"
ARN = MACHINE.replace("stateMachine", "execution") + ":r"
BEGAN = datetime(2026, 11, 24, 19, tzinfo=UTC)
RUN = FleetRun("r", apply=True, at_once=4)
LISTED = FleetRun(
    "r", apply=True, at_once=4, kind=Kind.THING, listed={Kind.POLICY: 0, Kind.THING_TYPE: 2, Kind.THING: 30}
)
COUNTS = dict.fromkeys(
    ("aborted", "failed", "pending", "resultsWritten", "running", "succeeded", "timedOut", "total"), 0
)


class StepFunctions:
    """The client and what its stub expects."""

    def __init__(self) -> None:
        client = boto3.client(
            "stepfunctions", region_name="us-west-2", config=Config(retries={"total_max_attempts": 1})
        )
        self.stub = Stubber(client)
        self.runs = StepFunctionsFleetRuns(client, MACHINE)

    def answers(self, operation: str, answer: dict[str, Any], **expected: Any) -> None:
        self.stub.add_response(operation, answer, expected)

    def execution(self, status: str, **more: Any) -> None:
        told = {"executionArn": ARN, "stateMachineArn": MACHINE, "status": status, "startDate": BEGAN}
        self.answers("describe_execution", told | {"input": json.dumps(RUN.to_json())} | more, executionArn=ARN)

    def history(self, *events: dict[str, Any]) -> None:
        told = [{"timestamp": BEGAN, "type": "MapStateEntered", "id": n} | event for n, event in enumerate(events, 1)]
        self.answers("get_execution_history", {"events": told}, executionArn=ARN, reverseOrder=True, maxResults=NEWEST)

    def map_runs(self, *counts: dict[str, int]) -> None:
        arns = [f"{ARN}/looks:{number}" for number in range(len(counts))]
        listed = [
            {
                "executionArn": ARN,
                "mapRunArn": arn,
                "stateMachineArn": MACHINE,
                "startDate": BEGAN.replace(minute=minute),
            }
            for minute, arn in enumerate(arns)
        ]
        # Newest first, as lists of Step Functions are.
        self.answers("list_map_runs", {"mapRuns": listed[::-1]}, executionArn=ARN)
        for arn, one in zip(arns, counts, strict=True):
            answer = {
                "mapRunArn": arn,
                "executionArn": ARN,
                "status": "RUNNING",
                "startDate": BEGAN,
                "maxConcurrency": 4,
                "toleratedFailurePercentage": 5.0,
                "toleratedFailureCount": 0,
                "itemCounts": COUNTS | one,
                "executionCounts": COUNTS,
            }
            self.answers("describe_map_run", answer, mapRunArn=arn)


@pytest.fixture
def states() -> Iterator[StepFunctions]:
    made = StepFunctions()
    with made.stub:
        yield made
        made.stub.assert_no_pending_responses()


def test_a_run_is_started_under_its_own_name(states: StepFunctions) -> None:
    answer = {"executionArn": ARN, "startDate": BEGAN}
    states.answers("start_execution", answer, stateMachineArn=MACHINE, name="r", input=json.dumps(RUN.to_json()))

    assert states.runs.start(RUN) == ARN


def test_the_requests_of_each_kind_are_those_of_its_map_run(states: StepFunctions) -> None:
    states.execution("RUNNING")
    states.history({"mapRunStartedEventDetails": {"mapRunArn": "m"}}, {"stateEnteredEventDetails": _carries(LISTED)})
    states.map_runs(
        {"total": 2, "succeeded": 2},
        {"total": 30, "running": 10, "pending": 5, "succeeded": 12, "failed": 1, "timedOut": 1, "aborted": 1},
    )

    state = states.runs.state(ARN)

    assert (state.status, state.ended, state.began) == ("RUNNING", False, int(BEGAN.timestamp() * 1000))
    assert state.run == LISTED
    assert state.done == {
        Kind.THING_TYPE: RequestsDone(2, succeeded=2),
        Kind.THING: RequestsDone(30, pending=5, running=10, succeeded=12, failed=3),
    }


def test_before_anything_is_listed_a_run_stands_where_its_input_says(states: StepFunctions) -> None:
    states.execution("RUNNING")
    states.history({"type": "ExecutionStarted"})
    states.map_runs()

    assert states.runs.state(ARN).run == RUN


def test_a_run_that_failed_tells_why_and_whether_it_can_be_taken_up(states: StepFunctions) -> None:
    states.execution(
        "FAILED", error="States.ExceedToleratedFailureThreshold", cause="too many", redriveStatus="REDRIVABLE"
    )
    states.history({"stateEnteredEventDetails": _carries(RUN)})
    states.map_runs()

    state = states.runs.state(ARN)

    assert (state.ended, state.succeeded, state.redrivable) == (True, False, True)
    assert state.reason == "States.ExceedToleratedFailureThreshold: too many"


def test_a_run_that_counts_only_has_no_requests_to_ask_for(states: StepFunctions) -> None:
    counted = FleetRun("r", apply=False, at_once=4, listed={Kind.THING: 30})
    states.execution("SUCCEEDED", output=json.dumps(counted.to_json()))

    state = states.runs.state(ARN)

    assert (state.succeeded, state.run.listed, state.done) == (True, {Kind.THING: 30}, {})


def test_a_run_is_taken_up_where_it_failed(states: StepFunctions) -> None:
    states.answers("redrive_execution", {"redriveDate": BEGAN}, executionArn=ARN)

    states.runs.redrive(ARN)


def test_the_newest_run_is_found_perhaps_of_one_status(states: StepFunctions) -> None:
    found = [{"executionArn": ARN, "stateMachineArn": MACHINE, "name": "r", "status": "RUNNING", "startDate": BEGAN}]
    states.answers("list_executions", {"executions": found}, stateMachineArn=MACHINE, maxResults=1)
    states.answers("list_executions", {"executions": []}, stateMachineArn=MACHINE, maxResults=1, statusFilter="RUNNING")

    assert (states.runs.newest(), states.runs.newest("RUNNING")) == (ARN, None)


@pytest.mark.parametrize("code", ["ExecutionDoesNotExist", "InvalidArn"])
def test_a_run_that_nobody_started_is_named_with_the_mend(states: StepFunctions, code: str) -> None:
    states.stub.add_client_error("describe_execution", code)

    with pytest.raises(ConfigurationError, match="no sync in the account"):
        states.runs.state("arn:aws:states:us-west-2:123456789012:execution:other:r")


@pytest.mark.parametrize(
    "other",
    [
        "arn:aws:states:us-west-2:123456789012:stateMachine:IoTDRSecondary-replication",
        f"{MACHINE}/requests",  # a batch of a sync is no sync
    ],
)
def test_an_execution_of_another_state_machine_is_no_sync(states: StepFunctions, other: str) -> None:
    states.execution("RUNNING", stateMachineArn=other)

    with pytest.raises(ConfigurationError, match=r"no sync in the account with the ARN .* --redrive"):
        states.runs.state(ARN)


def test_a_request_that_is_throttled_may_be_repeated(states: StepFunctions) -> None:
    # The command goes on watching then: a sync takes hours.
    states.stub.add_client_error("describe_execution", "ThrottlingException")

    with pytest.raises(Throttled):
        states.runs.state(ARN)


def _carries(run: FleetRun) -> dict[str, str]:
    return {"name": "Listed", "input": json.dumps(run.to_json())}


def test_the_newest_run_is_the_newest_that_was_no_dry_run(states: StepFunctions) -> None:
    arns = _listed(states, 3)
    _described(states, arns[0], apply=False)
    _described(states, arns[1], apply=True)

    assert states.runs.newest_applied() == arns[1]


def test_the_last_run_that_can_be_checked_is_found(states: StepFunctions) -> None:
    arns = _listed(states, LOOKED_THROUGH + 1)
    for number, arn in enumerate(arns[:LOOKED_THROUGH], 1):
        _described(states, arn, apply=number == LOOKED_THROUGH)

    assert states.runs.newest_applied() == arns[LOOKED_THROUGH - 1]


def test_after_many_dry_runs_the_run_has_to_be_named(states: StepFunctions) -> None:
    for arn in _listed(states, LOOKED_THROUGH + 1)[:LOOKED_THROUGH]:
        _described(states, arn, apply=False)

    with pytest.raises(ConfigurationError, match=r"last 100 syncs .* were dry runs; name an earlier one by --follow"):
        states.runs.newest_applied()


def test_where_all_of_a_few_runs_were_dry_runs_there_is_no_newest(states: StepFunctions) -> None:
    for arn in _listed(states, LOOKED_THROUGH):
        _described(states, arn, apply=False)

    assert states.runs.newest_applied() is None


def test_where_there_was_no_run_there_is_no_newest(states: StepFunctions) -> None:
    states.answers("list_executions", {"executions": []}, stateMachineArn=MACHINE)

    assert states.runs.newest_applied() is None


def _listed(states: StepFunctions, number: int) -> list[str]:
    arns = [f"{ARN}{one}" for one in range(number)]
    told = {"stateMachineArn": MACHINE, "status": "SUCCEEDED", "startDate": BEGAN}
    listed = [told | {"executionArn": arn, "name": arn.rpartition(":")[2]} for arn in arns]
    states.answers("list_executions", {"executions": listed}, stateMachineArn=MACHINE)
    return arns


def _described(states: StepFunctions, arn: str, *, apply: bool) -> None:
    run = json.dumps(FleetRun("r", apply=apply, at_once=4).to_json())
    told = {"executionArn": arn, "stateMachineArn": MACHINE, "status": "SUCCEEDED", "startDate": BEGAN, "input": run}
    states.answers("describe_execution", told, executionArn=arn)


def test_runs_are_listed_with_what_they_do_and_when_they_ended(states: StepFunctions) -> None:
    arns = [ARN, f"{ARN}2"]
    listed = [
        {"executionArn": arn, "stateMachineArn": MACHINE, "name": "r", "status": "RUNNING", "startDate": BEGAN}
        for arn in arns
    ]
    states.answers("list_executions", {"executions": listed}, stateMachineArn=MACHINE)
    ended: dict[str, Any] = {"stopDate": BEGAN.replace(minute=1), "status": "SUCCEEDED"}
    for arn, more in zip(arns, ({"status": "RUNNING"}, ended), strict=True):
        told = {"executionArn": arn, "stateMachineArn": MACHINE, "startDate": BEGAN, "input": json.dumps(RUN.to_json())}
        states.answers("describe_execution", {**told, **more}, executionArn=arn)

    first, second = states.runs.listed()

    began = int(BEGAN.timestamp() * 1000)
    assert first == ListedRun(ARN, "RUNNING", began, None, RUN)
    assert second == ListedRun(f"{ARN}2", "SUCCEEDED", began, began + 60_000, RUN)
    assert (first.running, second.running) == (True, False)


def test_a_run_is_stopped_if_it_is_one_of_the_launch(states: StepFunctions) -> None:
    states.execution("RUNNING")
    states.answers(
        "stop_execution", {"stopDate": BEGAN}, executionArn=ARN, error="Stopped", cause="by iot-dr runs --stop"
    )

    states.runs.stop(ARN)

    states.execution("RUNNING", stateMachineArn=f"{MACHINE}-of-somebody-else")
    with pytest.raises(ConfigurationError, match="there is no sync in the account with the ARN"):
        states.runs.stop(ARN)
