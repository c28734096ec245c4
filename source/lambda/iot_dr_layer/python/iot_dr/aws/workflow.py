"""Starts executions of the replication state machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from iot_dr.aws.errors import call
from iot_dr.model.looks import Look

REQUIRED_ACTIONS = frozenset({"states:StartExecution"})
"""What the trigger and the schedule need on the state machine."""

LOOKS_PER_EXECUTION = 40
"""What an inline Map runs at once: none of an execution's looks waits for another's pauses, which would add up to more
than an Express execution's five minutes. The input stays far below the 256 KiB that Step Functions takes."""


class StepFunctionsWorkflow:
    """`ports.Workflow` over a `stepfunctions` client."""

    def __init__(self, client: Any, state_machine_arn: str) -> None:
        self._client = client
        self._arn = state_machine_arn

    def start(self, looks: Sequence[Look]) -> None:
        """Start one execution per chunk of looks."""
        for first in range(0, len(looks), LOOKS_PER_EXECUTION):
            text = json.dumps({"resources": [look.to_json() for look in looks[first : first + LOOKS_PER_EXECUTION]]})
            call(self._client.start_execution, stateMachineArn=self._arn, name=_name(text), input=text)


def _name(text: str) -> str:
    # Names of things may be longer than an execution's name and hold characters that it may not.
    # https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
    return hashlib.sha256(text.encode()).hexdigest()
