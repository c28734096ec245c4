"""Starts syncs in the account, and reads how they stand, over a `stepfunctions` client."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from iot_dr.aws.errors import call, converted
from iot_dr.errors import ConfigurationError, IotDrError
from iot_dr.model.registry.keys import Kind
from iot_dr.model.sync.fleet_runs import AGAIN_STAGES, FleetRun, ListedRun, RequestsDone, RunState

REQUIRED_ACTIONS = frozenset(
    {
        "states:DescribeExecution",
        "states:DescribeMapRun",
        "states:GetExecutionHistory",
        "states:ListExecutions",
        "states:ListMapRuns",
        "states:RedriveExecution",
        "states:StartExecution",
        "states:StopExecution",
    }
)
"""What the operator needs on the state machine and its executions."""

NEWEST = 25
"""Events of the history among which the last one with what the machine carries surely is."""

LOOKED_THROUGH = 100
"""Runs that are described one by one to find the last one that was no dry run."""

_DETAILS = (("stateExitedEventDetails", "output"), ("stateEnteredEventDetails", "input"))


class StepFunctionsFleetRuns:
    """`ports.FleetRuns`: executions of the state machine that syncs a fleet."""

    def __init__(self, client: Any, state_machine_arn: str) -> None:
        self._client = client
        self._arn = state_machine_arn

    def start(self, run: FleetRun) -> str:
        """Start a run and return its execution's ARN."""
        carried = json.dumps(run.to_json())
        answer = call(self._client.start_execution, stateMachineArn=self._arn, name=run.run, input=carried)
        return str(answer["executionArn"])

    def newest(self, status: str = "") -> str | None:
        """Return the execution that was started last, perhaps of one status; None if there is none."""
        wanted = {"statusFilter": status} if status else {}
        found = call(self._client.list_executions, stateMachineArn=self._arn, maxResults=1, **wanted)["executions"]
        return str(found[0]["executionArn"]) if found else None

    def newest_applied(self) -> str | None:
        """Return the execution that was started last of those that were to bring something across; None if none was.

        Raises:
            ConfigurationError: there are more than `LOOKED_THROUGH` runs, and the newest of them were dry runs.
        """
        with converted():
            # Newest first: https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html
            pages = self._client.get_paginator("list_executions").paginate(stateMachineArn=self._arn)
            arns = (str(one["executionArn"]) for page in pages for one in page["executions"])
            for number, arn in enumerate(arns):
                if number == LOOKED_THROUGH:
                    raise ConfigurationError(
                        f"the last {LOOKED_THROUGH} syncs in the account were dry runs; name an earlier one by "
                        "--follow ARN: `iot-dr sync --in-cloud` printed it at its start"
                    )
                if FleetRun.from_json(_object(self._described(arn)["input"])).apply:
                    return arn
        return None

    def state(self, arn: str) -> RunState:
        """Return how a run stands.

        Raises:
            ConfigurationError: there is no such run.
        """
        execution = self._described(arn)
        run = FleetRun.from_json(self._carried(arn, execution))
        return RunState(
            arn=arn,
            status=execution["status"],
            began=_milliseconds(execution["startDate"]),
            run=run,
            done=self._done(arn, run),
            reason=": ".join(execution[name] for name in ("error", "cause") if execution.get(name)),
            redrivable=execution.get("redriveStatus") == "REDRIVABLE",
        )

    def listed(self) -> Iterator[ListedRun]:
        """Yield all runs, those that were started last first."""
        with converted():
            pages = self._client.get_paginator("list_executions").paginate(stateMachineArn=self._arn)
            for one in (one for page in pages for one in page["executions"]):
                execution = self._described(str(one["executionArn"]))
                ended = execution.get("stopDate")
                yield ListedRun(
                    arn=execution["executionArn"],
                    status=execution["status"],
                    began=_milliseconds(execution["startDate"]),
                    ended=None if ended is None else _milliseconds(ended),
                    run=FleetRun.from_json(_object(execution["input"])),
                )

    def stop(self, arn: str) -> None:
        """Stop a run; what it has brought across stays.

        Raises:
            ConfigurationError: there is no such run.
        """
        self._described(arn)
        call(self._client.stop_execution, executionArn=arn, error="Stopped", cause="by iot-dr runs --stop")

    def redrive(self, arn: str) -> None:
        """Take up a run where it failed: batches that succeeded are not repeated."""
        call(self._client.redrive_execution, executionArn=arn)

    def _described(self, arn: str) -> dict[str, Any]:
        faults = self._client.exceptions
        with converted():
            try:
                answer: dict[str, Any] = self._client.describe_execution(executionArn=arn)
            except (faults.ExecutionDoesNotExist, faults.InvalidArn) as error:
                raise _no_sync(arn) from error
        if answer["stateMachineArn"] != self._arn:
            raise _no_sync(arn)
        return answer

    def _carried(self, arn: str, execution: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the machine carried last."""
        if execution["status"] == "SUCCEEDED":
            return _object(execution["output"])
        history = call(self._client.get_execution_history, executionArn=arn, reverseOrder=True, maxResults=NEWEST)
        texts = (
            event[details].get(data) for event in history["events"] for details, data in _DETAILS if details in event
        )
        carried = (_object(text) for text in texts if text)
        return next((one for one in carried if "run" in one), _object(execution["input"]))

    def _done(self, arn: str, run: FleetRun) -> Mapping[Kind, RequestsDone]:
        if not run.apply:
            return {}
        with converted():
            pages = self._client.get_paginator("list_map_runs").paginate(executionArn=arn)
            found = sorted((one for page in pages for one in page["mapRuns"]), key=lambda one: one["startDate"])
        checked = (kind for kind in AGAIN_STAGES if run.listed.get(kind))
        return {kind: self._requests_done(one["mapRunArn"]) for kind, one in zip(checked, found, strict=False)}

    def _requests_done(self, map_run: str) -> RequestsDone:
        counts = call(self._client.describe_map_run, mapRunArn=map_run)["itemCounts"]
        return RequestsDone(
            total=counts["total"],
            pending=counts["pending"] + counts.get("pendingRedrive", 0),
            running=counts["running"],
            succeeded=counts["succeeded"],
            failed=_sum(counts, ("failed", "timedOut", "aborted")),
        )


def _no_sync(arn: str) -> ConfigurationError:
    return ConfigurationError(
        f"there is no sync in the account with the ARN {arn}; `iot-dr sync --in-cloud` prints it at its start, and "
        "`iot-dr sync --redrive` finds the last one by itself"
    )


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _sum(counts: Mapping[str, int], names: Iterable[str]) -> int:
    return sum(counts[name] for name in names)


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise IotDrError(f"Step Functions answered with something that is not JSON: {text[:80]!r}") from error
    return value if isinstance(value, Mapping) else {}
