"""Starts executions of the replication state machine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from iot_dr.aws.errors import call
from iot_dr.model.looks import Look

REQUIRED_ACTIONS = frozenset({"states:StartExecution"})
"""What the trigger and the schedule need on the state machine."""

LOOKS_PER_EXECUTION = 40
"""What an inline Map runs at once: none of an execution's looks waits for another's pauses, which would add up to more
than an Express execution's five minutes."""

INPUT_BYTES = 200_000
"""Step Functions takes 256 KiB. https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""


class StepFunctionsWorkflow:
    """`ports.Workflow` over a `stepfunctions` client."""

    def __init__(self, client: Any, state_machine_arn: str) -> None:
        self._client = client
        self._arn = state_machine_arn

    def start(self, looks: Sequence[Look]) -> None:
        """Start one execution per chunk of looks."""
        for chunk in chunks(looks):
            # Without a name of ours: the schedule asks for the same looks again, and each time they are to be taken.
            call(self._client.start_execution, stateMachineArn=self._arn, input=json.dumps({"resources": chunk}))


def chunks(looks: Iterable[Look]) -> Iterator[list[dict[str, Any]]]:
    """Group looks, in the form in which the workflow carries them, into inputs of bounded number and size.

    A look that is too big by itself goes without what its event carried, which the primary can tell again.
    """
    chunk: list[dict[str, Any]] = []
    size = 0
    for look in looks:
        value = look.to_json()
        if _size(value) > INPUT_BYTES:
            value["carried"] = None
        if chunk and (len(chunk) == LOOKS_PER_EXECUTION or size + _size(value) > INPUT_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(value)
        size += _size(value)
    if chunk:
        yield chunk


def _size(value: Any) -> int:
    return len(json.dumps(value))
