"""Runs the replication state machine, and waits for its end."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from iot_dr.aws.errors import code_of, converted
from iot_dr.errors import RegionUnavailable, Throttled
from iot_dr.model.replication.messages import RequestMessage, Run
from iot_dr.model.replication.requests import ReconcileRequest

REQUIRED_ACTIONS = frozenset({"states:StartSyncExecution"})
"""What the function that runs the workflow needs on the state machine."""

LONGEST_RUN = 60
"""Seconds after which the state machine ends an execution; a test holds it to the definition."""

_BUSY = frozenset({"ExecutionLimitExceeded", "StateMachineExecutionLimitExceeded"})
"""https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html"""


class StepFunctionsReplicationRun:
    """`ports.ReplicationRun` over a `stepfunctions` client, which must wait for an answer longer than a run takes."""

    def __init__(self, client: Any, state_machine_arn: str) -> None:
        self._client = client
        self._arn = state_machine_arn

    def run(self, message: RequestMessage) -> Run:
        """Run it once.

        Raises:
            Throttled: AWS admits no more executions at this time.
            RegionUnavailable: it failed or was ended, so its requests are to be taken again.
        """
        given = {"looks": [request.to_json() for request in message.requests], "background": message.background}
        with converted():
            try:
                answer = self._client.start_sync_execution(stateMachineArn=self._arn, input=json.dumps(given))
            except ClientError as error:
                if code_of(error) in _BUSY:
                    raise Throttled(str(error)) from error
                raise
        if answer["status"] != "SUCCEEDED":
            raise RegionUnavailable(f"the execution {answer['status']}: {answer.get('error', 'it took too long')}")
        ended = json.loads(answer["output"])
        return Run(
            tuple(ReconcileRequest.from_json(request) for request in ended.get("looks", ())),
            busy=bool(ended.get("busy", False)),
            failed=bool(ended.get("failed", False)),
            error=str(ended.get("error", "")),
        )
